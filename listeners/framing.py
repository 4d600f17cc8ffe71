"""MLLP framing without I/O: bytes in, frames and what is garbled out.

A frame is `0x0B content 0x1C 0x0D`. The framer never looks into the content, never decodes it, never waits:
byte by byte or all at once, the same stream gives the same pieces. Time and memory are linear in what was
fed. `listeners.mllp` puts it on sockets; whoever sends MLLP uses `encode`.

Strict mode ends a frame at `0x1C 0x0D` and takes a lone `0x1C` as content, so that no stray byte cuts a
message short and has the stump acknowledged. Tolerant mode ends it at `0x1C`, and also takes unframed text
that begins with `MSH`, `FHS` or `BHS`. Such text ends at an end block, at a start block, at the next line
that begins a message (not in a batch), or when the sender closes. Source: HL7 Minimal Lower Layer Protocol,
release 1; of release 2 only the commit bytes are known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

START = b"\x0b"
END = b"\x1c\r"

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of content; a message with embedded documents fits, a runaway sender does not fill the memory."""

PREFIX_LIMIT = 64 * 1024
"""Bytes kept of what is too long: enough to see who sent it."""

SECOND_START = "LST011 a second start block came before the end block"
NO_END_RETURN = "LST012 the end block lacked its carriage return"
CUT = "LST013 the connection ended inside a frame"
OVERSIZE = "LST014 the frame is longer than the listener's limit"
STRAY = "LST015 bytes outside a frame"
NO_FRAMES = "LST016 no start block in the first 64 KiB"
STOPPED = "LST017 the listener stopped inside a frame"

_HARMLESS = b"\r\n\x00 "
_HARMFUL = re.compile(rb"[^\r\n\x00 ]")
_LINE_ENDS = (b"\r", b"\n")
_NO_MESSAGE = (b"", b"\x06", b"\x15")
_UNFRAMED = (b"MSH", b"FHS", b"BHS")
_MESSAGE_ENDS = re.compile(rb"[\x0b\x1c]|[\r\n](?=MSH|FHS|BHS)")
_BATCH_ENDS = re.compile(rb"[\x0b\x1c]")


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message, 1 to `limit` bytes, without its blocks."""

    content: bytes

    def __repr__(self) -> str:
        return f"Frame({len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """A frame that carries no message: empty, or the single commit byte of MLLP release 2."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that cannot be answered. `reason`: a text of this module; `fatal`: the stream is lost, close."""

    content: bytes
    reason: str
    fatal: bool = False

    def __repr__(self) -> str:
        return f"Garbled({len(self.content)} bytes, {self.reason})"


Piece = Frame | KeepAlive | Garbled


def encode(message: bytes) -> bytes:
    """`message` in its blocks, ready for the socket."""
    return b"\x0b%b\x1c\r" % message


class _At(Enum):
    OUTSIDE = auto()
    FRAME = auto()
    UNFRAMED = auto()


class Framer:
    """Cuts one connection's bytes. `limit`: bytes of content in a frame; `tolerant`: see the module.

    After a fatal piece, `eof` or `abandon` nothing more comes out."""

    __slots__ = ("_at", "_dead", "_end", "_held", "_limit", "_pieces", "_searched", "_start", "_tolerant")

    def __init__(self, limit: int = MESSAGE_LIMIT, *, tolerant: bool = False) -> None:
        self._limit = limit
        self._tolerant = tolerant
        self._end = END[:1] if tolerant else END
        self._at = _At.OUTSIDE
        self._held = bytearray()  # the open piece, kept from earlier feeds
        self._start = 0  # where the open piece begins
        self._searched = 0  # up to where it is known to have no end
        self._pieces: list[Piece] = []
        self._dead = False

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that `data` completes, in order."""
        if self._dead:
            return []
        held = self._held
        if held:
            held += data
            self._cut(held)
            del held[: self._start]
        else:
            self._cut(data)
            if self._start < len(data):
                held += memoryview(data)[self._start :]
        self._searched -= self._start
        self._start = 0
        return self._taken()

    def eof(self) -> list[Piece]:
        """The sender closed. Unframed text that ends its last line is whole; nothing else that is open is."""
        if self._at is _At.UNFRAMED and not self._dead and self._held.endswith(_LINE_ENDS):
            self._dead = True
            return [Frame(bytes(self._held))]
        return self.abandon(CUT)

    def abandon(self, reason: str) -> list[Piece]:
        """What is open, given up for `reason`."""
        if not self._dead:
            self._dead = True
            self._garbled(self._held, STRAY if self._at is _At.OUTSIDE else reason)
        return self._taken()

    def _taken(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _cut(self, source: bytes | bytearray) -> None:
        """Step from piece to piece until the source is used up or its last piece is still open."""
        going = True
        while going and self._start < len(source):
            if self._at is _At.FRAME:
                going = self._in_frame(source)
            elif self._at is _At.OUTSIDE:
                going = self._outside(source)
            else:
                going = self._unframed(source)

    def _outside(self, source: bytes | bytearray) -> bool:
        """Between pieces. True: the next one began."""
        begin = source.find(START, self._searched)
        if begin != self._start:
            if self._searched == self._start:
                self._skip_harmless(source)
                if self._tolerant and self._may_be_unframed(source):
                    return self._at is _At.UNFRAMED
            stop = len(source) if begin < 0 else begin
            if self._too_long(source, stop, PREFIX_LIMIT, NO_FRAMES):
                return False
            if begin < 0:
                self._searched = stop
                return False
            self._garbled(source[self._start : begin], STRAY)
        self._go(_At.FRAME, begin + 1)
        return True

    def _skip_harmless(self, source: bytes | bytearray) -> None:
        found = _HARMFUL.search(source, self._start)
        self._go(_At.OUTSIDE, found.start() if found else len(source))

    def _may_be_unframed(self, source: bytes | bytearray) -> bool:
        """Unframed text begins here, or it takes more bytes to tell."""
        head = bytes(source[self._start : self._start + 3])
        if head in _UNFRAMED:
            self._at = _At.UNFRAMED
        return any(name.startswith(head) for name in _UNFRAMED)

    def _in_frame(self, source: bytes | bytearray) -> bool:
        """Inside a frame. True: it ended."""
        end = source.find(self._end, self._searched)
        stop = len(source) if end < 0 else end
        if source.find(START, self._searched, stop) >= 0 and not self._restart(source, stop):
            return False
        half_end = end < 0 and source.endswith(END[:1])
        if self._too_long(source, stop - half_end, self._limit, OVERSIZE):
            return False
        if end < 0:
            self._searched = max(self._start, stop - half_end)
            return False
        content = bytes(memoryview(source)[self._start : end])
        self._pieces.append(KeepAlive(content) if content in _NO_MESSAGE else Frame(content))
        self._go(_At.OUTSIDE, end + len(self._end))
        return True

    def _restart(self, source: bytes | bytearray, stop: int) -> bool:
        """Each start block in a frame cuts off what came before it; the last begins the frame that counts."""
        last = source.rfind(START, self._start, stop)
        for content in bytes(memoryview(source)[self._start : last]).split(START):
            if self._too_long(source, self._start + len(content), self._limit, OVERSIZE):
                return False
            self._garbled(content, SECOND_START)
            self._start += len(content) + 1
        return True

    def _unframed(self, source: bytes | bytearray) -> bool:
        """In text without blocks. True: it ended."""
        ends = _MESSAGE_ENDS if source.startswith(b"MSH", self._start) else _BATCH_ENDS
        match = ends.search(source, self._searched)
        by = bytes(match[0]) if match else b""
        stop = (match.start() if match else len(source)) + (by in _LINE_ENDS)
        if self._too_long(source, stop, self._limit, OVERSIZE):
            return False
        if not match:
            self._searched = max(self._start, stop - 3)  # a line end and the segment name may arrive apart
            return False
        content = bytes(memoryview(source)[self._start : stop])
        if by == START and not content.endswith(_LINE_ENDS):
            self._garbled(content, SECOND_START)
        else:
            self._pieces.append(Frame(content))
        self._go(_At.OUTSIDE, stop + (by == END[:1]))
        return True

    def _too_long(self, source: bytes | bytearray, stop: int, limit: int, reason: str) -> bool:
        """The open piece runs to `stop`. Beyond `limit`: keep its beginning and give the stream up."""
        if stop - self._start <= limit:
            return False
        prefix = memoryview(source)[self._start : self._start + min(limit, PREFIX_LIMIT)]
        self._pieces.append(Garbled(bytes(prefix), reason, fatal=True))
        self._dead = True
        self._start = len(source)
        return True

    def _garbled(self, content: bytes | bytearray, reason: str) -> None:
        if reason == STRAY:
            content = content.rstrip(_HARMLESS)
        elif content.endswith(END[:1]):
            reason = NO_END_RETURN
        if content:
            self._pieces.append(Garbled(bytes(content), reason))

    def _go(self, at: _At, start: int) -> None:
        self._at = at
        self._start = self._searched = start
