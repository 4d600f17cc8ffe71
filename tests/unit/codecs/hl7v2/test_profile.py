"""Conformance profiles: what certainly does not fit, by place and code."""

from __future__ import annotations

import pytest

from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.profile import Profile, ProfileError

XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<HL7v2xConformanceProfile HL7Version="2.5.1" ProfileType="Implementation">
  <HL7v2xStaticDef MsgType="DFT" EventType="P03" MsgStructID="DFT_P03">
    <Segment Name="MSH" Usage="R" Min="1" Max="1">
      <Field Name="Field Separator" Usage="R" Min="1" Max="1" Datatype="ST" Length="1"/>
      <Field Name="Encoding Characters" Usage="R" Min="1" Max="1" Datatype="ST" Length="4"/>
      <Field Name="Sending Application" Usage="R" Min="1" Max="1" Datatype="HD" Length="20"/>
    </Segment>
    <Segment Name="PID" Usage="R" Min="1" Max="1">
      <Field Name="Set ID" Usage="O" Min="0" Max="1" Datatype="SI" Length="4"/>
      <Field Name="Patient ID" Usage="X" Min="0" Max="1" Datatype="CX" Length="20"/>
      <Field Name="Patient Identifier List" Usage="R" Min="1" Max="2" Datatype="CX" Length="250">
        <Component Name="ID" Usage="R" Datatype="ST" Length="8"/>
        <Component Name="Check Digit" Usage="X" Datatype="ST"/>
        <Component Name="Check Digit Scheme" Usage="O" Datatype="ID"/>
        <Component Name="Assigning Authority" Usage="R" Datatype="HD"/>
      </Field>
    </Segment>
    <Segment Name="ZZZ" Usage="X" Min="0" Max="0"/>
    <SegGroup Name="FINANCIAL" Usage="R" Min="1" Max="*">
      <Segment Name="FT1" Usage="R" Min="1" Max="1">
        <Field Name="Set ID" Usage="RE" Min="0" Max="1" Datatype="SI" Length="4"/>
        <Field Name="Transaction ID" Usage="R" Min="1" Max="1" Datatype="ST" Length="12"/>
      </Segment>
      <SegGroup Name="PROCEDURE" Usage="O" Min="0" Max="*">
        <Segment Name="PR1" Usage="R" Min="1" Max="1"/>
        <Segment Name="ROL" Usage="R" Min="1" Max="1">
          <Field Name="Instance" Usage="R" Min="1" Max="1" Datatype="EI"/>
        </Segment>
      </SegGroup>
    </SegGroup>
    <Segment Name="ROL" Usage="O" Min="0" Max="*"/>
  </HL7v2xStaticDef>
</HL7v2xConformanceProfile>"""

GOOD = "MSH|^~\\&|EHR|N|S|E|20261120||DFT^P03|C1|P|2.5.1\rPID|1||7^^^N\rFT1|1|T1\rFT1|2|T2\r"


def misses(text: str, profile: bytes = XML) -> list[tuple[int, str, str]]:
    return list(map(tuple, Profile.parse(profile).misses(Message.parse(text.encode()), lambda: None)))


def test_what_fits_has_no_miss() -> None:
    assert misses(GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "miss"),
    [
        ("|EHR|", "||", (101, "MSH-3", "it is required")),
        ("|EHR|", f"|{'E' * 21}|", (104, "MSH-3", "it is too long")),
        ("PID|1||7^^^N\r", "", (101, "PID[1]-1", "a segment is missing")),
        (
            "PID|1||7^^^N\r",
            "PID|1||7^^^N\rPID|2||8^^^N\r",
            (207, "PID[2]-1", "a segment is not expected here"),
        ),
        ("PID|1||", "PID|1|9|", (207, "PID-2", "it is not supported")),
        ("|7^^^N", "|", (101, "PID-3", "it is required")),
        ("|7^^^N", "|^^^N", (101, "PID-3.1", "it is required")),
        ("|7^^^N", "|7", (101, "PID-3.4", "it is required")),
        ("|7^^^N", "|7^1^^N", (207, "PID-3.2", "it is not supported")),
        ("|7^^^N", "|123456789^^^N", (104, "PID-3.1", "it is too long")),
        ("|7^^^N", "|7^^^N~8^^^N~9^^^N", (207, "PID-3", "it is repeated too often")),
        ("|7^^^N", "|7^^^N~^^^N", (101, "PID-3.1", "it is required")),
        ("FT1|2|T2", "FT1|2|", (101, "FT1[2]-2", "it is required")),
        ("FT1|1|T1\rFT1|2|T2\r", "", (101, "FT1[1]-1", "a segment is missing")),
        ("FT1|1|", "ZZZ|1\rFT1|1|", (207, "ZZZ[1]-1", "a segment is not expected here")),
    ],
)
def test_a_miss_is_told_by_place_and_code(before: str, after: str, miss: tuple[int, str, str]) -> None:
    assert before in GOOD
    assert misses(GOOD.replace(before, after)) == [miss]


def test_what_may_be_left_out_or_stands_in_two_places_is_not_asked() -> None:
    assert misses(GOOD + "ROL|\r") == []


def test_it_is_for_messages_of_its_type() -> None:
    profile = Profile.parse(XML)
    assert profile.fits(Message.parse(GOOD.encode()))
    assert not profile.fits(Message.parse(GOOD.replace("P03", "P11").encode()))
    assert Profile.parse(XML.replace(b' EventType="P03"', b"")).fits(
        Message.parse(GOOD.replace("P03", "P11").encode())
    )


def test_a_breath_is_taken_before_each_segment() -> None:
    breaths: list[int] = []
    list(Profile.parse(XML).misses(Message.parse(GOOD.encode()), lambda: breaths.append(1)))
    assert len(breaths) == 4


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"no XML", "it is not XML: line 1, column 1"),
        (b"<Profile/>", "no HL7v2xStaticDef"),
        (b"<HL7v2xStaticDef/>", "MsgType"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entities"),
        (XML.replace(b'Max="2"', b'Max="two"'), "no number"),
    ],
)
def test_what_is_no_profile_says_why(xml: bytes, why: str) -> None:
    with pytest.raises(ProfileError, match=why):
        Profile.parse(xml)
