"""Twisted's TCP transport, as far as listeners use it, with types that Twisted's own annotations lack."""

from __future__ import annotations

import socket
from typing import Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""Seconds, seconds, count: a sender that vanished without a word is noticed within two minutes."""


class Address(Protocol):
    """Where a socket is, or its peer."""

    host: str
    port: int


class Wire(Protocol):
    """One TCP connection."""

    def write(self, data: bytes) -> None:
        """Buffer and send in order; a registered producer is paused while much is buffered."""

    def writeSomeData(self, data: bytes) -> int | BaseException:
        """Send now what the socket takes, past the buffer. Returns bytes sent, or that the peer is gone."""

    def pauseProducing(self) -> None:
        """Stop reading."""

    def resumeProducing(self) -> None:
        """Read on; nothing once the connection is closing."""

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None:
        """Before `loseConnection`, which otherwise waits for the producer."""

    def loseWriteConnection(self) -> None:
        """Send what is buffered, then shut down the sending side."""

    def loseConnection(self) -> None:
        """Send what is buffered, then close."""

    def abortConnection(self) -> None:
        """Close in the next turn of the loop, whatever is buffered."""

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def getHandle(self) -> socket.socket: ...


class Bound(Protocol):
    """A port that listens."""

    def getHost(self) -> Address: ...

    def stopListening(self) -> Deferred[None] | None:
        """Accepts nothing more from now on; fires when the socket is closed."""


class Reactor(Protocol):
    """What opens ports."""

    def listenTCP(self, port: int, factory: Factory, backlog: int, interface: str) -> Bound: ...


def tune(wire: Wire) -> None:
    """No delay for small answers; keepalive instead of an idle limit, since senders stay for days."""
    tcp = _tcp(wire)
    tcp.setTcpNoDelay(True)
    tcp.setTcpKeepAlive(True)
    for option, value in _KEEPALIVE:
        tcp.getHandle().setsockopt(socket.IPPROTO_TCP, option, value)


def shut_down_sending(wire: Wire) -> None:
    """Send what is buffered, then say that no more comes. TLS has no half of a connection: it is closed."""
    if _tcp(wire) is wire:
        wire.loseWriteConnection()
    else:
        wire.loseConnection()


def _tcp(wire: Wire) -> Wire:
    """The TCP connection below TLS."""
    return cast(Wire, getattr(wire, "transport", wire))
