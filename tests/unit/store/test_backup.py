"""A store's copy while it is written, and its way back: recovering, and never posting again unasked."""

from __future__ import annotations

import pytest

from engine.clock import SystemClock
from engine.domain.changes import Received, Recovered
from engine.domain.status import MessageState
from engine.errors import StoreError
from engine.store.backup import back_up, restore
from engine.store.sqlite import SqliteStore

ARRIVAL = Received("ehr", 1, "DFT^P03", "1", b"raw", None, MessageState.PENDING, "", "AA", None)


async def opened(path) -> SqliteStore:
    store = SqliteStore(path, site="s", environment="test", clock=SystemClock())
    await store.start()
    return store


async def test_a_backup_is_the_store_at_one_commit_while_it_is_written(tmp_path):
    store = await opened(tmp_path / "s.db")
    await store.submit([ARRIVAL] * 3)
    kept = back_up(tmp_path / "s.db", tmp_path / "b.db")
    await store.submit([ARRIVAL] * 2)
    assert (kept.messages, kept.last_us) == (3, 1)
    await store.stop()
    copy = await opened(tmp_path / "b.db")
    assert len(await copy.pending(0, 10)) == 3
    assert copy.hash_key == store.hash_key
    await copy.stop()


async def test_a_restored_store_is_recovering_until_a_person_ends_it(tmp_path):
    store = await opened(tmp_path / "s.db")
    await store.submit([ARRIVAL])
    back_up(tmp_path / "s.db", tmp_path / "b.db")
    await store.submit([ARRIVAL])
    assert await store.recovering() is None
    await store.stop()
    restore(tmp_path / "b.db", tmp_path / "s.db", 77)
    store = await opened(tmp_path / "s.db")
    assert await store.recovering() == 77
    assert len(await store.pending(0, 10)) == 1
    await store.submit([Recovered(1, "ann", "all were asked")])
    assert await store.recovering() is None
    assert [act.verb for act in await store.acts(5)] == ["recovered"]
    await store.stop()


async def test_the_replaced_store_is_kept(tmp_path):
    for messages in (1, 2):
        store = await opened(tmp_path / "s.db")
        await store.submit([ARRIVAL] * messages)
        if messages == 1:
            back_up(tmp_path / "s.db", tmp_path / "b.db")
        await store.stop()
        restore(tmp_path / "b.db", tmp_path / "s.db", 1)
    older = await opened(tmp_path / "s.db.replaced-2")
    assert len(await older.pending(0, 10)) == 3
    await older.stop()


async def test_a_store_that_is_held_is_not_replaced(tmp_path):
    store = await opened(tmp_path / "s.db")
    back_up(tmp_path / "s.db", tmp_path / "b.db")
    with pytest.raises(StoreError, match="holds this store"):
        restore(tmp_path / "b.db", tmp_path / "s.db", 1)
    await store.stop()


async def test_a_damaged_backup_replaces_nothing(tmp_path):
    store = await opened(tmp_path / "s.db")
    await store.submit([ARRIVAL])
    back_up(tmp_path / "s.db", tmp_path / "b.db")
    await store.stop()
    whole = (tmp_path / "b.db").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no database", b""):
        (tmp_path / "b.db").write_bytes(damaged)
        with pytest.raises(StoreError):
            restore(tmp_path / "b.db", tmp_path / "s.db", 1)
    store = await opened(tmp_path / "s.db")
    assert len(await store.pending(0, 10)) == 1
    await store.stop()
    assert sorted(path.name for path in tmp_path.glob("s.db*")) == ["s.db", "s.db.lock"]


def test_a_backup_needs_a_store_and_replaces_no_file(tmp_path):
    with pytest.raises(StoreError, match="no store yet"):
        back_up(tmp_path / "none.db", tmp_path / "b.db")
    (tmp_path / "b.db").touch()
    (tmp_path / "none.db").touch()
    with pytest.raises(StoreError, match="exists already"):
        back_up(tmp_path / "none.db", tmp_path / "b.db")
    with pytest.raises(StoreError, match="no backup"):
        restore(tmp_path / "nothing", tmp_path / "s.db", 1)
