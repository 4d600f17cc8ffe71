"""`tables` of a channel: which code tables a master keeps, and what its records say of their rows."""

from __future__ import annotations

from collections.abc import Iterator

from engine.domain.event import Kind
from engine.errors import Fault
from engine.mapping.expression import Expression
from engine.reference.spec import TableSpec
from engine.site.hints import did_you_mean
from engine.site.maps import Maps
from engine.site.names import Scope
from engine.site.placing import condition_faults, expression_at, patient_faults, unknown_names
from engine.site.release import Keep
from engine.site.schema.channel import ChannelFile, KeepFile
from engine.site.sources import Source, Sources
from engine.site.yaml import Path

_OF_MONEY = ("translate", "deliver", "same_line", "credit_finds", "lane", "expect", "after_discharge")
"""What a channel that keeps tables has no use for."""


def compile_keeps(
    source: Source[ChannelFile], scope: Scope, sources: Sources, maps: Maps, faults: list[Fault]
) -> tuple[Keep, ...]:
    """The tables that the channel keeps; what is wrong goes to `faults`."""
    faults += _kind_faults(source, scope)
    found = []
    for name, model in source.model.tables.items():
        spec = maps.specs.get(name)
        if spec is None:
            if name not in sources.tables.names:
                what, mend = f"there is no table '{name}'", did_you_mean(name, sources.tables.names)
                faults.append(source.fault(("tables", name), "SIT023", what, mend, key=True))
            continue
        faults += _column_faults(source, ("tables", name), model, spec)
        found.append(_keep(source, name, model, scope, faults))
    return tuple(found)


def _kind_faults(source: Source[ChannelFile], scope: Scope) -> Iterator[Fault]:
    model, master = source.model, scope.kind is Kind.MASTER
    if model.tables and not master:
        what = f"{scope.reader} reads a {scope.kind}, which keeps no tables"
        yield source.fault(("tables",), "SIT099", what, "let the read map say makes: master", key=True)
    if master and not model.tables:
        what = "a master is read, and no table is kept by it"
        yield source.fault(("channel",), "SIT099", what, "add tables: {items: {row: {code: item}}}")
    for key in _OF_MONEY if master else ():
        if key in model.model_fields_set:
            what = "a master keeps tables, and posts nothing"
            yield source.fault((key,), "SIT099", what, f"take {key} out", key=True)


def _column_faults(
    source: Source[ChannelFile], path: Path, model: KeepFile, spec: TableSpec
) -> Iterator[Fault]:
    """Columns that the table lacks, and those that nobody would say of a new row."""
    columns = [*spec.keys, *spec.columns]
    for part, names in (("row", model.row), ("new_rows", model.new_rows)):
        for name in names:
            if name not in columns:
                what, mend = f"table {spec.name} has no column '{name}'", did_you_mean(name, columns)
                yield source.fault((*path, part, name), "SIT028", what, mend, key=True)
    for place, name in enumerate(model.within):
        if name not in spec.keys:
            what, mend = f"table {spec.name} has no key '{name}'", f"its keys are {', '.join(spec.keys)}"
            yield source.fault((*path, "within", place), "SIT028", what, mend)
    for name in (*spec.keys, *spec.many):
        if name not in model.row:
            what, mend = f"no record says '{name}', by which rows are found", f"add {name}: to row"
            yield source.fault((*path, "row"), "SIT100", what, mend, key=True)
    unsaid = [name for name in columns if name not in model.row and name not in model.new_rows]
    if unsaid:
        what = f"nobody says {', '.join(unsaid)} of a new row"
        mend = "say it in row, or in new_rows what it holds at first: ''  where nothing belongs there"
        yield source.fault((*path, "row"), "SIT100", what, mend, key=True)


def _keep(source: Source[ChannelFile], name: str, model: KeepFile, scope: Scope, faults: list[Fault]) -> Keep:
    path = ("tables", name)
    when = _expression(source, (*path, "when"), model.when, scope, faults) if model.when is not None else None
    if when is not None:
        faults += condition_faults(source, (*path, "when"), when, scope)
    row = {
        column: expression
        for column, text in model.row.items()
        if (expression := _expression(source, (*path, "row", column), text, scope, faults)) is not None
    }
    return Keep(name, when, row, dict(model.new_rows), tuple(model.within))


def _expression(
    source: Source[ChannelFile], path: Path, text: str, scope: Scope, faults: list[Fault]
) -> Expression | None:
    """What tells of a patient has no place in a code table."""
    expression = expression_at(source, path, text, faults)
    if expression is not None:
        faults += unknown_names(source, path, expression, scope)
        faults += patient_faults(source, path, expression, scope, "keep it out of code tables")
    return expression
