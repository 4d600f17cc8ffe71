"""Every known difference is one, and generated messages show no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hl7
import pytest
from hl7apy import SUPPORTED_LIBRARIES
from hl7apy.exceptions import UnsupportedVersion
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import NULL
from tests.conformance.hl7v2.asking import ours, theirs
from tests.conformance.hl7v2.differences import DIFFERENCES, HL7APY, PYTHON_HL7, Difference
from tests.conformance.hl7v2.test_oracles import (
    Place,
    leaves_of_hl7apy,
    leaves_of_python_hl7,
    neighbours,
    our_value,
)

ROOT = Path(__file__).parents[3]
USUAL = ("|", "^", "~", "\\", "&")
PIECES = (
    "A", "ü1", "100.50", "001", "-0", " ", '""', "", "", "\\F\\", "\\S\\", "\\T\\", "\\R\\", "\\E\\", "\\P\\",
    "\\X41\\", "\\XC3A4\\", "\\X0D\\", "\\.br\\", "\\.sp2\\", "\\.in+4\\", "\\H\\b\\N\\", "\\Zq\\", "\\", "C:\\x",
    "#", "^", "&", "~",
)  # fmt: skip
"""Of these a field is put together, delimiters among them, as they stand in a message with the usual ones."""

FIELDS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
HEADERS = st.tuples(
    FIELDS,
    FIELDS,
    st.sampled_from(["DFT^P03", "DFT^P03^DFT_P03", "ADT^A08"]),
    st.sampled_from(["2.3", "2.5.1"]),
)
SEGMENTS = st.tuples(
    st.sampled_from(["PID", "PV1", "FT1", "NTE", "ZPM", "Z1A"]), st.lists(FIELDS, min_size=1, max_size=8)
)
MARKS = st.one_of(st.just(USUAL), st.permutations("|^~\\&$%*@!;:+=").map(lambda marks: tuple(marks[:5])))
FEW = settings(max_examples=150)


@pytest.mark.parametrize("entry", DIFFERENCES, ids=lambda entry: f"{entry.whose}: {entry.what}")
def test_a_known_difference_is_still_one(entry: Difference) -> None:
    assert (theirs(entry), ours(entry)) == (entry.theirs, entry.ours)
    assert entry.theirs != entry.ours


def written(marks: tuple[str, ...], header: tuple[str, ...], segments: list[tuple[str, list[str]]]) -> str:
    """A message with these delimiters; each segment ends in a field that is there."""
    app, facility, kind, version = header
    head = "|".join(("MSH", "^~\\&", app, facility, "", "", "20261120", "", kind, "C1", "P", version))
    lines = [head, *("|".join((name, *fields, "end")) for name, fields in segments)]
    return "\r".join(lines).translate(str.maketrans(dict(zip(USUAL, marks, strict=True))))


def usual(text: str, marks: tuple[str, ...]) -> str:
    return text.translate(str.maketrans(dict(zip(marks, USUAL, strict=True))))


def explained(whose: str, message: Message, place: Place, marks: tuple[str, ...]) -> bool:
    """The field that is read otherwise bears the sign of a known difference."""
    fields = list(message)[place[0]].fields
    raw = usual(fields[place[1]], marks) if place[1] < len(fields) else ""
    return any(entry.sign and re.search(entry.sign, raw) for entry in DIFFERENCES if entry.whose == whose)


@pytest.mark.filterwarnings("ignore:The 'warn' method:DeprecationWarning")
@FEW
@given(MARKS, HEADERS, st.lists(SEGMENTS, min_size=1, max_size=3))
def test_python_hl7_reads_the_same_of_what_is_generated_but_for_what_is_known(
    marks: tuple[str, ...], header: tuple[str, ...], segments: list[Any]
) -> None:
    text = written(marks, header, segments)
    message, parsed = Message.parse(text.encode()), hl7.parse(text)
    leaves = leaves_of_python_hl7(parsed)
    assert message.text == text
    for place in neighbours(leaves):
        if place[:2] in ((0, 1), (0, 2)):
            continue  # MSH-1 and MSH-2 have no parts
        value = our_value(message, place)
        said = '""' if value is NULL else value or ""
        assert said == parsed.unescape(leaves.get(place, "")) or explained(
            PYTHON_HL7, message, place, marks
        ), place


@FEW
@given(MARKS, HEADERS, st.lists(SEGMENTS, min_size=1, max_size=3))
def test_hl7apy_reads_the_same_of_what_is_generated_but_for_what_is_known(
    marks: tuple[str, ...], header: tuple[str, ...], segments: list[Any]
) -> None:
    text = written(marks, header, segments)
    message = Message.parse(text.encode())
    try:
        leaves, unplaced = leaves_of_hl7apy(text)
    except UnsupportedVersion:  # with `+` for `|`, `\.in+4\` is two fields, and others stand for MSH-12
        assert our_value(message, (0, 12, 1, 1, 1)) not in SUPPORTED_LIBRARIES
        return
    for place in neighbours(leaves):
        if place[:2] in ((0, 1), (0, 2)) or place[:2] in unplaced or (place[0], 0) in unplaced:
            continue  # by its own account something of it has no place
        value = our_value(message, place)
        said = '""' if value is NULL else value or ""
        assert said == (leaves.get(place, "") if leaves.get(place, "").strip() else "") or explained(
            HL7APY, message, place, marks
        ), place


def test_a_sign_is_borne_by_what_its_entry_gives() -> None:
    """So that no sign explains more than it was written for and less than it shows."""
    for entry in DIFFERENCES:
        if entry.sign:
            message = Message.parse(entry.given.encode())
            fields = [text for segment in message for text in segment.fields]
            assert any(re.search(entry.sign, text) for text in fields), entry.what


def told(value: object) -> str:
    """As the guide writes it: control characters by name, nothing at all as such."""
    if value is None:
        return "nothing"
    text = str(value).replace("\r", "<CR>").replace("\n", "<LF>").replace("|", "\\|")
    return f"`{text}`" if text.strip() else "blanks"


def test_the_guide_has_this_table() -> None:
    guide = (ROOT / "docs" / "guide" / "hl7-doors.md").read_text()
    rows = [
        f"| {one.what} | {one.whose} | {told(one.theirs)} | {told(one.ours)} | {one.why} | {one.right} |"
        for one in DIFFERENCES
    ]
    table = [line for line in guide.splitlines() if line.startswith("| ") and f" | {PYTHON_HL7} | " in line]
    table += [line for line in guide.splitlines() if line.startswith("| ") and f" | {HL7APY} | " in line]
    assert sorted(table) == sorted(rows)
