"""The hospital's side of the wire: MLLP and HTTP, several connections for each feed, one message at a time on each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import aiohttp

from demo.morning import Talk

CONNECTIONS = 4
ANSWER_WITHIN = 30.0  # seconds
USER, PASSWORD = "ehr", "demo"

Told = Callable[[], None]


class NotTaken(Exception):
    """A message was not answered with AA."""


async def send(talks: Sequence[Talk], ports: dict[str, int], told: Told) -> None:
    """Sends everything, each talk whole on one connection. `told` is called at each AA. Raises `NotTaken`."""
    async with asyncio.TaskGroup() as group:
        for feed, port in ports.items():
            waiting = deque(talk for talk in talks if talk.feed == feed)
            speak = _http if feed == "hl7-http" else _mllp
            for _ in range(min(CONNECTIONS, len(waiting))):
                group.create_task(speak(waiting, port, told))


async def _mllp(waiting: deque[Talk], port: int, told: Told) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while waiting:
            talk = waiting.popleft()
            for place, message in enumerate(talk.frames):
                if stump := talk.broken.get(place):
                    writer.write(b"\x0b" + stump)
                writer.write(b"\x0b" + message + b"\x1c\r")
                async with asyncio.timeout(ANSWER_WITHIN):
                    _must_be_taken(await reader.readuntil(b"\x1c\r"))
                told()
    finally:
        writer.close()


async def _http(waiting: deque[Talk], port: int, told: Told) -> None:
    limit = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
    headers = {
        "Content-Type": "application/hl7-v2",
        "Authorization": aiohttp.encode_basic_auth(USER, PASSWORD),
    }
    async with aiohttp.ClientSession(timeout=limit, headers=headers) as session:
        while waiting:
            for message in waiting.popleft().frames:
                async with session.post(f"http://127.0.0.1:{port}/hl7", data=message) as answer:
                    _must_be_taken(await answer.read())
                told()


def _must_be_taken(answer: bytes) -> None:
    if b"\rMSA|AA|" not in answer:
        raise NotTaken("a message was not answered with AA; see the engine's log")
