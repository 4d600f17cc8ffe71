"""A disk that fails: nothing is half true, everyone is told, and it goes on when the fault clears."""

from __future__ import annotations

import asyncio

import apsw
import pytest

from engine.domain.changes import Kept
from engine.domain.status import DeliveryState, MessageState
from engine.errors import StoreUnavailable


@pytest.mark.parametrize(("error", "code"), [(apsw.FullError, "STO010"), (apsw.IOError, "STO001")])
async def test_a_failed_commit_fails_all_of_its_submissions_and_leaves_nothing(
    plain, make, disk, error, code
):
    message, (delivery,) = await make.post(plain, make.posting("a"), DeliveryState.SENDING)
    disk.break_down(error)
    pending = await make_pending_fail(plain, make, delivery)
    assert [type(failure) for failure in pending] == [StoreUnavailable] * 3
    assert all(failure.code == code for failure in pending)
    disk.mend()
    assert await plain.pending(0, 10) == []
    assert (await plain.delivery(delivery)).state is DeliveryState.SENDING
    assert (await make.views(plain, [message]))[0].id == message


async def make_pending_fail(store, make, delivery: int) -> list[BaseException]:
    futures = [
        store.submit([make.received("C1")]),
        store.submit([make.received("C2"), make.received("C3")]),
        store.submit([make.settled(delivery, DeliveryState.DELIVERED, make.applied)]),
    ]
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_it_goes_on_by_itself_when_the_fault_clears(plain, make, disk):
    before = await make.message(plain)
    disk.break_down(apsw.IOError, times=5)
    failures = 0
    while True:
        try:
            (kept,) = await plain.submit([make.received("again")])
            break
        except StoreUnavailable:
            failures += 1
    assert failures > 0
    assert kept == Kept(before + 1, MessageState.PENDING)
    message, (delivery,) = await make.post(plain, make.posting("a"))
    assert delivery == 1
    assert len(await plain.effects(message)) == 1


async def test_a_sync_that_fails_is_a_commit_that_failed(plain, make, disk):
    disk.every = 1
    with pytest.raises(StoreUnavailable):
        await plain.submit([make.received("C1")])
    disk.mend()
    (kept,) = await plain.submit([make.received("C1")])
    assert kept.first is None


async def test_what_failed_is_not_there_after_a_restart_either(home, make, disk):
    await home.open()
    store = home.store
    disk.mend()
    first = await make.message(store)
    disk.break_down(apsw.FullError)
    with pytest.raises(StoreUnavailable):
        await store.submit([make.received()])
    disk.mend()
    second = await make.message(store)
    await home.close()
    await home.open()
    disk.mend()
    assert [inbound.id for inbound in await home.store.pending(0, 10)] == [first, second]


async def test_another_program_that_locks_the_store_is_named_as_such(plain, make, tmp_path):
    intruder = apsw.Connection(str(tmp_path / "suture.db"))
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="STO011"):
        await plain.submit([make.received()])
    intruder.execute("ROLLBACK")
    intruder.close()
    await plain.submit([make.received()])


async def test_a_store_that_is_closed_takes_nothing_and_says_nothing(plain, make):
    await plain.stop()
    with pytest.raises(StoreUnavailable, match="STO006"):
        await plain.submit([make.received()])
    with pytest.raises(StoreUnavailable, match="STO006"):
        await plain.pending(0, 1)
    with pytest.raises(StoreUnavailable, match="STO006"):
        await plain.account()
    await plain.stop()
