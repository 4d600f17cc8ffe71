"""The rule table: what is named, and what is nobody's."""

from __future__ import annotations

import pytest

from engine.codecs.hl7v2.path import PERSON_FIELDS
from engine.codecs.hl7v2.segments import SEGMENTS
from engine.deidentify import rules
from engine.deidentify.kinds import KEPT, KINDS, UNNAMED, Treatment
from engine.deidentify.rules import layout_of


def test_every_rule_is_of_a_segment_that_hl7_has():
    assert {segment for segment, _ in rules._RULES} <= SEGMENTS


def test_a_field_that_no_rule_names_is_replaced():
    assert layout_of("PID", 30, []) is UNNAMED
    assert layout_of("ZPM", 21, []) is UNNAMED


@pytest.mark.parametrize(
    "field",
    ["PID-3", "PID-5", "PID-11", "PID-13", "PID-19", "PID-18", "PID-20", "PV1-19", "PV1-50", "MRG-1", "MRG-3", "MRG-5",
     "NK1-2", "GT1-3", "IN1-2", "IN1-16", "IN1-36", "FT1-2", "FT1-23", "FT1-31", "ORC-2", "ORC-3", "PRT-20", "MSH-10"],
)  # fmt: skip
def test_what_identifies_is_replaced(field):
    segment, number = field.split("-")
    assert layout_of(segment, int(number), []).of(1) in (Treatment.REPLACE, Treatment.NAME)


@pytest.mark.parametrize(
    "field", ["MSH-7", "EVN-2", "EVN-6", "PV1-44", "PV1-45", "FT1-4", "FT1-5", "OBX-14", "PR1-5"]
)
def test_dates_of_the_patient_move(field):
    segment, number = field.split("-")
    assert layout_of(segment, int(number), []).of(1) is Treatment.MOVE


def test_no_person_is_kept():
    for segment, fields in PERSON_FIELDS.items():
        for field in fields:
            assert not {layout_of(segment, field, []).of(part) for part in range(1, 9)} & KEPT, (
                segment,
                field,
            )


def test_a_device_is_known_by_its_barcode_in_prt():
    assert layout_of("PRT", 10, []).of(1) is Treatment.DEVICE
    assert layout_of("PRT", 16, []).of(1) is Treatment.KEEP


def test_obx_2_says_what_obx_5_is():
    assert layout_of("OBX", 5, ["OBX", "1", "TX"]) is KINDS["text"]
    assert layout_of("OBX", 5, ["OBX", "1", "DT"]) is KINDS["date"]
    assert layout_of("OBX", 5, ["OBX", "1", "NM"]) is UNNAMED
    assert layout_of("OBX", 5, ["OBX"]) is KINDS["text"]
