"""What is known of each version's segments, against an independent library that has the standard's tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import hl7apy
import pytest

from engine.codecs.fhir.elements import RELEASES
from engine.codecs.hl7v2.path import compile_path
from engine.codecs.hl7v2.segments import SEGMENTS
from engine.codecs.hl7v2.structure import VERSIONS, beyond, is_counter
from engine.site.schema.mapping import Version

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FILE = Path(__file__).parents[3] / "engine" / "codecs" / "hl7v2" / "structure.txt"


def shape_of(fields) -> str:
    """One digit for each field: how many components it has."""
    digits: dict[int, str] = {}
    for name, reference, _, _ in fields:
        number = int(name.rsplit("_", 1)[1])
        kind, parts, datatype = reference[:3]
        varies = datatype == "varies" or (kind != "leaf" and not parts)
        digits[number] = "*" if varies else DIGITS[1 if kind == "leaf" else len(parts)]
    return "".join(digits.get(number, "*") for number in range(1, max(digits, default=0) + 1))


def lines() -> Iterator[str]:
    shapes: dict[tuple[str, str], list[str]] = {}
    for version in VERSIONS:
        for name, described in hl7apy.load_library(version).SEGMENTS.items():
            if name in SEGMENTS and len(described) == 2 and described[1]:
                shapes.setdefault((name, shape_of(described[1])), []).append(version)
    for (name, shape), versions in sorted(shapes.items()):
        yield f"{name} {','.join(versions)} {shape}"


def test_what_is_known_of_each_segment_is_what_the_standard_says() -> None:
    assert FILE.read_text("ascii") == "\n".join(lines()) + "\n"


def test_what_counts_the_lines_of_a_message_is_known() -> None:
    first = {
        segment
        for version in VERSIONS
        for segment, described in hl7apy.load_library(version).SEGMENTS.items()
        if segment in SEGMENTS and len(described) == 2 and described[1]
        for name, reference, _, _ in described[1][:1]
        if name.endswith("_1") and reference[2:3] == ("SI",)
    }
    assert {one for one in SEGMENTS if is_counter(compile_path(f"{one}-1"))} == first | {"RXA", "RXD", "RXG"}
    assert not is_counter(compile_path("FT1-2"))


def test_a_read_map_may_declare_each_of_them() -> None:
    assert get_args(Version) == (*VERSIONS, *RELEASES)


@pytest.mark.parametrize(
    ("path", "version"),
    [("FT1-7.1", "2.5.1"), ("PID-18.4", "2.3"), ("PRT-19", "2.8.2"), ("PRT-19", None), ("ZPM-99.9", "2.1"),
     ("OBX-5.9", "2.5.1"), ("PID-3[type=MR].1", "2.4"), ("MSH-9.2", "2.5.1"), ("FT1[2]-10", None)],
)  # fmt: skip
def test_what_the_version_has_may_be_read(path: str, version: str | None) -> None:
    assert beyond(compile_path(path), version) is None


@pytest.mark.parametrize(
    ("path", "version", "what", "mend"),
    [
        ("PRT-19", "2.5.1", "HL7 2.5.1 has no segment PRT", "version: 2.8"),
        ("FT1-31", "2.3", "FT1 has 25 fields in HL7 2.3", "version: 2.5"),
        ("FT1-99", None, "FT1 has", "look at a message"),
        ("PV1-2.3", "2.5.1", "PV1-2 has 1 component in HL7 2.5.1", "version: 2.7"),
        ("PID-3.40", None, "PID-3 has", "look at a message"),
    ],
)
def test_what_no_message_of_the_version_has_is_told_with_the_version_that_has_it(
    path: str, version: str | None, what: str, mend: str
) -> None:
    told = beyond(compile_path(path), version)
    assert told is not None
    assert what in told[0]
    assert mend in told[1]
