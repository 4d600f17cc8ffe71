"""The MSH segment alone: who sends what to whom, and how it wants to be answered. Never looks at the other
segments.

`peek` is what the door pays for every message: a few microseconds, whatever the message's length.
Source: HL7 v2.8.2 §2.14.9. Values are raw text: not unescaped, since they go back to the sender as they came.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import NamedTuple

from engine.codecs.hl7v2.charset import codecs_for, decode, is_plain, wide_codec
from engine.codecs.hl7v2.delimiters import ABSENT, Delimiters, read_delimiters
from engine.errors import MessageError

BLANKS = " \t\r\n\v\f\x00\ufeff"
"""What may stand before MSH: white space, a byte order mark, padding."""

UTF8_MARK = codecs.BOM_UTF8
_DELIMITERS_WITHIN = ("gb18030", "big5", "iso2022_jp")
"""Sets whose characters may hold the bytes of delimiters: MSH-18 may be found only once they are tried."""

_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n\v\f\x00])+")
_REMEMBERED = 64
"""Characters of a field that a cache may keep: real ones are shorter; a runaway one must not fill memory."""

_STRUCTURE = re.compile(r"([A-Z]{3})_([A-Z][A-Z0-9]{2})")


class Header(NamedTuple):
    """What MSH says. `fields[n]` is MSH-n as sent, absent ones missing at the end; `codec` answers can be
    encoded in.

    Every property is '' when the sender left the field out, required or not. The repr shows sizes only.
    """

    fields: tuple[str, ...]
    delimiters: Delimiters
    codec: str

    def __repr__(self) -> str:
        return f"Header({len(self.fields) - 1} fields, {self.codec})"

    def field(self, number: int) -> str:
        """MSH-`number` as sent, or ''."""
        return self.fields[number] if number < len(self.fields) else ""

    @property
    def sending_app(self) -> str:
        """MSH-3, all components."""
        return self.field(3)

    @property
    def sending_facility(self) -> str:
        """MSH-4, all components."""
        return self.field(4)

    @property
    def receiving_app(self) -> str:
        """MSH-5, all components."""
        return self.field(5)

    @property
    def receiving_facility(self) -> str:
        """MSH-6, all components."""
        return self.field(6)

    @property
    def type(self) -> str:
        """MSH-9.1 in upper case: `DFT`. From a lone `DFT_P03` it is taken apart."""
        return self._kind[0]

    @property
    def trigger(self) -> str:
        """MSH-9.2 in upper case: `P03`. EVN-1 is never asked: senders leave it stale."""
        return self._kind[1]

    @property
    def structure(self) -> str:
        """MSH-9.3 in upper case: `DFT_P03`. A hint, often wrong."""
        return self._kind[2]

    @property
    def event(self) -> str:
        """Type and trigger as channels name them: `DFT^P03`, or `DFT` when there is no trigger."""
        kind, trigger, _ = self._kind
        return f"{kind}^{trigger}" if trigger else kind

    @property
    def control_id(self) -> str:
        """MSH-10, exactly as sent."""
        return self.field(10)

    @property
    def processing_id(self) -> str:
        """MSH-11.1 in upper case: P production, T training, D debugging."""
        return self._component(11, 1).upper()

    @property
    def processing_mode(self) -> str:
        """MSH-11.2 in upper case: A archive, R restore, I initial load, T or '' current processing."""
        return self._component(11, 2).upper()

    @property
    def version(self) -> str:
        """MSH-12.1 without a leading v: `2.5.1`."""
        return self._component(12, 1).lstrip("vV")

    @property
    def accept_ack(self) -> str:
        """MSH-15 in upper case: AL, NE, ER, SU."""
        return self.field(15).strip().upper()

    @property
    def app_ack(self) -> str:
        """MSH-16 in upper case: AL, NE, ER, SU."""
        return self.field(16).strip().upper()

    @property
    def charset(self) -> str:
        """MSH-18 as sent; `codec` is what it came to."""
        return self.field(18)

    @property
    def _kind(self) -> tuple[str, str, str]:
        return _message_type(self.field(9)[:_REMEMBERED], self.delimiters.component)

    def _component(self, number: int, component: int) -> str:
        parts = self.field(number).split(self.delimiters.component)
        return parts[component - 1].strip() if component <= len(parts) else ""


@lru_cache(maxsize=1024)
def _message_type(text: str, separator: str) -> tuple[str, str, str]:
    kind, trigger, structure = [part.strip().upper() for part in [*text.split(separator), "", ""][:3]]
    if not trigger and (parts := _STRUCTURE.fullmatch(kind)):
        return parts[1], parts[2], kind
    return kind, trigger, structure


def peek(raw: bytes, charset: str | None = None, default: str | None = None) -> Header:
    """The header of a message whose other segments stay unread.

    `charset`: HTTP's, wins over MSH-18. `default`: the feed's, where the message states none. Bytes that do
    not fit the character set are kept as they are, so that a refusal can be built: `Message.parse` is what
    raises for them. Raises `MessageError` HL7001, HL7002, HL7003, HL7007; HL7004 for broken UTF-16.
    """
    wide = wide_codec(raw)
    if wide:
        text = decode(raw, (wide,))[0].lstrip(BLANKS)
        return make_header(_first_line(text), wide)
    start = 0 if raw.startswith(b"MSH") else leading(raw)
    end = raw.find(b"\r", start)
    end = end if end >= 0 else len(raw)
    newline = raw.find(b"\n", start, end)
    line = raw[start : newline if newline >= 0 else end]
    if is_plain(line):
        return plain_header(line.decode("ascii"), charset, default)
    return make_header(*_careful(line, raw.startswith(UTF8_MARK), charset, default))


def plain_header(line: str, charset: str | None, default: str | None) -> Header:
    """The header of an MSH line that is ASCII, whatever it names; `codec` is the one named, UTF-8 if it is
    not known."""
    header = make_header(line, "utf-8")
    if not charset and not header.charset and not default:
        return header
    candidates = codecs_for(charset, declared_charset(header), default)
    return header._replace(codec=candidates[0]) if candidates and candidates[0] != "utf-8" else header


def make_header(line: str, codec: str) -> Header:
    """The header of a decoded MSH line. Raises `MessageError` HL7001, HL7002, HL7003, HL7007."""
    _require_header(line)
    fields = split_header(line)
    return Header(tuple(fields), read_delimiters(fields[1], fields[2][:5]), codec)


def _require_header(text: str) -> None:
    """Raises `MessageError` when `text` does not begin with an MSH that names its delimiters."""
    name = text[:3].upper()
    if name in ("FHS", "BHS"):
        raise MessageError(
            "HL7007",
            "this is a batch or a file of messages, not one message",
            where=name,
            mend="send each message by itself; `suture send` takes such files apart",
            hl7_code=100,
        )
    if name != "MSH":
        raise MessageError(
            "HL7001",
            "this does not begin with an MSH segment",
            where="MSH",
            mend="send HL7 v2 in its bar-and-hat form, MSH first",
            hl7_code=100,
        )
    if len(text) < 5 or text[4] in (text[3], "\r", "\n") or text[3] in "\r\n":
        raise MessageError(
            "HL7002",
            "MSH ends before it names its delimiters",
            where="MSH-2",
            mend="send MSH|^~\\&| and the fields that follow",
            hl7_code=101,
        )


def split_header(line: str) -> list[str]:
    """Fields of an MSH, FHS or BHS line, numbered as the standard does: MSH-1 is the separator itself."""
    return [line[:3], line[3:4], *line[4:].split(line[3])] if len(line) > 3 else [line]


def declared_charset(header: Header) -> str:
    """MSH-18 with `~` between its repetitions, as `codecs_for` takes it."""
    repetition, charset = header.delimiters.repetition, header.charset[:_REMEMBERED]
    return charset if repetition in ("~", ABSENT) else charset.replace(repetition, "~")


def leading(raw: bytes) -> int:
    """How many bytes of blanks and byte order mark stand before the message."""
    blanks = _BEFORE.match(raw)
    return blanks.end() if blanks else 0


def _first_line(text: str) -> str:
    return text.partition("\r")[0].partition("\n")[0]


def _careful(line: bytes, marked: bool, charset: str | None, default: str | None) -> tuple[str, str]:
    """Text and codec of a header line that is not ASCII. The text goes back to the very same bytes."""
    candidates = (
        ("utf-8", *candidates_of(line, charset, default)) if marked else candidates_of(line, charset, default)
    )
    for codec in candidates:
        try:
            text = line.decode(codec)
            if text.encode(codec) == line:
                return text, codec
        except UnicodeError:
            continue
    return line.decode("latin-1"), "latin-1"


def candidates_of(line: bytes, charset: str | None, default: str | None) -> tuple[str, ...]:
    """Codecs to try for a message with this MSH line, which need not be ASCII."""
    header = make_header(line.decode("latin-1"), "latin-1")
    candidates = codecs_for(charset, declared_charset(header), default)
    if charset or (header.charset and candidates):
        return candidates
    for codec in _DELIMITERS_WITHIN:
        try:
            header = make_header(line.decode(codec), codec)
        except (UnicodeDecodeError, MessageError):
            continue
        if header.charset and (named := codecs_for(None, declared_charset(header), default))[:1] == (codec,):
            return named
    return candidates
