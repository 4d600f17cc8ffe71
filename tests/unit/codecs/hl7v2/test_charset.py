"""Names of character sets, and bytes that fit them or not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.codecs.hl7v2.ack import AckError, build_ack, parse_ack
from engine.codecs.hl7v2.charset import codec_of, codecs_for, decode, is_plain, wide_codec
from engine.codecs.hl7v2.header import peek
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import compile_path
from engine.errors import MessageError


@pytest.mark.parametrize(
    ("declared", "codecs"),
    [
        ("", ("utf-8", "cp1252")),
        ("ASCII", ("utf-8", "cp1252")),
        ("8859/1", ("cp1252", "iso8859-1")),
        ("8859/2", ("iso8859-2",)),
        ("8859/15", ("iso8859-15",)),
        ("UNICODE UTF-8", ("utf-8",)),
        ("unicode  utf-8", ("utf-8",)),
        ("UNICODE", ("utf-8",)),
        ("ISO IR87", ("iso2022_jp",)),
        ("ASCII~ISO IR87", ("iso2022_jp",)),
        ("GB 18030-2000", ("gb18030",)),
        ("KS X 1001", ("euc_kr",)),
        ("BIG-5", ("big5",)),
        ("windows-1250", ("cp1250",)),
        ("ISO-8859-1", ("cp1252", "iso8859-1")),
        ("KLINGON", ()),
        ("rot13", ()),
        ("idna", ()),
        ("unicode_escape", ()),
    ],
)
def test_what_msh_18_names_becomes_python_codecs(declared: str, codecs: tuple[str, ...]) -> None:
    assert codecs_for(None, declared, None) == codecs


def test_the_charset_of_http_wins_over_the_message() -> None:
    assert codecs_for("iso-8859-2", "UNICODE UTF-8", None) == ("iso8859-2",)


@pytest.mark.parametrize("declared", ["", "ASCII", "UNICODE"])
def test_the_feeds_own_set_counts_where_the_message_says_nothing_certain(declared: str) -> None:
    assert codecs_for(None, declared, "8859/2") == ("iso8859-2",)


def test_the_feeds_own_set_yields_to_a_stated_one() -> None:
    assert codecs_for(None, "UNICODE UTF-8", "8859/2") == ("utf-8",)


def test_every_codec_named_exists() -> None:
    for name in (
        "8859/9",
        "ISO IR13",
        "ISO IR14",
        "ISO IR159",
        "BIG-5",
        "KS X 1001",
        "GB 18030-2000",
        "UTF8",
    ):
        codec = codec_of(name)
        assert codec is not None
        assert decode(b"plain", (codec,)) == ("plain", codec)


def test_windows_text_is_read_when_nothing_is_stated() -> None:
    assert decode("Müller – 5 €".encode("cp1252"), codecs_for(None, "", None)) == ("Müller – 5 €", "cp1252")


def test_bytes_that_do_not_fit_are_named_by_position_only() -> None:
    with pytest.raises(MessageError) as caught:
        decode(b"Smith\xff", ("utf-8",))
    assert caught.value.code == "HL7004"
    assert "byte 6 of 6" in str(caught.value)
    assert "Smith" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # a decode error carries the bytes themselves


def test_an_unknown_set_is_a_fault_only_when_it_matters() -> None:
    with pytest.raises(MessageError) as caught:
        decode(b"\xe4", ())
    assert caught.value.code == "HL7005"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_seen_from_the_bytes(codec: str) -> None:
    assert wide_codec("MSH|".encode(codec)) == codec
    assert wide_codec("\ufeffMSH|".encode(codec)) == codec


@pytest.mark.parametrize("raw", [b"", b"M", b"MSH|", b"\0", b"\0\0", b"\xef\xbb\xbfMSH"])
def test_bytes_that_are_not_utf_16_are_not_taken_for_it(raw: bytes) -> None:
    assert wide_codec(raw) is None


def test_iso_2022_escapes_are_not_plain() -> None:
    assert is_plain(b"MSH|^~\\&|")
    assert not is_plain("日本".encode("iso2022_jp"))
    assert not is_plain(b"\xe4")


SETS = [
    ("", "utf-8", "Klinik Süd"),
    ("ASCII", "ascii", "NORTH"),
    ("8859/1", "cp1252", "Klinik Süd €"),
    ("8859/2", "iso8859-2", "Nemocnice Střed"),
    ("8859/3", "iso8859-3", "Malsovaĝo Ĥ"),
    ("8859/4", "iso8859-4", "Slimnīca"),
    ("8859/5", "iso8859-5", "Больница"),
    ("8859/6", "iso8859-6", "مستشفى"),
    ("8859/7", "iso8859-7", "Νοσοκομείο"),
    ("8859/8", "iso8859-8", "בית חולים"),
    ("8859/9", "iso8859-9", "Hastanesi Şişli"),
    ("8859/15", "iso8859-15", "Hôpital Sacré-Cœur €"),
    ("ISO IR6", "ascii", "NORTH"),
    ("ISO IR14", "iso2022_jp_ext", "ﾋﾞﾖｳｲﾝ"),
    ("ISO IR13", "iso2022_jp_ext", "ﾋﾞﾖｳｲﾝ"),
    ("ISO IR87", "iso2022_jp", "東京病院"),
    ("ASCII~ISO IR87", "iso2022_jp", "東京病院"),
    ("~ISO IR87", "iso2022_jp", "東京病院"),
    ("ISO IR159", "iso2022_jp_ext", "丂病院"),
    ("JIS X 0202", "iso2022_jp", "東京病院"),
    ("GB 18030-2000", "gb18030", "北京医院 丂 㐀"),
    ("KS X 1001", "euc_kr", "서울병원"),
    ("BIG-5", "big5", "教育功許醫院"),
    ("UNICODE", "utf-8", "Klinik Süd 病院"),
    ("UNICODE UTF-8", "utf-8", "Klinik Süd 病院"),
    ("UNICODE UTF-16", "utf-16-le", "病院 😀"),
    ("UNICODE UTF-16", "utf-16-be", "病院 😀"),
    ("UNICODE UTF-16", "utf-16", "病院 😀"),
]


@pytest.mark.parametrize(("declared", "codec", "facility"), SETS)
def test_every_set_of_table_0211_is_read_and_answered_in(declared: str, codec: str, facility: str) -> None:
    text = (
        f"MSH|^~\\&|EHR|{facility}|S|E|20261120||DFT^P03|C1|P|2.5.1||||||{declared}\r"
        f"PID|1||7||{facility}^A\rFT1|1|T1\r"
    )
    raw = text.encode(codec)
    assert str(compile_path("PID-5.1").read(Message.parse(raw))) == facility
    header = peek(raw)
    assert (header.sending_facility, header.control_id) == (facility, "C1")
    ack = build_ack(
        header,
        "AE",
        now=datetime(2026, 11, 20, tzinfo=UTC),
        control_id="S1",
        errors=[AckError.of("PID-5", 101)],
    )
    assert (
        ack.decode(codec.replace("utf-16", "utf-16-le") if codec == "utf-16" else codec).split("|")[5]
        == facility
    )
    answered = Message.parse(ack).header
    assert (answered.receiving_facility, answered.charset) == (facility, declared)
    assert parse_ack(ack) is not None
