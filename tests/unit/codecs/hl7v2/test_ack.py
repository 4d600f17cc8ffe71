"""Answers: whether, which, in what bytes, and read back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.ack import (
    Ack,
    AckError,
    Location,
    accept_answer,
    application_answer,
    build_ack,
    parse_ack,
    read_location,
)
from engine.codecs.hl7v2.header import Header, peek
from engine.codecs.hl7v2.lexer import Message

NOW = datetime(2026, 11, 20, 10, 15, 0, tzinfo=UTC)


def header(
    version: str = "2.5.1",
    *,
    accept: str = "",
    application: str = "",
    charset: str = "",
    kind: str = "DFT^P03",
) -> Header:
    return peek(
        f"MSH|^~\\&|EHR^1.2|NORTH|SUTURE|ERP|20261120||{kind}^X|C/1|T^I|{version}|||{accept}|{application}||{charset}".encode()
    )


def built(sender: Header, code: str = "AA", **said: object) -> bytes:
    return build_ack(sender, code, now=NOW, control_id="S1", **said)  # type: ignore[arg-type]


def test_a_plain_ack_swaps_the_parties_and_copies_what_it_must() -> None:
    assert built(header(charset="8859/1")) == (
        b"MSH|^~\\&|SUTURE|ERP|EHR^1.2|NORTH|20261120101500+0000||ACK^P03^ACK|S1|T^I|2.5.1||||||8859/1\rMSA|AA|C/1\r"
    )


@pytest.mark.parametrize(
    ("version", "kind", "type_"),
    [
        ("2.5.1", "DFT^P03", b"ACK^P03^ACK"),
        ("2.3.1", "DFT^P03", b"ACK^P03^ACK"),
        ("2.10", "DFT^P03", b"ACK^P03^ACK"),
        ("2.3", "DFT^P03", b"ACK^P03"),
        ("", "DFT^P03", b"ACK^P03"),
        ("x", "DFT^P03", b"ACK^P03"),
        ("2.5", "DFT", b"ACK"),
    ],
)
def test_the_type_of_the_answer_fits_the_version(version: str, kind: str, type_: bytes) -> None:
    sender = peek(f"MSH|^~\\&|||||||{kind}|1|P|{version}".encode())
    assert built(sender).split(b"|")[8] == type_


def test_the_answer_is_in_the_senders_delimiters() -> None:
    sender = peek(b"MSH^~|\\&#^V~1^500^S^E^2026^^OMS~O05^7|7^P^2.4")
    assert built(sender, text="a^b|c") == (
        b"MSH^~|\\&#^S^E^V~1^500^20261120101500+0000^^ACK~O05~ACK^S1^P^2.4\rMSA^AA^7|7^a\\F\\b\\R\\c\r"
    )


@pytest.mark.parametrize("control", [b"", b" 7 ", b"\xe4\xf6", b"a\\F\\b", b"\xc3\xa4", b"\x81\x8d"])
def test_the_control_id_goes_back_byte_for_byte(control: bytes) -> None:
    ack = built(peek(b"MSH|^~\\&|||||||DFT^P03|" + control + b"|P|2.5\rPID|"))
    assert ack.split(b"\r")[1] == b"MSA|AA|" + control


def test_text_is_in_the_senders_set_and_what_it_lacks_is_a_question_mark() -> None:
    assert built(header(charset="8859/1"), text="Zähler").endswith(b"MSA|AA|C/1|Z\xe4hler\r")
    assert built(header(charset="8859/1"), text="日").endswith(b"|?\r")
    assert built(header(charset="UNICODE UTF-8"), text="日").endswith("|日\r".encode())


def test_a_wide_sender_gets_a_wide_answer() -> None:
    ack = built(peek("MSH|^~\\&|||||||DFT^P03|Ü|P|2.5".encode("utf-16-le")))
    assert ack.decode("utf-16-le").endswith("MSA|AA|Ü\r")
    assert parse_ack(ack) == Ack("AA", "Ü", "", ())


def test_long_text_is_cut() -> None:
    assert built(header(), text="x" * 200).endswith(b"|" + b"x" * 80 + b"\r")


def test_text_cannot_break_out_of_its_field_or_frame() -> None:
    ack = built(header(), text="a\rMSA|AA|\x1c\r\x0b")
    assert ack.count(b"\r") == 2
    assert b"\x1c" not in ack
    assert b"\x0b" not in ack


ERRORS = (AckError.of("FT1[2]-7.1", 103, "not in the table"), AckError.of("", 207, severity="W"))


def test_errors_since_2_5_have_a_segment_each() -> None:
    assert built(header("2.5"), "AE", errors=ERRORS).split(b"\r")[2:-1] == [
        b"ERR||FT1^2^7^1^1|103^Table value not found^HL70357|E||||not in the table",
        b"ERR|||207^Application internal error^HL70357|W",
    ]


def test_errors_up_to_2_4_share_a_segment() -> None:
    assert built(header("2.4"), "AE", errors=ERRORS).split(b"\r")[2:-1] == [b"ERR|FT1^2^7^103~^^^207"]


@pytest.mark.parametrize(
    ("where", "location"),
    [
        ("FT1[2]-7.1", Location("FT1", 2, 7, 1, 1)),
        ("MSH-10", Location("MSH", 1, 10, 1)),
        ("PID-3[type=MR].1", Location("PID", 1, 3, 1, 1)),
        ("PID-3[2].4.2", Location("PID", 1, 3, 2, 4, 2)),
        ("MSH[2]", Location("MSH", 2)),
        ("FT1", Location("FT1")),
        ("", None),
        ("Bundle.entry[2]", None),
        ("a.yaml:1:2", None),
    ],
)
def test_a_place_in_our_words_becomes_a_place_in_theirs(where: str, location: Location | None) -> None:
    assert read_location(where) == location


@pytest.mark.parametrize("outcome", ["accepted", "error", "rejected"])
@pytest.mark.parametrize(("accept", "application"), [("", ""), ("AL", "NE"), ("NE", "NE"), ("ER", "SU")])
def test_an_original_listener_always_answers_in_original_mode(
    accept: str, application: str, outcome: str
) -> None:
    codes = {"accepted": "AA", "error": "AE", "rejected": "AR"}
    asked = header(accept=accept, application=application)
    assert accept_answer(asked, "original", outcome) == codes[outcome]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "accept", "application", "accepted", "error", "rejected"),
    [
        ("by header", "", "", "AA", "AE", "AR"),
        ("by header", "AL", "NE", "CA", "CE", "CR"),
        ("by header", "AL", "AL", "CA", "CE", "CR"),
        ("by header", "al", "ne", "CA", "CE", "CR"),
        ("by header", "ER", "NE", "", "CE", "CR"),
        ("by header", "SU", "NE", "CA", "", ""),
        ("by header", "NE", "NE", "", "", ""),
        ("by header", "NE", "", "", "", ""),
        ("by header", "NE", "AL", "AA", "AE", "AR"),
        ("by header", "", "AL", "AA", "AE", "AR"),
        ("by header", "NE", "ER", "", "AE", "AR"),
        ("by header", "", "SU", "AA", "", ""),
        ("by header", "", "NE", "CA", "CE", "CR"),
        ("by header", "YES", "", "CA", "CE", "CR"),
        ("enhanced", "", "", "CA", "CE", "CR"),
        ("enhanced", "", "AL", "CA", "CE", "CR"),
        ("enhanced", "AL", "NE", "CA", "CE", "CR"),
        ("enhanced", "ER", "NE", "", "CE", "CR"),
        ("enhanced", "NE", "AL", "AA", "AE", "AR"),
        ("enhanced", "NE", "NE", "", "", ""),
        ("enhanced", "ER", "AL", "AA", "CE", "CR"),
        ("enhanced", "SU", "AL", "CA", "AE", "AR"),
        ("by header", "SU", "ER", "CA", "AE", "AR"),
        ("by header", "ER", "ER", "", "CE", "CR"),
    ],
)
def test_an_enhanced_listener_answers_what_the_header_asks_for(
    setting: str, accept: str, application: str, accepted: str, error: str, rejected: str
) -> None:
    asked = header(accept=accept, application=application)
    answers = [accept_answer(asked, setting, outcome) for outcome in ("accepted", "error", "rejected")]  # type: ignore[arg-type]
    assert answers == [accepted, error, rejected]


@pytest.mark.parametrize(
    ("accepted", "application", "follows"),
    [
        ("CA", "AL", "AA"),
        ("CA", "SU", "AA"),
        ("CA", "ER", ""),
        ("CA", "NE", ""),
        ("CA", "", ""),
        ("CE", "AL", ""),
        ("CR", "AL", ""),
        ("AA", "AL", ""),
    ],
)
def test_an_application_acknowledgment_follows_what_is_taken_as_msh_16_asks(
    accepted: str, application: str, follows: str
) -> None:
    assert application_answer(header(accept="AL", application=application), accepted) == follows


def test_an_application_acknowledgment_of_its_own_wants_no_answer() -> None:
    own = peek(built(header(charset="8859/1"), last=True))
    assert (own.accept_ack, own.app_ack, own.charset) == ("NE", "NE", "8859/1")
    assert peek(built(header(), last=True)).fields[-1] == "NE"


@pytest.mark.parametrize("setting", ["original", "enhanced", "by header"])
@pytest.mark.parametrize("kind", ["ACK^P03", "MCF^X", "MFK^M02", "ORR^O02", "ORS^O06", "RRD^O14"])
def test_an_answer_is_never_answered(setting: str, kind: str) -> None:
    assert accept_answer(header(kind=kind, accept="AL"), setting, "accepted") == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "version", "answer"),
    [
        ("OMS^O05", "2.5.1", "ORS^O06^ORS_O06"),
        ("OMN^O07", "2.4", "ORN^O08^ORN_O08"),
        ("ORM^O01", "2.3.1", "ORR^O02^ORR_O02"),
        ("ORM^O01", "2.3", "ORR^O02"),
        ("RDS^O13", "2.5", "RRD^O14^RRD_O14"),
        ("RDS^O01", "2.3", "RRD^O02"),
        ("OMS^O99", "2.5", "ACK^O99^ACK"),
        ("DFT^P03", "2.5", "ACK^P03^ACK"),
    ],
)
def test_an_order_may_be_answered_with_its_own_kind(kind: str, version: str, answer: str) -> None:
    order = header(version, kind=kind)
    assert peek(built(order, typed=True)).field(9) == answer
    assert peek(built(order, "AE", typed=True)).field(9) == answer
    assert peek(built(order, "CA", typed=True)).type == "ACK"
    assert peek(built(order)).type == "ACK"


def test_where_there_is_no_header_there_is_no_answer() -> None:
    assert accept_answer(None, "original", "rejected") == ""


@pytest.mark.parametrize("version", ["2.3", "2.4", "2.5", "2.8"])
def test_what_is_built_reads_back(version: str) -> None:
    ack = parse_ack(built(header(version), "AE", text="no | such", errors=ERRORS[:1]))
    assert ack is not None
    text = "" if version == "2.8" else "no | such"  # MSA-3 was withdrawn in 2.7
    assert (ack.code, ack.control_id, ack.text, ack.positive) == ("AE", "C/1", text, False)
    [error] = ack.errors
    assert error.location is not None
    assert (error.location[:3], error.code) == (("FT1", 2, 7), 103)


def test_answers_of_others_are_read() -> None:
    old = parse_ack(b"MSH|^~\\&|A\rMSA|ar|77|bad\rERR|PID^1^5^101&Required field missing&HL70357~PV1^^19^x")
    assert old == Ack(
        "AR", "77", "bad", (AckError(Location("PID", 1, 5), 101), AckError(Location("PV1", 1, 19), 207))
    )
    new = parse_ack(b"MSH|^~\\&|A\nMSA|CA|77\nERR||PID^1^3^^4~PID^1^5|204^x^HL70357|F|||d|Unknown \\T\\ odd")
    assert new == Ack("CA", "77", "", (AckError(Location("PID", 1, 3, 0, 4), 204, "Unknown & odd", "F"),))
    assert new.positive


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 200 OK", b"MSH|^~\\&|A\rACK|AA|1", b"MSH|^~\\&|\rMSA|AA\xff\x81"]
)
def test_what_is_no_acknowledgment_is_none(raw: bytes) -> None:
    assert parse_ack(raw) is None


@given(st.text(max_size=80), st.sampled_from(["AA", "AE", "CR"]))
def test_any_text_survives(text: str, code: str) -> None:
    ack = parse_ack(built(header(charset="UNICODE UTF-8"), code, text=text))
    assert ack is not None
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    assert (ack.code, ack.text) == (code, plain.rstrip(" "))  # it ends its segment


def test_the_answer_is_itself_a_message() -> None:
    message = Message.parse(built(header("2.5"), "AE", errors=ERRORS))
    assert message.header.event == "ACK^P03"
    assert message.header.receiving_app == "EHR^1.2"
    assert len(message) == 4
