"""What records of a master say, put into a dated code table: rows begin, change and end on days, none is lost. Pure.

A record finds its rows by the table's keys, and by the columns that tell rows of one key apart where it has `many`.
What it says holds from a day on: the row of that day ends the day before, and another one begins with what is new. Said
again, it changes nothing. A record that cannot be put in is told apart, and the others are put in all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from engine.reference.filing import ANY
from engine.reference.ranges import WRITTEN, read_range
from engine.reference.sheet import Sheet, write_sheet
from engine.reference.spec import FROM, TO, TableSpec, read_cell
from engine.reference.values import CELLS, same_cell

_DAY = timedelta(days=1)
_Row = dict[str, str]
_Place = tuple[str, ...]


class Record(NamedTuple):
    """`number`: of its line. `cells`: column → text, '' for a value that is deleted; None: nothing is said of it. `on`:
    the first day on which it holds, or holds no longer, as it is said; None: it is not said."""

    number: int
    cells: Mapping[str, str | None]
    on: date | None
    ends: bool = False


class Unfit(NamedTuple):
    """Why a record is not put in."""

    code: str
    what: str


class Rest(NamedTuple):
    """What becomes of rows that no record names: they end. `within`: key columns in which they agree with some record;
    none: all rows do. `named`: places of records that are not put in, and are named all the same."""

    on: date | None
    within: tuple[str, ...]
    named: Collection[_Place]


class Amended(NamedTuple):
    """`csv`: the table with what was said. `unfit`: record → why not. `new`, `changed`, `ended`: records by what they
    did. `rest`: rows that no record names, and that ended. `unfit_rest`: why none of them did. `valid`: rows of the
    day. `told_by`: line of `csv` → the record that it stands for."""

    csv: bytes
    unfit: dict[int, Unfit]
    new: frozenset[int]
    changed: frozenset[int]
    ended: frozenset[int]
    rest: int
    unfit_rest: Unfit | None
    valid: int
    told_by: dict[int, int]

    @property
    def touched(self) -> frozenset[int]:
        """Records that changed anything."""
        return self.new | self.changed | self.ended

    @property
    def gone(self) -> int:
        """Rows that ended."""
        return len(self.ended) + self.rest


def place_of(spec: TableSpec, cells: Mapping[str, str | None]) -> _Place | None:
    """By which its rows are found; None when a part of it is not said."""
    place = [cells.get(name) for name in (*spec.keys, *spec.many)]
    return tuple(map(str, place)) if all(place) else None


def unfit(spec: TableSpec, record: Record) -> Unfit | None:
    """What is wrong with a record itself."""
    missing = [name for name in (*spec.keys, *spec.many) if not record.cells.get(name)]
    if missing:
        return Unfit("MFN002", f"{', '.join(missing)}: it is not said, and the row is found by it")
    for name, text in record.cells.items():
        column = spec.columns.get(name)
        try:
            if column is not None and text and not record.ends:
                read_cell(column, text)
            elif name in spec.ranges and text and text != ANY:
                read_range(spec.ranges[name], text)
        except ValueError:
            if column is None:
                return Unfit("MFN003", f"{name}: this is no range, write {WRITTEN[spec.ranges[name]]}")
            return Unfit("MFN003", f"{name}: this is no {column}, it is written {CELLS[column].written}")
    return None


def amended(
    spec: TableSpec,
    csv: bytes,
    records: Sequence[Record],
    new_rows: Mapping[str, str],
    today: date,
    rest: Rest | None = None,
) -> Amended:
    """`records`: in order, each fit by itself. `new_rows`: what other columns hold in the row of a new key. `today`:
    the day of what says no day. `rest`: the message tells all there is."""
    book = _Book(spec, csv, today)
    wrong: dict[int, Unfit] = {}
    new, changed, ended = set[int](), set[int](), set[int]()
    for record in records:
        try:
            if record.ends:
                if book.end(record):
                    ended.add(record.number)
            elif (begun := book.put(record, new_rows)) is not None:
                (new if begun else changed).add(record.number)
        except _Refused as refused:
            wrong[record.number] = refused.why
    gone, unfit_rest = (0, None) if rest is None else book.end_others(records, rest)
    out, told_by = book.written() if new or changed or ended or gone else (csv, {})
    kept = (frozenset(new), frozenset(changed), frozenset(ended))
    return Amended(out, wrong, *kept, gone, unfit_rest, book.valid, told_by)


class _Refused(Exception):
    def __init__(self, code: str, what: str) -> None:
        super().__init__(code)
        self.why = Unfit(code, what)


class _Book:
    """The rows of a table by their place, while records are put into it. `valid`: rows of the day, before anything
    was."""

    def __init__(self, spec: TableSpec, csv: bytes, today: date) -> None:
        sheet = Sheet(csv, spec.name)
        self._spec, self._today = spec, today
        self._header = tuple(dict.fromkeys((*spec.keys, *spec.columns, FROM, TO)))
        self._rows: list[_Row] = [
            dict(zip(sheet.header, record.cells, strict=True)) for record in sheet.records
        ]
        self._places: defaultdict[_Place, list[_Row]] = defaultdict(list)
        for row in self._rows:
            self._places[self._place(row)].append(row)
        self._after: defaultdict[int, list[_Row]] = defaultdict(list)  # row → those that follow it
        self._added: list[_Row] = []
        self._told: dict[int, int] = {}  # row → the record that told it
        self.valid = sum(_first(row) <= today <= _last(row) for row in self._rows)

    def put(self, record: Record, new_rows: Mapping[str, str]) -> bool | None:
        """True: a row of a new key; False: another row of a known one; None: the table says so already."""
        said = {name: text for name, text in record.cells.items() if text is not None}
        place = self._place(said)
        known = sorted(self._places.get(place, ()), key=_first)
        on = record.on or self._today
        now = next((row for row in known if _first(row) <= on <= _last(row)), None)
        if now is not None:
            return self._change(record, now, said, on)
        before = next((row for row in reversed(known) if _last(row) < on), None)
        after = next((row for row in known if _first(row) > on), None)
        values = {**(new_rows if before is None else before), **said}
        if lacking := sorted({*self._spec.keys, *self._spec.columns} - values.keys()):
            raise _Refused(
                "MFN004", f"{', '.join(lacking)}: it is not said, and there is no row that says it"
            )
        begins = "" if record.on is None and not known else on.isoformat()
        ends = (_first(after) - _DAY).isoformat() if after is not None else ""
        self._add(record, {**values, FROM: begins, TO: ends}, before, place)
        return before is None

    def _change(self, record: Record, now: _Row, said: _Row, on: date) -> bool | None:
        columns = self._spec.columns
        other = {
            name: text
            for name, text in said.items()
            if name in columns and not same_cell(columns[name], now.get(name, ""), text)
        }
        if not other:
            return None
        if _first(now) == on:
            now.update(other)
            self._told[id(now)] = record.number
        else:
            row = {**now, **other, FROM: on.isoformat()}
            now[TO] = (on - _DAY).isoformat()
            self._add(record, row, now, self._place(now))
        return False

    def end(self, record: Record) -> bool:
        """Whether a row ended."""
        said = {name: text for name, text in record.cells.items() if text is not None}
        return self._end(self._places.get(self._place(said), ()), record.on)

    def end_others(self, records: Iterable[Record], rest: Rest) -> tuple[int, Unfit | None]:
        """How many rows ended, of those that no record names, and why another could not. A row whose key stands for
        several is a person's."""
        named = {self._place(record.cells) for record in records} | set(rest.named)
        at = [self._spec.keys.index(name) for name in rest.within]
        groups = {tuple(place[index] for index in at) for place in named}
        ended, blocked = 0, list[str]()
        for place, rows in self._places.items():
            alike = tuple(place[index] for index in at) in groups
            single = ANY not in place[: len(self._spec.keys)] and not self._spec.ranges
            if place in named or not alike or not single:
                continue
            try:
                ended += self._end(rows, rest.on)
            except _Refused as refused:
                keys = " ".join(f"{name}={cell}" for name, cell in zip(self._spec.keys, place, strict=False))
                blocked.append(f"{keys}: {refused.why.what}")
        more = f" (and {len(blocked) - 1} more)" if len(blocked) > 1 else ""
        return ended, Unfit("MFN006", f"{blocked[0]}{more}") if blocked else None

    def _end(self, rows: Sequence[_Row], on: date | None) -> bool:
        """What is said to end on a day is not valid on it; where no day is said, today is the last."""
        now = self._last_period(rows, on)
        if now is None:
            return False
        last = self._today if on is None else max(on - _DAY, _first(now))
        if _last(now) <= last:
            return False
        now[TO] = last.isoformat()
        return True

    def _last_period(self, rows: Sequence[_Row], on: date | None) -> _Row | None:
        """The row of the day. Raises when another one follows it: it would hold again without a word."""
        day = on or self._today
        later = [row for row in rows if _first(row) > day]
        if later:
            begins = min(_first(row) for row in later).isoformat()
            raise _Refused("MFN006", f"another row of it begins on {begins}: end that one by hand first")
        return next((row for row in rows if _first(row) <= day <= _last(row)), None)

    def _add(self, record: Record, row: _Row, after: _Row | None, place: _Place) -> None:
        if after is None:
            self._added.append(row)
        else:
            self._after[id(after)].insert(0, row)
        self._places[place].append(row)
        self._told[id(row)] = record.number

    def _place(self, cells: Mapping[str, str | None]) -> _Place:
        return tuple(cells.get(name) or "" for name in (*self._spec.keys, *self._spec.many))

    def written(self) -> tuple[bytes, dict[int, int]]:
        """The rows as CSV, new ones behind those that they follow, and which line tells which record."""
        told_by, rows, line = {}, [], 2
        for row in self._in_order():
            if id(row) in self._told:
                told_by[line] = self._told[id(row)]
            rows.append([row.get(name, "") for name in self._header])
            line += 1 + sum(cell.count("\n") for cell in rows[-1])
        return write_sheet(self._header, rows), told_by

    def _in_order(self) -> Iterator[_Row]:
        waiting = [*reversed(self._added), *reversed(self._rows)]
        while waiting:
            row = waiting.pop()
            yield row
            waiting += reversed(self._after[id(row)])


def _first(row: _Row) -> date:
    return date.fromisoformat(row[FROM]) if row.get(FROM) else date.min


def _last(row: _Row) -> date:
    return date.fromisoformat(row[TO]) if row.get(TO) else date.max
