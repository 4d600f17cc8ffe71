"""The Python functions that a read map is compiled to: one for what all lines share, one for each line.

Which fields are which depends on the message: a segment that occurs in any group belongs to lines there. So
a map has a `Plan` for each set of its segments that was ever found repeated; they are few. `reader` picks
the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import Group, HL7Path
from engine.domain.event import SERVICE_DAYS, Fields, FieldType, LineFault
from engine.mapping import fields
from engine.mapping.emitter import Emitter
from engine.mapping.faults import EvaluationFault
from engine.mapping.functions import text_of
from engine.mapping.grammar import Else, Node
from engine.mapping.operators import settled
from engine.mapping.sources import Literal, Lookup, Source
from engine.mapping.translation import cause_of
from engine.reference.table import Table

Sent = list[tuple[str, str]]
Read = Callable[
    [
        Message,
        Group | None,
        ZoneInfo,
        Mapping[str, Table],
        date,
        Fields,
        Sent,
        list[LineFault],
        fields.Moments,
    ],
    None,
]
"""Adds to fields, sent and faults what it reads; the last argument keeps moments already understood."""

_SIGNATURE = "message, group, zone, tables, received, fields, sent, faults, moments"

_READERS: dict[FieldType, tuple[Callable[..., object], str]] = {
    FieldType.TEXT: (text_of, ""),
    FieldType.NUMBER: (fields.number, ""),
    FieldType.MONEY: (fields.money, ""),
    FieldType.FLAG: (fields.flag, ""),
    FieldType.DATE: (fields.day, ", zone"),
    FieldType.MOMENT: (fields.moment, ", zone, moments"),
    FieldType.UDI: (fields.udi, ", received"),
}


class Plan:
    """`shared` reads the fields that all lines have in common, `own` those of a line. `repeated`: segments
    that belong to lines in the messages this plan is for. `deletes`: what a sender deletes is an empty text."""

    __slots__ = ("own", "shared")

    def __init__(self, sources: tuple[Source, ...], repeated: frozenset[str], deletes: bool = False) -> None:
        own: set[str] = set()
        for source in sources:  # in order: what a field needs stands before it
            if source.needs & own or any(node.path.segment in repeated for node in source.paths):
                own.add(source.name)
        mine = [source for source in sources if source.name in own]
        others = [source for source in sources if source.name not in own]
        self.shared = _function(others, keep_sent=False, deletes=deletes)
        self.own = _function(mine, keep_sent=True, deletes=deletes)


def _function(sources: list[Source], *, keep_sent: bool, deletes: bool) -> Read:
    emitter = Emitter(lambda name: f"fields.get({name!r})", "message, group", deletes)
    lines = ["pass"]
    for source in sources:
        lines += _Writer(emitter, source, keep_sent, deletes).lines()
    function: Read = emitter.function("read", _SIGNATURE, lines)
    return function


def taken(tree: Node, message: Message, group: Group | None, known: Fields) -> Node | None:
    """Of `A else B` the alternative that gave the value, of all else the whole; None: there is no value. `known`: the
    fields of the line."""
    if not isinstance(tree, Else):
        return tree
    for option in tree.options:
        emitter = Emitter(lambda name: f"fields.get({name!r})", "message, group")
        body = f"return {emitter.value(option).source}"
        try:
            value = emitter.function("option", "message, group, fields", [body])(message, group, known)
        except EvaluationFault:
            return option
        if value is not None:
            return taken(option, message, group, known)
    return None


class _Writer:
    """Writes the lines that read one field."""

    def __init__(self, emitter: Emitter, source: Source, keep_sent: bool, deletes: bool) -> None:
        self.emitter, self.source, self.keep_sent, self.deletes = emitter, source, keep_sent, deletes
        self.target = f"fields[{source.name!r}]"

    def lines(self) -> list[str]:
        match self.source.origin:
            case Literal(text):
                constant = self.emitter.bind(fields.constant(self.source.type, text))
                return [f"{self.target} = {constant}"]
            case Lookup() as lookup:
                call = f"{self.emitter.bind(_lookup(lookup))}(fields, tables, received)"
                return self._guarded([f"value = {call}", *self._understood()])
            case _:
                return self._from_message()

    def _from_message(self) -> list[str]:
        assert self.source.tree is not None
        value = self.emitter.value(self.source.tree)
        sent = f"sent.append(({self.source.name!r}, value))"
        if value.kind == "text" and self.source.type is FieldType.TEXT:
            lines = [f"{self.target} = value = {value.source}"]
            return [*lines, f"if value is not None: {sent}"] if self.keep_sent else lines
        lines = [f"value = {value.source}"]
        if self.keep_sent:
            as_text = "" if value.kind == "text" else f" if value.__class__ is str else {self._text}(value)"
            lines += [f"if value is not None: sent.append(({self.source.name!r}, value{as_text}))"]
        return self._guarded([*lines, *self._understood()])

    @property
    def _text(self) -> str:
        return self.emitter.bind(text_of)

    def _understood(self) -> list[str]:
        """From `value` to the field, by its type."""
        read, further = _READERS[self.source.type]
        call = f"{self.emitter.bind(read)}(value{further})"
        names = ", ".join(f"fields[{name!r}]" for name in self.source.names)
        missing = ", ".join("None" for _ in self.source.names)
        there = "value is not None" + (" and value != ''" if self.deletes else "")
        return [f"{names} = {call} if {there} else ({missing})"]

    def _guarded(self, lines: list[str]) -> list[str]:
        """A value that is not understood is None, and a fault of the line."""
        fault, explain = self.emitter.bind(EvaluationFault), self.emitter.bind(_explainer(self.source))
        return [
            "try:",
            *(f"    {line}" for line in lines),
            f"except {fault} as fault:",
            *(f"    fields[{name!r}] = None" for name in self.source.names),
            f"    faults.append({explain}(fault, message, group))",
        ]


def _explainer(source: Source) -> Callable[[EvaluationFault, Message, Group | None], LineFault]:
    """Says where in the message the field went wrong: at the first of its paths that has a value."""

    def explain(fault: EvaluationFault, message: Message, group: Group | None) -> LineFault:
        if isinstance(source.origin, Lookup):
            return LineFault(fault.code, source.name, fault.what, fault.mend)
        paths = [node.path for node in source.paths]
        full = next((path for path in paths if _says(path, message, group)), paths[0] if paths else None)
        place = source.name if full is None else full.place(group)
        return LineFault(fault.code, place, f"{source.name}: {fault.what}", fault.mend)

    return explain


def _says(path: HL7Path, message: Message, group: Group | None) -> bool:
    """Whether it has a value; also when that is what is wrong."""
    try:
        return bool(path.read(message, group))
    except EvaluationFault:
        return True


def _lookup(lookup: Lookup) -> Callable[[Fields, Mapping[str, Table], date], object]:
    """Finds the row for the keys among `fields` and takes its column; None where the table says so."""

    def look(known: Fields, tables: Mapping[str, Table], received: date) -> object:
        table = tables[lookup.table]
        service = next((day for name in SERVICE_DAYS if (day := known.get(name))), None)
        on = service if table.spec.as_of == "service" and isinstance(service, date) else received
        key = tuple(text_of(known.get(name)) or "" for name in lookup.by)
        row = table.find(key, on) or table.default
        if row is None and table.spec.missing == "skip":
            return None
        if row is None:
            cause = cause_of(table, key)
            raise EvaluationFault("MAP033", cause, f"add the row to table {lookup.table}")
        return settled(row.get(lookup.take))

    return look
