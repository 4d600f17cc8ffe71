"""The MSH segment alone."""

from __future__ import annotations

import pytest

from engine.codecs.hl7v2.header import Header, peek
from engine.codecs.hl7v2.lexer import Message
from engine.errors import MessageError

DFT = (
    b"MSH|^~\\&|EHR^1.2^ISO|NORTH|SUTURE|ERP|20261120101500||DFT^P03^DFT_P03|C-1|P^I|2.5.1^USA|||AL|NE||8859/1\r"
    b"PID|1\r"
)


def test_every_part_of_the_header_is_named() -> None:
    header = peek(DFT)
    assert header.sending_app == "EHR^1.2^ISO"
    assert header.sending_facility == "NORTH"
    assert (header.receiving_app, header.receiving_facility) == ("SUTURE", "ERP")
    assert (header.type, header.trigger, header.structure) == ("DFT", "P03", "DFT_P03")
    assert header.event == "DFT^P03"
    assert header.control_id == "C-1"
    assert (header.processing_id, header.processing_mode) == ("P", "I")
    assert header.version == "2.5.1"
    assert (header.accept_ack, header.app_ack) == ("AL", "NE")
    assert (header.charset, header.codec) == ("8859/1", "cp1252")


def test_what_the_sender_left_out_is_empty() -> None:
    header = peek(b"MSH|^~\\&")
    assert (
        header.control_id == header.event == header.version == header.processing_mode == header.app_ack == ""
    )


@pytest.mark.parametrize(
    ("sent", "event", "structure"),
    [
        ("DFT^P03^DFT_P03", "DFT^P03", "DFT_P03"),
        ("adt^a01", "ADT^A01", ""),
        ("ADT^A08^ADT_A01", "ADT^A08", "ADT_A01"),
        ("ADT_A01", "ADT^A01", "ADT_A01"),
        ("ADT", "ADT", ""),
        ("ACK", "ACK", ""),
        ("", "", ""),
        (" DFT ^ P03 ", "DFT^P03", ""),
    ],
)
def test_the_event_is_type_and_trigger_in_upper_case(sent: str, event: str, structure: str) -> None:
    header = peek(f"MSH|^~\\&|A|B|C|D|||{sent}|1".encode())
    assert (header.event, header.structure) == (event, structure)


@pytest.mark.parametrize(
    ("sent", "version"), [("2.3", "2.3"), ("2.5.1^USA", "2.5.1"), ("v2.5", "2.5"), (" 2.4 ", "2.4"), ("", "")]
)
def test_the_version_is_a_bare_number(sent: str, version: str) -> None:
    assert peek(f"MSH|^~\\&|||||||ADT^A01|1|P|{sent}|".encode()).version == version


def test_the_senders_own_delimiters_part_the_header() -> None:
    header = peek(b"MSH^~|\\&^VISTA~1^500^^^^^OMS~O05^77^P~T^2.4")
    assert (header.event, header.processing_mode, header.sending_app) == ("OMS^O05", "T", "VISTA~1")


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"  \r\n", b"\xef\xbb\xbf \n", b"\x0b"])
@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_blanks_marks_and_line_ends_do_not_change_the_header(before: bytes, end: bytes) -> None:
    raw = before + DFT.replace(b"\r", end)
    assert peek(raw).fields == peek(DFT).fields == Message.parse(raw).header.fields


def test_the_header_is_that_of_the_whole_message() -> None:
    assert peek(DFT) == Message.parse(DFT).header


def test_a_control_id_keeps_its_blanks_and_bytes() -> None:
    assert peek(b"MSH|^~\\&|||||||ADT^A01| 7 ").control_id == " 7 "
    odd = b"MSH|^~\\&|||||||ADT^A01|\xe9\x81\x8d"  # fits neither UTF-8 nor Windows-1252
    header = peek(odd)
    assert header.control_id.encode(header.codec) == b"\xe9\x81\x8d"


def test_a_header_that_its_set_would_write_otherwise_keeps_its_bytes() -> None:
    line = b"MSH|^~\\&|||||||ADT^A01|\x1b(B7|P|2.5||||||ISO IR87"  # an escape that changes nothing
    header = peek(line)
    assert "|".join(("MSH", *header.fields[2:])).encode(header.codec) == line


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_wide_header_is_read(codec: str) -> None:
    header = peek("\ufeffMSH|^~\\&|Ä|||||DFT^P03|9\rPID|".encode(codec))
    assert (header.sending_app, header.codec) == ("Ä", codec)


@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("BIG-5", "big5", b"\xa4|"),
        ("GB 18030-2000", "gb18030", b"\x81|"),
        ("ISO IR87", "iso2022_jp", b"\x1b$B0|\x1b(B"),
    ],
)
def test_separators_inside_double_byte_characters_do_not_part_fields(
    declared: str, codec: str, name: bytes
) -> None:
    raw = b"MSH|^~\\&|" + name + f"|F|||||DFT^P03|9|P|2.5||||||{declared}\rPID|1".encode()
    header = peek(raw)
    assert (header.sending_app, header.sending_facility, header.control_id) == (name.decode(codec), "F", "9")
    assert (header.codec, Message.parse(raw).header) == (codec, header)


def test_http_names_the_set_of_the_answer() -> None:
    assert peek(DFT, charset="utf-8").codec == "utf-8"
    assert peek(DFT.replace(b"8859/1", b""), default="8859/2").codec == "iso8859-2"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "HL7001"),
        (b"PID|1", "HL7001"),
        (b"<xml/>", "HL7001"),
        (b"MSH", "HL7002"),
        (b"MSH|", "HL7002"),
        (b"MSH||EHR|", "HL7002"),
        (b"MSH|\rPID|", "HL7002"),
        (b"MSH|ADT|EHR|", "HL7003"),
        (b"FHS|^~\\&|\rMSH|^~\\&|", "HL7007"),
        (b"BHS|^~\\&|", "HL7007"),
    ],
)
def test_what_is_no_header_is_refused(raw: bytes, code: str) -> None:
    for read in (peek, Message.parse):
        with pytest.raises(MessageError) as caught:
            read(raw)
        assert caught.value.code == code


def test_a_lower_case_header_is_a_header() -> None:
    assert peek(b"msh|^~\\&|||||||adt^a01|5").event == "ADT^A01"


def test_no_cache_keeps_a_runaway_field() -> None:
    assert len(peek(b"MSH|^~\\&|||||||" + b"A" * 100_000).event) == 64


def test_the_repr_shows_no_content() -> None:
    assert repr(peek(DFT)) == "Header(18 fields, cp1252)"


def test_a_header_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Header.codec.__set__(peek(DFT), "x")  # type: ignore[attr-defined]
