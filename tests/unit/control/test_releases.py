"""Releases that people ask for: a few messages at a time, gone on with after a crash, one fault stops no other."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.activation import activate, record_table
from engine.clock import SystemClock, to_us
from engine.control.releases import BEGUN, ENDED, Releases
from engine.domain.changes import Received
from engine.domain.message import MessageId
from engine.domain.status import MessageState
from engine.errors import UsageError
from engine.observe.logs import EngineLog
from engine.pipeline import releasing
from engine.pipeline.editions import Edition, Editions
from engine.pipeline.stepper import Stepper
from engine.site.compile import load_site
from engine.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]
RECEIVED = to_us(datetime(2026, 11, 20, 16, tzinfo=UTC))
HELD = 3 * releasing.MANY
CAUSE = "charges: code=IMP-FEM-06 payer_class=(missing)"


class NoLanes:
    def reserve(self, destination, lane):
        return False

    def release(self, destination, lane): ...

    def offer(self, outgoing): ...

    def wake(self, destination, priority): ...


def charge(number: int) -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|C{number}|P|2.5.1\r"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\rPV1|1|I\r"
        f"FT1|1|T{number}||20261120094500||CG|IMP-FEM-06|||1|42.00|42.00|OR-NORTH\r"
    ).encode()


class Desk:
    """A store with lines that wait for a charge code, and the row is there now."""

    def __init__(self, store: SqliteStore, stepper: Stepper) -> None:
        self.store, self.stepper = store, stepper
        self.broken: list[Exception] = []

    def releases(self) -> Releases:
        return Releases(
            self.store,
            NoLanes(),
            SystemClock(),
            self.stepper,
            lambda: None,
            lambda _, error: self.broken.append(error),
        )

    async def ask(self, releases: Releases, messages: list[int] | None = None):
        cause = CAUSE if messages is None else None
        ids = None if messages is None else [MessageId(message) for message in messages]
        return await releases.ask("ann", "row added", owner=None, cause=cause, messages=ids, as_new=False)

    async def held(self) -> int:
        return sum(group.lines for group in await self.store.worklist())

    async def ended(self, count: int) -> list:
        """The acts of ends, oldest first, once there are so many."""
        async with asyncio.timeout(10):
            while True:
                ends = [act for act in await self.store.acts(100) if act.verb == ENDED]
                if len(ends) >= count:
                    return ends[::-1]
                await asyncio.sleep(0)


@pytest.fixture(scope="module")
async def filled(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    for part in ("config", "channels", "mappings"):
        shutil.copytree(ROOT / part, folder / part)
    table = folder / "mappings/tables/charges.csv"
    whole = table.read_bytes()
    table.write_bytes(b"".join(line for line in whole.splitlines(True) if not line.startswith(b"IMP-FEM-06")))
    channel = folder / "channels/ehr-usage.yaml"
    channel.write_text(channel.read_text().split("\ntests:")[0] + "\n")
    site, clock = load_site(folder, "demo"), SystemClock()
    store = SqliteStore(folder / "suture.db", site="north-general", environment="demo", clock=clock)
    await store.start()
    stepper = Stepper(
        store, store, NoLanes(), clock, await activate(store, site, clock, "engine"), EngineLog()
    )
    await store.submit([
        Received("ehr", RECEIVED, "DFT^P03", f"C{number}", charge(number), None, MessageState.PENDING, "", "AA", None)
        for number in range(HELD)
    ])  # fmt: skip
    await stepper.start()
    await stepper.idle()
    await stepper.stop()
    await record_table(store, site, "charges", whole, clock, "ann", "new", "worklist")
    await store.stop()
    return folder


@pytest.fixture
async def desk(filled, tmp_path):
    shutil.copy(filled / "suture.db", tmp_path)
    clock = SystemClock()
    store = SqliteStore(tmp_path / "suture.db", site="north-general", environment="demo", clock=clock)
    await store.start()
    (view,) = await store.editions(1)
    edition = Edition(view.id, await Editions(store).release(view.id))
    found = Desk(store, Stepper(store, store, NoLanes(), clock, edition, EngineLog()))
    assert await found.held() == HELD
    yield found
    await store.stop()


async def test_where_nobody_runs_it_is_carried_out_at_once(desk):
    told = await desk.ask(desk.releases())
    assert (told["asked"], told["messages"], told["released"], told["done"]) == (HELD, HELD, HELD, True)
    assert await desk.held() == 0
    assert [act.verb for act in await desk.store.acts(2)] == [ENDED, BEGUN]


async def test_live_messages_have_their_turn_in_between(desk):
    releases = desk.releases()
    await releases.start()
    asked = asyncio.ensure_future(desk.ask(releases))
    left = []
    while not asked.done():
        async with desk.stepper.lock:
            left.append(await desk.held())
        await asyncio.sleep(0)
    assert {0, HELD, HELD - releasing.MANY, HELD - 2 * releasing.MANY} <= set(left) | {await desk.held()}
    await releases.stop()


async def test_a_small_one_does_not_wait_for_a_large_one(desk):
    releases = desk.releases()
    await releases.start()
    async with desk.stepper.lock:
        large = await desk.ask(releases)
        small = await desk.ask(releases, [HELD])
    assert not large["done"]
    ends = await desk.ended(2)
    assert [act.detail["ends"] for act in ends] == [small["act"], large["act"]]
    await releases.stop()
    assert (await desk.releases().progress(actor="ann", act=large["act"]))["done"]
    assert await desk.held() == 0


async def test_what_a_crash_cut_short_is_gone_on_with_at_the_next_start(desk):
    dead = desk.releases()
    await dead.start()
    async with desk.stepper.lock:
        told = await desk.ask(dead)
        assert not told["done"]
        dead._task.cancel()
    assert await desk.held() == HELD
    reborn = desk.releases()
    await reborn.start()
    (end,) = await desk.ended(1)
    assert (end.detail["ends"], end.detail["released"], end.actor) == (told["act"], HELD, "ann")
    assert await desk.held() == 0
    await reborn.stop()
    again = desk.releases()
    await again.start()
    assert again.under_way() == []
    await again.stop()


async def test_a_message_at_fault_stays_held_and_stops_no_other(desk, monkeypatch):
    real = releasing.step

    def step(release, digester, read, facts, **how):
        if read.inbound.id == 2:
            raise ZeroDivisionError
        return real(release, digester, read, facts, **how)

    monkeypatch.setattr(releasing, "step", step)
    told = await desk.ask(desk.releases())
    assert (told["released"], told["done"]) == (HELD - 1, True)
    assert await desk.held() == 1
    assert [type(error) for error in desk.broken] == [ZeroDivisionError] * 2


async def test_a_release_that_a_fault_of_ours_stops_is_told_as_left_and_gone_on_with_at_the_next_start(
    desk, monkeypatch
):
    releases = desk.releases()
    await releases.start()
    with monkeypatch.context() as broken:
        broken.setattr(desk.store, "held_messages", None)
        asked = await desk.ask(releases)
    assert not asked["done"]
    assert (await releases.progress(actor="ann", act=asked["act"]))["left"]
    await releases.stop()
    again = desk.releases()
    await again.start()
    await desk.ended(1)
    await again.stop()
    assert await desk.held() == 0


async def test_who_asks_for_a_release_that_is_not_is_told(desk):
    with pytest.raises(UsageError, match="CTL011"):
        await desk.releases().progress(actor="ann", act=99)
