"""Files taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.batch import open_envelopes, split_messages

ONE = b"MSH|^~\\&|a\rPID|1\r"
TWO = b"MSH|^~\\&|b\rPID|2\r"


@pytest.mark.parametrize(
    "raw",
    [
        ONE + TWO,
        (ONE + TWO).replace(b"\r", b"\n"),
        (ONE + TWO).replace(b"\r", b"\r\n\r\n"),
        b"FHS|^~\\&|\rBHS|^~\\&|\r" + ONE + TWO + b"BTS|2\rFTS|1\r",
        b"\xef\xbb\xbfFHS|^~\\&\r\n" + ONE + b"BTS\rBHS|\r" + TWO + b"FTS\r",
        b"// exported\n" + ONE + b"\n// second\n" + TWO,
        b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r",
        b"\xef\xbb\xbf" + ONE + b" \r  " + TWO,
        ONE + TWO[:-1],
    ],
)
def test_each_message_comes_out_whole_and_in_order(raw: bytes) -> None:
    assert split_messages(raw) == [ONE, TWO]


def test_what_stands_before_the_first_message_is_not_lost() -> None:
    assert split_messages(b"PID|0\rPV1|0\r" + ONE) == [b"PID|0\rPV1|0\r", ONE]


def test_text_that_only_looks_like_an_envelope_is_kept() -> None:
    assert split_messages(b"MSH|^~\\&|a\rNTE|1||x\nBTS are counts\nMSHA\n") == [
        b"MSH|^~\\&|a\rNTE|1||x\rBTS are counts\rMSHA\r"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "MSH",
        "MSH: mental status",
        "MSH-----",
        "FHS.",
        "BHS: none",
        "BTS- done",
        "FTS...",
        "BTS: 3",
        "MSH (ulnar)",
    ],
)
def test_a_line_of_a_note_cuts_no_message(text: str) -> None:
    raw = b"MSH|^~\\&|a\rNTE|1||see\r" + text.encode() + b"\rFT1|1\r"
    found = open_envelopes(raw)
    assert (found.messages, found.miscounts) == ([raw], ())


@pytest.mark.parametrize("head", [b"MSH|^~&|", b"MSH#~^\\&#", b"MSH|", b"MSH|^~\\&#|", b"MSH$%~\\&$"])
def test_a_header_with_delimiters_of_its_own_begins_a_message(head: bytes) -> None:
    assert split_messages(ONE + head + b"b\r") == [ONE, head + b"b\r"]


def test_a_trailer_has_the_separator_of_a_header() -> None:
    raw = b"FHS#^~\\&#\rBHS#^~\\&#\r" + ONE + TWO + b"BTS#3\rFTS#1\r"
    found = open_envelopes(raw)
    assert found.messages == [ONE, TWO]
    assert found.miscounts == ("BTS[1]-1 says 3, there are 2 messages",)


def test_lower_case_headers_begin_messages_too() -> None:
    assert split_messages(b"msh|^~\\&|a\rmsh|^~\\&|b\r") == [b"msh|^~\\&|a\r", b"msh|^~\\&|b\r"]


@pytest.mark.parametrize("raw", [b"", b"\r\n \r\n", b"// nothing\n", b"FHS|^~\\&\rFTS|0\r", b"\xef\xbb\xbf"])
def test_a_file_without_messages_gives_none(raw: bytes) -> None:
    assert split_messages(raw) == []


def test_a_wide_file_stays_in_one_piece() -> None:
    raw = "MSH|^~\\&|a\r".encode("utf-16")
    assert split_messages(raw) == [raw]


@given(st.lists(st.sampled_from([ONE, TWO]), max_size=6), st.sampled_from([b"\r", b"\n", b"\r\n"]))
def test_nothing_is_lost_or_doubled(messages: list[bytes], end: bytes) -> None:
    assert split_messages(b"".join(messages).replace(b"\r", end)) == messages


@pytest.mark.parametrize(
    ("text", "miscounts"),
    [
        ("FHS|^~\\&\rBHS|^~\\&\rMSH|1\rMSH|2\rBTS|2\rFTS|1\r", ()),
        ("FHS|^~\\&\rMSH|1\rMSH|2\rFTS|2\r", ()),
        ("FHS|^~\\&\rMSH|1\rMSH|2\rFTS|1\r", ()),
        ("BHS|^~\\&\rMSH|1\rBTS\r", ()),
        ("MSH|1\rMSH|2\rBTS|2\r", ()),
        ("BHS|^~\\&\rMSH|1\rBTS|2\r", ("BTS[1]-1 says 2, there are 1 messages",)),
        ("BHS|\rMSH|1\rBTS|1\rBHS|\rMSH|2\rBTS|2\r", ("BTS[2]-1 says 2, there are 1 messages",)),
        ("FHS|^~\\&\rBHS|\rMSH|1\rBTS|1\rFTS|2\r", ("FTS-1 says 2, there are 1 batches",)),
        ("FHS|^~\\&\rMSH|1\rFTS|x\r", ("FTS-1 is no number",)),
        ("FHS|^~\\&\rMSH|1\rMSH|2\r", ("FHS has no FTS: the file may be cut off",)),
        ("BHS|\rMSH|1\r", ("BHS[1] has no BTS: the batch may be cut off",)),
        ("FHS#^~\\&\rMSH#1\rBTS#7\rFTS#1", ("BTS[1]-1 says 7, there are 1 messages",)),
    ],
)
def test_what_the_envelopes_say_is_compared_with_what_is_there(text, miscounts):
    assert open_envelopes(text.encode()).miscounts == miscounts


@pytest.mark.parametrize(
    ("text", "known_by"),
    [
        ("FHS|^~\\&|LAB|NORTH|||||||F7\rBHS|^~\\&|X|Y|||||||B1\rMSH|1\rBTS|1\rFTS|1", (b"F7", b"LAB|NORTH")),
        ("BHS|^~\\&|LAB|NORTH|||||||B1\rMSH|1\rBTS|1\rBHS||||||||||B2\rMSH|1", (b"B1~", b"LAB|NORTH")),
        ("FHS|^~\\&|||||||||\rBHS|^~\\&|LAB|NORTH|||||||B1\rMSH|1", (b"B1", b"LAB|NORTH")),
        ("MSH|1", (b"", b"")),
    ],
)
def test_the_id_is_that_of_the_file_else_those_of_its_batches(text, known_by):
    found = open_envelopes(text.encode())
    assert found.id.startswith(known_by[0])
    assert found.sender == known_by[1]
