"""Documents as HL7 messages over MLLP: one at a time on a connection, each answered by its own acknowledgment.

An acknowledgment counts only when its MSA-2 is our MSH-10, which is the document's reference. Anything else on the wire
(a stray, late or foreign answer, half a frame, silence) proves nothing: the connection is closed and the outcome is
unknown. Nobody can be asked over MLLP; a far end that drops repeated control ids may be told again (rules of money, 8).
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from engine.codecs.hl7v2.ack import Ack, parse_ack
from engine.domain.outcome import Outcome, Verdict
from engine.domain.views import Outgoing

START, END = b"\x0b", b"\x1c\r"

REPLY_LIMIT = 1024 * 1024
"""Bytes of an acknowledgment; whoever sends more is not acknowledging."""

REPLY_KEPT = 16_384
"""Bytes of a refusal kept for a person to read."""

_APPLIED = ("AA", "CA")
_REFUSED = ("AE", "AR", "CE", "CR")


@dataclass(frozen=True, slots=True)
class MllpEndpoint:
    """One far end. `timeout`: seconds for an acknowledgment, and for connecting. `tried_again`: acknowledgment codes
    that mean `not now` and were certainly not applied; every other refusal is final."""

    host: str
    port: int
    timeout: float
    tried_again: tuple[str, ...] = ()


class _Line(asyncio.Protocol):
    """One connection. Used by one document at a time, closed at the first surprise: bytes that nobody waits for, more
    than one frame, a frame that does not end."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._frame: asyncio.Future[bytes] | None = None
        self._buffer = b""
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        frame, end, more = self._buffer.partition(END)
        if self._frame is None or self._frame.done() or more or len(self._buffer) > REPLY_LIMIT:
            self.close()
        if end and self._frame is not None and not self._frame.done():
            self._buffer = b""
            self._frame.set_result(frame.rpartition(START)[2])

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        if self._frame is not None and not self._frame.done():
            self._frame.set_exception(ConnectionError("cut"))

    @property
    def usable(self) -> bool:
        """False when the far end closed it or said something, seen by the loop or not yet."""
        if self._closed or self._transport is None or self._transport.is_closing():
            return False
        waiting = select.poll()
        waiting.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not waiting.poll(0)

    async def exchange(self, message: bytes, timeout: float) -> bytes:
        """The frame that comes after `message` was written. Raises `OSError` or `TimeoutError`."""
        assert self._transport is not None
        self._frame = asyncio.get_running_loop().create_future()
        self._transport.write(START + message + END)
        try:
            async with asyncio.timeout(timeout):
                return await self._frame
        finally:
            self._frame = None

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.abort()


class MllpAdapter:
    """The `Adapter` port. A payload is a whole HL7 message whose MSH-10 is the document's reference."""

    def __init__(self, endpoint: MllpEndpoint) -> None:
        self._endpoint = endpoint
        self._resting: deque[_Line] = deque()
        self._open: set[_Line] = set()

    async def send(self, delivery: Outgoing) -> Outcome:
        try:
            line = self._rested() or await self._connect()
        except (OSError, TimeoutError) as error:
            refused = isinstance(error, ConnectionRefusedError)
            return Outcome(Verdict.NOT_SENT, "connection refused" if refused else "cannot connect")
        try:
            reply = await line.exchange(delivery.payload, self._endpoint.timeout)
        except TimeoutError:
            return self._lost(line, "timeout")
        except OSError:
            return self._lost(line, "cut")
        except BaseException:
            self._drop(line)
            raise
        outcome = classify(self._endpoint, reply, delivery.reference)
        if outcome.verdict is Verdict.UNKNOWN:
            self._drop(line)
        else:
            self._resting.append(line)
        return outcome

    async def send_many(self, deliveries: Sequence[Outgoing]) -> list[Outcome]:
        """One after another: MLLP knows no batch that is answered document by document."""
        return [await self.send(delivery) for delivery in deliveries]

    async def probe(self, delivery: Outgoing) -> Outcome | None:
        return None

    def cut(self) -> None:
        for line in list(self._open):
            self._drop(line)
        self._resting.clear()

    async def close(self) -> None:
        self.cut()

    def _rested(self) -> _Line | None:
        while self._resting:
            line = self._resting.pop()
            if line.usable:
                return line
            self._drop(line)
        return None

    async def _connect(self) -> _Line:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._endpoint.timeout):
            _, line = await loop.create_connection(_Line, self._endpoint.host, self._endpoint.port)
        self._open.add(line)
        return line

    def _lost(self, line: _Line, why: str) -> Outcome:
        self._drop(line)
        return Outcome(Verdict.UNKNOWN, why)

    def _drop(self, line: _Line) -> None:
        self._open.discard(line)
        line.close()


def classify(endpoint: MllpEndpoint, reply: bytes, reference: str) -> Outcome:
    """What an acknowledgment says of the document that was sent under `reference`. Pure."""
    ack = parse_ack(reply)
    if ack is None:
        return Outcome(Verdict.UNKNOWN, "no acknowledgment")
    if ack.control_id != reference:
        return Outcome(Verdict.UNKNOWN, "acknowledgment of another message")
    if ack.code in _APPLIED:
        return Outcome(Verdict.APPLIED, ack.code)
    if ack.code not in _REFUSED:
        return Outcome(Verdict.UNKNOWN, "acknowledgment without a known code")
    verdict = Verdict.NOT_SENT if ack.code in endpoint.tried_again else Verdict.REJECTED
    return Outcome(verdict, _code(ack), reply=reply[:REPLY_KEPT] if verdict is Verdict.REJECTED else b"")


def _code(ack: Ack) -> str:
    """`AE 204`: the code with the first error's number (HL7 table 0357); never its text, which may name a patient."""
    return f"{ack.code} {ack.errors[0].code}" if ack.errors else ack.code
