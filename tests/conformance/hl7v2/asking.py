"""What each library, and what we, make of a message, a file or a time: the same question three ways."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import hl7
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from engine.codecs.hl7v2.ack import build_ack
from engine.codecs.hl7v2.batch import split_messages
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import NULL, compile_path
from engine.codecs.hl7v2.timestamp import parse_timestamp
from tests.conformance.hl7v2.differences import HL7APY, Difference

Ask = Callable[[str, str], object]


def theirs(entry: Difference) -> object:
    """What the library does, or the name of what it raises."""
    asked = (_HL7APY if entry.whose == HL7APY else _PYTHON_HL7)[entry.asked]
    try:
        return asked(entry.given, entry.path)
    except Exception as error:
        return type(error).__name__


def ours(entry: Difference) -> object:
    value = _OURS[entry.asked](entry.given, entry.path)
    return "NULL" if value is NULL else value


def _place(path: str) -> tuple[str, tuple[int, int, int, int]]:
    read = compile_path(path)
    assert isinstance(read.repetition, int)
    return read.segment, (read.field, read.repetition, read.component or 1, read.subcomponent or 1)


def _value_of_python_hl7(given: str, path: str) -> object:
    segment, place = _place(path)
    return hl7.parse(given).extract_field(segment, 1, *place) or None


def _acknowledged_by_python_hl7(given: str, path: str) -> object:
    return str(hl7.parse(given).create_ack("AA").segment("MSH")(9))


def _instant_of_python_hl7(given: str, path: str) -> object:
    return hl7.parse_datetime(given).astimezone(UTC).isoformat()


def _value_of_hl7apy(given: str, path: str) -> object:
    """The raw text at this place; None where nothing stands there by its own account."""
    name, (field, repetition, component, part) = _place(path)
    parsed = parse_message(given, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
    segment = next(one for one in parsed.children if one.name == name)
    fields = [one for one in segment.children if one.name == f"{name}_{field}"]
    parts = fields[repetition - 1].children
    found = next((one for one in parts if (one.name or "").endswith(f"_{component}")), None)
    if (
        found is None
        and component == 1
        and len(parts) == 1
        and not re.search("_[0-9]+$", parts[0].name or "")
    ):
        found = parts[0]
    return found.children[part - 1].to_er7() or None if found is not None else None


def _read_by_hl7apy(given: str, path: str) -> object:
    parse_message(given, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
    return "read"


def _our_value(given: str, path: str) -> object:
    return compile_path(path).read(Message.parse(given.encode()))


def _end_of_header(text: str) -> str:
    head = text.partition("\r")[0]
    return f"ends in {head.rstrip().rpartition('|')[2]}" + (" and a blank" if head.endswith(" ") else "")


def _our_acknowledgment(given: str, path: str) -> object:
    header = Message.parse(given.encode()).header
    answer = build_ack(header, "AA", now=datetime(2026, 11, 20, tzinfo=UTC), control_id="S1")
    return Message.parse(answer).header.field(9)


_PYTHON_HL7: dict[str, Ask] = {
    "value": _value_of_python_hl7,
    "segments": lambda given, path: f"{len(hl7.parse(given))} segments",
    "header": lambda given, path: _end_of_header(hl7.split_file(given)[0]),
    "acknowledgment": _acknowledged_by_python_hl7,
    "instant": _instant_of_python_hl7,
}
_HL7APY: dict[str, Ask] = {"value": _value_of_hl7apy, "readable": _read_by_hl7apy}
_OURS: dict[str, Ask] = {
    "value": _our_value,
    "segments": lambda given, path: f"{len(Message.parse(given.encode()))} segments",
    "header": lambda given, path: _end_of_header(split_messages(given.encode())[0].decode()),
    "acknowledgment": _our_acknowledgment,
    "instant": lambda given, path: (
        parse_timestamp(given, ZoneInfo("UTC")).instant.astimezone(UTC).isoformat()
    ),
    "readable": lambda given, path: "read" if len(Message.parse(given.encode())) else "",
}
