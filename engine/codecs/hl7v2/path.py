"""HL7 paths as analysts say them, compiled once and read often: `FT1-7.1`, `PID-3[type=MR].1`, `FT1[2]-10`.

    SEG[n]-F[r].C.S      segment, its occurrence, field, repetition, component, subcomponent
    [r]                  a repetition by number, or the first one in which a component says something:
                         [type=MR] [authority=NORTH] [id=7] for identifiers (CX) and persons (XCN), else
                         [5=MR] [4.2=X]

A path names one value. What it leaves out is the first: `PV1-2` is the first component of the first
repetition, so a map keeps its meaning when a sender begins to write `I^Inpatient` where it wrote `I`. Values
are unescaped; MSH-1 and MSH-2 are given as they stand. A value that is not there, or empty, or blank, is
None. `""` is `NULL`: the sender deletes the value; where a whole field is `""`, so is each of its parts.

Read within a `Group`, a path looks where `engine.codecs.hl7v2.group` says; `[n]` counts in the group, except
at the anchor itself, where it counts in the message. Source: HL7 v2.8.2 §2.5 and §2.10.5 (how a value grows
parts).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, Literal, Protocol

from engine.codecs.hl7v2.escape import unescape
from engine.codecs.hl7v2.group import Group, groups
from engine.codecs.hl7v2.lexer import Message, Segment

__all__ = ["NULL", "Group", "HL7Path", "Null", "PathError", "Selector", "compile_path", "groups", "where"]

PERSON_FIELDS: dict[str, frozenset[int]] = {
    "AIP": frozenset({3}),
    "EVN": frozenset({5}),
    "FT1": frozenset({20, 21, 24}),
    "OBR": frozenset({10, 16, 28}),
    "OBX": frozenset({16, 25}),
    "ORC": frozenset({10, 11, 12, 19}),
    "PD1": frozenset({4}),
    "PR1": frozenset({8, 11, 12}),
    "PRT": frozenset({5}),
    "PV1": frozenset({7, 8, 9, 17, 52}),
    "PV2": frozenset({13}),
    "ROL": frozenset({4}),
    "RXA": frozenset({10}),
    "RXD": frozenset({10}),
    "RXE": frozenset({13, 14}),
    "SCH": frozenset({12, 16, 20}),
}
"""Fields of type XCN, in which authority and type stand elsewhere than in a CX."""

_IDENTIFIER_PARTS = {"id": 1, "authority": 4, "type": 5}
_PERSON_PARTS = {"id": 1, "authority": 9, "type": 13}


class Null(Enum):
    """The sender's `""`: delete the value. Falsy, one of its kind."""

    NULL = '""'

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "NULL"


NULL: Final = Null.NULL


class PathError(ValueError):
    """Text that is no path. `column`: 1-based character in the text at which it goes wrong."""

    def __init__(self, what: str, column: int, mend: str = "") -> None:
        self.what, self.column, self.mend = what, column, mend
        super().__init__(f"column {column}: {what}" + (f"; {mend}" if mend else ""))


@dataclass(frozen=True, slots=True)
class Selector:
    """The first repetition whose `component` says `value`; without `subcomponent`, as a whole or in its first
    part."""

    component: int
    subcomponent: int | None
    value: str


class Reader(Protocol):
    """Reads one value of a message, within a group where one is given."""

    def __call__(self, message: Message, group: Group | None = None) -> str | Null | None: ...


Cut = Callable[[str, Message], str | Null | None]
"""Cuts a value from the text of its field."""


@dataclass(frozen=True, slots=True)
class HL7Path:
    """A compiled path. Numbers count from 1; None: not said, the first. Call `read(message, group)`."""

    text: str
    segment: str
    occurrence: int | None
    field: int
    repetition: int | Selector
    component: int | None
    subcomponent: int | None
    read: Reader = dataclasses.field(repr=False, compare=False)
    sure: ClassVar[bool] = True  # reading it never faults

    def place(self, group: Group | None) -> str:
        """Where it reads, for faults."""
        return where(self, group)

    @property
    def rest(self) -> str:
        """The text behind the segment: `-7.1`."""
        return self.text[self.text.index("-") :]


_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_OCCURRENCE = re.compile(r"\[([1-9][0-9]{0,4})\]")
_FIELD = re.compile(r"-([1-9][0-9]{0,2})")
_REPETITION = re.compile(
    r"\[(?:(?P<number>[1-9][0-9]{0,4})"
    r"|(?P<part>[A-Za-z]+|[1-9][0-9]{0,2}(?:\.[1-9][0-9]{0,2})?) ?= ?(?P<value>[^\]]+))\]"
)
_PART = re.compile(r"\.([1-9][0-9]{0,2})")


def compile_path(text: str) -> HL7Path:
    """The path that `text` says. Raises `PathError`."""
    segment, at = _expect(_SEGMENT, text, 0, "a segment id of three capitals or digits", "write FT1-7.1")
    name = segment[0]
    occurrence, at = _number(_OCCURRENCE, text, at)
    found, at = _expect(_FIELD, text, at, "`-` and a field number", f"write {name}-7 or {name}[2]-7")
    number = int(found[1])
    repetition, at = _repetition(text, at, name, number)
    component, at = _number(_PART, text, at)
    subcomponent, at = _number(_PART, text, at)
    if at < len(text):
        raise PathError("the path does not end here", at + 1, "write SEG-FIELD.COMPONENT.SUBCOMPONENT")
    cut = _cut(name, number, repetition, component or 1, subcomponent or 1)
    reader = _reader(name, occurrence, number, cut)
    return HL7Path(text, name, occurrence, number, repetition, component, subcomponent, reader)


def where(path: HL7Path, group: Group | None = None) -> str:
    """Where `path` reads, for faults: `FT1[2]-7.1` in the second group, `PID-3.1` outside any, `row 3, column qty`."""
    segment = _segment(path.segment, path.occurrence, group.message, group) if group else None
    if group is None or segment is None or segment.name in group.shared:
        return path.text
    if "-" not in path.text:  # a column of a row, which knows its number in the file
        return f"row {segment.fields[1]}, column {path.text.partition('.')[2]}"
    same = group.message.segments(segment.name)
    return f"{segment.name}[{next(n for n, other in enumerate(same, 1) if other is segment)}]{path.rest}"


def _expect(pattern: re.Pattern[str], text: str, at: int, what: str, mend: str) -> tuple[re.Match[str], int]:
    found = pattern.match(text, at)
    if found is None:
        raise PathError(f"{what} belongs here", at + 1, mend)
    return found, found.end()


def _number(pattern: re.Pattern[str], text: str, at: int) -> tuple[int | None, int]:
    found = pattern.match(text, at)
    return (int(found[1]), found.end()) if found else (None, at)


def _repetition(text: str, at: int, name: str, number: int) -> tuple[int | Selector, int]:
    if text[at : at + 1] != "[":
        return 1, at
    found, end = _expect(
        _REPETITION, text, at, "a repetition", "write [2], [type=MR], [authority=NORTH], [id=7] or [5=MR]"
    )
    if found["number"]:
        return int(found["number"]), end
    component, _, subcomponent = found["part"].partition(".")
    value = found["value"].strip().strip("'\"")
    if component.isdigit():
        return Selector(int(component), int(subcomponent) if subcomponent else None, value), end
    parts = _PERSON_PARTS if number in PERSON_FIELDS.get(name, ()) else _IDENTIFIER_PARTS
    if component not in parts:
        raise PathError(
            f"`{component}` is no part of an identifier", at + 2, "write id, authority, type or a number"
        )
    return Selector(parts[component], None, value), end


def _reader(name: str, occurrence: int | None, number: int, cut: Cut) -> Reader:
    """How the field is found: see the rules of `engine.codecs.hl7v2.group`. One call deep, for it is the hot
    path."""

    def first(message: Message, group: Group | None = None) -> str | Null | None:
        found = message.by_name.get(name) if group is None else group.own.get(name) or group.shared.get(name)
        if not found:
            return None
        fields = found[0].parted or found[0].fields
        if number < len(fields) and (text := fields[number]):
            return cut(text, message)
        return None

    def counted(message: Message, group: Group | None = None) -> str | Null | None:
        segment = _segment(name, occurrence, message, group)
        if segment is None or number >= len(segment.fields) or not segment.fields[number]:
            return None
        return cut(segment.fields[number], message)

    return counted if occurrence else first


def _segment(name: str, occurrence: int | None, message: Message, group: Group | None) -> Segment | None:
    whole = group is None or (occurrence is not None and name == group.anchor)
    found = message.by_name.get(name) if whole or group is None else group.find(name)
    place = (occurrence or 1) - 1
    return found[place] if found and place < len(found) else None


def _cut(name: str, number: int, repetition: int | Selector, component: int, subcomponent: int) -> Cut:
    """How the value is cut from the text of its field, which is not empty."""
    if name in ("MSH", "FHS", "BHS") and number <= 2:
        return lambda text, message: text if repetition == component == subcomponent == 1 else None
    plain = repetition == component == subcomponent == 1

    def cut(text: str, message: Message) -> str | Null | None:
        if plain and text.isalnum():
            return text
        if text == '""':
            return NULL
        _, component_mark, repetition_mark, escape_mark, subcomponent_mark, _ = message.delimiters
        if repetition != 1 or repetition_mark in text:
            text = _chosen(text.split(repetition_mark), repetition, message)
        if component != 1 or component_mark in text:
            text = _nth(text.split(component_mark, component), component)
        if subcomponent != 1 or subcomponent_mark in text:
            text = _nth(text.split(subcomponent_mark, subcomponent), subcomponent)
        if text == '""':
            return NULL
        if escape_mark in text:
            text = unescape(text, message.delimiters, message.codec)
        return None if text.isspace() else text or None

    return cut


def _nth(parts: list[str], number: int) -> str:
    return parts[number - 1] if number <= len(parts) else ""


def _chosen(repetitions: list[str], choice: int | Selector, message: Message) -> str:
    if isinstance(choice, int):
        return _nth(repetitions, choice)
    for text in repetitions:
        if _selected(text, choice, message):
            return text
    return ""


def _selected(text: str, selector: Selector, message: Message) -> bool:
    delimiters = message.delimiters
    part = _nth(text.split(delimiters.component, selector.component), selector.component)
    if selector.subcomponent is None and unescape(part, delimiters, message.codec) == selector.value:
        return True
    part = _nth(part.split(delimiters.subcomponent), selector.subcomponent or 1)
    return unescape(part, delimiters, message.codec) == selector.value
