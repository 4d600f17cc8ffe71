"""Puts the rows of a sheet under their keys, collecting every fault on the way, and finds them again. Pure.

Rows are filed by the shape of their key: which of its cells are values, ranges, or `*`. The most specific shape that
has a row of the day is the answer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from typing import NamedTuple

from engine.errors import Fault
from engine.reference.ranges import WRITTEN, Bound, Range, read_bound, read_range
from engine.reference.sheet import Record, Sheet
from engine.reference.spec import FROM, TO, Row, TableSpec, did_you_mean, read_cell
from engine.reference.values import CELLS, Cell, ColumnType

ANY = "*"
"""A key cell that matches every value, and a value that was not sent."""

_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}")
"""A code of digits that a spreadsheet took for a number."""

_AMBIGUOUS = re.compile(r"(?:0?[1-9]|1[0-2])[/.-](?:0?[1-9]|1[0-2])[/.-](?:[0-9]{2}|[0-9]{4})")
"""Day and month, or month and day."""

Key = tuple[str, ...]


class Period(NamedTuple):
    """A row with the days on which it is valid, both ends included."""

    first: date
    last: date
    row: Row


class _Filed(NamedTuple):
    """Where a row is filed. `part`: the cells of its `many` columns."""

    key: Key
    ranges: tuple[Range, ...]
    part: tuple[Cell, ...]
    period: Period


class Drawer:
    """Rows whose keys have one shape: `exact` and `ranged` are the positions of values and of ranges, the rest is
    `*`."""

    __slots__ = ("_entries", "_exact", "_ranged")

    def __init__(self, spec: TableSpec, exact: tuple[int, ...], ranged: tuple[int, ...]) -> None:
        self._exact = exact
        self._ranged = tuple((position, spec.ranges[spec.keys[position]]) for position in ranged)
        self._entries: defaultdict[Key, list[tuple[tuple[Range, ...], Period]]] = defaultdict(list)

    def add(self, filed: _Filed) -> None:
        key = tuple(filed.key[position] for position in self._exact)
        self._entries[key].append((filed.ranges, filed.period))

    def find(self, key: Key, on: date) -> Iterator[Row]:
        """Rows of the key that are valid on the day, in the order of the file."""
        entries = self._entries.get(tuple(key[position] for position in self._exact))
        if not entries:
            return
        asked = [_bound(kind, key[position]) for position, kind in self._ranged]
        for ranges, (first, last, row) in entries:
            if first <= on <= last and all(map(Range.covers, ranges, asked)):
                yield row


class Filing:
    """The rows of a sheet, filed. Nothing is, when its header does not fit."""

    def __init__(self, spec: TableSpec, sheet: Sheet) -> None:
        self.spec, self.sheet = spec, sheet
        self.faults = list(sheet.faults)
        self.warnings: list[Fault] = []
        self._filed: list[_Filed] = []
        self._at = {name: index for index, name in enumerate(sheet.header)}
        if self._header_fits():
            for record in sheet.records:
                self._file(record)
            self._check_days()

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(filed.period.row for filed in self._filed)

    def exact(self) -> dict[Key, tuple[Period, ...]]:
        """Rows whose every key cell is a value: key → periods, newest first."""
        found: defaultdict[Key, list[Period]] = defaultdict(list)
        for filed in self._filed:
            if not self.spec.ranges and ANY not in filed.key:
                found[filed.key].append(filed.period)
        return {
            key: tuple(sorted(periods, key=lambda period: (period.first, -period.row.line), reverse=True))
            for key, periods in found.items()
        }

    def drawers(self) -> tuple[Drawer, ...]:
        """The others, the most specific shape first."""
        drawers: dict[tuple[int, int, tuple[int, ...], tuple[int, ...]], Drawer] = {}
        ranged = {position for position, name in enumerate(self.spec.keys) if name in self.spec.ranges}
        for filed in self._filed:
            given = {position for position, cell in enumerate(filed.key) if cell != ANY}
            if len(given) == len(self.spec.keys) and not ranged:
                continue
            exact, spans = tuple(sorted(given - ranged)), tuple(sorted(given & ranged))
            shape = (len(self.spec.keys) - len(given), len(spans), exact, spans)
            drawers.setdefault(shape, Drawer(self.spec, exact, spans)).add(filed)
        return tuple(drawer for _, drawer in sorted(drawers.items(), key=lambda item: item[0]))

    # Rows ------------------------------------------------------------------------------------------------------

    def _header_fits(self) -> bool:
        header, wanted = self.sheet.header, [*self.spec.keys, *self.spec.columns]
        before = len(self.faults)
        if not header:
            if not self.faults:
                mend = f"begin it with the row {','.join([*wanted, FROM, TO])}"
                self.faults.append(Fault(f"{self.sheet.file}:1:1", "TBL005", "the file is empty", mend))
            return False
        line = self.sheet.header_line
        if not set(header).intersection(wanted):
            mend = f"begin it with the row {','.join([*wanted, FROM, TO])}, without a title above"
            what = f"its first row names no column of table {self.spec.name}"
            self.faults = [Fault(f"{self.sheet.file}:{line}:1", "TBL005", what, mend)]
            return False
        for index, name in enumerate(header):
            if name not in (*wanted, FROM, TO):
                mend = did_you_mean(name, [*wanted, FROM, TO]) or "declare it under columns, or take it out"
                self._fault(line, index, "TBL004", f"column '{name}' is not declared", mend)
            elif name in header[:index]:
                self._fault(line, index, "TBL004", f"column '{name}' stands here twice", "keep one")
        for name in wanted:
            if name not in header:
                self._fault(line, 0, "TBL005", f"column '{name}' is missing", "add it to the header")
        return len(self.faults) == before

    def _file(self, record: Record) -> None:
        before = len(self.faults)
        self._file_as_it_stands(record)
        if record.beyond and len(self.faults) > before:  # all of it stands one column further than it should
            self.faults[before:] = [self.sheet.unfit(record.line, len(record.cells) + record.beyond)]

    def _file_as_it_stands(self, record: Record) -> None:
        before = len(self.faults)
        key = tuple(self._key(record, name) for name in self.spec.keys)
        ranges = [
            self._range(record, name, cell)
            for name, cell in zip(self.spec.keys, key, strict=True)
            if name in self.spec.ranges and cell not in ("", ANY)
        ]
        cells: dict[str, Cell] = dict(zip(self.spec.keys, key, strict=True))
        for name, column in self.spec.columns.items():
            cells[name] = self._cell(record, name, column)
        for name in self.spec.many:
            if not record.cells[self._at[name]]:
                what, mend = f"column '{name}' tells the rows of a key apart, and is empty", "fill it"
                self._fault(record.line, self._at[name], "TBL007", what, mend)
        first, last = self._day(record, FROM, date.min), self._day(record, TO, date.max)
        if len(self.faults) == before and last < first:
            mend = "valid_to is the last valid day; leave it empty when open"
            self._fault(record.line, self._at[TO], "TBL008", "valid_to is before valid_from", mend)
        if len(self.faults) == before:
            part = tuple(cells[name] for name in self.spec.many)
            period = Period(first, last, Row(cells, record.line))
            self._filed.append(_Filed(key, tuple(one for one in ranges if one), part, period))

    def _key(self, record: Record, name: str) -> str:
        text = record.cells[self._at[name]]
        self._look_for_shortened(record, name, text)
        if not text:
            mend = f"fill '{name}', or write {ANY} for any value"
            self._fault(record.line, self._at[name], "TBL007", "a key cell is empty", mend)
        return text

    def _range(self, record: Record, name: str, text: str) -> Range | None:
        kind = self.spec.ranges[name]
        try:
            return read_range(kind, text)
        except ValueError:
            what, mend = f"column '{name}': this is no range of {kind}", f"write {WRITTEN[kind]}"
            self._fault(record.line, self._at[name], "TBL006", what, mend)
            return None

    def _cell(self, record: Record, name: str, column: ColumnType) -> Cell:
        try:
            text = record.cells[self._at[name]]
            if column is ColumnType.TEXT:
                self._look_for_shortened(record, name, text)
            return read_cell(column, text)
        except ValueError:
            what, mend = f"column '{name}': this is no {column}", f"write {CELLS[column].written}"
            if column is ColumnType.DATE and _AMBIGUOUS.fullmatch(text):
                mend += "; which of the two is the month cannot be told here, so it is not guessed"
            self._fault(record.line, self._at[name], "TBL006", what, mend)
            return None

    def _look_for_shortened(self, record: Record, name: str, text: str) -> None:
        if _SHORTENED.fullmatch(text):
            what = f"column '{name}': this is how a spreadsheet shortens a long number, and no code any more"
            mend = "write all its digits; format the column as text before they are typed or opened"
            where = self.sheet.place(record.line, self._at[name])
            self.warnings.append(Fault(where, "TBL016", what, mend, "warning"))

    def _day(self, record: Record, name: str, empty: date) -> date:
        value = self._cell(record, name, ColumnType.DATE) if name in self._at else None
        return value if isinstance(value, date) else empty

    # Days ------------------------------------------------------------------------------------------------------

    def _check_days(self) -> None:
        """Of rows that could answer the same question, two that overlap are a fault, a gap is a warning."""
        exact = [position for position, name in enumerate(self.spec.keys) if name not in self.spec.ranges]

        def rivals(filed: _Filed) -> tuple[object, ...]:
            shape = tuple(cell == ANY for cell in filed.key)
            return (shape, tuple(filed.key[position] for position in exact), *map(str, filed.part))

        for _, group in groupby(sorted(self._filed, key=rivals), key=rivals):
            mine = list(group)
            in_order = sorted(mine, key=_begins)
            self._overlaps(in_order)
            self._holes(in_order)
            for _, same in groupby(sorted(mine, key=lambda one: str(one.ranges)), lambda one: one.ranges):
                self._gaps(sorted(same, key=lambda one: (one.period.first, one.period.row.line)))

    def _overlaps(self, rivals: Sequence[_Filed]) -> None:
        """`rivals`: by where they begin. A row is compared with those that begin before it ends."""
        told: set[int] = set()
        for index, one in enumerate(rivals):
            for other in rivals[index + 1 :]:
                if not _begins_within(one, other):
                    break
                if one.period.last < other.period.first or other.period.last < one.period.first:
                    continue
                low, high = sorted((one.period.row.line, other.period.row.line))
                if high not in told and all(map(Range.overlaps, one.ranges, other.ranges)):
                    told.add(high)
                    together = one.period.first == other.period.first
                    self._fault_of_two(low, high, ranged=bool(one.ranges), together=together)

    def _fault_of_two(self, low: int, high: int, *, ranged: bool, together: bool) -> None:
        what = f"the dates overlap those of line {low}, which has the same key"
        mend = "end the older row the day before the newer one begins"
        if together:
            what = f"line {low} has the same key from the same day on"
            mend = "mend the key of one of the two, or take that row out; if it changes on a day, say the day in both"
        if ranged:
            what, mend = (
                f"range and dates overlap those of line {low}",
                f"part the ranges, or {mend}",
            )
        self._fault(high, self._at[self.spec.keys[0]], "TBL009", what, mend)

    def _holes(self, rivals: Sequence[_Filed]) -> None:
        """Numbers between two ranges. Codes have holes by nature, and only what is valid to the last is looked at."""
        last = max(filed.period.last for filed in rivals)
        ranged = [filed for filed in rivals if len(filed.ranges) == 1 and filed.period.last == last]
        for before, after in pairwise(ranged):
            ends, begins = before.ranges[0].last, after.ranges[0].first
            if isinstance(ends, Decimal) and isinstance(begins, Decimal) and begins > ends + 1:
                where = self.sheet.place(after.period.row.line, self._at[next(iter(self.spec.ranges))])
                what = f"nothing stands between {ends} (line {before.period.row.line}) and {begins}"
                mend = "let the ranges meet if such numbers may come"
                self.warnings.append(Fault(where, "TBL015", what, mend, "warning"))

    def _gaps(self, same: Sequence[_Filed]) -> None:
        latest = same[0].period
        for period in (filed.period for filed in same[1:]):
            if latest.last < date.max and period.first > latest.last + timedelta(days=1):
                self._warn_of_gap(latest, period)
            latest = max(latest, period, key=lambda one: one.last)

    def _warn_of_gap(self, before: Period, after: Period) -> None:
        where = self.sheet.place(after.row.line, self._at[FROM])
        what = f"nothing is valid after {before.last} (line {before.row.line}) and before {after.first}"
        mend = "close the gap if lines of those days may still come"
        self.warnings.append(Fault(where, "TBL010", what, mend, "warning"))

    def _fault(self, line: int, index: int, code: str, what: str, mend: str) -> None:
        self.faults.append(Fault(self.sheet.place(line, index), code, what, mend))


def _bound(kind: ColumnType, text: str) -> Bound:
    """What was asked for, to be looked up in ranges; None when it is in none."""
    try:
        return read_bound(kind, text)
    except ValueError:
        return None


def _begins(filed: _Filed) -> tuple[bool, object]:
    """Where its first range begins; an open one first. Without ranges: its first day."""
    if not filed.ranges:
        return True, filed.period.first
    first = filed.ranges[0].first
    return first is not None, first if first is not None else 0


def _begins_within(one: _Filed, other: _Filed) -> bool:
    """Whether `other`, which begins no earlier, begins before `one` ends."""
    if not one.ranges:
        return other.period.first <= one.period.last
    last, first = one.ranges[0].last, other.ranges[0].first
    return last is None or first is None or first <= last  # type: ignore[operator]
