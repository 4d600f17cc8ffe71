"""HL7 over HTTP: one message per POST, the acknowledgment in the answer.

An acknowledgment is a 200 whatever it says, AE and AR too; other statuses are transport trouble, in plain text
under a fault code. Never parses a message and never writes one to disk: a body is held in memory within the
limit. Whoever sends slowly, endlessly or too much is cut off in bounded time and memory. An answer carries one
message: an application acknowledgment that is due behind an accept acknowledgment has no way to go, and is left out.

Order: bodies go to `Intake.receive` in the order in which they became whole, and its call order is inbox order,
so messages of one sender and URI keep theirs. One connection's requests are answered one after the other.
Source: the HAPI project's "HL7 over HTTP" draft; RFC 9110, 9112.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import cast

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request, datetimeToString
from twisted.web.http_headers import Headers
from zope.interface import implementer  # type: ignore[import-untyped]

from engine.domain.message import Answer, Arrival
from engine.domain.ports import Intake
from engine.errors import StoreUnavailable
from engine.site.release import Network, TlsFiles
from listeners import refusals
from listeners.base import Listener, Report
from listeners.credentials import Credentials
from listeners.framing import MESSAGE_LIMIT
from listeners.refusals import Refusal, denied
from listeners.throttle import Throttle
from listeners.wire import Wire, shut_down_sending, tune

MEDIA_TYPES = (
    "application/hl7-v2",
    "application/hl7-v2+er7",
    "x-application/hl7-v2+er7",
    "application/hl7-v2+xml",
    "text/plain",
)
"""The draft's text, its example and its reference code name different ones; answers bear the one that was sent."""

HEADER_LIMIT = 16 * 1024
"""Bytes of request line and headers."""

LINGER_SECONDS = 2.0
"""After a refusal: how long the rest of a request is thrown away, so that the sender can read why."""

CUT_BODY = "LST020 the connection ended inside a request's body"


@dataclass(frozen=True, slots=True)
class _Media:
    """A request's content type. `charset`: as sent, a codec Python knows."""

    type: str
    charset: str | None

    def __str__(self) -> str:
        return self.type if self.charset is None else f"{self.type}; charset={self.charset}"


class _Phase(Enum):
    IDLE = auto()  # between requests
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()  # the intake has it; takes as long as it takes
    CLOSING = auto()


class HttpListener(Listener):
    """Listens for HL7 over HTTP on one port and path.

    `limit`, `header_limit`: bytes. Timeouts in seconds: `header_timeout` for the whole of the headers,
    `body_timeout` for the whole of the body, `idle_timeout` between requests. `credentials` None: nobody is asked.
    `throttle` None: nobody is counted.
    """

    def __init__(
        self,
        feed: str,
        intake: Intake,
        *,
        report: Report,
        host: str,
        port: int,
        path: str = "/",
        credentials: Credentials | None = None,
        throttle: Throttle | None = None,
        limit: int = MESSAGE_LIMIT,
        header_limit: int = HEADER_LIMIT,
        header_timeout: float = 10.0,
        body_timeout: float = 20.0,
        idle_timeout: float = 75.0,
        max_connections: int = 256,
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
        self.limit = limit
        self.header_limit = header_limit
        self.seconds = {
            _Phase.IDLE: idle_timeout,
            _Phase.HEAD: header_timeout,
            _Phase.BODY: body_timeout,
            _Phase.CLOSING: LINGER_SECONDS,
        }
        self.path = path.encode()
        self._credentials = credentials
        self._throttle = throttle
        self._denied = denied(credentials.challenges if credentials else ())

    def speaker(self, peer: str) -> Protocol:
        return Channel(self, peer)

    def worded(self, refusal: Refusal, headers: Headers | None) -> Refusal:
        """A refusal in the words that are spoken here. `headers`: of the request, as far as they came."""
        return refusal

    def denied(self, headers: Headers) -> Refusal | None:
        """Why whoever sends these headers is not let in."""
        shown = _first(headers, b"authorization")
        if self._credentials is None or self._credentials.admit(shown):
            return None
        return refusals.FORBIDDEN if self._credentials.lacks_scope(shown) else self._denied

    def refusal(self, method: bytes, uri: bytes, headers: Headers, length: int | None) -> Refusal | None:
        """Why a request is refused once its headers are known; None: send the body. `length` None: chunked."""
        if denied_for := self.denied(headers):
            return denied_for
        if uri.partition(b"?")[0] != self.path:
            return refusals.UNKNOWN_PATH
        if method != b"POST":
            return refusals.NOT_POST
        if not self.intake.accepting:
            return refusals.UNABLE
        if _media(headers) is None:
            return refusals.WRONG_TYPE
        if not headers.hasHeader(b"content-length") and not headers.hasHeader(b"transfer-encoding"):
            return refusals.NO_LENGTH
        return refusals.TOO_LARGE if length is not None and length > self.limit else None

    def beyond(self, headers: Headers, peer: str) -> Refusal | None:
        """Why a request that would be taken is not: its sender has made as many as it may. Counts it otherwise."""
        if self._throttle is None or self._throttle.open:
            return None
        known = self._credentials.sender(_first(headers, b"authorization")) if self._credentials else None
        seconds = self._throttle.take(known or peer.rpartition(":")[0])
        return refusals.too_many(seconds) if seconds else None


class Exchange(Request):
    """One request and its answer. `turned_away`: what it is told once its body, of which nothing is kept, has gone by;
    the connection stays."""

    channel: Channel

    def __init__(self, channel: Channel, queued: int = 0) -> None:
        super().__init__(channel, queued)
        self.body = bytearray()
        self.turned_away: Refusal | None = None
        self.gone = False
        self._came = 0
        self._media = _Media("text/plain", None)

    def gotLength(self, length: int | None) -> None:
        """Nothing to prepare: the body stays in memory, never in a temporary file."""

    def handleContentChunk(self, data: bytes) -> None:
        self._came += len(data)
        if self._came > self.channel.listener.limit:
            self.body.clear()
            self.channel.refuse(refusals.TOO_LARGE)
        elif self.turned_away is None:
            self.body += data

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        self.method, self.uri, self.clientproto = command, path, version
        if self.turned_away is not None:
            self.refuse(self.turned_away)
        else:
            self.take()

    def take(self) -> None:
        """The body is whole: hand it over."""
        self._media = _media(self.requestHeaders) or self._media
        if not self.body:
            self.refuse(refusals.EMPTY)
            return
        channel = self.channel
        arrival = Arrival(
            channel.listener.feed, bytes(self.body), channel.peer, "hl7-http", self._media.charset
        )
        self.body.clear()
        try:
            answer = channel.listener.intake.receive(arrival)
        except Exception as error:
            self.fail(error)
            return
        answer.add_done_callback(self._answered)

    def connectionLost(self, reason: Failure) -> None:
        self.gone = True
        super().connectionLost(reason)

    def _answered(self, answer: asyncio.Future[Answer]) -> None:
        failure = asyncio.CancelledError() if answer.cancelled() else answer.exception()
        if self.gone:
            return
        if failure is not None:
            self.fail(failure)
            return
        ack, code = answer.result().ack, answer.result().code
        if ack is None and code:
            self.refuse(refusals.NO_MESSAGE)
        elif ack is None:
            self.reply(202, ((b"Content-Length", b"0"), (b"Date", datetimeToString())), b"")
        else:
            kind = (b"Content-Type", str(self._media).encode("ascii"))
            length = (b"Content-Length", b"%d" % len(ack))
            self.reply(200, (kind, length, (b"Date", datetimeToString())), ack)

    def fail(self, error: BaseException) -> None:
        if isinstance(error, StoreUnavailable | asyncio.CancelledError):
            self.refuse(refusals.UNABLE)
            return
        self.channel.listener.report_failure(self.channel.peer, error)
        self.refuse(refusals.FAILED)

    def refuse(self, refusal: Refusal) -> None:
        refusal = self.channel.listener.worded(refusal, self.requestHeaders)
        self.reply(refusal.status, refusal.all_headers(), refusal.body)

    def reply(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        self.setResponseCode(status, HTTPStatus(status).phrase.encode())
        for name, value in headers:
            self.responseHeaders.addRawHeader(name, value)
        if not self.channel.persistent:
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        self.write(body)
        self.finish()


@implementer(IHalfCloseableProtocol)
class Channel(HTTPChannel):
    """One sender's connection: Twisted parses, this sets the limits."""

    requestFactory = Exchange  # type: ignore[assignment]
    timeOut = None  # Twisted's is put off by every byte; the phases below are not

    def __init__(self, listener: HttpListener, peer: str) -> None:
        super().__init__()
        self.listener = listener
        self.peer = peer
        self.refused = False
        self._ended = False
        self.totalHeadersSize = self.MAX_LENGTH = listener.header_limit
        self._phase = _Phase.IDLE
        self._seconds: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # What Twisted tells.

    def connectionMade(self) -> None:
        self._wire = cast(Wire, self.transport)
        tune(self._wire)
        super().connectionMade()
        self._enter(_Phase.IDLE, self.listener.seconds[_Phase.HEAD])
        self.listener.opened(self)

    def dataReceived(self, data: bytes) -> None:
        if self.refused:
            return
        if self._phase is _Phase.IDLE:
            self._enter(_Phase.HEAD)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if not self.refused:
            super().lineReceived(line)

    def headerReceived(self, line: bytes) -> bool:
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a length of thousands of digits
            self.refuse(refusals.MALFORMED)
            return False

    def allHeadersReceived(self) -> None:
        request = self.requests[-1]
        uri = cast(bytes, self._path)
        refusal = self.listener.refusal(self._command, uri, request.requestHeaders, self.length)
        if refusal is not None:
            self.refuse(refusal)
            return
        request.turned_away = self.listener.beyond(request.requestHeaders, self.peer)
        self._enter(_Phase.BODY)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if not self.refused:
            self._enter(_Phase.ANSWER)
            super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self._enter(_Phase.IDLE)
        super().requestDone(request)
        self._stay_paused()
        self._end_unless_answering()

    def readConnectionLost(self) -> None:
        """The sender says no more, and may still listen: what arrived whole is answered."""
        self._ended = True
        self._end_unless_answering()

    def writeConnectionLost(self) -> None:
        """After a refusal that closed our side; the sender's is thrown away until it ends."""

    def _end_unless_answering(self) -> None:
        if self._ended and self._phase is not _Phase.ANSWER:
            self._wire.unregisterProducer()
            self._wire.loseConnection()

    def resumeProducing(self) -> None:
        super().resumeProducing()
        self._stay_paused()

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(refusals.LONG_HEADERS)

    def _respondToBadRequestAndDisconnect(self) -> None:
        many = self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders
        self.refuse(refusals.LONG_HEADERS if many else refusals.MALFORMED)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._phase is _Phase.BODY and (cut := bytes(self.requests[-1].body)):
            self.listener.intake.garbled(self.listener.feed, cut, CUT_BODY, self.peer)
        self._stop_timer()
        super().connectionLost(reason)
        self.listener.closed(self)

    # What the listener asks.

    def pause(self) -> None:
        self._wire.pauseProducing()
        if self._phase is not _Phase.CLOSING:
            self._stop_timer()

    def resume(self) -> None:
        if not self._waitingForTransport:
            self._wire.resumeProducing()
        self._start_timer()

    def finish(self) -> None:
        self.persistent = False
        if self._phase is _Phase.IDLE:
            self._leave()
        elif self._phase in (_Phase.HEAD, _Phase.BODY):
            self.refuse(refusals.UNABLE)

    def abort(self) -> None:
        self._wire.abortConnection()

    def refuse(self, refusal: Refusal) -> None:
        """Answer before the request is whole, throw away the rest of it for a moment, close."""
        if self.refused:
            return
        self.refused = True
        headers = self.requests[-1].requestHeaders if self.requests else None
        refusal = self.listener.worded(refusal, headers)
        self._enter(_Phase.CLOSING)
        self._wire.write(refusal.response(with_body=getattr(self, "_command", b"") != b"HEAD"))
        self._wire.unregisterProducer()
        shut_down_sending(self._wire)

    def _leave(self) -> None:
        self._enter(_Phase.CLOSING)
        self.loseConnection()

    def _stay_paused(self) -> None:
        if self.listener.paused:
            self._wire.pauseProducing()

    # Time.

    def _enter(self, phase: _Phase, seconds: float | None = None) -> None:
        self._phase = phase
        self._seconds = self.listener.seconds.get(phase) if seconds is None else seconds
        self._stop_timer()
        if phase is _Phase.CLOSING or not self.listener.paused:
            self._start_timer()

    def _start_timer(self) -> None:
        if self._seconds is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self._phase is _Phase.CLOSING:
            self.abort()
        elif self._phase is _Phase.IDLE:
            self._leave()
        else:
            self.refuse(refusals.SLOW)


def _first(headers: Headers, name: bytes) -> bytes | None:
    values = headers.getRawHeaders(name)
    return values[0] if values else None


def _media(headers: Headers) -> _Media | None:
    """The content type that was sent; None when it, or its charset, is not taken."""
    kind, *parameters = (_first(headers, b"content-type") or b"").decode("latin-1").split(";")
    if kind.strip().lower() not in MEDIA_TYPES:
        return None
    charset = None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"')
    if charset is not None and not _known(charset):
        return None
    return _Media(kind.strip(), charset)


def _known(charset: str) -> bool:
    try:
        b"x".decode(charset, "replace")
    except (LookupError, ValueError):
        return False
    return charset.isascii()
