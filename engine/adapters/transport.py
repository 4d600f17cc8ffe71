"""HTTP/1.1 over kept connections: one request at a time on each, one write, no task, parsed by httptools.

Says honestly what is known: `NotSent` when no byte of the request left, `Unanswered` when it did and no whole reply
came. A connection with anything unexpected on it is closed and never asked again.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections import deque
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

IDLE_LIMIT = 4.0
"""Seconds a connection may rest before it is not used again: most servers close after five."""

REPLY_LIMIT = 8 * 1024 * 1024
"""Bytes of a reply, unpacked."""


class NotSent(Exception):
    """No byte of the request left. `args[0]`: a word for why."""


class Unanswered(Exception):
    """The request left, wholly or in part, and no whole reply came. `args[0]`: a word for why."""


class Reply(NamedTuple):
    """`headers` in lower case. The repr shows no body."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"


class _Connection(asyncio.Protocol):
    def __init__(self, pool: Transport) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self.rested_at = 0.0
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def ask(self, request: bytes, timeout: float) -> asyncio.Future[Reply]:
        loop = asyncio.get_running_loop()
        self._reply = loop.create_future()
        if self.closed or self._transport is None or self._transport.is_closing():
            self._reply.set_exception(NotSent("the connection was closed"))
            return self._reply
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body = {}, bytearray()
        self._timer = loop.call_later(timeout, self._fail, "timeout")
        self._transport.write(request)
        return self._reply

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self.close()  # nobody asked: a second answer, or a word from a server that gives up
            return
        try:
            self._parser.feed_data(data)
        except (
            httptools.HttpParserError,
            httptools.HttpParserUpgrade,
            httptools.HttpParserInvalidMethodError,
        ):
            self._fail("no HTTP reply")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > REPLY_LIMIT:
            self._fail("reply too long")

    def on_message_complete(self) -> None:
        parser, reply = self._parser, self._reply
        if parser is None or reply is None or reply.done():
            self.close()
            return
        status = parser.get_status_code()
        if 100 <= status < 200:
            return
        try:
            body = _unpacked(self._headers.get(b"content-encoding", b""), bytes(self._body))
        except (zlib.error, ValueError):
            self._fail("reply cannot be unpacked")
            return
        self._finish()
        keep = parser.should_keep_alive()
        reply.set_result(Reply(status, self._headers, body))
        if keep and not self.closed:
            self._pool.rest(self)
        else:
            self.close()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._reply is not None and not self._reply.done() and self._parser is not None:
            self._fail("cut")
        self._pool.forget(self)

    def _fail(self, why: str) -> None:
        reply = self._reply
        self._finish()
        if reply is not None and not reply.done():
            reply.set_exception(Unanswered(why))
        self.close()

    def _finish(self) -> None:
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()


class Transport:
    """Connections to one address. `timeout`: seconds for a whole reply; connecting has the same."""

    def __init__(self, url: str, *, timeout: float, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._tls = (tls or ssl.create_default_context()) if self._secure else None
        self._timeout = timeout
        self._resting: deque[_Connection] = deque()
        self._open: set[_Connection] = set()
        self.host_header = parts.netloc.rpartition("@")[2]

    async def request(self, request: bytes) -> Reply:
        """Raises `NotSent` or `Unanswered`. Safe to be called by many at once: each has its own connection."""
        connection = self._rested() or await self._connect()
        return await connection.ask(request, self._timeout)

    def rest(self, connection: _Connection) -> None:
        connection.rested_at = asyncio.get_running_loop().time()
        self._resting.append(connection)

    def forget(self, connection: _Connection) -> None:
        self._open.discard(connection)

    def cut(self) -> None:
        """Closes every connection, in use or not."""
        for connection in list(self._open):
            connection.close()
        self._resting.clear()

    def _rested(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._resting:
            connection = self._resting.pop()
            if not connection.closed and now - connection.rested_at < IDLE_LIMIT:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise NotSent(_why(error)) from None
        self._open.add(connection)
        return connection


def _why(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return "TLS refused"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return "connect timeout" if isinstance(error, TimeoutError) else "cannot connect"


def _unpacked(encoding: bytes, body: bytes) -> bytes:
    if not encoding or encoding == b"identity":
        return body
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32 if encoding == b"gzip" else zlib.MAX_WBITS)
    plain = unpack.decompress(body, REPLY_LIMIT)
    if unpack.unconsumed_tail:
        raise ValueError("reply too long")
    return plain
