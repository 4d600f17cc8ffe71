"""Every value of a message with its place, down to subcomponents; and the message with other values in those places.

What follows a raw line feed inside a segment is a sender's stray text, whatever field it would count as.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from engine.codecs.hl7v2.escape import unescape
from engine.codecs.hl7v2.lexer import Message, Segment
from engine.codecs.hl7v2.segments import is_segment

_ENVELOPE = frozenset({"FHS", "BHS", "BTS", "FTS"})
_NULL = '""'


class Place(NamedTuple):
    """Numbers count from 1. `str` shows it as analysts say it: `PID[1]-3[2].1`."""

    segment: str
    number: int
    field: int
    repetition: int = 1
    component: int = 1
    subcomponent: int = 1

    def __str__(self) -> str:
        repetition = f"[{self.repetition}]" if self.repetition > 1 else ""
        subcomponent = f".{self.subcomponent}" if self.subcomponent > 1 else ""
        return f"{self.segment}[{self.number}]-{self.field}{repetition}.{self.component}{subcomponent}"


class Leaf(NamedTuple):
    """One value that is not empty. `raw`: as it stands; `meant`: unescaped; `parts`: the components of its repetition,
    raw; `fields`: those of its segment; `patient`: which PID it belongs to, from 0; `stray`: behind a line feed."""

    place: Place
    raw: str
    meant: str
    parts: Sequence[str]
    fields: Sequence[str]
    patient: int
    stray: bool

    def __repr__(self) -> str:
        return f"Leaf({self.place}, {len(self.raw)} characters)"


def leaves_of(message: Message) -> Iterator[Leaf]:
    """In message order. Empty values, `""` and blanks say nothing and are left out, as are the delimiters; so are
    the envelopes of batches, and segments that HL7 does not have: they are a sender's stray text."""
    patients = 0
    for segment, number in _numbered(message):
        patients += segment.name == "PID"
        stray = False
        for leaf in _of_segment(message, segment, number, max(patients - 1, 0)):
            stray = stray or "\n" in leaf.raw
            yield leaf._replace(stray=stray)


def written(message: Message, value: Callable[[Place, str], str]) -> str:
    """The message's text with other values. `value`: gives the raw text for a place and the raw text that is there."""
    return "\r".join(_written(message, segment, number, value) for segment, number in _numbered(message))


def _numbered(message: Message) -> Iterator[tuple[Segment, int]]:
    seen: Counter[str] = Counter()
    for segment in message:
        if is_segment(segment.name) and segment.name not in _ENVELOPE:
            seen[segment.name] += 1
            yield segment, seen[segment.name]


def _of_segment(message: Message, segment: Segment, number: int, patient: int) -> Iterator[Leaf]:
    marks = message.delimiters
    first = 3 if segment.name == "MSH" else 1
    for field, text in enumerate(segment.fields):
        if field < first or not text:
            continue
        for repetition, repeated in enumerate(text.split(marks.repetition), 1):
            parts = repeated.split(marks.component)
            for component, part in enumerate(parts, 1):
                for subcomponent, raw in enumerate(part.split(marks.subcomponent), 1):
                    if raw and raw != _NULL and not raw.isspace():
                        place = Place(segment.name, number, field, repetition, component, subcomponent)
                        meant = unescape(raw, marks, message.codec)
                        yield Leaf(place, raw, meant, parts, segment.fields, patient, False)


def _written(message: Message, segment: Segment, number: int, value: Callable[[Place, str], str]) -> str:
    marks = message.delimiters

    def repetition_of(field: int, repetition: int, text: str) -> str:
        return marks.component.join(
            marks.subcomponent.join(
                value(Place(segment.name, number, field, repetition, component, subcomponent), raw)
                for subcomponent, raw in enumerate(part.split(marks.subcomponent), 1)
            )
            for component, part in enumerate(text.split(marks.component), 1)
        )

    def field_of(field: int, text: str) -> str:
        repeated = enumerate(text.split(marks.repetition), 1)
        return marks.repetition.join(repetition_of(field, place, one) for place, one in repeated)

    fields = [field_of(number, text) for number, text in enumerate(segment.fields)]
    if segment.name == "MSH":
        return marks.field.join(["MSH", _encoding(segment.fields[2]), *fields[3:]])
    return marks.field.join([segment.name, *fields[1:]])


def _encoding(text: str) -> str:
    """MSH-2 as far as it delimits."""
    return text[:4] + "".join(mark for mark in text[4:5] if not mark.isalnum())
