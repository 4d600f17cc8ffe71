"""`source:` of a code table: whether it fits its table and its far end, and what it says of each column."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Fault
from engine.reference.masters import Origin, Taken
from engine.site.hints import did_you_mean
from engine.site.schema.destination import HttpFile, TrytonFile
from engine.site.schema.mapping import TableFile
from engine.site.schema.origin import OriginFile, TakenFile
from engine.site.sources import Source, Sources


def origin_of(table: TableFile, source: OriginFile) -> Origin:
    """Where each column stands in a record, and how a record finds its rows."""
    columns = {name: _taken(taken) for name, taken in source.columns.items()}
    return Origin(columns, tuple(source.match or table.keys), source.new_rows)


def _taken(taken: str | TakenFile) -> Taken:
    if isinstance(taken, TakenFile):
        return Taken(tuple(taken.from_.split(".")), taken.means)
    return Taken(tuple(taken.split(".")))


def origin_faults(sources: Sources) -> list[Fault]:
    """Of every table that names a source."""
    return [
        fault
        for table in sources.tables.sources.values()
        if table.model.source is not None
        for fault in (*_far_end(sources, table, table.model.source), *_columns(table, table.model.source))
    ]


def _far_end(sources: Sources, table: Source[TableFile], source: OriginFile) -> Iterator[Fault]:
    if sources.site is None:
        return
    known = sources.site.model.destinations
    place = ("source", "destination")
    if source.destination not in known:
        what = f"there is no destination '{source.destination}'"
        yield table.fault(place, "SIT024", what, did_you_mean(source.destination, known))
        return
    end = known[source.destination]
    if not isinstance(end, HttpFile | TrytonFile):
        yield table.fault(
            place, "MST001", f"a destination of kind {end.kind} tells no masters", "name another"
        )
    elif isinstance(end, TrytonFile) and (source.of is None or source.path or source.list_):
        yield table.fault(
            place, "MST001", "a Tryton ERP is asked by `of`", "say of: products, without path and list"
        )
    elif isinstance(end, HttpFile) and (source.path is None or source.of):
        yield table.fault(
            place, "MST001", "over HTTP masters are asked for by `path`", "say path: /items, without of"
        )


def _columns(table: Source[TableFile], source: OriginFile) -> Iterator[Fault]:
    known = [*table.model.keys, *table.model.columns]
    for part, names in (("columns", source.columns), ("new_rows", source.new_rows)):
        for name in names:
            if name not in known:
                what = f"the table has no column '{name}'"
                yield table.fault(("source", part, name), "SIT028", what, did_you_mean(name, known), key=True)
    said = {*source.columns, *source.new_rows}
    if missing := [name for name in source.match or table.model.keys if name not in said]:
        what = f"records cannot be matched by {', '.join(missing)}, which none says"
        place = ("source", "match") if source.match else ("source", "columns")
        yield table.fault(
            place, "MST001", what, "take it under columns, or let match name columns that are taken"
        )
    if not (source.columns.keys() - {*(source.match or table.model.keys)}) and not source.new_rows:
        what = "the far end says nothing but what rows are matched by"
        yield table.fault(("source", "columns"), "MST001", what, "take a column more")
