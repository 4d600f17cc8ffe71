"""Rows held against what their tables' declarations promise: codes that other tables know, units that agree.

    refers: {item: items.item}
    agree: {item: [stock_unit]}
    converts: {from: unit, to: stock_unit, by: factor}

Asked only of tables whose rows are without fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from engine.errors import Fault
from engine.reference.filing import ANY
from engine.reference.sheet import Sheet
from engine.reference.spec import FROM, TO
from engine.reference.values import ColumnType
from engine.site.files import Site
from engine.site.hints import did_you_mean
from engine.site.maps import Maps, csv_file
from engine.site.schema.mapping import ConvertsFile, TableFile
from engine.site.sources import Source, Sources


class _Cells(NamedTuple):
    """One row as text. `line`: where it begins."""

    line: int
    cells: dict[str, str]
    first: date
    last: date

    def meets(self, other: _Cells) -> bool:
        """Whether both are valid on some day."""
        return self.first <= other.last and other.first <= self.last


class _Sheet:
    """A table's rows as they stand in its file."""

    def __init__(self, source: Source[TableFile], data: bytes) -> None:
        self.file = csv_file(source)
        self._sheet = Sheet(data, self.file)
        self._at = {name: index for index, name in enumerate(self._sheet.header)}
        self.rows = [self._row(record.line, record.cells) for record in self._sheet.records]

    def _row(self, line: int, cells: tuple[str, ...]) -> _Cells:
        named = {name: cells[index] for name, index in self._at.items()}
        first, last = named.get(FROM), named.get(TO)
        return _Cells(
            line,
            named,
            date.fromisoformat(first) if first else date.min,
            date.fromisoformat(last) if last else date.max,
        )

    def fault(self, row: _Cells, column: str, code: str, what: str, mend: str) -> Fault:
        return Fault(self._sheet.place(row.line, self._at[column]), code, what, mend)


def row_faults(site: Site, sources: Sources, maps: Maps, table_csv: Mapping[str, bytes]) -> list[Fault]:
    """Codes that nobody knows, rows that disagree, factors that contradict each other."""
    faults: list[Fault] = []
    for name, source in sources.tables.sources.items():
        model = source.model
        if not (model.refers or model.agree or model.converts):
            continue
        undeclared = list(_undeclared(maps, sources, source))
        faults += undeclared
        rows = table_csv.get(name, site.files.get(csv_file(source)))
        if undeclared or name not in maps.tables or rows is None:
            continue
        sheet = _Sheet(source, rows)
        for column, target in model.refers.items():
            faults += _orphans(maps, sources, sheet, column, target)
        for column, others in model.agree.items():
            faults += (fault for other in others for fault in _disagreements(sheet, column, other))
        if model.converts is not None:
            faults += _contradictions(sheet, model.keys, model.converts)
    return faults


def _undeclared(maps: Maps, sources: Sources, source: Source[TableFile]) -> Iterator[Fault]:
    """Columns and tables that the declaration names and that are not there."""
    model = source.model
    own = [*model.keys, *model.columns]
    for column, target in model.refers.items():
        path = ("refers", column)
        if column not in own:
            yield _no_column(source, path, source.name, column, own, key=True)
        table, _, there = target.partition(".")
        spec = maps.specs.get(table)
        if spec is not None and there not in (known := [*spec.keys, *spec.columns]):
            yield _no_column(source, path, table, there, known)
        elif spec is None and table not in sources.tables.names:
            mend = did_you_mean(table, sources.tables.names)
            yield source.fault(path, "SIT023", f"there is no table '{table}'", mend)
    for column, others in model.agree.items():
        if column not in own:
            yield _no_column(source, ("agree", column), source.name, column, own, key=True)
        for place, other in enumerate(others):
            if other not in own:
                yield _no_column(source, ("agree", column, place), source.name, other, own)
    if model.converts is not None:
        said = model.converts
        for key, column in (("from", said.from_), ("to", said.to), ("by", said.by)):
            if column not in own:
                yield _no_column(source, ("converts", key), source.name, column, own)
        if model.columns.get(said.by, ColumnType.RATIO) != ColumnType.RATIO:
            what = f"column '{said.by}' is no ratio"
            yield source.fault(("converts", "by"), "SIT012", what, f"declare it: {said.by}: ratio")


def _no_column(
    source: Source[TableFile], path: tuple[str | int, ...], table: str, column: str, known: list[str], *,
    key: bool = False,
) -> Fault:  # fmt: skip
    what = f"table {table} has no column '{column}'"
    return source.fault(path, "SIT028", what, did_you_mean(column, known), key=key)


def _orphans(maps: Maps, sources: Sources, sheet: _Sheet, column: str, target: str) -> Iterator[Fault]:
    """Cells whose value the other table does not have, in any period. A `*` and an empty cell refer to nothing."""
    table, _, there = target.partition(".")
    known_table = maps.tables.get(table)
    if known_table is None:
        return
    known = {str(row[there]) for row in known_table.rows}
    for row in sheet.rows:
        value = row.cells[column]
        if value and value != ANY and value not in known:
            close = did_you_mean(value, known)
            mend = f"add it to {csv_file(sources.tables.sources[table])}, or take this row out"
            what = f"no row of table {table} has this {there}"
            yield sheet.fault(row, column, "SIT070", what, close if close.startswith("did") else mend)


def _disagreements(sheet: _Sheet, column: str, other: str) -> Iterator[Fault]:
    """Rows with the same `column` and another `other` on the same day as one before them."""
    seen: dict[str, list[_Cells]] = defaultdict(list)
    for row in sheet.rows:
        before = [one for one in seen[row.cells[column]] if one.meets(row)]
        differing = next((one for one in before if one.cells[other] != row.cells[other]), None)
        if differing is not None:
            what = f"line {differing.line} has the same {column} and another {other}"
            mend = f"write {differing.cells[other] or 'nothing'}, or mend line {differing.line}"
            yield sheet.fault(row, other, "SIT071", what, mend)
        else:
            seen[row.cells[column]].append(row)


def _contradictions(sheet: _Sheet, keys: list[str], said: ConvertsFile) -> Iterator[Fault]:
    """Factors that cannot all be true: of a unit to itself, there and back, and by way of a third."""
    groups: dict[tuple[str, ...], list[_Cells]] = defaultdict(list)
    for row in sheet.rows:
        groups[tuple(row.cells[key] for key in keys if key not in (said.from_, said.to))].append(row)
    for rows in groups.values():
        told: list[_Cells] = []
        for row in rows:
            wanted = _expected(row, told, said)
            if wanted is not None and wanted[0] != _factor(row, said):
                factor, why = wanted
                yield sheet.fault(row, said.by, "SIT072", f"the factor contradicts {why}", f"write {factor}")
            else:
                told.append(row)


def _factor(row: _Cells, said: ConvertsFile) -> Fraction:
    return Fraction(row.cells[said.by] or "1")


def _expected(row: _Cells, told: list[_Cells], said: ConvertsFile) -> tuple[Fraction, str] | None:
    """(the factor that the rows before it ask for, which rows), when they ask for one."""
    one, other = row.cells[said.from_], row.cells[said.to]
    if one == other:
        return Fraction(1), "itself: both units are the same"
    known: dict[tuple[str, str], tuple[Fraction, int]] = {}
    for before in told:
        if before.meets(row):
            pair = before.cells[said.from_], before.cells[said.to]
            known[pair] = _factor(before, said), before.line
            known[pair[1], pair[0]] = 1 / _factor(before, said), before.line
    if (one, other) in known:
        factor, line = known[one, other]
        return factor, f"line {line}"
    for (start, middle), (factor, line) in known.items():
        if start == one and (middle, other) in known:
            rest, second = known[middle, other]
            return factor * rest, f"lines {line} and {second}"
    return None
