"""FHIR over HTTP: JSON or XML in and out, on the limits and with the credentials of the other HTTP door.

What is asked and answered is `engine.domain.ports.Resources`' affair; here is HTTP. Refusals are OperationOutcomes.
Requests of one connection are answered one after the other, and bodies go on in the order in which they became whole.
Source: HL7 FHIR R4, http.html.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from twisted.internet.protocol import Protocol
from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers

from engine.domain.ports import Intake, Resources
from engine.domain.resources import Asked, Replied
from listeners import refusals
from listeners.http import Channel, Exchange, HttpListener
from listeners.refusals import Refusal

KIND = b"application/fhir+json; charset=utf-8"
_BODILESS = (b"GET", b"DELETE")
_HEADERS = (
    "accept", "content-type", "if-match", "if-none-exist", "if-none-match", "prefer", "x-request-id",
)  # fmt: skip


class FhirListener(HttpListener):
    """Listens for FHIR on one port. `path`: of the base; see `HttpListener` for the others."""

    def __init__(self, feed: str, intake: Intake, resources: Resources, **settings: Any) -> None:
        super().__init__(feed, intake, **settings)
        self.resources = resources
        self.scheme = "https" if settings.get("tls") else "http"
        self._root = self.path.rstrip(b"/")

    def speaker(self, peer: str) -> Protocol:
        return _FhirChannel(self, peer)

    def worded(self, refusal: Refusal, headers: Headers | None) -> Refusal:
        if refusal.shown:
            return refusal
        code, _, text = refusal.text.partition(" ")
        reply = self.resources.refusal(refusal.status, code, text, _named(headers) if headers else {})
        return _as_refusal(reply, refusal.headers)

    def refusal(self, method: bytes, uri: bytes, headers: Headers, length: int | None) -> Refusal | None:
        if (denied := self.denied(headers)) is not None:
            return denied
        asked = self.asked(method, uri, headers, "")
        if asked is None:
            return refusals.UNKNOWN_PATH
        if method != b"GET" and not self.resources.accepting:
            return refusals.UNABLE
        reply = self.resources.refuses(self.feed, asked)
        if reply is not None:
            return _as_refusal(reply)
        framed = headers.hasHeader(b"content-length") or headers.hasHeader(b"transfer-encoding")
        if method not in _BODILESS and not framed:
            return refusals.NO_LENGTH
        return refusals.TOO_LARGE if length is not None and length > self.limit else None

    def asked(
        self, method: bytes, uri: bytes, headers: Headers, peer: str, body: bytes = b""
    ) -> Asked | None:
        """The request; None: it is not below the base."""
        path, _, query = uri.partition(b"?")
        if path.rstrip(b"/") != self._root and not path.startswith(self._root + b"/"):
            return None
        below = unquote(path[len(self._root) :].decode("latin-1")).strip("/")
        named, base = _named(headers), self._base(headers)
        return Asked(method.decode("latin-1"), below, query.decode("latin-1"), named, base, peer, body)

    def _base(self, headers: Headers) -> str:
        """As the sender calls it."""
        hosts = headers.getRawHeaders(b"host") or [b""]
        host = hosts[0].decode("latin-1")
        plain = host.isascii() and host.isprintable() and not set(host) & set(' "<>/\\')
        root = self._root.decode()
        return f"{self.scheme}://{host}{root}" if host and plain else root


class _FhirExchange(Exchange):
    """One request and its answer."""

    def take(self) -> None:
        listener = self.channel.listener
        assert isinstance(listener, FhirListener)
        asked = listener.asked(
            self.method, self.uri, self.requestHeaders, self.channel.peer, bytes(self.body)
        )
        self.body.clear()
        if asked is None:
            self.refuse(refusals.UNKNOWN_PATH)
            return
        if asked.path and self.method not in _BODILESS and not asked.body:
            self.refuse(refusals.EMPTY)
            return
        answer = asyncio.ensure_future(listener.resources.ask(listener.feed, asked))
        answer.add_done_callback(self._replied)

    def _replied(self, answer: asyncio.Future[Replied]) -> None:
        failure = asyncio.CancelledError() if answer.cancelled() else answer.exception()
        if self.gone:
            return
        if failure is not None:
            self.fail(failure)
            return
        status, headers, body = answer.result()
        length = () if status == HTTPStatus.NOT_MODIFIED else ((b"Content-Length", b"%d" % len(body)),)
        self.reply(status, (*_encoded(headers), *length, (b"Date", datetimeToString())), body)


class _FhirChannel(Channel):
    requestFactory = _FhirExchange


def _named(headers: Headers) -> dict[str, str]:
    """What is looked at, by small names."""
    found = {
        name: values[0].decode("latin-1")
        for name in _HEADERS
        if (values := headers.getRawHeaders(name.encode()))
    }
    if accepts := headers.getRawHeaders(b"accept"):
        found["accept"] = b",".join(accepts).decode("latin-1")
    return found


def _encoded(headers: Sequence[tuple[str, str]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode("ascii"), value.encode("latin-1")) for name, value in headers)


def _as_refusal(reply: Replied, more: Sequence[tuple[bytes, bytes]] = ()) -> Refusal:
    headers = dict(_encoded(reply.headers))
    kind = headers.pop(b"Content-Type", KIND)
    return Refusal(reply.status, "", (*more, *headers.items()), shown=reply.body, kind=kind)
