"""MLLP on sockets: frames to the intake, its acknowledgments back in the order the frames came.

Never parses a message, never builds an acknowledgment, never decides what an error means to the sender: when
the intake fails there is silence and a closed connection, so that the sender sends again. `listeners.framing`
cuts the bytes, `listeners.base` holds the port.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from enum import Flag, auto
from typing import cast

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from engine.domain.message import Answer, Arrival
from engine.domain.ports import Intake
from engine.errors import StoreUnavailable
from engine.site.release import Network, TlsFiles
from listeners.base import Listener, Report
from listeners.framing import CUT, MESSAGE_LIMIT, STOPPED, Frame, Framer, Garbled, Piece, encode
from listeners.wire import Wire, tune

MOST_WAITING = 64
"""Frames of one connection that wait for their answers before no more is read; one read may overshoot."""

MOST_WAITING_BYTES = 4 * 1024 * 1024

MOST_GARBLED = 16
"""In a row, without a frame between: whoever it is does not speak MLLP."""

FLUSH_SECONDS = 5.0
"""How long a peer may take to read its last acknowledgments before it is cut off."""


class MllpListener(Listener):
    """Listens for MLLP on one port. `limit`: bytes of a message; `tolerant`: see `listeners.framing`."""

    def __init__(
        self,
        feed: str,
        intake: Intake,
        *,
        report: Report,
        host: str,
        port: int,
        limit: int = MESSAGE_LIMIT,
        tolerant: bool = False,
        max_connections: int = 4096,
        allowed_peers: Sequence[Network] = (),
        grace: float = 1.5,
        tls: TlsFiles | None = None,
    ) -> None:
        super().__init__(
            feed,
            intake,
            report=report,
            host=host,
            port=port,
            max_connections=max_connections,
            allowed_peers=allowed_peers,
            grace=grace,
            tls=tls,
        )
        self.keepalives = 0
        self._limit = limit
        self._tolerant = tolerant

    def admits(self, host: str) -> bool:
        """Nobody while nothing can be made durable; the sender tries again later."""
        return self.intake.accepting and super().admits(host)

    def speaker(self, peer: str) -> Protocol:
        return _Connection(self, Framer(self._limit, tolerant=self._tolerant), peer)


class _Silent(Flag):
    """Why a connection is not read."""

    NOT = 0
    CROWDED = auto()  # too much waits for its answer
    CLOGGED = auto()  # the peer does not read its acknowledgments
    PAUSED = auto()  # the listener was told to
    ENDED = auto()  # nothing more will come, or be heard


@implementer(IHalfCloseableProtocol, IPushProducer)
class _Connection(Protocol):
    _wire: Wire

    def __init__(self, listener: MllpListener, framer: Framer, peer: str) -> None:
        self._listener = listener
        self._framer = framer
        self._peer = peer
        self._feed = listener.feed
        self._receive = listener.intake.receive
        self._waiting: deque[tuple[asyncio.Future[Answer], int]] = deque()
        self._waiting_bytes = 0
        self._garbled_in_a_row = 0
        self._silent = _Silent.NOT
        self._direct = False
        self._closing = False
        self._flushing: asyncio.TimerHandle | None = None

    def connectionMade(self) -> None:
        self._wire = cast(Wire, self.transport)
        tune(self._wire)
        self._wire.registerProducer(self, True)
        self._direct = type(self.transport) is Server  # plain TCP; anything wrapped has its own way to write
        self._listener.opened(self)

    def dataReceived(self, data: bytes) -> None:
        for piece in self._framer.feed(data):
            self._take(piece)
        if len(self._waiting) >= MOST_WAITING or self._waiting_bytes >= MOST_WAITING_BYTES:
            self._hush(_Silent.CROWDED)

    def _take(self, piece: Piece) -> None:
        if self._closing:
            return
        if isinstance(piece, Frame):
            self._garbled_in_a_row = 0
            self._hand_over(piece.content)
        elif isinstance(piece, Garbled):
            self._garbled_in_a_row += 1
            self._listener.intake.garbled(self._feed, piece.content, piece.reason, self._peer)
            if piece.fatal or self._garbled_in_a_row >= MOST_GARBLED:
                self._end()
        else:
            self._listener.keepalives += 1

    def _hand_over(self, content: bytes) -> None:
        try:
            answer = self._receive(Arrival(self._feed, content, self._peer, "mllp"))
        except Exception as error:
            self._give_up(error)
            return
        self._waiting.append((answer, len(content)))
        self._waiting_bytes += len(content)
        answer.add_done_callback(self._settled)

    def _settled(self, settled: asyncio.Future[Answer]) -> None:
        """Send what is answered, up to the first message that is not."""
        if self._closing:
            _failure(settled)  # looked at, so that asyncio does not complain of it
            return
        acks: list[bytes] = []
        failure: BaseException | None = None
        while failure is None and self._waiting and self._waiting[0][0].done():
            answer, size = self._waiting.popleft()
            self._waiting_bytes -= size
            failure = _failure(answer)
            if failure is None and (ack := answer.result().ack) is not None:
                acks.append(encode(ack))
        if acks:
            self._write(b"".join(acks))
        if failure is not None:
            self._give_up(failure)
        elif self._silent:
            self._fewer_waiting()

    def _fewer_waiting(self) -> None:
        if _Silent.ENDED in self._silent:
            if not self._waiting:
                self._close()
        elif len(self._waiting) <= MOST_WAITING // 2 and self._waiting_bytes <= MOST_WAITING_BYTES // 2:
            self._listen(_Silent.CROWDED)

    def _write(self, data: bytes) -> None:
        """At once where that works: a round through the reactor for each acknowledgment costs as much again.

        After the first short write all goes through the transport's buffer, which then has an order to keep.
        """
        sent: int | BaseException = self._wire.writeSomeData(data) if self._direct else 0
        written = sent if isinstance(sent, int) else 0
        if written < len(data):
            self._direct = False
            self._wire.write(data[written:])

    def _give_up(self, error: BaseException) -> None:
        """No answer can be given to this message, so none to those behind it: the sender must send again."""
        if not isinstance(error, StoreUnavailable | asyncio.CancelledError):
            self._listener.report_failure(self._peer, error)
        self._close()

    def _end(self) -> None:
        self._hush(_Silent.ENDED)
        if not self._waiting and not self._closing:
            self._close()

    def _close(self) -> None:
        self._closing = True
        self._waiting.clear()
        self._wire.unregisterProducer()
        self._wire.loseConnection()
        self._flushing = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.abort)

    def _hush(self, why: _Silent) -> None:
        self._silent |= why
        self._wire.pauseProducing()

    def _listen(self, why: _Silent) -> None:
        self._silent &= ~why
        if not self._silent:
            self._wire.resumeProducing()

    # What Twisted tells.

    def readConnectionLost(self) -> None:
        """The peer sends no more but may still read: it gets what it waits for."""
        for piece in self._framer.eof():
            self._take(piece)
        self._end()

    def writeConnectionLost(self) -> None:
        """Never asked for."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        for piece in self._framer.abandon(CUT):
            self._take(piece)
        self._closing = True
        self._waiting.clear()
        if self._flushing is not None:
            self._flushing.cancel()
        self._listener.closed(self)

    def pauseProducing(self) -> None:
        self._hush(_Silent.CLOGGED)

    def resumeProducing(self) -> None:
        self._listen(_Silent.CLOGGED)

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` follows."""

    # What the listener asks.

    def pause(self) -> None:
        self._hush(_Silent.PAUSED)

    def resume(self) -> None:
        self._listen(_Silent.PAUSED)

    def finish(self) -> None:
        for piece in self._framer.abandon(STOPPED):
            self._take(piece)
        self._end()

    def abort(self) -> None:
        self._wire.abortConnection()


def _failure(answer: asyncio.Future[Answer]) -> BaseException | None:
    return asyncio.CancelledError() if answer.cancelled() else answer.exception()
