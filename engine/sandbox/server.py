"""The sockets: both sides on aiohttp's plain server, and the moods acted out on their connections.

Never decides what is booked. A request takes no route table of aiohttp's, no middleware and no task of our
own; booking never waits, so that two requests never interleave.
"""

from __future__ import annotations

import asyncio
from functools import partial
from types import TracebackType
from typing import Self

import orjson
from aiohttp import web

from engine.sandbox.answers import JSON, Answer
from engine.sandbox.billing import Billing
from engine.sandbox.desk import Duplicates
from engine.sandbox.erp import Erp
from engine.sandbox.masters import Masters
from engine.sandbox.moods import Mood
from engine.sandbox.side import MALFORMED, Asked, Side

LARGEST_BODY = 16 * 1024 * 1024  # bytes; a batch of some 30,000 documents
STOPPING = 0.1  # seconds for answers under way, before their connections are cut

PROXY_PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Raw(web.StreamResponse):
    """Bytes put on the connection as they are. Not `kept`: the connection is closed behind them."""

    def __init__(self, wire: bytes, *, kept: bool) -> None:
        super().__init__()
        self._wire = wire
        self._kept = kept

    @property
    def keep_alive(self) -> bool:
        return self._kept

    async def prepare(self, request: web.BaseRequest) -> None:
        if request.transport is not None:
            request.transport.write(self._wire)

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing more to write."""


class Door:
    """One side on one port."""

    def __init__(self, side: Side, host: str, port: int) -> None:
        self.side = side
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._late: set[asyncio.TimerHandle] = set()

    @property
    def url(self) -> str:
        """Where the side answers; only while it is open."""
        if self._runner is None:
            raise RuntimeError("the sandbox is not open")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def open(self) -> None:
        """Listens. Raises `OSError` when the port is taken."""
        request = partial(web.BaseRequest, loop=asyncio.get_running_loop(), client_max_size=LARGEST_BODY)
        server = web.Server(self._handle, request_factory=request, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=STOPPING)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self.close()
            raise

    async def close(self) -> None:
        """Closes every connection; late bookings that have not happened never will. Twice is fine."""
        for booking in self._late:
            booking.cancel()
        self._late.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = await _asked(request)
        mood = self.side.mood(asked)
        if mood is None:
            return _response(self.side.answer(asked))
        if mood.answers:
            return _response(mood.answer())
        return await self._spoiled(mood, asked)

    async def _spoiled(self, mood: Mood, asked: Asked) -> web.StreamResponse:
        match mood.mood:
            case "down":
                return _cut()
            case "late":
                self._book_late(mood.seconds, asked)
                return _cut()
            case "proxy":
                if mood.applied:
                    self.side.answer(asked)
                return web.Response(status=mood.number, text=PROXY_PAGE, content_type="text/html")
        answer = self.side.answer(asked)
        match mood.mood:
            case "lose-reply":
                return _cut()
            case "half":
                wire = answer.wire()
                return _cut(wire[: len(wire) - len(answer.body()) // 2])
            case "twice":
                return Raw(answer.wire() * 2, kept=True)
            case "garbage":
                return web.Response(text="{not JSON", content_type=JSON)
        await asyncio.sleep(mood.seconds)
        return _response(answer)

    def _book_late(self, seconds: float, asked: Asked) -> None:
        def book() -> None:
            self._late.discard(booking)
            self.side.answer(asked)

        booking = asyncio.get_running_loop().call_later(seconds, book)
        self._late.add(booking)


class Sandbox:
    """Both far ends. `masters`: the shipped ones unless given; port 0: any free port.

    Use it with `async with`, or `start` and `stop`. `erp` and `billing` are the two sides themselves: a test
    in the same process can read their books and tell them moods without a request.
    """

    def __init__(
        self,
        masters: Masters | None = None,
        *,
        host: str = "127.0.0.1",
        erp_port: int = 0,
        billing_port: int = 0,
        billing_token: str | None = None,
        erp_duplicates: Duplicates = "accept",
        billing_duplicates: Duplicates = "accept",
    ) -> None:
        masters = masters or Masters.load()
        self.erp = Side(Erp(masters), duplicates=erp_duplicates)
        self.billing = Side(Billing(masters), duplicates=billing_duplicates, token=billing_token)
        self._doors = (Door(self.erp, host, erp_port), Door(self.billing, host, billing_port))

    @property
    def erp_url(self) -> str:
        return self._doors[0].url

    @property
    def billing_url(self) -> str:
        return self._doors[1].url

    def books(self) -> dict[str, dict[str, object]]:
        """Both books, as `GET /books` of each side answers them: `{"erp": …, "billing": …}`."""
        return {"erp": self.erp.books(), "billing": self.billing.books()}

    async def start(self) -> None:
        """Opens both ports, or neither. Raises `OSError` when one is taken."""
        try:
            for door in self._doors:
                await door.open()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Closes both ports; twice, or before starting, is fine."""
        for door in self._doors:
            await door.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


async def _asked(request: web.BaseRequest) -> Asked:
    body = await request.read()
    try:
        tree = orjson.loads(body) if request.method == "POST" else None
    except orjson.JSONDecodeError:
        tree = MALFORMED
    return Asked(
        method=request.method,
        path=request.path,
        tree=tree,
        query=request.query,
        authorization=request.headers.get("Authorization", ""),
        key=request.headers.get("Idempotency-Key"),
    )


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body(), headers=answer.headers, content_type=JSON)


def _cut(wire: bytes = b"") -> Raw:
    """Nothing, or the beginning of an answer, and the connection closed."""
    return Raw(wire, kept=False)
