"""What every listener shares: a bound port, who may connect, pausing all, and an end that answers first.

It knows nothing of what is spoken; `listeners.mllp` and `listeners.http` are the speakers.
"""

from __future__ import annotations

import asyncio
import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol

from engine.domain.ports import Intake
from engine.errors import Fault, UsageError
from engine.loop import as_future, reactor
from engine.site.release import Network, TlsFiles
from listeners.wire import Address, Bound, Reactor

Report = Callable[[Fault], None]

_BACKLOG = 128


class Connection(Protocol):
    """One sender's connection, as its listener handles it."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None: ...

    def finish(self) -> None:
        """Read no more, answer what arrived whole, then close."""

    def abort(self) -> None:
        """Close now."""


class Listener(ABC):
    """A service on one TCP port for one feed.

    `port` 0: any free one. `allowed_peers`: empty admits everyone. `grace`: seconds in which a stop still
    answers what arrived whole. `report`: told what an operator should know; never content. `tls`: None speaks in clear.
    """

    def __init__(
        self,
        feed: str,
        intake: Intake,
        *,
        report: Report,
        host: str,
        port: int,
        max_connections: int,
        allowed_peers: Sequence[Network],
        grace: float,
        tls: TlsFiles | None,
    ) -> None:
        self.feed = feed
        self.intake = intake
        self.report = report
        self.refused = 0
        self.paused = False
        self._host = host
        self._wanted_port = port
        self._max_connections = max_connections
        self._allowed_peers = tuple(allowed_peers)
        self._grace = grace
        self._tls = tls
        self._bound: Bound | None = None
        self._open: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def port(self) -> int:
        """The port that is bound; before the start, the one asked for."""
        return self._bound.getHost().port if self._bound else self._wanted_port

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def start(self) -> None:
        """Bind and listen. Raises `UsageError` LST001 when the port cannot be had."""
        if self._bound is not None:
            return
        opener = cast(Reactor, reactor())  # before TLS is imported, which brings a reactor of its own
        gate = self._door()
        try:
            self._bound = opener.listenTCP(self._wanted_port, gate, _BACKLOG, self._host)
        except CannotListenError as error:
            what = f"feed {self.feed}: cannot listen on {self._host}:{self._wanted_port}: {error.socketError}"
            raise UsageError("LST001", what, "free the port, or give the listener another one") from None

    def _door(self) -> Factory:
        """Raises `UsageError` LST031 when the TLS files cannot be used."""
        if self._tls is None:
            return _Gate(self)
        from listeners.tls import secured  # pyOpenSSL is paid for only where it is used

        return secured(self.feed, _Gate(self), self._tls, self.report)

    async def stop(self) -> None:
        """Accept and read no more, answer what arrived whole within the grace, close everything."""
        bound, self._bound = self._bound, None
        if bound is None:
            return
        closed = bound.stopListening()
        for connection in tuple(self._open):
            connection.finish()
        if closed is not None:
            await as_future(closed)
        if not await self._emptied():
            for connection in tuple(self._open):
                connection.abort()
            await self._empty.wait()

    def pause(self) -> None:
        """Stop reading from everyone; what is already read is still answered."""
        self.paused = True
        for connection in tuple(self._open):
            connection.pause()

    def resume(self) -> None:
        self.paused = False
        for connection in tuple(self._open):
            connection.resume()

    def opened(self, connection: Connection) -> None:
        self._open.add(connection)
        self._empty.clear()
        if self.paused:
            connection.pause()

    def closed(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._empty.set()

    def admits(self, host: str) -> bool:
        """Whether a sender at this address may connect now; reports why not."""
        if not _within(host, self._allowed_peers):
            self._refuse(host, "LST002", "the peer is not on the listener's list")
        elif len(self._open) >= self._max_connections:
            self._refuse(host, "LST003", f"all {self._max_connections} connections of the listener are taken")
        else:
            return True
        return False

    @abstractmethod
    def speaker(self, peer: str) -> TwistedProtocol:
        """The protocol for one new connection; `peer`: address:port."""

    async def _emptied(self) -> bool:
        try:
            async with asyncio.timeout(self._grace):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def report_failure(self, peer: str, error: BaseException) -> None:
        """The intake failed in a way it should not; names the kind of error, never its text."""
        what = f"the intake failed with {type(error).__name__}; the sender was not acknowledged"
        self.report(Fault(f"{self.feed} {peer}", "LST004", what, "keep the engine's log for its makers"))

    def _refuse(self, host: str, code: str, what: str) -> None:
        self.refused += 1
        self.report(Fault(f"{self.feed} {host}", code, what, severity="warning"))


class _Gate(Factory):
    """Twisted's side of a port: asks the listener whom to let in."""

    noisy = False

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        peer = cast(Address, addr)
        if not self._listener.admits(peer.host):
            return None
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        return self._listener.speaker(f"{host}:{peer.port}")


def _within(host: str, networks: Sequence[Network]) -> bool:
    if not networks:
        return True
    address = ipaddress.ip_address(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)
