"""What an HTTP sender is told when its request gives no acknowledgment: a status, and a fault code in plain text.

Only values; `listeners.http` decides which and sends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from twisted.web.http import datetimeToString


@dataclass(frozen=True, slots=True)
class Refusal:
    """`headers`: those of this status beyond the usual ones. `shown`: what is said in place of the text, of `kind`."""

    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    shown: bytes = b""
    kind: bytes = b"text/plain; charset=utf-8"

    @property
    def body(self) -> bytes:
        return self.shown or f"{self.text}\n".encode()

    def all_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return (
            (b"Content-Type", self.kind),
            (b"Content-Length", b"%d" % len(self.body)),
            (b"Date", datetimeToString()),  # type: ignore[no-untyped-call]
            *self.headers,
        )

    def response(self, *, with_body: bool = True) -> bytes:
        """The whole of a response after which the connection closes."""
        lines = [b"HTTP/1.1 %d %b" % (self.status, HTTPStatus(self.status).phrase.encode())]
        lines += [b"%b: %b" % header for header in self.all_headers()]
        lines += [b"Connection: close", b"", self.body if with_body else b""]
        return b"\r\n".join(lines)


MALFORMED = Refusal(400, "LST021 the request is not well-formed HTTP/1.1")
NO_MESSAGE = Refusal(400, "LST021 the body is no HL7 message; its bytes are kept for a person")
EMPTY = Refusal(400, "LST021 the request has no body")
FORBIDDEN = Refusal(403, "LST040 the token lacks a scope that this interface asks for")
UNKNOWN_PATH = Refusal(404, "LST023 no interface is at this path")
NOT_POST = Refusal(405, "LST024 messages are sent with POST", ((b"Allow", b"POST"),))
SLOW = Refusal(408, "LST025 the request did not arrive in time")
NO_LENGTH = Refusal(411, "LST026 the request states neither Content-Length nor chunked transfer")
TOO_LARGE = Refusal(413, "LST027 the message is longer than the listener's limit")
WRONG_TYPE = Refusal(415, "LST028 the content type or its charset is not one that is taken here")
LONG_HEADERS = Refusal(431, "LST029 the request's headers are longer than the listener's limit")
FAILED = Refusal(500, "LST004 the message could not be taken; the engine's operators were told")
UNABLE = Refusal(503, "LST030 the message is not stored; send it again later", ((b"Retry-After", b"5"),))


def too_many(seconds: int) -> Refusal:
    """429. `seconds`: until there is room again."""
    headers = ((b"Retry-After", b"%d" % seconds),)
    return Refusal(
        429, "LST034 more requests than this interface takes of a sender; come again later", headers
    )


def denied(challenges: tuple[bytes, ...]) -> Refusal:
    """401 with what may be shown instead, as `WWW-Authenticate` values."""
    headers = tuple((b"WWW-Authenticate", challenge) for challenge in challenges)
    return Refusal(401, "LST022 the request's credentials do not open this interface", headers)
