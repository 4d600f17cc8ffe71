"""A dated code table: compiled once from CSV against its declaration, then found in by key and day. Pure.

Never guesses a type: a value is text until its column says otherwise. `valid_to` is the last valid day,
empty means open, as people write it in spreadsheets. A key cell `*` stands for anything; the most specific
row wins. `sheet` takes the CSV apart, `values` reads its cells; `engine.mapping.translation` asks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import NamedTuple

from engine.errors import Fault, SiteError, UsageError
from engine.reference.sheet import Record, Sheet, write_sheet
from engine.reference.values import CELLS, Cell, ColumnType

ANY = "*"
"""A key cell that matches every value, and a value that was not sent."""
FROM, TO = "valid_from", "valid_to"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """How a table is declared. `as_of`: service | posting | received. `missing`: hold | default | skip.

    `columns`: value columns in their canonical order (keys, `valid_from` and `valid_to` are not among them).
    `default`: column → text as a CSV cell holds it; given exactly when `missing` is default.
    `second_person`: another one approves what people change of its rows.
    """

    name: str
    keys: tuple[str, ...]
    columns: Mapping[str, ColumnType]
    as_of: str = "service"
    missing: str = "hold"
    owner: str = ""
    default: Mapping[str, str] | None = None
    second_person: bool = False


class Row(dict[str, Cell]):
    """One row: every key and value column by name. `line`: where its CSV has it; 0 for a default row."""

    __slots__ = ("line",)

    def __init__(self, cells: Mapping[str, Cell], line: int = 0) -> None:
        super().__init__(cells)
        self.line = line


class _Period(NamedTuple):
    first: date
    last: date
    row: Row


_Periods = dict[tuple[str, ...], tuple[_Period, ...]]
"""Key, without its `*` → periods, newest first."""


class Table:
    """`rows` in file order. `warnings`: gaps between periods of a key. `default`: the declaration's row."""

    __slots__ = ("_exact", "_source", "_wild", "default", "file", "name", "rows", "spec", "warnings")

    def __init__(self, spec: TableSpec, file: str, source: bytes, filing: _Filing) -> None:
        self.spec, self.name, self.file, self._source = spec, spec.name, file, source
        self.rows = tuple(filing.rows)
        self.warnings = tuple(filing.warnings)
        self.default = None if spec.default is None else default_row(spec, spec.default)[0]
        indexes = filing.indexes()
        self._exact = indexes.pop(tuple(range(len(spec.keys))), {})
        self._wild = sorted(indexes.items(), key=lambda index: (-len(index[0]), index[0]))

    @classmethod
    def compile(cls, spec: TableSpec, csv_bytes: bytes, file: str) -> Table:
        """Raises `SiteError` with all faults: the file's by `file:line:col`, the declaration's by part."""
        declared = spec_faults(spec)
        filing = _Filing(spec, Sheet(csv_bytes, file))
        if declared or filing.faults:
            raise SiteError([*declared, *filing.faults])
        return cls(spec, file, csv_bytes, filing)

    def find(self, key: tuple[str, ...], on: date) -> Row | None:
        """The row of `key` that is valid on the day; the most specific one, where rows have `*` keys.

        `key`: one text for each of the table's keys, '' for a value that was not sent (only `*` matches it).
        """
        for first, last, row in self._exact.get(key, ()):
            if first <= on:  # newest first: no older period of this key can be valid
                if on <= last:
                    return row
                break
        return self._find_wild(key, on) if self._wild else None

    def nearest(self, key: tuple[str, ...], most: int = 5) -> list[tuple[str, ...]]:
        """Keys of rows that are spelled almost like `key`, the likest first, whatever their days."""
        known = {" ".join(cells): cells for cells in map(self._key_of, self.rows)}
        return [known[text] for text in get_close_matches(" ".join(key), known, most, 0.6)]

    def _key_of(self, row: Row) -> tuple[str, ...]:
        return tuple(str(row[name]) for name in self.spec.keys)

    def with_rows(self, rows: Iterable[Mapping[str, str]]) -> bytes:
        """The table's CSV with `rows` (column → text) appended, canonically written; compile it to check it.

        Raises `UsageError` for a column that the table does not have.
        """
        header = (*self.spec.keys, *self.spec.columns, FROM, TO)
        new = list(rows)
        for name in sorted({name for row in new for name in row} - set(header)):
            mend = f"its columns are {', '.join(header)}"
            raise UsageError("TBL014", f"table {self.name} has no column '{name}'", mend)
        sheet = Sheet(self._source, self.file)
        old = [dict(zip(sheet.header, record.cells, strict=True)) for record in sheet.records]
        return write_sheet(header, ([row.get(name, "").strip() for name in header] for row in [*old, *new]))

    def _find_wild(self, key: tuple[str, ...], on: date) -> Row | None:
        for positions, periods in self._wild:
            for first, last, row in periods.get(tuple(key[position] for position in positions), ()):
                if first <= on <= last:
                    return row
        return None

    def __repr__(self) -> str:
        return f"Table({self.name}, {len(self.rows)} rows)"


def spec_faults(spec: TableSpec) -> list[Fault]:
    """What is wrong with a declaration itself. `where`: `keys`, `columns`, `default` or `default.COLUMN`."""
    faults = []
    names = [*spec.keys, *spec.columns]
    if not spec.keys:
        faults.append(Fault("keys", "TBL011", "a table needs a key", "name its key columns: keys: [code]"))
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(Fault("keys", "TBL011", f"column '{name}' is declared twice", "declare it once"))
    for name in sorted({FROM, TO}.intersection(names)):
        mend = "leave it out of the declaration"
        faults.append(Fault("columns", "TBL011", f"every table has '{name}'", mend))
    if (spec.missing == "default") != (spec.default is not None):
        mend = "give both or neither"
        faults.append(Fault("default", "TBL012", "`default` goes with `missing: default`", mend))
    if spec.default is not None:
        faults += default_row(spec, spec.default)[1]
    return faults


def default_row(spec: TableSpec, texts: Mapping[str, str]) -> tuple[Row, list[Fault]]:
    """The row that stands in for a missing one. `texts`: column → text as a cell; others are missing."""
    cells: dict[str, Cell] = dict.fromkeys([*spec.keys, *spec.columns])
    faults = []
    for name, text in texts.items():
        column = ColumnType.TEXT if name in spec.keys else spec.columns.get(name)
        where = f"default.{name}"
        if column is None:
            mend = _did_you_mean(name, spec.columns)
            faults.append(Fault(where, "TBL013", f"table {spec.name} has no column '{name}'", mend))
            continue
        try:
            cells[name] = _read(column, text.strip())
        except ValueError:
            faults.append(Fault(where, "TBL006", f"this is no {column}", f"write {CELLS[column].written}"))
    return Row(cells), faults


class _Filing:
    """Puts the rows of a sheet under their keys and collects every fault on the way."""

    def __init__(self, spec: TableSpec, sheet: Sheet) -> None:
        self.spec, self.sheet = spec, sheet
        self.faults = list(sheet.faults)
        self.warnings: list[Fault] = []
        self.rows: list[Row] = []
        self._periods: dict[tuple[str, ...], list[_Period]] = defaultdict(list)
        self._at = {name: index for index, name in enumerate(sheet.header)}
        if self._header_fits():
            for record in sheet.records:
                self._file(record)
            for periods in self._periods.values():
                self._order(periods)

    def indexes(self) -> dict[tuple[int, ...], _Periods]:
        """Positions of the key columns that are not `*` → the periods filed under those."""
        indexes: dict[tuple[int, ...], _Periods] = defaultdict(dict)
        for key, periods in self._periods.items():
            positions = tuple(position for position, part in enumerate(key) if part != ANY)
            indexes[positions][tuple(key[position] for position in positions)] = tuple(reversed(periods))
        return indexes

    def _header_fits(self) -> bool:
        header, wanted = self.sheet.header, [*self.spec.keys, *self.spec.columns]
        before = len(self.faults)
        if not header:
            if not self.faults:
                mend = f"begin it with the row {','.join([*wanted, FROM, TO])}"
                self.faults.append(Fault(f"{self.sheet.file}:1:1", "TBL005", "the file is empty", mend))
            return False
        line = self.sheet.header_line
        for index, name in enumerate(header):
            if name not in (*wanted, FROM, TO):
                mend = _did_you_mean(name, [*wanted, FROM, TO]) or "declare it under columns, or take it out"
                self._fault(line, index, "TBL004", f"column '{name}' is not declared", mend)
            elif name in header[:index]:
                self._fault(line, index, "TBL004", f"column '{name}' stands here twice", "keep one")
        for name in wanted:
            if name not in header:
                self._fault(line, 0, "TBL005", f"column '{name}' is missing", "add it to the header")
        return len(self.faults) == before

    def _file(self, record: Record) -> None:
        before = len(self.faults)
        key = tuple(self._key(record, name) for name in self.spec.keys)
        cells: dict[str, Cell] = dict(zip(self.spec.keys, key, strict=True))
        for name, column in self.spec.columns.items():
            cells[name] = self._cell(record, name, column)
        first, last = self._day(record, FROM, date.min), self._day(record, TO, date.max)
        if len(self.faults) == before and last < first:
            mend = "valid_to is the last valid day; leave it empty when open"
            self._fault(record.line, self._at[TO], "TBL008", "valid_to is before valid_from", mend)
        if len(self.faults) == before:
            row = Row(cells, record.line)
            self.rows.append(row)
            self._periods[key].append(_Period(first, last, row))

    def _key(self, record: Record, name: str) -> str:
        text = record.cells[self._at[name]]
        if not text:
            mend = f"fill '{name}', or write {ANY} for any value"
            self._fault(record.line, self._at[name], "TBL007", "a key cell is empty", mend)
        return text

    def _cell(self, record: Record, name: str, column: ColumnType) -> Cell:
        try:
            return _read(column, record.cells[self._at[name]])
        except ValueError:
            what, mend = f"column '{name}': this is no {column}", f"write {CELLS[column].written}"
            self._fault(record.line, self._at[name], "TBL006", what, mend)
            return None

    def _day(self, record: Record, name: str, empty: date) -> date:
        value = self._cell(record, name, ColumnType.DATE) if name in self._at else None
        return value if isinstance(value, date) else empty

    def _order(self, periods: list[_Period]) -> None:
        """Sorts the periods of one key by date: two that overlap are a fault, a gap is a warning."""
        periods.sort(key=lambda period: (period.first, period.row.line))
        latest = periods[0]
        for period in periods[1:]:
            if period.first <= latest.last:
                low, high = sorted((latest.row.line, period.row.line))
                what = f"the dates overlap those of line {low}, which has the same key"
                mend = "end the older row the day before the newer one begins"
                self._fault(high, self._at[self.spec.keys[0]], "TBL009", what, mend)
            elif period.first > latest.last + timedelta(days=1):
                self._warn_of_gap(latest, period)
            latest = max(latest, period, key=lambda one: one.last)

    def _warn_of_gap(self, before: _Period, after: _Period) -> None:
        where = self.sheet.place(after.row.line, self._at[FROM])
        what = f"nothing is valid after {before.last} (line {before.row.line}) and before {after.first}"
        mend = "close the gap if lines of those days may still come"
        self.warnings.append(Fault(where, "TBL010", what, mend, "warning"))

    def _fault(self, line: int, index: int, code: str, what: str, mend: str) -> None:
        self.faults.append(Fault(self.sheet.place(line, index), code, what, mend))


def _read(column: ColumnType, text: str) -> Cell:
    return CELLS[column].read(text) if text else None


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"did you mean '{close[0]}'?" if close else ""
