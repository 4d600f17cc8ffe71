"""Our reading against python-hl7's and hl7apy's. Explained differences: differences.py beside this file."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hl7
import pytest
from hl7apy import load_reference
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import InvalidName
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codecs.hl7v2.ack import build_ack
from engine.codecs.hl7v2.batch import split_messages
from engine.codecs.hl7v2.delimiters import read_delimiters
from engine.codecs.hl7v2.escape import escape, unescape
from engine.codecs.hl7v2.group import CLOSING
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import NULL, PERSON_FIELDS, compile_path
from engine.codecs.hl7v2.timestamp import parse_timestamp

Place = tuple[int, int, int, int, int]
"""Segment from 0, field, repetition, component, subcomponent from 1."""

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.2")


def normal(raw: bytes) -> str:
    """What a careful person would feed to a strict parser: `\\r` between segments, no blanks at the ends of
    any but MSH."""
    text = raw.decode("utf-8-sig").replace("\r\n", "\r").replace("\n", "\r")
    lines = [line for line in text.split("\r") if line.strip()]
    return "\r".join((lines[0], *(line.rstrip(" \t") for line in lines[1:])))


def leaves_of_python_hl7(parsed: hl7.Message) -> dict[Place, str]:
    """Raw text of every leaf that is not empty."""

    def walk(node: Any, place: tuple[int, ...]) -> Iterator[tuple[Place, str]]:
        if isinstance(node, str):
            segment, field, repetition, component, subcomponent = (*place, 1, 1, 1)[:5]
            yield (segment, field, repetition, component, subcomponent), node
            return
        for number, child in enumerate(node, 1):
            yield from walk(child, (*place, number))

    found = {}
    for number, segment in enumerate(parsed):
        for field in range(1, len(segment)):
            found.update({place: text for place, text in walk(segment[field], (number, field)) if text})
    return found


def leaves_of_hl7apy(text: str) -> tuple[dict[Place, str], set[tuple[int, int]]]:
    """Raw text of every leaf that has a position; fields of which some part has none, field 0: one without a
    number."""
    found: dict[Place, str] = {}
    unplaced: set[tuple[int, int]] = set()
    parsed = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
    for number, segment in enumerate(parsed.children):
        repetitions: dict[int, int] = {}
        for field in segment.children:
            where = _number(field.name)
            if where is None:
                unplaced.add((number, 0))
                continue
            repetition = repetitions[where] = repetitions.get(where, 0) + 1
            for component in field.children:
                for part in component.children:
                    at = _part(component.name, len(field.children)), _part(part.name, len(component.children))
                    if None in at:
                        unplaced.add((number, where))
                    else:
                        found[number, where, repetition, at[0], at[1]] = part.to_er7()
    return {place: text for place, text in found.items() if text}, unplaced


def _number(name: str | None) -> int | None:
    found = re.fullmatch(r"[A-Z0-9]{2,3}_([0-9]+)", name or "")
    return int(found[1]) if found else None


def _part(name: str | None, siblings: int) -> int | None:
    return _number(name) or (1 if siblings == 1 else None)


def our_value(message: Message, place: Place) -> object:
    """What a path to this place reads."""
    number, field, repetition, component, subcomponent = place
    segments = list(message)
    name = segments[number].name
    occurrence = sum(segment.name == name for segment in segments[: number + 1])
    return compile_path(f"{name}[{occurrence}]-{field}[{repetition}].{component}.{subcomponent}").read(
        message
    )


def as_value(raw: str, message: Message, place: Place) -> object:
    """What we make of an oracle's raw text: nothing, NULL or text unescaped."""
    if list(message)[place[0]].name == "MSH" and place[1] <= 2:
        return raw or None
    return NULL if raw == '""' else unescape(raw, message.delimiters, message.codec) if raw.strip() else None


def as_number(value: object) -> Decimal | None:
    """hl7apy writes the number 001 as 1."""
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"[0-9.]*[0-9]", value) else None


def neighbours(places: dict[Place, str]) -> set[Place]:
    """Every place, and the next one in each direction, so that what an oracle has not is asked for too."""
    more = set(places)
    for place in places:
        more |= {(*place[:n], place[n] + 1, *place[n + 1 :]) for n in range(1, 5)}  # type: ignore[misc]
    return more


def test_every_value_of_a_sample_is_where_python_hl7_finds_it(sample: bytes) -> None:
    message, text = Message.parse(sample), normal(sample)
    theirs = leaves_of_python_hl7(hl7.parse(text))
    assert message.text == text
    assert len(theirs) > 10
    for place in neighbours(theirs):
        if place[0] == 0 and place[1] == 2 and place[2:] != (1, 1, 1):
            continue  # MSH-2 has no parts
        field_is_null = theirs.get((*place[:2], 1, 1, 1)) == '""' and not any(
            other[:2] == place[:2] and other[2:] != (1, 1, 1) for other in theirs
        )
        expected = NULL if field_is_null else as_value(theirs.get(place, ""), message, place)
        assert our_value(message, place) == expected, place


def test_every_value_of_a_sample_is_where_hl7apy_finds_it(sample: bytes) -> None:
    message, text = Message.parse(sample), normal(sample)
    if message.segments("ACK"):
        with pytest.raises(InvalidName):
            parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
        return
    theirs, unplaced = leaves_of_hl7apy(text)
    for place, value in theirs.items():
        if place[0] == 0 and place[1] <= 2:
            continue  # it escapes the delimiters that MSH names
        ours, expected = our_value(message, place), as_value(value, message, place)
        assert ours == expected or as_number(ours) == as_number(expected) is not None, place
    for place, value in leaves_of_python_hl7(hl7.parse(text)).items():
        if value.strip() and place not in theirs:
            assert place[:2] in unplaced or (place[0], 0) in unplaced, place


def test_the_samples_are_all_here_and_say_whence_they_are(
    samples: dict[str, bytes], sample_files: list[Path]
) -> None:
    root = sample_files[0].parents[1]
    told = {line.split("\t")[0] for line in (root / "SOURCES.tsv").read_text().splitlines()[1:]}
    assert {str(path.relative_to(root)) for path in sample_files} <= told
    assert len(samples) >= 17


YEAR_1900, YEAR_2100 = datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2100-01-01")
MARKS = st.permutations(list("|^~\\&$%*@!;:")).map(lambda marks: (marks[0], "".join(marks[1:5])))
VALUES = st.one_of(
    st.sampled_from(["", "", "1", '""', "A-1", "100.50", "20261120"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=6),
)
FIELDS = st.lists(
    st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=3
)
SEGMENTS = st.tuples(st.sampled_from(["PID", "FT1", "ZPM", "NTE", "Z1A"]), st.lists(FIELDS, max_size=5))


def written(separator: str, encoding: str, segments: list[tuple[str, list[Any]]]) -> str:
    marks = read_delimiters(separator, encoding)

    def sent(value: str) -> str:
        return value if value == '""' else escape(value, marks)

    lines = [separator.join(("MSH" + separator + encoding, "A", "B", "", "", "", "", "DFT", "1", "P", "2.5"))]
    for name, fields in segments:
        texts = [
            marks.repetition.join(
                marks.component.join(marks.subcomponent.join(map(sent, parts)) for parts in components)
                for components in field
            )
            for field in fields
        ]
        lines.append(separator.join((name, *texts, "end")))
    return "\r".join(lines)


@settings(max_examples=150)
@given(MARKS, st.lists(SEGMENTS, min_size=1, max_size=4))
def test_every_generated_value_is_read_as_it_was_meant(marks: tuple[str, str], segments: list[Any]) -> None:
    text = written(*marks, segments)
    raw = text.encode()
    message = Message.parse(raw)
    assert message.raw == raw
    assert message.text == text
    for segment in list(message)[1:]:
        assert marks[0].join(segment.fields) == segment.text
    theirs = leaves_of_python_hl7(hl7.parse(text))
    for number, (_, fields) in enumerate(segments, 1):
        for f, field in enumerate(fields, 1):
            if field == [[['""']]]:
                continue
            for r, components in enumerate(field, 1):
                for c, parts in enumerate(components, 1):
                    for s, meant in enumerate(parts, 1):
                        place = (number, f, r, c, s)
                        value = our_value(message, place)
                        assert value == (NULL if meant == '""' else meant if meant.strip() else None), place
                        assert value == as_value(theirs.get(place, ""), message, place), place


@given(
    st.lists(
        st.sampled_from(["\\F\\", "\\S\\", "\\T\\", "\\R\\", "\\E\\", "\\X41\\", "\\X7C\\", "a", "B ", "|"]),
        max_size=8,
    )
)
def test_common_escapes_mean_what_python_hl7_says(pieces: list[str]) -> None:
    container = hl7.parse("MSH|^~\\&|A\rPID|1")
    text = "".join(pieces)
    assert unescape(text, read_delimiters("|", "^~\\&")) == container.unescape(text)


@given(
    st.datetimes(YEAR_1900, YEAR_2100),
    st.sampled_from(["+0000", "-0600", "+0215", "-0330", "+1400", "-1200"]),
    st.sampled_from(["%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"]),
)
def test_instants_are_those_of_python_hl7(moment: datetime, offset: str, form: str) -> None:
    text = moment.strftime(form) + offset
    theirs = hl7.parse_datetime(text)
    assert parse_timestamp(text, ZoneInfo("Asia/Tokyo")).instant == theirs.astimezone(UTC)


def test_local_times_are_those_of_python_hl7() -> None:
    zone = ZoneInfo("America/Chicago")
    for text in ("2026112010", "202607011200", "20260701120030"):
        assert parse_timestamp(text, zone).instant == hl7.parse_datetime(text).replace(
            tzinfo=zone
        ).astimezone(UTC)


def test_files_are_taken_apart_as_python_hl7_does(sample_file: Path) -> None:
    theirs = hl7.split_file(normal(sample_file.read_bytes()))
    ours = [normal(raw) for raw in split_messages(sample_file.read_bytes())]
    assert [text.replace(" \r", "\r") for text in ours] == [text.rstrip("\r") for text in theirs]


def test_the_acknowledgment_is_the_one_of_python_hl7(sample: bytes) -> None:
    message = Message.parse(sample)
    theirs = hl7.parse(normal(sample)).create_ack("AE", message_id="S1")
    ours = hl7.parse(
        build_ack(message.header, "AE", now=datetime(2026, 11, 20, tzinfo=UTC), control_id="S1").decode()
    )
    for field in (2, 3, 4, 5, 6, 10, 11, 12):
        assert str(ours[0][field]) == str(theirs[0][field]), field
    assert str(ours[0][9])[:7] == str(theirs[0][9])[:7]
    assert [str(field) for field in ours[1]] == [str(field) for field in theirs[1]]


@pytest.mark.parametrize("segment", sorted(PERSON_FIELDS))
def test_fields_of_persons_are_those_of_hl7apy(segment: str) -> None:
    theirs = set()
    for version in VERSIONS:
        fields = importlib.import_module(f"hl7apy.v{version.replace('.', '_')}.fields").FIELDS
        theirs |= {
            _number(name)
            for name, spec in fields.items()
            if name.startswith(f"{segment}_") and spec[2] == "XCN"
        }
    assert theirs == PERSON_FIELDS[segment]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_closes_a_dft_is_what_hl7apy_has_behind_its_charges(version: str) -> None:
    children = [child[0] for child in load_reference("DFT_P03", "Message", version)[1]]
    behind = set(children[children.index("DFT_P03_FINANCIAL") + 1 :]) - {"DFT_P03_INSURANCE"}
    assert behind | {"IN1", "IN2", "IN3"} == CLOSING
