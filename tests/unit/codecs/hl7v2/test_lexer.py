"""A message as its segments."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.lexer import Message, check_readable
from engine.errors import MessageError

HEAD = "MSH|^~\\&|EHR|NORTH|||20261120||DFT^P03|1|P|2.5\r"


def texts(message: Message) -> list[str]:
    return [segment.text for segment in message]


def parse(body: str) -> Message:
    return Message.parse((HEAD + body).encode())


def test_segments_keep_their_order_and_are_found_by_id() -> None:
    message = parse("PID|1\rZPM|a\rFT1|1\rZPM|b\rFT1|2")
    assert [segment.name for segment in message] == ["MSH", "PID", "ZPM", "FT1", "ZPM", "FT1"]
    assert [segment.fields[1] for segment in message.segments("ZPM")] == ["a", "b"]
    assert not message.segments("DG1")
    assert len(message) == 6


def test_fields_are_numbered_as_the_standard_does() -> None:
    message = parse("PID|1||MRN^^^N")
    assert message.segments("PID")[0].fields == ["PID", "1", "", "MRN^^^N"]
    msh = message.segments("MSH")[0].fields
    assert (msh[1], msh[2], msh[3], msh[10]) == ("|", "^~\\&", "EHR", "1")


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r", "\n\n", " \r", "\t\r\n"])
def test_any_line_end_ends_a_segment(end: str) -> None:
    raw = (HEAD + "PID|1\rPV1|1|I\r").replace("\r", end).encode()
    assert texts(Message.parse(raw))[1:] == ["PID|1", "PV1|1|I"]


def test_a_line_that_is_no_segment_belongs_to_the_one_before() -> None:
    message = parse("NTE|1||first\nsecond line\n\n12: third|x\nNTE|2||b")
    assert texts(message)[1:] == ["NTE|1||first\nsecond line\n12: third|x", "NTE|2||b"]
    assert message.segments("NTE")[0].fields[3] == "first\nsecond line\n12: third"


def test_a_line_behind_the_header_belongs_to_the_header() -> None:
    message = parse("stray\rPID|1")
    assert [segment.name for segment in message] == ["MSH", "PID"]
    assert message.header.version == "2.5"


def test_an_id_alone_on_its_line_is_an_empty_segment() -> None:
    assert [segment.name for segment in parse("PV1\rFT1|1\rend")] == ["MSH", "PV1", "FT1"]


def test_lower_case_ids_are_found_in_upper_case_and_kept_as_sent() -> None:
    message = Message.parse(b"msh|^~\\&|a\rpid|1")
    assert message.segments("PID")[0].text == "pid|1"


def test_blanks_at_line_ends_go_and_blanks_within_stay() -> None:
    assert texts(parse("PID|1| x |  \rPV1| "))[1:] == ["PID|1| x |", "PV1|"]


def test_a_message_of_very_many_stray_lines_is_read_in_linear_time() -> None:
    body = "NTE|1||x\n" + "wrapped text\n" * 100_000
    started = time.perf_counter()
    parse(body)
    assert time.perf_counter() - started < 2  # quadratic joining takes minutes


def test_a_second_header_is_refused() -> None:
    with pytest.raises(MessageError) as caught:
        parse("PID|1\r" + HEAD)
    assert caught.value.code == "HL7006"


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("8859/1", "cp1252"),
        ("8859/2", "iso8859-2"),
        ("ISO IR87", "iso2022_jp"),
        ("GB 18030-2000", "gb18030"),
        ("BIG-5", "big5"),
        ("KS X 1001", "euc_kr"),
        ("", "utf-8"),
        ("", "cp1252"),
    ],
)
def test_text_is_read_in_the_set_that_the_message_names(declared: str, codec: str) -> None:
    name = {"iso2022_jp": "山田", "gb18030": "王", "big5": "譙許", "euc_kr": "김"}.get(codec, "Käse")
    raw = f"MSH|^~\\&|A|B|||||DFT^P03|1|P|2.5||||||{declared}\rPID|1|{name}|x".encode(codec)
    message = Message.parse(raw)
    assert message.segments("PID")[0].fields[2:] == [name, "x"]
    assert message.codec == codec


def test_utf_16_is_read_without_being_asked_for() -> None:
    message = Message.parse("MSH|^~\\&|A\rPID|Ä".encode("utf-16"))
    assert message.segments("PID")[0].fields[1] == "Ä"


def test_a_byte_order_mark_says_utf_8_whatever_the_header_says() -> None:
    raw = b"\xef\xbb\xbf" + "MSH|^~\\&|A|B|||||DFT^P03|1|P|2.5||||||8859/1\rPID|Ä".encode()
    assert Message.parse(raw).segments("PID")[0].fields[1] == "Ä"


def test_unreadable_bytes_are_refused_by_parse_and_by_the_check_alike() -> None:
    raw = HEAD.encode() + b"PID|\x81"
    for read in (Message.parse, check_readable):
        with pytest.raises(MessageError) as caught:
            read(raw)
        assert caught.value.code == "HL7004"
    check_readable(raw, default="8859/1")


def test_an_unknown_set_does_not_matter_to_ascii() -> None:
    head = "MSH|^~\\&|A|B|||||DFT^P03|1|P|2.5||||||KLINGON\rPID|"
    assert len(Message.parse(head.encode())) == 2
    with pytest.raises(MessageError) as caught:
        Message.parse((head + "ä").encode())
    assert caught.value.code == "HL7005"


def test_reprs_show_sizes_and_no_content() -> None:
    message = parse("PID|1||SECRET")
    assert repr(message) == f"Message(DFT^P03, 2 segments, {len(message.raw)} bytes)"
    assert repr(message.segments("PID")[0]) == "Segment(PID, 13 characters)"
    assert "SECRET" not in repr(list(message)) + repr(message.header)
    assert "SMITH" not in repr(Message.parse(b"MSH|^~\\&|||||||SMITH JOHN|1"))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_message_error(tail: bytes) -> None:
    for raw in (tail, b"MSH" + tail, b"MSH|^~\\&|" + tail, b"\xff\xfeM\0S\0H\0" + tail):
        try:
            message = Message.parse(raw)
        except MessageError:
            continue
        assert message.raw == raw
        assert all(segment.fields for segment in message)
