"""Opening and closing a store, and reading it from beside."""

from __future__ import annotations

import os

import apsw
import pytest

from engine.clock import SystemClock
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.errors import StoreError
from engine.store.sqlite import SqliteReader, SqliteStore

ARRIVAL = Received("ehr", 1, "DFT^P03", "C", b"MSH|", None, MessageState.PENDING, "", "AA", None)


def store_at(path, environment: str = "test") -> SqliteStore:
    return SqliteStore(path, site="north", environment=environment, clock=SystemClock())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "var" / "suture.db"


@pytest.fixture
async def store(path):
    made = store_at(path)
    await made.start()
    yield made
    await made.stop()


async def test_its_folder_is_made_and_its_commits_are_synced(store):
    pragma = store._writing.pragma
    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("foreign_keys") == 0
    assert pragma("cache_spill") == 0


async def test_two_engines_cannot_hold_one_store(store, path):
    second = store_at(path)
    with pytest.raises(StoreError, match=f"STO007 process {os.getpid()}"):
        await second.start()
    await second.stop()
    await store.submit([ARRIVAL])


async def test_a_store_of_another_environment_is_refused_and_let_go(store, path):
    await store.stop()
    with pytest.raises(StoreError, match="STO003"):
        await store_at(path, "prod").start()
    again = store_at(path)
    await again.start()
    await again.stop()


async def test_its_key_stays_the_same(store, path):
    key = store.hash_key
    assert len(key) == 32
    await store.stop()
    again = store_at(path)
    await again.start()
    assert again.hash_key == key
    await again.stop()


async def test_stopping_twice_or_before_starting_is_fine(path):
    made = store_at(path)
    await made.stop()
    await made.start()
    await made.stop()
    await made.stop()
    assert made.backlog == 0


async def test_a_reader_sees_what_a_running_engine_commits(store, path):
    reader = SqliteStore.open_reader(path)
    assert await reader.pending(0, 10) == []
    await store.submit([ARRIVAL])
    assert len(await reader.pending(0, 10)) == 1
    assert await reader.message_counts() == {("ehr", "pending"): 1}
    assert reader.hash_key == store.hash_key
    reader.close()
    reader.close()


async def test_a_reader_works_when_no_engine_runs(store, path):
    await store.submit([ARRIVAL])
    await store.stop()
    reader = SqliteReader(path)
    assert len(await reader.pending(0, 10)) == 1
    reader.close()


async def test_a_reader_changes_nothing(store, path):
    reader = SqliteReader(path)
    with pytest.raises(apsw.ReadOnlyError):
        reader._near.execute("DELETE FROM meta")
    reader.close()


def test_a_reader_of_no_store_says_so(tmp_path):
    with pytest.raises(StoreError, match="STO004"):
        SqliteReader(tmp_path / "none.db")


@pytest.mark.parametrize("content", [b"this is no database at all, " * 100, b"PK\x03\x04" * 1000])
async def test_a_file_that_is_no_database_is_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="STO013"):
        await store_at(path).start()
    with pytest.raises(StoreError, match="STO013"):
        SqliteReader(path)
    assert path.read_bytes() == content


async def test_a_place_that_cannot_hold_a_store_is_named_as_such(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="STO005"):
        await store_at(tmp_path / "file" / "suture.db").start()
    with pytest.raises(StoreError, match="STO005"):
        await store_at(tmp_path).start()


async def test_a_long_read_does_not_hold_up_commits(store):
    """Both are under way at once: the read on its thread, the commit on its own."""
    counting = store.message_counts()
    committing = store.submit([ARRIVAL])
    await committing
    assert (await counting) in ({}, {("ehr", "pending"): 1})
