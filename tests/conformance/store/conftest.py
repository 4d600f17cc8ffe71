"""The homes of the store and what every test of them needs. A new home joins `HOMES` and owes every test here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

import apsw
import pytest

from engine.clock import SystemClock
from engine.domain.changes import Received, Released, Requeued, Routed, RoutedAs, Sending, Settled
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Document, EffectRow, LineRow, Measure, Stepped
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.domain.views import MessageQuery
from engine.errors import StoreUnavailable
from engine.store.sqlite import SqliteStore

HOMES = ("sqlite", "sqlite, slow and out of order", "sqlite on a failing disk")


class Disk(apsw.VFS):
    """Every file of this process, with a log whose writes can be made to fail. `fail`: the error of the next
    `times` writes to a log; `every`: also each n-th sync of one."""

    def __init__(self) -> None:
        super().__init__("failing", "unix", makedefault=True)
        self.fail: type[Exception] | None = None
        self.times = 0
        self.every = 0
        self.syncs = 0

    def xOpen(self, name, flags):
        return _File(self, name, flags)

    def break_down(self, error: type[Exception], times: int = 1_000_000) -> None:
        self.fail, self.times = error, times

    def mend(self) -> None:
        self.times = self.every = 0

    def write(self) -> None:
        if self.times:
            self.times -= 1
            raise self.fail("the test's disk")

    def sync(self) -> None:
        self.syncs += 1
        if self.every and self.syncs % self.every == 0:
            raise apsw.IOError("the test's disk")


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name, flags) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk if flags[0] & apsw.SQLITE_OPEN_WAL else None

    def xWrite(self, data, offset):
        if self._disk:
            self._disk.write()
        super().xWrite(data, offset)

    def xSync(self, flags):
        if self._disk:
            self._disk.sync()
        super().xSync(flags)


class Slow:
    """A store whose answers come late, and not in the order of its commits."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._random = random.Random(7)

    def __getattr__(self, name):
        return getattr(self._store, name)

    def submit(self, changes):
        outer = asyncio.get_running_loop().create_future()
        self._store.submit(changes).add_done_callback(
            lambda inner: self._later(self._random.randint(0, 9), inner, outer)
        )
        return outer

    def _later(self, turns, inner, outer) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._later, turns - 1, inner, outer)
        elif inner.exception() is not None:
            outer.set_exception(inner.exception())
        else:
            outer.set_result(inner.result())


class Stubborn:
    """A store whose every failed commit is tried again, as senders and lanes do: what failed must have left nothing."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def submit(self, changes):
        return asyncio.get_running_loop().create_task(self._until_durable(changes))

    async def _until_durable(self, changes):
        while True:
            try:
                return await self._store.submit(changes)
            except StoreUnavailable:
                continue


class Home:
    """A place for one store, that can be closed and opened again."""

    def __init__(self, kind: str, folder: Path, disk: Disk) -> None:
        self._kind = kind
        self._disk = disk
        self.path = folder / "suture.db"
        self.store = None

    async def open(self):
        store = SqliteStore(self.path, site="north", environment="test", clock=SystemClock())
        await store.start()
        self.store = store
        if self._kind == HOMES[1]:
            return Slow(store)
        if self._kind == HOMES[2]:
            self._disk.every = 3
            return Stubborn(store)
        return store

    async def close(self) -> None:
        self._disk.mend()
        if self.store is not None:
            await self.store.stop()


@pytest.fixture
def disk():
    """What stores are opened on while a test runs."""
    made = Disk()
    yield made
    made.unregister()


@pytest.fixture(params=HOMES)
async def home(request, tmp_path, disk):
    place = Home(request.param, tmp_path, disk)
    yield place
    await place.close()


@pytest.fixture
async def store(home):
    return await home.open()


@pytest.fixture
async def plain(tmp_path, disk):
    """A SQLite store with nothing around it, for what a wrapper would hide."""
    place = Home(HOMES[0], tmp_path, disk)
    yield await place.open()
    await place.close()


APPLIED = Outcome(Verdict.APPLIED, "HTTP 201", "GI-1", Decimal("12.50"))
REFUSED = Outcome(Verdict.REJECTED, "refused: period_closed", reply=b"closed")
UNKNOWN = Outcome(Verdict.UNKNOWN, "timeout")
NOT_SENT = Outcome(Verdict.NOT_SENT, "HTTP 503")


class Make:
    """Changes with only what a test is about said."""

    applied, refused, unknown, not_sent = APPLIED, REFUSED, UNKNOWN, NOT_SENT

    def __init__(self) -> None:
        self._numbers = iter(range(1, 1_000_000))

    def key(self, name: str) -> bytes:
        return blake2b(name.encode(), digest_size=16).digest()

    def received(self, control: str | None = None, body: str = "b", **fields) -> Received:
        number = next(self._numbers)
        control = control or f"C{number}"
        made = Received(
            "ehr",
            1_000_000 + number,
            "DFT^P03",
            control,
            f"MSH|{number}".encode(),
            None,
            MessageState.PENDING,
            "",
            "AA",
            (self.key(control), self.key(body)),
        )
        return made._replace(**fields)

    def line(self, key: str, number: int = 1, **fields) -> LineRow:
        stated = Decimal("12.50")
        made = LineRow(
            "or", number, self.key(key), True, self.key("body"), False, LineState.POSTED, "", stated, "USD"
        )
        return made._replace(**fields)

    def effect(self, key: str, line: int = 0, document: int | None = 0, **fields) -> EffectRow:
        """An issue to the ERP: routed in `document`, or held when that is None."""
        made = EffectRow(
            line,
            "erp",
            "issue",
            Action.POST,
            self.key(key),
            1,
            EffectState.ROUTED if document is not None else EffectState.HELD,
            document,
            None,
            Decimal(2),
            Measure.STATED,
            Decimal("12.50"),
            "USD",
            "" if document is not None else "supply-chain",
            "" if document is not None else "items: code=X",
        )
        return made._replace(**fields)

    def document(self, name: str, **fields) -> Document:
        payload = b'{"name": "%s"}' % name.encode()
        made = Document("or", "erp", "issue", Action.POST, 5, 0, f"REF-{name}", "/issues", payload)
        return made._replace(**fields)

    def posting(self, key: str, **fields) -> Stepped:
        """One line, one effect, one document."""
        made = Stepped(MessageState.ROUTED, "", (self.line(key),), (self.effect(key),), (self.document(key),))
        return made._replace(**fields)

    def holding(self, key: str, **fields) -> Stepped:
        """One line, whose one effect waits for a row of a table."""
        line = self.line(key, state=LineState.HELD, reason="items: code=X")
        made = Stepped(MessageState.HELD, "items: code=X", (line,), (self.effect(key, document=None),))
        return made._replace(**fields)

    def routed(self, message: int, stepped: Stepped, born=DeliveryState.READY, **fields) -> Routed:
        return Routed(message, stepped, (born,) * len(stepped.documents), 1, 2_000_000)._replace(**fields)

    def released(self, message: int, stepped: Stepped, **fields) -> Released:
        return Released(message, stepped, 2, 3_000_000, "ann", "row added")._replace(**fields)

    def settled(self, delivery: int, state: DeliveryState, outcome: Outcome, **fields) -> Settled:
        return Settled(delivery, state, outcome, 4_000_000)._replace(**fields)

    def requeued(self, delivery: int) -> Requeued:
        return Requeued(delivery, 5_000_000, "ann", "period opened")

    async def message(self, store, **fields) -> int:
        """The id of a message that is pending."""
        (kept,) = await store.submit([self.received(**fields)])
        return kept.id

    async def post(
        self, store, stepped: Stepped, born=DeliveryState.READY, **fields
    ) -> tuple[int, tuple[int, ...]]:
        """(message, deliveries) of a message that is stepped."""
        message = await self.message(store)
        (answer,) = await store.submit([self.routed(message, stepped, born, **fields)])
        assert isinstance(answer, RoutedAs)
        return message, answer.deliveries

    async def end(self, store, delivery: int, state: DeliveryState, outcome: Outcome, **fields) -> None:
        """One try of a delivery ends so."""
        await store.submit([self.settled(delivery, state, outcome, **fields)])

    async def end_well(self, store, delivery: int) -> None:
        """A READY delivery leaves and is applied."""
        await store.submit([Sending((delivery,), 3_500_000)])
        await self.end(store, delivery, DeliveryState.DELIVERED, APPLIED)

    async def refuse(self, store, stepped: Stepped) -> tuple[int, int]:
        """(message, delivery) of a document that was refused for good."""
        message, (delivery,) = await self.post(store, stepped, DeliveryState.SENDING)
        await self.end(store, delivery, DeliveryState.HELD, REFUSED, frees=True)
        return message, delivery

    async def state(self, store, message: int) -> MessageState:
        (inbox,) = await self.views(store, [message])
        return inbox.state

    async def views(self, store, messages: Sequence[int]):
        found = {view.id: view for view in await store.messages(MessageQuery(limit=1_000_000))}
        return [found[message] for message in messages]


@pytest.fixture
def make():
    return Make()
