"""Tryton's REST interface over one `Transport`: records found, made, changed and acted on, one transaction a call.

Source: trytond 8.2, protocols/rest.py. Decimals and dates travel as `{"__class__": …}`; a reply is a record or a list.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson

from engine.adapters.transport import Reply, Transport

Record = dict[str, Any]
Domain = Sequence[object]

PAGE = 1000
"""Records of one reply, where all are asked for."""

_WRONG_DOOR = (401, 403, 404, 405)
_REFUSED = (400, 413, 414, 422)


class Refused(Exception):
    """The ERP says no, and nothing of the call is booked. `code`: short, free of content; `told`: its own words."""

    def __init__(self, code: str, told: str = "") -> None:
        super().__init__(code)
        self.code, self.told = code, told


class Misled(Exception):
    """Key, address, rights or the ERP's own set-up are wrong: no document can be booked before they are mended."""


class Busy(Exception):
    """It took nothing now. `args[0]`: a word for why; `args[1]`: seconds it asks for, or None."""


class Unclear(Exception):
    """An answer came that proves nothing. `args[0]`: a word for why."""


_begun: ContextVar[bool] = ContextVar("begun", default=False)
"""Whether anything of the document that this task works on is in the ERP."""


def begun() -> bool:
    """Whether anything of it was found, or made, since `begin`."""
    return _begun.get()


def begin(there: bool = False) -> None:
    """A document is taken up; or, `there`, something of it was found."""
    _begun.set(there)


class Rest:
    """`path`: of the database (`/erp`). Every call raises `NotSent` and `Unanswered` of the transport, too."""

    def __init__(self, transport: Transport, path: str, key: str | None) -> None:
        self._transport = transport
        self._path = path
        self._key = key
        self._context: Record = {}

    def in_company(self, company: int) -> None:
        """From now on every call is made within it."""
        self._context = {"company": company}

    @property
    def company(self) -> int | None:
        """Within which calls are made."""
        return self._context.get("company")

    async def find(
        self, model: str, domain: Domain, fields: Iterable[str], *, context: Record | None = None
    ) -> list[Record]:
        """Every record that answers `domain`."""
        query = f"?d={_packed(domain)}{_asked(fields, '&')}"
        found = await self._call("GET", f"{model}{query}", None, context)
        if not isinstance(found, list):
            raise Unclear("reply not understood")
        return found

    async def find_all(self, model: str, fields: Iterable[str]) -> list[Record]:
        """Every record of a model, page by page: a reply has its limit."""
        found: list[Record] = []
        while True:
            turn = f"&o={_packed([['id', 'ASC']])}&s={PAGE}&p={len(found)}"
            page = await self._call("GET", f"{model}?d={_packed([])}{turn}{_asked(fields, '&')}", None)
            if not isinstance(page, list):
                raise Unclear("reply not understood")
            found += page
            if len(page) < PAGE:
                return found

    async def create(self, model: str, values: Record, fields: Iterable[str] = ()) -> Record:
        return self._record(await self._call("POST", f"{model}{_asked(fields)}", values))

    async def write(self, model: str, record: int, values: Record, fields: Iterable[str] = ()) -> Record:
        return self._record(await self._call("PUT", f"{model}/{record}{_asked(fields)}", values))

    async def act(self, model: str, record: int, action: str, fields: Iterable[str] = ()) -> Record:
        """Presses a button of a record, and gives the record."""
        return self._record(await self._call("POST", f"{model}/{record}/{action}{_asked(fields)}", {}))

    async def delete(self, model: str, record: int) -> None:
        await self._call("DELETE", f"{model}/{record}", None)

    def _record(self, answer: object) -> Record:
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise Unclear("reply not understood")
        return answer

    async def _call(
        self, verb: str, place: str, body: Record | None, context: Record | None = None
    ) -> object:
        content = _json(body) if body is not None else b""
        lines = [
            f"{verb} {self._path}/rest/model/{place} HTTP/1.1",
            f"Host: {self._transport.host_header}",
            "Accept: application/json",
            "Accept-Encoding: gzip",
            f"Content-Length: {len(content)}",
        ]
        if content:
            lines.append("Content-Type: application/json")
        if self._key:
            lines.append(f"Authorization: Bearer {self._key}")
        if known := {**self._context, **(context or {})}:
            lines.append(f"X-Tryton-Context: {_packed(known)}")
        head = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
        reply = await self._transport.request(head + content)
        if reply.status == 404 and "/" in place:
            raise Unclear("the record is gone")
        answer = understood(reply)
        if verb != "GET":
            begin(there=True)
        return answer


def understood(reply: Reply) -> object:
    """The reply's JSON with its Decimals and dates, None when it has none. Raises what it means otherwise."""
    status = reply.status
    if status == 204:
        return None
    if 200 <= status < 300:
        try:
            return _read(orjson.loads(reply.body))
        except (orjson.JSONDecodeError, ValueError, KeyError, TypeError):
            raise Unclear("reply not understood") from None
    if status in _REFUSED:
        raise Refused(f"HTTP {status}", _message(reply.body))
    if status in (429, 503):
        after = reply.headers.get(b"retry-after", b"").strip()
        raise Busy(f"HTTP {status}", float(after) if after.isdigit() and len(after) < 10 else None)
    if status in _WRONG_DOOR or 300 <= status < 400:
        raise Misled(f"HTTP {status}")
    raise Unclear(f"HTTP {status}")


def _message(body: bytes) -> str:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    message = told.get("message") if isinstance(told, dict) else None
    return message if isinstance(message, str) else ""


def _packed(value: object) -> str:
    return urlsafe_b64encode(_json(value)).decode("ascii")


def _json(value: object) -> bytes:
    return orjson.dumps(value, default=_told, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _asked(fields: Iterable[str], mark: str = "?") -> str:
    named = "&".join(f"f={quote(field)}" for field in fields)
    return f"{mark}{named}" if named else ""


def _told(value: object) -> object:
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": format(value, "f")}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError


def _read(value: Any) -> Any:
    match value:
        case {"__class__": "Decimal", "decimal": str(text)}:
            return Decimal(text)
        case {"__class__": "date"}:
            return date(value["year"], value["month"], value["day"])
        case dict():
            return {key: _read(below) for key, below in value.items()}
        case list():
            return [_read(below) for below in value]
        case _:
            return value
