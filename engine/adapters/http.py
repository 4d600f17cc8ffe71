"""Documents over HTTP: POST to send, GET to ask. What a reply means is decided by `classify`, pure.

Nothing of a reply's text reaches a code or a log: error codes are taken only when they are short tokens.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from engine.adapters.transport import NotSent, Reply, Transport, Unanswered
from engine.domain.money import parse_decimal
from engine.domain.outcome import Outcome, Verdict
from engine.domain.views import Outgoing

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_BEFORE_APPLYING = (408, 425, 429, 503)
"""The far end says that it did not take the request."""

_MISCONFIGURED = (401, 403, 404, 405)
"""On the path that documents go to: credentials or address are wrong, the documents are not."""


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """One far end. `url`: no trailing slash. `probe_path`: with `{reference}`, None when it cannot be asked.
    `already_exists`: `409` or `409 CODE`. `document_field` '': any 2xx is a success."""

    url: str
    timeout: float
    token: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    idempotency_header: str | None = None
    probe_path: str | None = None
    batch_path: str | None = None
    already_exists: tuple[str, ...] = ()
    document_field: str = "document"
    amount_field: str | None = None


class HttpAdapter:
    """The `Adapter` port over one `Transport`."""

    def __init__(self, endpoint: HttpEndpoint) -> None:
        self._endpoint = endpoint
        self._transport = Transport(endpoint.url, timeout=endpoint.timeout)
        self._base = "/" + endpoint.url.split("://", 1)[1].partition("/")[2]
        self._base = "" if self._base == "/" else self._base
        self._common = self._headers(endpoint)

    async def send(self, delivery: Outgoing) -> Outcome:
        key = self._endpoint.idempotency_header
        extra = f"{key}: {delivery.reference}\r\n" if key else ""
        reply = await self._exchange(self._post(delivery.path, delivery.payload, extra))
        return reply if isinstance(reply, Outcome) else classify(self._endpoint, reply)

    async def send_many(self, deliveries: Sequence[Outgoing]) -> list[Outcome]:
        """One POST of {documents: [{path, body}]}; the reply's `results` are each understood like a reply."""
        if self._endpoint.batch_path is None:
            return [await self.send(delivery) for delivery in deliveries]
        documents = b",".join(
            b'{"path":%b,"body":%b}' % (orjson.dumps(delivery.path), delivery.payload)
            for delivery in deliveries
        )
        reply = await self._exchange(
            self._post(self._endpoint.batch_path, b'{"documents":[%b]}' % documents, "")
        )
        if isinstance(reply, Outcome):
            return [reply] * len(deliveries)
        if reply.status != 200:
            return [classify(self._endpoint, reply)] * len(deliveries)
        return classify_batch(self._endpoint, reply, deliveries)

    async def probe(self, delivery: Outgoing) -> Outcome | None:
        if self._endpoint.probe_path is None:
            return None
        path = self._base + self._endpoint.probe_path.replace("{reference}", delivery.reference)
        reply = await self._exchange(f"GET {path} HTTP/1.1\r\n{self._common}\r\n".encode("ascii"))
        return reply if isinstance(reply, Outcome) else classify_probe(self._endpoint, reply)

    async def read(self, path: str) -> Reply:
        """What a GET answers. Raises `NotSent` and `Unanswered`."""
        return await self._transport.request(
            f"GET {self._base}{path} HTTP/1.1\r\n{self._common}\r\n".encode("ascii")
        )

    def cut(self) -> None:
        self._transport.cut()

    async def close(self) -> None:
        self._transport.cut()

    async def _exchange(self, request: bytes) -> Reply | Outcome:
        try:
            return await self._transport.request(request)
        except NotSent as why:
            return Outcome(Verdict.NOT_SENT, str(why))
        except Unanswered as why:
            return Outcome(Verdict.UNKNOWN, str(why))

    def _post(self, path: str, body: bytes, extra: str) -> bytes:
        head = (
            f"POST {self._base}{path} HTTP/1.1\r\n{self._common}{extra}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body

    def _headers(self, endpoint: HttpEndpoint) -> str:
        lines = [f"Host: {self._transport.host_header}", "Accept: application/json"]
        if endpoint.token:
            lines.append(f"Authorization: Bearer {endpoint.token}")
        elif endpoint.user is not None:
            pair = f"{endpoint.user}:{endpoint.password or ''}".encode()
            lines.append(f"Authorization: Basic {b64encode(pair).decode('ascii')}")
        return "\r\n".join(lines) + "\r\n"


def classify(endpoint: HttpEndpoint, reply: Reply) -> Outcome:
    """What a reply to a document means."""
    status, body = reply.status, _json(reply.body)
    code = _code(status, body)
    if code in endpoint.already_exists or str(status) in endpoint.already_exists:
        return Outcome(Verdict.APPLIED, code, _text(body, endpoint.document_field))
    if 200 <= status < 300:
        return _applied(endpoint, code, body, reply.body)
    if status in _BEFORE_APPLYING:
        return Outcome(Verdict.NOT_SENT, code, retry_after=_retry_after(reply))
    if status in _MISCONFIGURED or 300 <= status < 400:
        return Outcome(Verdict.CREDENTIALS, code)
    if status >= 500:
        return Outcome(Verdict.UNKNOWN, code, reply=reply.body[:REPLY_KEPT])
    return Outcome(Verdict.REJECTED, code, reply=reply.body[:REPLY_KEPT])


REPLY_KEPT = 16_384
"""Bytes of a refusal kept for a person to read."""


def classify_batch(endpoint: HttpEndpoint, reply: Reply, deliveries: Sequence[Outgoing]) -> list[Outcome]:
    """Each result by the reference it names; a document that the reply does not speak of is unknown."""
    found: dict[str, Outcome] = {}
    body = _json(reply.body)
    for result in body.get("results", []) if isinstance(body, dict) else []:
        if isinstance(result, dict) and isinstance(result.get("status"), int):
            inner = Reply(result["status"], {}, orjson.dumps(result.get("body")))
            found[str(result.get("reference"))] = classify(endpoint, inner)
    missing = Outcome(Verdict.UNKNOWN, "not in the batch's reply")
    return [found.get(delivery.reference, missing) for delivery in deliveries]


def classify_probe(endpoint: HttpEndpoint, reply: Reply) -> Outcome:
    """200: it is booked; 404: it is not; anything else: the question failed."""
    body = _json(reply.body)
    if reply.status == 200:
        documents = body.get("documents") if isinstance(body, dict) else None
        first = documents[0] if isinstance(documents, list) and documents else body
        return _applied(endpoint, "found by reference", first, reply.body)
    if reply.status == 404:
        return Outcome(Verdict.ABSENT, "HTTP 404")
    if reply.status in (401, 403):
        return Outcome(Verdict.CREDENTIALS, f"HTTP {reply.status}")
    return Outcome(Verdict.UNKNOWN, f"HTTP {reply.status}")


def _applied(endpoint: HttpEndpoint, code: str, body: Any, raw: bytes) -> Outcome:
    """A success that cannot be read is no proof: it is asked about."""
    document = _text(body, endpoint.document_field) if endpoint.document_field else ""
    if endpoint.document_field and not document:
        return Outcome(Verdict.UNKNOWN, "reply not understood", reply=raw[:REPLY_KEPT])
    return Outcome(Verdict.APPLIED, code, document, _amount(body, endpoint.amount_field))


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    return str(value)[:80] if isinstance(value, str | int) else ""


def _amount(body: Any, name: str | None) -> Decimal | None:
    value = body.get(name) if name and isinstance(body, dict) else None
    try:
        return parse_decimal(str(value)) if value is not None else None
    except ValueError:
        return None


def _code(status: int, body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    token = error.get("code") if isinstance(error, dict) else error
    if isinstance(token, str) and _TOKEN.fullmatch(token):
        return f"{status} {token}"
    return f"HTTP {status}"


def _retry_after(reply: Reply) -> float | None:
    text = reply.headers.get(b"retry-after", b"").strip()
    return float(text) if text.isdigit() and len(text) < 10 else None
