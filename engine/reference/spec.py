"""How a code table is declared, and the row that stands in where it says so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from engine.errors import Fault
from engine.reference.values import CELLS, Cell, ColumnType

FROM, TO = "valid_from", "valid_to"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """How a table is declared. `as_of`: service | posting | received. `missing`: hold | default | skip.

    `columns`: value columns in their canonical order (keys, `valid_from` and `valid_to` are not among them).
    `ranges`: key columns whose cells are ranges, with what they are ranges of: number | text. `many`: value columns
    that tell the rows of one key apart, where a key may have several at once (the parts of a kit); else empty.
    `default`: column → text as a CSV cell holds it; given exactly when `missing` is default. `second_person`: another
    one approves what changes of its rows. `most_gone`: percent of its rows that one file may drop, or one message end.
    """

    name: str
    keys: tuple[str, ...]
    columns: Mapping[str, ColumnType]
    as_of: str = "service"
    missing: str = "hold"
    owner: str = ""
    default: Mapping[str, str] | None = None
    ranges: Mapping[str, ColumnType] = field(default_factory=dict)
    many: tuple[str, ...] = ()
    second_person: bool = False
    most_gone: int = 50


class Row(dict[str, Cell]):
    """One row: every key and value column by name. `line`: where its CSV has it; 0 for a default row."""

    __slots__ = ("line",)

    def __init__(self, cells: Mapping[str, Cell], line: int = 0) -> None:
        super().__init__(cells)
        self.line = line


def spec_faults(spec: TableSpec) -> list[Fault]:
    """What is wrong with a declaration itself. `where`: `keys`, `columns`, `ranges.KEY`, `many`, `default` or
    `default.COLUMN`."""
    faults = []
    names = [*spec.keys, *spec.columns]
    if not spec.keys:
        faults.append(Fault("keys", "TBL011", "a table needs a key", "name its key columns: keys: [code]"))
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(Fault("keys", "TBL011", f"column '{name}' is declared twice", "declare it once"))
    for name in sorted({FROM, TO}.intersection(names)):
        mend = "leave it out of the declaration"
        faults.append(Fault("columns", "TBL011", f"every table has '{name}'", mend))
    for name in sorted(spec.ranges.keys() - set(spec.keys)):
        mend = did_you_mean(name, spec.keys) or f"its keys are {', '.join(spec.keys)}"
        faults.append(Fault(f"ranges.{name}", "TBL013", f"'{name}' is no key of table {spec.name}", mend))
    for name in spec.many:
        if name not in spec.columns:
            mend = did_you_mean(name, spec.columns) or "name value columns"
            faults.append(Fault("many", "TBL013", f"table {spec.name} has no column '{name}'", mend))
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
            mend = did_you_mean(name, spec.columns)
            faults.append(Fault(where, "TBL013", f"table {spec.name} has no column '{name}'", mend))
            continue
        try:
            cells[name] = read_cell(column, text.strip())
        except ValueError:
            faults.append(Fault(where, "TBL006", f"this is no {column}", f"write {CELLS[column].written}"))
    return Row(cells), faults


def read_cell(column: ColumnType, text: str) -> Cell:
    """Raises `ValueError` for text that is no such value; an empty cell is a missing value."""
    return CELLS[column].read(text) if text else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'item'?`, or '' when nothing is spelled like it."""
    close = get_close_matches(name, list(known), 1)
    return f"did you mean '{close[0]}'?" if close else ""
