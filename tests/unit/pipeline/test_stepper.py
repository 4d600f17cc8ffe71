"""The stepper on a real store: order, conflicts, and a message that the store refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.activation import activate
from engine.clock import SystemClock, to_us
from engine.domain.changes import Conflict, Received, Routed
from engine.domain.message import Inbound
from engine.domain.posting import Priority
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.errors import Bug
from engine.pipeline.stepper import Stepper
from engine.site.compile import load_site
from engine.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]
RECEIVED = to_us(datetime(2026, 11, 20, 16, tzinfo=UTC))


class NoOutbox:
    """Documents wait in the store."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def reserve(self, destination, lane):
        return False

    def release(self, destination, lane): ...

    def offer(self, outgoing): ...

    def wake(self, destination, priority):
        self.woken.append(destination)


class Told:
    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def stepped(self, inbound, stepped): ...

    def failed(self, inbound, error):
        self.failures.append(error)


def dft(number: int) -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|{number}|P|2.5.1\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||A{number % 3}^^^NORTH^AN\rPV1|1|I\r"
        f"FT1|1|T{number}||20261120094500||CG|IMP-FEM-06|||1|10.00|10.00|OR-NORTH\r"
    ).encode()


def received(number: int) -> Received:
    return Received(
        "ehr", RECEIVED, "DFT^P03", str(number), dft(number), None, MessageState.PENDING, "", "AA", None
    )


@pytest.fixture
async def parts(tmp_path):
    clock = SystemClock()
    store = SqliteStore(tmp_path / "suture.db", site="north-general", environment="test", clock=clock)
    await store.start()
    edition = await activate(store, load_site(ROOT), clock, "test")
    outbox, told = NoOutbox(), Told()
    stepper = Stepper(store, store, outbox, clock, edition, told)
    yield store, stepper, outbox, told
    await stepper.stop()
    await store.stop()


async def idle(stepper: Stepper) -> None:
    async with asyncio.timeout(20):
        await stepper.idle()


async def test_a_backlog_is_stepped_in_inbox_order(parts):
    store, stepper, outbox, _ = parts
    await store.submit([received(number) for number in range(1, 301)])
    await stepper.start()
    await idle(stepper)
    ready = [row for priority in Priority for row in await store.ready("erp", priority, 0, 1000)]
    assert len(ready) == 300
    assert await store.pending(0, 10) == []
    assert set(outbox.woken) == {"erp", "billing"}
    messages = [(await store.delivery(row.id)).message_id for row in sorted(ready)]
    assert messages == sorted(messages)


async def test_a_message_told_late_is_stepped_all_the_same(parts):
    store, stepper, _, _ = parts
    first, second = await store.submit([received(1), received(2)])
    await stepper.start()
    await idle(stepper)
    (third,) = await store.submit([received(3)])
    (fourth,) = await store.submit([received(4)])
    for kept, number in ((fourth, 4), (third, 3)):
        stepper.arrived(Inbound(kept.id, "ehr", RECEIVED, dft(number), None))
    await idle(stepper)
    views = await store.messages(MessageQuery())
    assert {view.state for view in views} == {MessageState.ROUTED}
    assert {view.id for view in views} == {first.id, second.id, third.id, fourth.id}


async def test_a_message_that_the_store_refuses_is_held_and_stops_nobody(parts, monkeypatch):
    store, stepper, _, told = parts
    kept = await store.submit([received(number) for number in range(1, 6)])
    poisoned = kept[2].id
    submit = store.submit

    def refusing(changes):
        if any(getattr(one, "message", None) == poisoned and one.stepped.documents for one in changes):
            future = asyncio.get_running_loop().create_future()
            future.set_exception(Bug("refused"))
            return future
        return submit(changes)

    monkeypatch.setattr(store, "submit", refusing)
    await stepper.start()
    await idle(stepper)
    states = {view.id: view.state for view in await store.messages(MessageQuery())}
    assert states.pop(poisoned) is MessageState.HELD
    assert set(states.values()) == {MessageState.ROUTED}
    assert told.failures


async def test_a_message_whose_key_is_never_free_is_held_and_stops_no_other(parts, monkeypatch):
    store, stepper, _, told = parts
    real = store.submit

    async def contested(changes):
        """As if another owned what the first message wants, whatever it wants."""
        if not any(isinstance(one, Routed) and one.message == 1 and one.stepped.effects for one in changes):
            return await real(changes)
        others = [one for one in changes if one.message != 1]
        answers = iter(await real(others) if others else ())
        return [Conflict(b"key") if one.message == 1 else next(answers) for one in changes]

    monkeypatch.setattr(store, "submit", contested)
    await store.submit([received(1), received(2)])
    await stepper.start()
    await idle(stepper)
    states = {view.id: (view.state, view.reason) for view in await store.messages(MessageQuery())}
    assert states[1] == (MessageState.HELD, "BUG001 its step could not be kept")
    assert states[2][0] is MessageState.ROUTED
    assert len(told.failures) == 1
