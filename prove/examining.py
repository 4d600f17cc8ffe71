"""Any bytes through everything pure that stands between a socket or a folder and the store. Nothing may escape.

A fault that names its code is an answer; any other exception is a violation, and so are an answer that does not name
the message, a frame or a file that comes apart otherwise than it was put together, and time or memory out of all
proportion.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice, pairwise

from engine.clock import to_us
from engine.codecs.hl7v2.ack import accept_answer, application_answer, build_ack, parse_ack
from engine.codecs.hl7v2.batch import open_envelopes
from engine.codecs.hl7v2.escape import escape, unescape
from engine.codecs.hl7v2.group import Each, groups
from engine.codecs.hl7v2.header import Header, peek
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import compile_path
from engine.codecs.rows import Layout, cut
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import NO_FACTS
from engine.errors import MessageError
from engine.pipeline.digests import Digester
from engine.pipeline.reading import read_message
from engine.pipeline.refusing import refused_by
from engine.pipeline.step import step
from engine.site.compile import compile_release, load_site
from listeners.framing import Frame, Framer, KeepAlive, encode
from prove.report import ROOT

NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
KEY = b"any bytes".ljust(32, b".")
FEEDS = ("ehr", "cabinet")
PATHS = [
    compile_path(text)
    for text in (
        "PID-3[type=MR].1",
        "PID-18",
        "PV1-19.1",
        "FT1-7.1",
        "FT1[2]-10",
        "FT1-11.1.2",
        "ZPM-3",
        "NTE-3",
    )
]
ROWS = b'Account No;Item;Qty\rA1;WIRE-14;1\rA1;"4,5""";2\rA2;X;3\r'
LAYOUT = Layout("CSV any", {"account": "Account No", "item": "Item", "qty": "Qty"}, ("account",), ";")
MOST_ROWS = 2_000
"""Bytes of what is read as rows, too."""

IN_PIECES = 200
SECONDS, SECONDS_A_BYTE = 0.5, 20e-6
GROWTH_BASE, GROWTH_FACTOR = 16 * 1024 * 1024, 20


class Escaped(Exception):
    """Something came out that should not; the text says what."""


def measured(examine: Callable[[bytes], int], raw: bytes) -> int:
    """`examine`, with an eye on time and memory."""
    began = time.process_time()
    understood = examine(raw)
    took = time.process_time() - began
    if took > SECONDS + SECONDS_A_BYTE * len(raw):
        raise Escaped(f"{took:.2f} s for {len(raw)} bytes")
    tracemalloc.start()
    try:
        examine(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > GROWTH_FACTOR * len(raw) + GROWTH_BASE:
        raise Escaped(f"{peak >> 10} KiB more for {len(raw)} bytes")
    return understood


class Examiner:
    """The example site's channels, and what any bytes do to them."""

    def __init__(self) -> None:
        self._release = compile_release(load_site(ROOT))
        self._digester = Digester(KEY)

    def examine(self, raw: bytes) -> int:
        """As one message, as a frame, and as a file of messages; gives how many messages were understood. Raises
        whatever is wrong."""
        self._framed(raw)
        understood = self._message(raw) + self._rows(raw)
        whole = open_envelopes(raw).messages
        if whole != [raw]:
            understood += sum(self._message(one) for one in islice(whole, 50))
            if raw[:2] not in (b"\xff\xfe", b"\xfe\xff") and raw[1:2] != b"\x00":
                for one in islice(whole, 50):
                    if one[:3].upper() == b"MSH" and open_envelopes(one).messages != [one]:
                        raise Escaped(
                            "a message that was taken out of a file comes apart when it is looked at again"
                        )
        return understood

    def _message(self, raw: bytes) -> bool:
        try:
            header = peek(raw)
        except MessageError:
            header = None
        try:
            message = Message.parse(raw)
        except MessageError as error:
            if header is not None:
                self._answered(header, raw, error)
            return False
        if header is None or _sent(header) != _sent(message.header):
            raise Escaped("the header alone is read otherwise than with its message")
        self._answered(header, raw, None)
        for path in PATHS:
            path.read(message)
            for group in groups(message, Each(path.segment))[:20]:
                path.read(message, group)
        text = message.text[:2000]
        if message.delimiters.escape == "\\":
            again = unescape(
                escape(text, message.delimiters, message.codec), message.delimiters, message.codec
            )
            if again != text.replace("\r\n", "\n").replace("\r", "\n"):
                raise Escaped("a text that was escaped is another when it is read")
        self._stepped(raw, message.header.event)
        return True

    def _rows(self, raw: bytes) -> int:
        """As a file of rows, as wide as others."""
        understood = 0
        for layout in (
            LAYOUT,
            LAYOUT._replace(type="FIXED any", columns={"account": (1, 8), "qty": (9, 12)}),
        ):
            try:
                slips = cut((layout,), raw, None)
            except MessageError:
                continue
            for slip in slips[:3]:
                Message.parse(slip.raw)
                understood += not slip.fault
        return understood

    def _answered(self, header: Header, raw: bytes, error: MessageError | None) -> None:
        outcome = "error" if error else "accepted"
        for setting in ("original", "by header"):
            code = accept_answer(header, setting, outcome)
            if not code:
                continue
            for said in filter(None, (code, application_answer(header, code))):
                ack = build_ack(
                    header, said, now=NOW, control_id="S1", text="no", typed=True, last=said != code
                )
                named = f"{header.delimiters.field}{said}{header.delimiters.field}{header.control_id}"
                if named.encode(header.codec) not in ack:
                    raise Escaped("an answer does not say what it answers")
                told = parse_ack(ack)
                if error is None and (told is None or told.code != said):
                    raise Escaped("an answer cannot be read by whoever sends what we send")

    def _stepped(self, raw: bytes, event: str) -> None:
        for feed in FEEDS:
            channels = self._release.channels_for(feed, event)
            if not channels:
                continue
            inbound = Inbound(MessageId(1), feed, to_us(NOW), raw, None)
            refused_by(self._release, channels, inbound)
            read = read_message(self._release, self._digester, inbound)
            step(self._release, self._digester, read, NO_FACTS)

    def _framed(self, raw: bytes) -> None:
        """Its beginning in small pieces, and the rest in one; or in two halves."""
        content = raw.translate(None, b"\x0b\x1c")
        sent = encode(content)
        expected = KeepAlive(content) if content in (b"", b"\x06", b"\x15") else Frame(content)
        small = range(0, min(len(sent), IN_PIECES), 1 + len(raw) % 7)
        for cuts in ([*small, len(sent)], [0, len(sent) // 2, len(sent)]):
            framer = Framer()
            pieces = [piece for start, end in pairwise(cuts) for piece in framer.feed(sent[start:end])]
            if pieces != [expected]:
                raise Escaped("a frame comes out otherwise than it went in")


def _sent(header: Header) -> list[bytes]:
    """Its fields as the sender wrote them, whichever of two sets they were read in."""
    return [field.encode(header.codec) for field in header.fields]
