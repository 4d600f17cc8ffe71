"""What another system says of its masters, put into a code table. Pure.

Only the columns that are declared to come from there change; a row that the other system does not list stays, and a
field that a record leaves out says nothing: null says that it is empty. What the other system lists and the table does
not have becomes a row where every column of it is said, else it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from engine.errors import Fault, SiteError
from engine.reference.sheet import Sheet, write_sheet
from engine.reference.spec import FROM, TO, TableSpec
from engine.reference.values import same_cell

SHOWN = 10
"""Records that a fault counts one by one."""

_Cells = dict[str, str]


class Taken(NamedTuple):
    """Where a column's text stands in a record: names, outer first. `means`: what to write for what is said; None: that
    itself."""

    path: tuple[str, ...]
    means: Mapping[str, str] | None = None


class Origin(NamedTuple):
    """What of a table another system says. `match`: columns by which a record finds its rows. `new_rows`: what the
    others hold in a new row."""

    columns: Mapping[str, Taken]
    match: tuple[str, ...]
    new_rows: Mapping[str, str]


class Updated(NamedTuple):
    """`csv`: the table with what was said. `unlisted`: rows that no record speaks of. `nameless`: records that say
    nothing to be found by. `left`: records, by what they match, that are no row, since nobody says the columns of
    `lacking`."""

    csv: bytes
    unlisted: int
    nameless: int
    left: tuple[str, ...]
    lacking: tuple[str, ...]


class _Unsaid(Exception):
    """A record that cannot be taken. `args`: code, what, mend."""


def with_masters(
    spec: TableSpec, csv: bytes, origin: Origin, records: Sequence[Mapping[str, Any]], today: date, where: str
) -> Updated:
    """Rows that have ended, and the keys of every row, stay as they were. Raises `SiteError` when records cannot be
    read; `where`: what faults name as their place."""
    said, nameless = _said(origin, records, where)
    sheet = Sheet(csv, spec.name)
    header = tuple(dict.fromkeys((*spec.keys, *spec.columns, FROM, TO)))
    rows = [dict(zip(sheet.header, record.cells, strict=True)) for record in sheet.records]
    places = [_match(origin, row) for row in rows]
    for place, row in zip(places, rows, strict=True):
        if not row.get(TO) or row[TO] >= today.isoformat():
            row.update(_others(spec, row, said.get(place, {})))
    known = set(places)
    new = {place: cells for place, cells in said.items() if place not in known}
    lacking = sorted({*spec.keys, *spec.columns} - {*origin.columns, *origin.new_rows}) if new else []
    if not lacking:
        rows += [{**origin.new_rows, **cells} for cells in new.values()]
    out = write_sheet(header, ([row.get(name, "") for name in header] for row in rows))
    unlisted = sum(place not in said for place in places)
    return Updated(out, unlisted, nameless, tuple(map(" ".join, new)) if lacking else (), tuple(lacking))


def _others(spec: TableSpec, row: _Cells, said: _Cells) -> _Cells:
    """Of what is said, the cells that say something else: `12.5` for `12.50` is the same money."""
    return {
        name: cell
        for name, cell in said.items()
        if name in spec.columns and not same_cell(spec.columns[name], row.get(name, ""), cell)
    }


def _said(
    origin: Origin, records: Sequence[Mapping[str, Any]], where: str
) -> tuple[dict[tuple[str, ...], _Cells], int]:
    """What a record matches → the cells that it says; and how many match nothing."""
    nameless = 0
    faults = list(_never_said(origin, records, where))
    said: dict[tuple[str, ...], _Cells] = {}
    for number, record in enumerate(records, 1):
        if len(faults) >= SHOWN:
            break
        try:
            cells = dict(_cells(origin, record))
            place = _match(origin, {**origin.new_rows, **cells})
            if not all(place):
                nameless += 1
                continue
            if place in said:
                mend = "let `match` name columns that tell records apart"
                raise _Unsaid("MST003", "an earlier record matches the same rows", mend)
            said[place] = cells
        except _Unsaid as unsaid:
            faults.append(Fault(f"{where} record {number}", *unsaid.args))
    if faults:
        raise SiteError(faults)
    return said, nameless


def _never_said(origin: Origin, records: Sequence[Mapping[str, Any]], where: str) -> Iterable[Fault]:
    """A name that no record has is a slip, and would empty its column."""
    for name, taken in origin.columns.items():
        if records and not any(_at(record, taken.path)[1] for record in records):
            mend = f"the first record has {', '.join(sorted(map(str, records[0])))}"
            yield Fault(where, "MST002", f"column '{name}': no record has '{'.'.join(taken.path)}'", mend)


def _match(origin: Origin, cells: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(cells.get(name, "") for name in origin.match)


def _at(record: Any, path: Iterable[str]) -> tuple[Any, bool]:
    """(value, whether the record has one there)."""
    value = record
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None, False
        value = value[name]
    return value, True


def _cells(origin: Origin, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Columns that a record speaks of, and what it says."""
    for name, taken in origin.columns.items():
        value, told = _at(record, taken.path)
        if told:
            yield name, _text(name, taken, value)


def _text(name: str, taken: Taken, value: Any) -> str:
    said = _cell(name, value)
    if taken.means is None or not said:
        return said
    if said not in taken.means:
        what = f"column '{name}': what stands there is not among its meanings"
        raise _Unsaid("MST002", what, "say under `means` what to write for it")
    return taken.means[said]


def _cell(name: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()[:10]
        case str() | int():
            return str(value).strip()
    what = f"column '{name}': what stands there is no single value"
    raise _Unsaid("MST002", what, "name the part of it that is meant: unit.symbol")
