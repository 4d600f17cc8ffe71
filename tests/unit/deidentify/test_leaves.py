"""Every value has its place, and goes back to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.lexer import Message
from engine.deidentify.leaves import Place, leaves_of, written


def places(raw: bytes) -> dict[str, str]:
    return {str(leaf.place): leaf.meant for leaf in leaves_of(Message.parse(raw))}


def test_places_are_said_as_analysts_say_them(message):
    found = places(message('PID|1||A^^^N~B^^^N&2||""', "PID|2", "NTE|1||a\\T\\b"))
    assert found["PID[1]-3[2].1"] == "B"
    assert found["PID[1]-3[2].4.2"] == "2"
    assert found["PID[2]-1.1"] == "2"
    assert found["NTE[1]-3.1"] == "a&b"
    assert not any(place.startswith("PID[1]-5") for place in found)
    assert not any(place.startswith(("MSH[1]-1.", "MSH[1]-2.")) for place in found)


def test_what_stands_behind_a_line_feed_is_stray(message):
    leaves = {
        str(leaf.place): leaf.stray for leaf in leaves_of(Message.parse(message("FT1|1||x\nhe said|more")))
    }
    assert leaves["FT1[1]-1.1"] is False
    assert leaves["FT1[1]-3.1"] is True
    assert leaves["FT1[1]-4.1"] is True


def test_a_patient_begins_with_each_pid(message):
    leaves = {
        str(one.place): one.patient
        for one in leaves_of(Message.parse(message("PID|1", "PV1|1", "PID|2", "PV1|2")))
    }
    assert (leaves["MSH[1]-3.1"], leaves["PV1[1]-1.1"], leaves["PV1[2]-1.1"]) == (0, 0, 1)


def test_segments_that_hl7_does_not_have_and_envelopes_are_left_out(message):
    parsed = Message.parse(message("BOB|called", "BHS|^~\\&|X", "PID|1"))
    assert written(parsed, lambda place, raw: raw).split("\r")[1:] == ["PID|1"]


def test_msh_2_says_nothing_but_delimiters():
    parsed = Message.parse(b"MSH|^~\\&JOHN|EHR|N")
    assert written(parsed, lambda place, raw: raw) == "MSH|^~\\&|EHR|N"


@given(texts=st.lists(st.text('aB1^~\\&|"', max_size=20), max_size=4))
def test_unchanged_values_give_the_message_back(message, texts):
    raw = message(*(f"ZZ{number}|{text}" for number, text in enumerate(texts)))
    parsed = Message.parse(raw)
    assert written(parsed, lambda place, raw: raw) == parsed.text
    assert all(isinstance(leaf.place, Place) for leaf in leaves_of(parsed))
