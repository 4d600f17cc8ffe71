"""An intake that answers when the test says so, and listeners on real sockets that are gone after the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from engine.domain.message import Answer, Arrival
from engine.errors import Fault
from engine.site.schema.rate import Rate
from listeners.throttle import Throttle


class FakeIntake:
    """The port, with a mood. `at_once`: each message is acknowledged with `ack(raw)` when it arrives."""

    def __init__(self) -> None:
        self.accepting = True
        self.at_once = True
        self.fails: Exception | None = None
        self.arrivals: list[Arrival] = []
        self.answers: list[asyncio.Future[Answer]] = []
        self.kept: list[tuple[bytes, str]] = []
        self._news = asyncio.Event()

    @staticmethod
    def ack(raw: bytes) -> bytes:
        return b"ACK for " + raw

    def receive(self, arrival: Arrival) -> asyncio.Future[Answer]:
        if self.fails is not None:
            raise self.fails
        self.arrivals.append(arrival)
        self.answers.append(asyncio.get_running_loop().create_future())
        if self.at_once:
            self.settle(len(self.answers) - 1)
        self._news.set()
        return self.answers[-1]

    def settle(self, index: int) -> None:
        self.answers[index].set_result(Answer(self.ack(self.arrivals[index].raw), "AA"))

    def settle_all(self) -> None:
        self.at_once = True
        for index, answer in enumerate(self.answers):
            if not answer.done():
                self.settle(index)

    def garbled(self, feed: str, raw: bytes, reason: str, peer: str) -> None:
        self.kept.append((raw, reason.partition(" ")[0]))
        self._news.set()

    async def until(self, happened: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not happened():
                self._news.clear()
                await self._news.wait()

    @property
    def raws(self) -> list[bytes]:
        return [arrival.raw for arrival in self.arrivals]


class Seconds:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def throttled(seconds) -> Callable[[int, int], Throttle]:
    """What `throttle` of a listener is given: requests in so many seconds."""
    return lambda requests, within: Throttle(lambda: Rate(requests, within), seconds)


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


@pytest.fixture
def reported() -> list[Fault]:
    return []


@pytest.fixture
async def started(intake):
    """Starts listeners that end with the test, after every answer is given."""
    running = []

    async def start(listener):
        await listener.start()
        running.append(listener)
        return listener

    yield start
    intake.settle_all()
    for listener in running:
        await listener.stop()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the peer ends."""
    async with asyncio.timeout(5):
        return await reader.read(-1)


@pytest.fixture
async def complaints():
    """What asyncio would log: exceptions nobody looked at, callbacks that failed."""
    heard = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: heard.append(context))
    yield heard
    loop.set_exception_handler(None)


@pytest.fixture
async def connect():
    """Open client streams that the test need not close."""
    writers = []

    async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    yield opened
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
