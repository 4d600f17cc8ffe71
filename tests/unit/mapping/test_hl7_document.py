"""HL7 messages from the trees of write maps: places, repeats, escapes, and what our own lexer reads back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import compile_path
from engine.mapping.hl7_document import dump
from engine.mapping.spec import SpecError
from engine.mapping.writer import WriteMap, WriteSpec

CHARGE = {
    "MSH-3": {"text": "SUTURE"},
    "MSH-7": "received_at",
    "PID-3.1": "patient",
    "PID-18": "account",
    "FT1": {
        "each": "lines",
        "give": {
            "FT1-1": "number",
            "FT1-4": "used_on",
            "FT1-7.1": "code",
            "FT1-10": "quantity",
            "FT1-11?": "amount",
        },
    },
}


def written(document, names, lines) -> Message:
    spec = WriteSpec(name="x", path="/", document=document, message="DFT^P03")
    return Message.parse(WriteMap.compile(spec).render({"reference": "REF1", **names}, lines))


def value(message: Message, place: str) -> str | None:
    return compile_path(place).read(message, None)


def test_a_charge_is_a_message_with_a_segment_for_each_line():
    lines = [
        {
            "number": 1,
            "used_on": date(2026, 11, 20),
            "code": "A",
            "quantity": Decimal("2"),
            "amount": Decimal("12.50"),
        },
        {"number": 2, "used_on": date(2026, 11, 20), "code": "B", "quantity": Decimal("1")},
    ]
    moment = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    message = written(CHARGE, {"patient": "M1", "account": "A1", "received_at": moment}, lines)
    assert [len(message.segments(name)) for name in ("MSH", "PID", "FT1")] == [1, 1, 2]
    assert value(message, "MSH-9.1") == "DFT"
    assert value(message, "MSH-10") == "REF1"
    assert value(message, "MSH-7") == "20261120160000+0000"
    assert value(message, "PID-18") == "A1"
    assert value(message, "FT1[1]-11") == "12.50"
    assert value(message, "FT1[2]-7.1") == "B"
    assert not value(message, "FT1[2]-11")


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_whatever_a_value_is_it_is_read_back(text):
    message = Message.parse(dump({"PID-5.2": text, "PID-7": "after"}, "ADT^A08", "R"))
    assert value(message, "PID-5.2") == (text if text.strip() else None)
    assert value(message, "PID-7") == "after"


def test_subcomponents_and_gaps_stand_where_they_belong():
    raw = dump({"OBX-3.1.2": "s", "OBX-5": "v"}, "ORU^R01", "R")
    assert raw.split(b"\r")[1] == b"OBX|||&s||v"


@pytest.mark.parametrize("key", ["PID", "pid-3", "PID-0", "PID-3.1.1.1", "MSH-10", "MSH-9"])
def test_a_key_that_is_no_place_is_a_fault(key):
    spec = WriteSpec(name="x", path="/", document={key: {"text": "1"}}, message="DFT^P03")
    with pytest.raises(SpecError) as caught:
        WriteMap.compile(spec)
    assert [fault.code for fault in caught.value.faults] == ["MAP054"]
