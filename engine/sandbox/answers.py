"""What a side answers, before it becomes bytes on a connection. One error shape everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer with a JSON body. `headers`: beside type and length."""

    status: int
    tree: object
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return orjson.dumps(self.tree)

    def wire(self) -> bytes:
        """The whole answer as HTTP/1.1 bytes."""
        body = self.body()
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {JSON}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def fault(
    status: int,
    code: str,
    message: str,
    line: int | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    **beside: object,
) -> Answer:
    """An error answer: `{"error": {"code", "message", "line"}}`, and what stands `beside` it."""
    error: dict[str, object] = {"code": code, "message": message}
    if line is not None:
        error["line"] = line
    return Answer(status, {"error": error, **beside}, headers or {})
