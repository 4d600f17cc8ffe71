"""An HL7 v2 message from the tree that a write map builds. Pure: a tree and a message type in, bytes out.

The tree's keys are places as analysts say them, `PID-3.1`; a key that is a segment's name holds a list with one tree
for each segment. Segments come in the order in which the map names them, and MSH first. MSH-1, -2, -9 and -10 are
filled in: the control id is the document's reference, so that a message that is sent again is known to be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from engine.codecs.hl7v2.delimiters import ABSENT, Delimiters
from engine.codecs.hl7v2.escape import escape
from engine.mapping.spec import NodePath, SpecFault

MARKS = Delimiters("|", "^", "~", "\\", "&", ABSENT)
PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]{0,2})(?:\.([1-9][0-9]?))?(?:\.([1-9][0-9]?))?")
SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")

_FILLED_IN = {"MSH-1", "MSH-2", "MSH-9", "MSH-10"}
_DEFAULTS = {"MSH-11": "P", "MSH-12": "2.5.1", "MSH-18": "UNICODE UTF-8"}

Fields = dict[int, dict[int, dict[int, str]]]
"""field → component → subcomponent → text, from 1."""


def dump(tree: Mapping[str, Any], message_type: str, reference: str) -> bytes:
    """UTF-8, segments ended by CR."""
    head = {**_DEFAULTS, **{key: value for key, value in tree.items() if key.startswith("MSH-")}}
    head |= {f"MSH-9.{number}": part for number, part in enumerate(message_type.split("^"), 1)}
    head["MSH-10"] = reference
    segments = [f"MSH|^~\\&|{_written(_fields(head), first=3)}"]
    for name, fields in _segments(tree):
        if name != "MSH":
            segments.append(f"{name}|{_written(fields)}")
    return "".join(f"{segment}\r" for segment in segments).encode()


def _segments(tree: Mapping[str, Any]) -> Iterator[tuple[str, Fields]]:
    """In the order of the tree; neighbouring places of one segment are one."""
    gathered: dict[str, dict[str, Any]] = {}
    for key, value in tree.items():
        if isinstance(value, list):
            yield from _flushed(gathered)
            for inner in value:
                yield from _segments(inner)
        else:
            gathered.setdefault(key[:3], {})[key] = value
    yield from _flushed(gathered)


def _flushed(gathered: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Fields]]:
    for name, places in gathered.items():
        yield name, _fields(places)
    gathered.clear()


def _fields(places: Mapping[str, Any]) -> Fields:
    fields: Fields = {}
    for key, value in places.items():
        found = PLACE.fullmatch(key)
        if found is None or value is None:
            continue
        field, component, subcomponent = (int(part or 1) for part in found.groups()[1:])
        fields.setdefault(field, {}).setdefault(component, {})[subcomponent] = text_of(value)
    return fields


def _written(fields: Fields, first: int = 1) -> str:
    last = max(fields, default=0)
    return MARKS.field.join(_field(fields.get(number, {})) for number in range(first, last + 1))


def _field(components: dict[int, dict[int, str]]) -> str:
    return MARKS.component.join(
        MARKS.subcomponent.join(
            escape(components.get(number, {}).get(part, ""), MARKS, "utf-8")
            for part in range(1, max(components.get(number, {1: ""})) + 1)
        )
        for number in range(1, max(components, default=0) + 1)
    )


def text_of(value: object) -> str:
    """As HL7 writes it: 20261120, 20261120094500-0600, 12.50, Y."""
    match value:
        case bool():
            return "Y" if value else "N"
        case datetime():
            return value.strftime("%Y%m%d%H%M%S%z")
        case date():
            return value.strftime("%Y%m%d")
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def place_faults(document: Any) -> list[SpecFault]:
    """Keys that are no places of a segment."""
    return list(_faults(document, ("document",))) if isinstance(document, dict) else []


def _faults(tree: dict[Any, Any], node: NodePath) -> Iterator[SpecFault]:
    for key, below in tree.items():
        name, here = str(key).removesuffix("?"), (*node, key)
        if isinstance(below, dict) and "each" in below:
            if SEGMENT.fullmatch(name) is None:
                yield SpecFault(
                    here, "MAP054", f"'{name}' is no segment", "name the segment that repeats: FT1"
                )
            if isinstance(below.get("give"), dict):
                yield from _faults(below["give"], (*here, "give"))
        elif name in _FILLED_IN:
            yield SpecFault(here, "MAP054", f"{name} is filled in", "take it out")
        elif PLACE.fullmatch(name) is None:
            yield SpecFault(
                here, "MAP054", f"'{name}' is no place in a segment", "write it as PID-3 or PID-3.1"
            )
