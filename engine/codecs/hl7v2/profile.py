"""Conformance profiles: what one partner's messages must be like, as the XML of an implementation guide says it. Pure.

Asked are usage R and X, cardinality and length, of segments, fields and components. What depends on conditions (C, CE),
on tables or on groups that may be left out is not asked: a profile refuses only what is certainly wrong. Source: HL7
v2.5 §2.12 (message profiles).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from engine.codecs.hl7v2.lexer import Message, Segment

MISSING, TOO_LONG, TOO_MANY = 101, 104, 207
"""Codes of HL7 table 0357."""


class ProfileError(ValueError):
    """The XML is no profile: says why."""


class Miss(NamedTuple):
    """What does not fit. `where`: a path; `what`: in words, without values."""

    code: int
    where: str
    what: str


class Part(NamedTuple):
    """A field, or a component of one. `most` repetitions; `length` of each in characters; None: any. `parts`: those
    that are asked for, with their numbers."""

    usage: str
    most: int | None
    length: int | None
    parts: tuple[tuple[int, Part], ...] = ()

    @property
    def asks(self) -> bool:
        return (
            self.usage in ("R", "X") or self.most is not None or self.length is not None or bool(self.parts)
        )


class Place(NamedTuple):
    """A segment of the profile. `least`: 0 where it, or a group around it, may be left out."""

    name: str
    usage: str
    least: int
    most: int | None
    fields: tuple[tuple[int, Part], ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """`type`, `trigger`: of the messages that it is for. `places`: segments that stand in one place of it only; of
    others it cannot be told which place is meant."""

    type: str
    trigger: str
    places: tuple[Place, ...]

    @classmethod
    def parse(cls, xml: bytes) -> Profile:
        """Raises `ProfileError`."""
        if b"<!ENTITY" in xml:
            raise ProfileError("it declares entities")
        try:
            root = ElementTree.fromstring(xml)
        except ElementTree.ParseError as error:
            raise ProfileError(
                f"it is not XML: line {error.position[0]}, column {error.position[1] + 1}"
            ) from None
        found = root if root.tag == "HL7v2xStaticDef" else root.find("HL7v2xStaticDef")
        if found is None or not found.get("MsgType"):
            raise ProfileError("it has no HL7v2xStaticDef with a MsgType")
        try:
            places = list(_places(found, certain=True, once=True))
        except ValueError:
            raise ProfileError("a Min, Max or Length is no number") from None
        often = Counter(place.name for place in places)
        alone = tuple(place for place in places if often[place.name] == 1)
        return cls(found.get("MsgType", "").upper(), found.get("EventType", "").upper(), alone)

    def fits(self, message: Message) -> bool:
        """Whether it is for messages of this type."""
        header = message.header
        return header.type == self.type and self.trigger in ("", header.trigger)

    def misses(self, message: Message, breath: Callable[[], None]) -> Iterator[Miss]:
        """What of the message does not fit. `breath` is called before each segment; it may raise."""
        for place in self.places:
            found = message.segments(place.name)
            if len(found) < place.least:
                yield Miss(MISSING, f"{place.name}[{len(found) + 1}]-1", "a segment is missing")
            if place.most is not None and len(found) > place.most:
                yield Miss(TOO_MANY, f"{place.name}[{place.most + 1}]-1", "a segment is not expected here")
            for number, segment in enumerate(found, 1):
                breath()
                where = place.name if len(found) == 1 else f"{place.name}[{number}]"
                yield from _of_segment(place, segment, message, where)


def _of_segment(place: Place, segment: Segment, message: Message, where: str) -> Iterator[Miss]:
    marks = message.delimiters
    for number, part in place.fields:
        text = segment.fields[number] if number < len(segment.fields) else ""
        own = f"{where}-{number}"
        if place.name == "MSH" and number <= 2:
            continue
        repetitions = text.split(marks.repetition) if text else []
        if part.most is not None and len(repetitions) > part.most:
            yield Miss(TOO_MANY, own, "it is repeated too often")
        for repetition in repetitions or [""]:
            yield from _of_part(part, repetition, own, marks.component)


def _of_part(part: Part, text: str, where: str, separator: str) -> Iterator[Miss]:
    if part.usage == "R" and not text.strip():
        yield Miss(MISSING, where, "it is required")
    elif part.usage == "X" and text:
        yield Miss(TOO_MANY, where, "it is not supported")
    elif part.length is not None and len(text) > part.length:
        yield Miss(TOO_LONG, where, "it is too long")
    if not text or not part.parts:
        return
    components = text.split(separator)
    for number, inner in part.parts:
        component = components[number - 1] if number <= len(components) else ""
        yield from _of_part(inner, component, f"{where}.{number}", separator)


def _places(parent: Element, *, certain: bool, once: bool) -> Iterator[Place]:
    """`certain`: every group around must be there; `once`: none of them repeats."""
    for element in parent:
        usage = element.get("Usage", "O")
        if element.tag == "SegGroup":
            inner = certain and usage == "R" and _count(element.get("Min"), 1) != 0
            yield from _places(element, certain=inner, once=once and element.get("Max", "1") == "1")
        elif element.tag == "Segment":
            most = _count(element.get("Max", "1"), None) if once else None
            least = _count(element.get("Min"), 1) or 0
            fields = tuple(_parts(element, "Field"))
            yield Place(
                element.get("Name", "").upper(),
                usage,
                least if certain and usage == "R" else 0,
                0 if usage == "X" else most,
                fields,
            )


def _parts(parent: Element, tag: str) -> Iterator[tuple[int, Part]]:
    for number, element in enumerate(parent.findall(tag), 1):
        part = Part(
            element.get("Usage", "O"),
            _count(element.get("Max"), None) if tag == "Field" else None,
            _count(element.get("Length"), None) or None,
            tuple(_parts(element, "Component")) if tag == "Field" else (),
        )
        if part.asks:
            yield number, part


def _count(text: str | None, otherwise: int | None) -> int | None:
    """`*` and nothing said: `otherwise`. Raises `ValueError`."""
    return int(text) if text and text != "*" else otherwise
