"""Escape sequences, both ways."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.delimiters import Delimiters, read_delimiters
from engine.codecs.hl7v2.escape import escape, unescape

USUAL = read_delimiters("|", "^~\\&")
CUT = read_delimiters("|", "^~\\&!")
VISTA = read_delimiters("^", "~|\\&")
NO_ESCAPE = read_delimiters("|", "^~&")
CURLY = read_delimiters("|", "^~\\}")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("plain", "plain"),
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
        ("\\E\\F\\E\\", "\\F\\"),  # once, not again on what came out
        ("\\P\\", "#"),
        ("one\\.br\\two", "one\ntwo"),
        ("one\\.sp2\\two\\.sp\\three\\.sp+1\\four", "one\n\ntwo\nthree\nfour"),
        ("\\.ce\\title", "\ntitle"),
        ("a\\.sk3\\b\\.in+4\\c\\.ti-2\\d\\.fi\\e\\.nf\\f", "a   bcdef"),
        ("\\H\\loud\\N\\ still", "loud still"),
        ("\\X41\\\\X4243\\", "ABC"),
        ("a\\X0D\\b\\X0D0A\\c\\X0A\\d", "a\nb\nc\nd"),
        ("\\XC3A4\\", "ä"),
        ("\\XC3\\\\XA4\\", "ä"),  # one character in two sequences
        ("\\XC3\\", "\\XC3\\"),  # no such text in the message's set
        ("\\X4\\", "\\X4\\"),
        ("\\Zloc\\", "\\Zloc\\"),
        ("\\Zab\\F\\", "\\Zab\\F\\"),  # what closes one sequence opens no other
        ("\\C2842\\\\M1B2442\\", "\\C2842\\\\M1B2442\\"),
        ("\\Q\\", "\\Q\\"),
        ("C:\\temp\\new", "C:\\temp\\new"),
        ("C:\\dir\\F\\x", "C:\\dir|x"),
        ("unclosed \\F", "unclosed \\F"),
        ("\\", "\\"),
        ("\\\\", "\\\\"),
        ("\\.sp999999999\\", "\\.sp999999999\\"),
    ],
)
def test_text_is_read_as_meant(sent: str, meant: str) -> None:
    assert unescape(sent, USUAL) == meant


def test_sequences_mean_the_messages_own_delimiters() -> None:
    assert unescape("\\F\\\\S\\\\R\\", VISTA) == "^~|"
    assert unescape("\\T\\", CURLY) == "}"
    assert unescape("\\P\\", CUT) == "!"


def test_without_an_escape_character_nothing_is_a_sequence() -> None:
    assert unescape("\\F\\", NO_ESCAPE) == "\\F\\"
    assert escape("a|b\rc", NO_ESCAPE) == "a b c"


def test_what_was_left_out_of_msh_2_has_no_sequence() -> None:
    assert unescape("\\T\\", read_delimiters("|", "^~\\")) == "\\T\\"


def test_hexadecimal_bytes_are_in_the_messages_set() -> None:
    assert unescape("\\XE4\\", USUAL, "cp1252") == "ä"
    assert unescape("\\XB0A1\\", USUAL, "euc_kr") == "가"


def test_delimiters_controls_and_line_ends_are_written_so_that_they_end_nothing() -> None:
    assert escape("a|b^c~d\\e&f", USUAL) == "a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f"
    assert escape("a\r\nb\rc\nd", USUAL) == "a\\.br\\b\\.br\\c\\.br\\d"
    assert escape("\x0b\x1c\x1f\x7f", USUAL) == "\\X0B\\\\X1C\\\\X1F\\\\X7F\\"
    assert escape("5!", CUT) == "5\\P\\"


@given(st.text(), st.sampled_from([USUAL, CUT, VISTA, CURLY]), st.sampled_from(["utf-8", "utf-16-le"]))
def test_what_is_written_reads_back(text: str, delimiters: Delimiters, codec: str) -> None:
    sent = escape(text, delimiters, codec)
    assert not any(mark in sent for mark in delimiters if mark != delimiters.escape)
    assert not any(ord(character) < 32 for character in sent)
    assert unescape(sent, delimiters, codec) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.text(alphabet="\\FSTREXPHNZCM0aA.brsp |^&~"))
def test_any_text_can_be_read(text: str) -> None:
    unescape(text, USUAL)


def test_many_escape_characters_cost_linear_time() -> None:
    started = time.perf_counter()
    unescape("\\X41" * 200_000, USUAL)
    unescape("\\Z" * 200_000, USUAL)
    unescape("\\X41\\" * 200_000, USUAL)
    assert time.perf_counter() - started < 3
