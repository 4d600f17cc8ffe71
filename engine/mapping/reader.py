"""Read maps: how a feed's messages become events. Never raises for content: what cannot be understood is
said.

A field is read from a path or expression, looked up in a table by other fields, or always the same text.
Fields whose segments repeat with the anchor (`each: FT1`) are read for every line, all others once a
message. A value that cannot be understood is None and a `LineFault`, and the line is held later.

`sources` checks what a map says, `reading` writes the functions it is compiled to, `fields` makes values of
text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from engine.codecs.hl7v2.group import Each
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import Group, groups
from engine.codecs.rows import ROW
from engine.domain.event import FIELDS, UDI_PARTS, Event, Fields, FieldSpec, FieldType, Kind, Line, LineFault
from engine.mapping.fields import Moments
from engine.mapping.reading import Plan, Sent
from engine.mapping.sources import From, Literal, Lookup, ReadSpec, Source, each_of, sources_of
from engine.reference.table import Table

__all__ = ["From", "Literal", "Lookup", "ReadMap", "ReadSpec"]

_UTC = ZoneInfo("UTC")

_HEADER = frozenset(
    {
        "facility",
        "account",
        "account_authority",
        "visit",
        "patient",
        "class",
        "payer_class",
        "case_id",
        "saved_at",
    }
)

_OF_SENDING = frozenset({"MSH", "EVN"})
"""Segments that differ when a message is sent again: never a part of what a line says."""


class ReadMap:
    """A compiled read map. `triggers`: `DFT^P03`…; `anchor`: segment that begins a line, or None; `opener`: the one
    at the head of its order; `lines`: delta or snapshot. `fields`: every name that its lines have, moments with their
    `_on`. `unique_per`: field → facility, feed or day. `rows`: how they stand in a file, or None. `tables`: those it
    looks up in. `sources`: where each field comes from, in the order of reading."""

    always_own: ClassVar[frozenset[str]] = frozenset()
    """Segments that belong to lines wherever they stand."""

    __slots__ = (
        "_header",
        "_persons",
        "_plans",
        "_segments",
        "each",
        "fields",
        "kind",
        "lines",
        "name",
        "rows",
        "sources",
        "tables",
        "triggers",
        "unique_per",
    )

    def __init__(self, spec: ReadSpec) -> None:
        self.name, self.kind, self.lines = spec.name, spec.kind, spec.lines
        self.each = each_of(spec.each)
        self.triggers = frozenset(spec.triggers)
        self.rows = spec.rows
        if spec.rows is not None:
            self.each, self.triggers = Each(ROW), frozenset(trigger.upper() for trigger in spec.triggers)
        self.sources = self.sources_of(spec)
        self.fields = _field_specs(spec, self.sources)
        self.unique_per = {
            source.name: source.origin.unique_per
            for source in self.sources
            if isinstance(source.origin, From) and source.origin.unique_per
        }
        origins = [source.origin for source in self.sources]
        self.tables = frozenset(origin.table for origin in origins if isinstance(origin, Lookup))
        self._segments = frozenset(node.path.segment for source in self.sources for node in source.paths)
        self._plans: dict[frozenset[str], Plan] = {}
        self._persons = Plan(tuple(_persons(self.sources)), self.always_own)
        self._header = Plan(tuple(_of_header(self.sources)), frozenset())

    def sources_of(self, spec: ReadSpec) -> tuple[Source, ...]:
        """Raises `SpecError`."""
        return sources_of(spec)

    @property
    def tells_whole(self) -> bool:
        """Whether each message tells all that holds by then: of a case, or of a stay."""
        return self.lines == "snapshot" or self.kind is Kind.ENCOUNTER

    @classmethod
    def compile(cls, spec: ReadSpec) -> ReadMap:
        """Raises `SpecError` with all faults; their paths begin with `read`, `each`, `fields` or `extra`."""
        return cls(spec)

    def read(
        self,
        message: Message,
        zone: ZoneInfo,
        tables: Mapping[str, Table],
        received: date,
        at: datetime | None = None,
    ) -> Event:
        """The event that `message` is. `zone`: of times without an offset; `received`: local day of receipt; `at`: its
        moment, by which the hour is told that happens twice.

        An event whose anchor does not occur in the message has no lines.
        """
        header = self.head(message, zone, tables, received, at) if self.lines == "snapshot" else {}
        return Event(self.kind, tuple(self.each_line(message, zone, tables, received, at)), header)

    def head(
        self,
        message: Message,
        zone: ZoneInfo,
        tables: Mapping[str, Table],
        received: date,
        at: datetime | None = None,
    ) -> Fields:
        """What is said of the whole message: whose it is, also where it has no lines."""
        header: Fields = {}
        self._header.shared(message, None, zone, tables, received, header, [], [], Moments(at))
        return header

    def each_line(
        self,
        message: Message,
        zone: ZoneInfo,
        tables: Mapping[str, Table],
        received: date,
        at: datetime | None = None,
    ) -> Iterator[Line]:
        """The lines of `read`, each read when it is asked for."""
        found = self.groups(message)
        if not found:
            return
        plan = self._plan(found)
        shared: Fields = {}
        doubts: list[LineFault] = []
        moments = Moments(at)
        plan.shared(message, found[0], zone, tables, received, shared, [], doubts, moments)
        for number, group in enumerate(found, 1):
            fields, faults = shared.copy(), doubts.copy()
            sent: Sent = []
            plan.own(message, group, zone, tables, received, fields, sent, faults, moments)
            yield self._as_told(message, Line(number, fields, tuple(sent), tuple(faults)))

    def _as_told(self, message: Message, line: Line) -> Line:
        """For maps whose messages say of all their lines at once what these do not say themselves."""
        return line

    def persons(self, message: Message) -> Fields:
        """Account, visit, patient and case where they first stand in the message: cheaper than `read`. What is looked
        up in a table is left out."""
        fields: Fields = {}
        self._persons.shared(message, None, _UTC, {}, date.min, fields, [], [], Moments())
        return fields

    def groups(self, message: Message) -> Sequence[Group | None]:
        """One for each line; without an anchor the whole message is one."""
        return (None,) if self.each is None else groups(message, self.each)

    def _plan(self, found: Sequence[Group | None]) -> Plan:
        """The functions for messages in which the same segments of this map belong to lines."""
        own = [group.own for group in found if group is not None]
        repeated = self._segments & set().union(*own) if own else self._segments - _OF_SENDING
        plan = self._plans.get(repeated)
        if plan is None:
            plan = self._plans[repeated] = Plan(self.sources, repeated, self.kind is Kind.MASTER)
        return plan

    def __repr__(self) -> str:
        return f"ReadMap({self.name}, {len(self.fields)} fields)"


def _persons(sources: Sequence[Source]) -> Iterable[Source]:
    """Those of account, visit, patient and case, where they need no other field."""
    for source in sources:
        if (
            source.name in ("account", "visit", "patient", "case_id")
            and isinstance(source.origin, From)
            and not source.needs
        ):
            yield source


def _of_header(sources: Sequence[Source]) -> Iterable[Source]:
    """Those that say whose a case is, and when it was saved."""
    known: set[str] = set()
    for source in sources:
        if source.name in _HEADER and source.needs <= known:
            known.update(source.names)
            yield source


def _field_specs(spec: ReadSpec, sources: tuple[Source, ...]) -> dict[str, FieldSpec]:
    canonical = FIELDS[spec.kind]
    specs: dict[str, FieldSpec] = {}
    for source in sources:
        known = canonical.get(source.name) or FieldSpec(source.type, "a field of this map", "")
        specs[source.name] = known
        day = FieldSpec(FieldType.DATE, f"local day of {source.name}", known.example)
        further = UDI_PARTS.values() if source.type is FieldType.UDI else (day,)
        specs |= zip(source.names[1:], further, strict=False)
    return specs
