"""Read maps of FHIR: how a resource becomes an event. What `each` chooses are its lines; without it, it is one.

Compiled as maps of HL7 are; all fields are read for every line, `%resource` being the resource around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from engine.codecs.fhir.document import Document
from engine.codecs.fhir.path import FhirPath, Focus
from engine.codecs.fhir.path_functions import FhirValueError
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import Group
from engine.domain.event import Fields, Kind, Line
from engine.errors import MessageError
from engine.mapping import fhir_sources
from engine.mapping.fhir_place import RESOURCE, FhirGroup
from engine.mapping.fields import Moments
from engine.mapping.reader import ReadMap
from engine.mapping.reading import Plan
from engine.mapping.sources import ReadSpec, Source
from engine.reference.table import Table

CANCELLED = "A11"
"""A stay that is deleted never was, in the words of HL7's events."""


def compile_reader(spec: ReadSpec) -> ReadMap:
    """The read map of HL7 or of FHIR. Raises `SpecError` with all faults."""
    return FhirReadMap.compile(spec) if fhir_sources.is_fhir(spec) else ReadMap.compile(spec)


class FhirReadMap(ReadMap):
    """A compiled read map whose messages are `Document`s, in the place of HL7's."""

    always_own = frozenset({RESOURCE})

    __slots__ = ("_each", "_plan_of_all")

    def __init__(self, spec: ReadSpec) -> None:
        super().__init__(spec)
        self._each = FhirPath(spec.each) if spec.each else None
        self._plan_of_all = Plan(self.sources, self.always_own)

    def sources_of(self, spec: ReadSpec) -> tuple[Source, ...]:
        return fhir_sources.sources_of(spec)

    def head(
        self,
        message: Message,
        zone: ZoneInfo,
        tables: Mapping[str, Table],
        received: date,
        at: datetime | None = None,
    ) -> Fields:
        header: Fields = {}
        document = cast(Document, message)
        resource = document.of_types(self.triggers)
        if resource is not None:
            whole = FhirGroup(Focus(document, resource.tree, resource.tree), resource.type)
            self._header.shared(
                message, cast(Group, whole), zone, tables, received, header, [], [], Moments(at)
            )
        return header

    def _as_told(self, message: Message, line: Line) -> Line:
        """A deletion says that it never was, whatever the resource said."""
        if cast(Document, message).interaction != "delete":
            return line
        name, value, text = (
            ("event", CANCELLED, CANCELLED) if self.kind is Kind.ENCOUNTER else ("void", True, "true")
        )
        sent = tuple(one for one in line.sent if one[0] != name)
        return line._replace(fields={**line.fields, name: value}, sent=(*sent, (name, text)))

    def _plan(self, found: Sequence[Group | None]) -> Plan:
        return self._plan_of_all

    def persons(self, message: Message) -> Fields:
        fields: Fields = {}
        for group in self.groups(message)[:1]:
            self._persons.own(message, group, ZoneInfo("UTC"), {}, date.min, fields, [], [], Moments())
        return fields

    def groups(self, message: Message) -> Sequence[Group | None]:
        document = cast(Document, message)
        resource = document.of_types(self.triggers)
        if resource is None:
            return ()
        tree, kind = resource.tree, resource.type
        focus = Focus(document, tree, tree)
        if self._each is None:
            return cast("Sequence[Group]", (FhirGroup(focus, kind),))
        try:
            nodes = self._each.values(focus)
        except FhirValueError as error:
            raise MessageError("FHR012", f"`each` {error.what}", where=kind, mend=error.mend) from None
        each = self._each.text
        return cast(
            "Sequence[Group]",
            [
                FhirGroup(focus._replace(node=node), f"{kind}.{each}[{index}]")
                for index, node in enumerate(nodes)
            ],
        )
