"""A proxy that spoils HTTP exchanges: cut before the far end hears, after it answered, late, half, another answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from time import monotonic
from typing import Literal, Self
from urllib.parse import urlsplit

Fate = Literal["pass", "before", "after", "late", "half", "502", "garbage"]
"""before: cut, never forwarded · after: answered, the answer lost · late: cut, forwarded `delay` seconds later · half:
cut in the middle of the answer · 502: answered, a proxy's page instead · garbage: answered, another answer instead."""

FATES: tuple[Fate, ...] = ("before", "after", "late", "half", "502", "garbage")


class Lossy:
    """`fate_of`: (number of the request from 0, its first line) → what becomes of it. `slowest`: seconds that the far
    end took at most."""

    def __init__(self, fate_of: Callable[[int, str], Fate], delay: float = 1.0) -> None:
        self._host, self._port, self._path = "", 0, ""
        self._fate_of = fate_of
        self._delay = delay
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[bytes]] = set()
        self.requests = 0
        self.spoiled = 0
        self.slowest = 0.0
        self.url = ""

    def before(self, upstream: str) -> Self:
        """In front of that far end."""
        parts = urlsplit(upstream)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        return self

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.settled()
        if self._serving:
            await asyncio.wait(self._serving)
        await self._server.wait_closed()

    async def settled(self) -> None:
        """What is late has come."""
        if self._late:
            await asyncio.wait(self._late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            request = await _request(reader)
            if request:
                await self._answer(request, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the one or the other side went away
        finally:
            writer.close()

    async def _answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        first = request.split(b"\r\n", 1)[0].decode("latin1")
        fate = self._fate_of(self.requests, first)
        self.requests += 1
        self.spoiled += fate != "pass"
        if fate == "before":
            return
        if fate == "late":
            task = asyncio.create_task(self._forward(request, self._delay))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        answer = await self._forward(request)
        match fate:
            case "after":
                return
            case "half":
                answer = answer[: len(answer) - 3]
            case "502":
                answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>"
            case "garbage":
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>"
        writer.write(answer)
        await writer.drain()

    async def _forward(self, request: bytes, delay: float = 0.0) -> bytes:
        """The far end's whole answer. One connection for each request."""
        await asyncio.sleep(delay)
        head, _, body = request.partition(b"\r\n\r\n")
        begun = monotonic()
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(head + b"\r\nConnection: close\r\n\r\n" + body)
            return await reader.read()
        finally:
            self.slowest = max(self.slowest, monotonic() - begun)
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")
