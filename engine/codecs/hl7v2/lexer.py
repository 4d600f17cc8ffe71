"""A message as its segments: lazy, tolerant, and exact about what was sent. Never validates, never gives
meaning.

What is normalised before anything is read (`Message.text`; `Message.raw` stays as it came):
- a byte order mark and blanks before MSH go;
- `\\n` and `\\r\\n` end segments as `\\r` does; empty lines go; blanks at the end of a segment go, except in
  MSH, whose control id must go back byte for byte;
- a line that begins with no segment id belongs to the line before it, after a newline: senders put raw line
  feeds into notes. An id is a letter and two letters or digits, then the field separator; or a capital id
  alone on its line.

Ids are upper-cased for routing only. Segments keep their order; fields are split when first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.codecs.hl7v2.charset import decode, is_plain, wide_codec
from engine.codecs.hl7v2.delimiters import Delimiters
from engine.codecs.hl7v2.header import (
    BLANKS,
    UTF8_MARK,
    Header,
    candidates_of,
    leading,
    make_header,
    peek,
    plain_header,
    split_header,
)
from engine.errors import MessageError

__all__ = ["Header", "Message", "Segment", "check_readable", "peek"]

_HEADERS = ("MSH", "FHS", "BHS")
ROWS = b"rows "
"""What a message of rows of a file begins with; see `engine.codecs.rows`."""


class Segment:
    """One segment. `name`: its id in upper case; `text`: as sent, after normalising; `parted`: its fields
    once they were split, None before: hot readers look there first. The repr shows no content."""

    __slots__ = ("_separator", "name", "parted", "text")

    def __init__(self, name: str, text: str, separator: str) -> None:
        self.name = name
        self.text = text
        self.parted: Sequence[str] | None = None
        self._separator = separator

    @property
    def fields(self) -> Sequence[str]:
        """Field n, raw, at n; the id at 0. Of MSH, FHS and BHS field 1 is the separator."""
        if self.parted is None:
            header = self.name in _HEADERS
            self.parted = split_header(self.text) if header else self.text.split(self._separator)
        return self.parted

    def __repr__(self) -> str:
        return f"Segment({self.name}, {len(self.text)} characters)"


class Message:
    """One HL7 message. `raw`: bytes as sent; `header`: what MSH says; `codec`: how it was decoded; `by_name`:
    segments of each id in upper case, in message order. The repr shows type and sizes only."""

    __slots__ = ("_segments", "by_name", "codec", "delimiters", "header", "raw")

    def __init__(self, raw: bytes, header: Header, segments: list[Segment]) -> None:
        self.raw = raw
        self.header = header
        self.codec = header.codec
        self.delimiters: Delimiters = header.delimiters
        self.by_name: dict[str, list[Segment]] = {}
        self._segments = segments
        by_name = self.by_name
        for segment in segments:
            if segment.name in by_name:
                by_name[segment.name].append(segment)
            else:
                by_name[segment.name] = [segment]

    @classmethod
    def parse(cls, raw: bytes, charset: str | None = None, *, default: str | None = None) -> Message:
        """Read one message.

        `charset`: HTTP's, wins over MSH-18. `default`: the feed's, where the message states none or only
        `UNICODE`. Raises `MessageError` HL7001 to HL7007, and nothing else, whatever the bytes.
        """
        if raw.startswith(ROWS):
            from engine.codecs.rows import as_hl7  # which writes with this package

            raw, charset = as_hl7(raw), "UTF-8"
        text, codec = _decode(raw, charset, default)
        head, *rest = _physical_lines(text)
        header = make_header(head, codec) if codec else plain_header(head, charset, default)
        separator = header.delimiters.field
        lines = _logical_lines(head, rest, separator)
        segments = [Segment(line[:3].upper(), line, separator) for line in lines]
        if lines[0] is head:
            segments[0].parted = header.fields
        message = cls(raw, header, segments)
        if len(message.by_name["MSH"]) > 1:
            raise MessageError(
                "HL7006",
                "more than one MSH segment in one message",
                where="MSH[2]",
                mend="send each message in a frame of its own; `suture send` takes files apart",
                hl7_code=100,
            )
        return message

    @property
    def text(self) -> str:
        """The normalised message, without a segment end after the last segment."""
        return "\r".join(segment.text for segment in self._segments)

    def segments(self, name: str) -> Sequence[Segment]:
        """Segments with this id (upper case), in message order; empty when there is none."""
        return self.by_name.get(name, ())

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments)

    def __len__(self) -> int:
        return len(self._segments)

    def __repr__(self) -> str:
        event = self.header.event
        shown = event if event.replace("^", "").isalnum() and len(event) <= 7 else "?"
        return f"Message({shown}, {len(self)} segments, {len(self.raw)} bytes)"


def check_readable(raw: bytes, charset: str | None = None, default: str | None = None) -> None:
    """Raise what `Message.parse` would raise for the character set of these bytes: HL7004 or HL7005.

    Next to nothing for ASCII and UTF-8 text; a door that refuses unreadable bytes calls it beside `peek`.
    """
    _decode(raw, charset, default)


def _decode(raw: bytes, charset: str | None, default: str | None) -> tuple[str, str]:
    """Text from MSH on, and the codec it was read with: '' when any would do, since all is ASCII."""
    wide = wide_codec(raw)
    if wide:
        text, codec = decode(raw, (wide,))
        return text.lstrip(BLANKS), codec
    start = 0 if raw.startswith(b"MSH") else leading(raw)
    body = raw[start:] if start else raw
    if is_plain(body):
        return body.decode("ascii"), ""
    if UTF8_MARK in raw[:start]:
        return decode(body, ("utf-8",))
    line = body.partition(b"\r")[0].partition(b"\n")[0]
    return decode(body, candidates_of(line, charset, default))


def _physical_lines(text: str) -> list[str]:
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    return text.split("\r")


def _logical_lines(head: str, rest: list[str], separator: str) -> list[str]:
    """One line for each segment: `head`, which is MSH, then `rest` without blanks and with strays joined."""
    lines = [head]
    strays: list[str] = []  # joined once, for there may be very many
    for line in rest:
        line = line.rstrip(" \t")
        if not line:
            continue
        if _begins_segment(line, separator):
            if strays:
                lines[-1] = "\n".join((lines[-1], *strays))
                strays.clear()
            lines.append(line)
        else:
            strays.append(line)
    if strays:
        lines[-1] = "\n".join((lines[-1], *strays))
    return lines


def _begins_segment(line: str, separator: str) -> bool:
    name = line[:3]
    if line[3:4] != separator and (len(line) != 3 or not name.isupper()):
        return False
    return name.isalnum() and name.isascii() and name[0].isalpha()
