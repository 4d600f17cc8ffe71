"""What is answered to a master, record by record: no more than is known at the door."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.codecs.hl7v2.ack import build_ack
from engine.codecs.hl7v2.header import peek
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.master import answered

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
MFN = (
    "MSH|^~\\&|MAT|N|S|N|20261201||MFN^M16^MFN_M16|7|P|2.8.2\rMFI|INV^Items^HL70175||UPD|20261201||{level}\r"
    "MFE|MAD|1|20261201|A&B^x|CWE\rITM|A\rMFE|MDL|2||C|CWE\r"
)


def told(level: str = "AL", *, taken: bool = True) -> list[str]:
    return answered(MFN.format(level=level).encode(), None, None, taken=taken, now=NOW)


def test_each_record_that_is_taken_is_told_as_stored_and_not_as_done():
    assert told() == [
        "MFI|INV^Items^HL70175||UPD|20261201||AL",
        "MFA|MAD|1|20261201060000+0000|^stored|A&B^x|CWE",
        "MFA|MDL|2|20261201060000+0000|^stored|C|CWE",
    ]


def test_of_a_message_that_is_refused_each_record_is_unsuccessful():
    assert [line.split("|")[4] for line in told(taken=False)[1:]] == ["U", "U"]


@pytest.mark.parametrize(
    ("level", "taken", "records"),
    [
        ("NE", True, 0),
        ("NE", False, 0),
        ("ER", True, 0),
        ("ER", False, 2),
        ("SU", True, 2),
        ("SU", False, 0),
        ("", True, 2),
    ],
)
def test_a_sender_says_of_which_records_it_wants_to_hear(level, taken, records):
    assert len(told(level, taken=taken)) == 1 + records


def test_what_is_no_master_file_has_no_answer_of_its_own():
    assert (
        answered(b"MSH|^~\\&|M|N|S|N|1||MFN^M16|7|P|2.8.2\rMFE|MAD\r", None, None, taken=True, now=NOW) == []
    )
    assert answered(b"nothing", None, None, taken=True, now=NOW) == []


@pytest.mark.parametrize(("version", "kind"), [("2.8.2", "MFK^M16^MFK_M01"), ("2.3", "MFK^M16")])
def test_the_answer_is_an_mfk_whatever_the_trigger(version, kind):
    header = peek(MFN.format(level="AL").replace("2.8.2", version).encode(), None, None)
    ack = build_ack(header, "AA", now=NOW, control_id="1", typed=True, records=told())
    assert peek(ack, None, None).field(9) == kind
    assert [segment.name for segment in Message.parse(ack).segments("MFA")] == ["MFA", "MFA"]
    assert ack.split(b"\r")[1:3] == [b"MSA|AA|7", b"MFI|INV^Items^HL70175||UPD|20261201||AL"]
    assert b"ACK^M16" in build_ack(header, "CA", now=NOW, control_id="1", typed=True)
