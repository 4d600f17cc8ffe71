"""A dispatcher on a real store, and a far end whose moods a test writes."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from engine.clock import SystemClock
from engine.delivery.dispatcher import Dispatcher
from engine.delivery.retry import LanePolicy
from engine.domain.changes import Received, Routed
from engine.domain.message import MessageId
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Document, EffectRow, LineRow, Measure, Priority, Stepped
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.store.backup import back_up, restore
from engine.store.sqlite import SqliteStore

APPLIED = Outcome(Verdict.APPLIED, "HTTP 201", "D1")
ABSENT = Outcome(Verdict.ABSENT, "HTTP 404")
QUICK = LanePolicy(settle=0.02, first=0.02, ceiling=0.05, concurrency=4, stop_grace=1.0)


class FarEnd:
    """An `Adapter` that keeps books. `moods`: reference → what its next tries do, in order; then `APPLIED`.

    A mood is an `Outcome`, or `lost` (applied, and no reply came), or an exception to raise. `gate` holds every try
    until it is set."""

    def __init__(self) -> None:
        self.moods: dict[str, list[object]] = {}
        self.booked: list[str] = []
        self.tries: list[str] = []
        self.asked: list[str] = []
        self.calls: list[int] = []
        self.under_way: Counter[int] = Counter()
        self.most_under_way = 0
        self.probes: list[Outcome | None] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.seen = asyncio.Event()
        self.closed = False

    async def send(self, delivery) -> Outcome:
        self.tries.append(delivery.reference)
        self.under_way[delivery.lane] += 1
        self.most_under_way = max(self.most_under_way, self.under_way.total())
        assert self.under_way[delivery.lane] == 1, "two documents of one lane under way"
        self.seen.set()
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            return self._answer(delivery.reference)
        finally:
            self.under_way[delivery.lane] -= 1

    def _answer(self, reference: str) -> Outcome:
        moods = self.moods.get(reference)
        mood = moods.pop(0) if moods else APPLIED
        if isinstance(mood, Exception):
            raise mood
        if mood == "lost":
            self.booked.append(reference)
            return Outcome(Verdict.UNKNOWN, "cut")
        assert isinstance(mood, Outcome)
        if mood.verdict is Verdict.APPLIED:
            self.booked.append(reference)
        return mood

    async def send_many(self, deliveries) -> list[Outcome]:
        self.calls.append(len(deliveries))
        return [await self.send(delivery) for delivery in deliveries]

    async def probe(self, delivery) -> Outcome | None:
        self.asked.append(delivery.reference)
        if self.probes:
            return self.probes.pop(0)
        return APPLIED if delivery.reference in self.booked else ABSENT

    def cut(self) -> None: ...

    async def close(self) -> None:
        self.closed = True


class Told:
    def __init__(self) -> None:
        self.ends: list[tuple[str, DeliveryState]] = []
        self.stops: list[str] = []
        self.faults: list[Exception] = []
        self.changed = asyncio.Event()

    def settled(self, delivery, outcome, state, seconds):
        self.ends.append((delivery.reference, state))
        self.changed.set()

    def stopped(self, destination, code):
        self.stops.append(code)

    def broken(self, destination, error):
        self.faults.append(error)
        self.changed.set()


class House:
    """The store, the far end and one dispatcher at a time."""

    def __init__(self, path) -> None:
        self._path = path
        self.far = FarEnd()
        self.told = Told()
        self.clock = SystemClock()
        self._documents = 0

    async def open(self) -> None:
        self.store = SqliteStore(self._path, site="s", environment="test", clock=self.clock)
        await self.store.start()

    async def start(self, policy: LanePolicy = QUICK) -> Dispatcher:
        self.dispatcher = Dispatcher("erp", self.far, policy, self.store, self.store, self.clock, self.told)
        await self.dispatcher.start()
        return self.dispatcher

    async def post(
        self,
        *lanes: int,
        priority: Priority = Priority.LIVE,
        born: DeliveryState = DeliveryState.READY,
        joins: tuple[int, ...] = (),
    ) -> list[str]:
        """One document for each lane, committed in order. Gives the references."""
        received = Received("f", 1, "DFT^P03", "1", b"raw", None, MessageState.PENDING, "", "AA", None)
        changes, references = [], []
        for kept, lane in zip(await self.store.submit([received] * len(lanes)), lanes, strict=True):
            self._documents += 1
            reference = f"R{self._documents:04}"
            references.append(reference)
            document = Document(
                "c", "erp", "issue", Action.POST, lane, priority, reference, "/p", b"{}", joins=joins
            )
            changes.append(Routed(MessageId(kept.id), _stepped(document), (born,), 1, 1))
        await self.store.submit(changes)
        return references

    async def until(self, holds, seconds: float = 30.0) -> None:
        """Waits for ends of tries until `holds()`."""
        async with asyncio.timeout(seconds):
            while not holds():
                self.told.changed.clear()
                await self.told.changed.wait()

    async def delivered(self, *references: str) -> None:
        await self.until(lambda: {(r, DeliveryState.DELIVERED) for r in references} <= set(self.told.ends))

    async def drained(self) -> None:
        """Waits until nothing is open in the store."""
        async with asyncio.timeout(60):
            while await self._open():
                self.told.changed.clear()
                try:
                    await asyncio.wait_for(self.told.changed.wait(), 0.02)
                except TimeoutError:
                    continue  # what ended just before a crash is told by nobody

    async def _open(self) -> bool:
        ready = [await self.store.ready("erp", priority, 0, 1) for priority in Priority]
        return any(ready) or bool(await self.store.parked("erp"))

    async def state(self, reference: str) -> DeliveryState:
        return (await self.row(reference)).state

    async def row(self, reference: str):
        for message in range(1, 10_000):
            for row in await self.store.deliveries(MessageId(message)):
                if row.reference == reference:
                    return row
        raise AssertionError(reference)

    async def crash(self) -> None:
        """The engine dies: nothing is written any more, the store is opened by the next one."""
        tasks = list(self.dispatcher._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.store.stop()
        await self.open()

    async def restored_while(self, *booked: str) -> None:
        """A backup is taken, `booked` are sent, the store is lost, and the backup is put back."""
        backup = self._path.with_name("backup.db")
        back_up(self._path, backup)
        self.far.booked += booked
        await self.store.stop()
        restore(backup, self._path, self.clock.now_us())
        await self.open()

    async def close(self) -> None:
        self.far.gate.set()
        await self.dispatcher.stop()
        await self.store.stop()


def _stepped(document: Document) -> Stepped:
    key = document.reference.encode().ljust(16, b"_")
    line = LineRow("c", 1, key, True, key, False, LineState.POSTED, "", None, "USD")
    effect = EffectRow(
        0, "erp", "issue", Action.POST, key, 1, EffectState.ROUTED, 0, None, None, Measure.QUANTITY_ONLY, None, "USD"
    )  # fmt: skip
    return Stepped(MessageState.ROUTED, "", (line,), (effect,), (document,))


@pytest.fixture
async def house(tmp_path):
    house = House(tmp_path / "suture.db")
    await house.open()
    yield house
    await house.close()


@pytest.fixture(scope="session")
def new_house() -> type[House]:
    """For who opens one for each example."""
    return House


@pytest.fixture(scope="session")
def quick() -> LanePolicy:
    return QUICK
