"""A store that cannot commit says so to every caller, forgets the batch whole, and goes on when the fault clears."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import apsw
import pytest

from engine.clock import SystemClock
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.errors import StoreUnavailable
from engine.store.sqlite import SqliteReader, SqliteStore


def received(number: int) -> Received:
    return Received(
        "ehr", number, "DFT^P03", f"C{number}", b"MSH|raw", None, MessageState.PENDING, "", "AA",
        (number.to_bytes(16), b"b" * 16),
    )  # fmt: skip


@pytest.fixture
async def store(tmp_path):
    home = SqliteStore(tmp_path / "suture.db", site="north", environment="test", clock=SystemClock())
    await home.start()
    yield home
    await home.stop()


async def test_a_failed_commit_fails_every_caller_and_leaves_nothing(store, tmp_path):
    writing = store._writing
    await store.submit([received(1)])
    writing.set_commit_hook(lambda: True)  # SQLite turns the COMMIT into a ROLLBACK
    failing = [store.submit([received(number)]) for number in (2, 3)]
    for future in failing:
        with pytest.raises(StoreUnavailable):
            await future
    writing.set_commit_hook(None)
    (kept,) = await store.submit([received(2)])
    assert kept.id == 2
    reader = SqliteReader(tmp_path / "suture.db")
    assert [inbound.received_us for inbound in await reader.pending(0, 10)] == [1, 2]
    reader.close()


async def test_a_store_locked_by_another_program_is_unavailable_and_recovers(store, tmp_path):
    store._writing.set_busy_timeout(10)
    other = apsw.Connection(str(tmp_path / "suture.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await store.submit([received(1)])
    other.execute("ROLLBACK")
    other.close()
    (kept,) = await store.submit([received(1)])
    assert kept.id == 1


async def test_a_full_disk_is_no_acknowledgment_and_no_loss(store):
    writing = store._writing
    pages = writing.execute("PRAGMA page_count").get
    writing.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    big = [received(number)._replace(raw=b"x" * 100_000) for number in range(1, 40)]
    with pytest.raises(StoreUnavailable):
        await store.submit(big)
    writing.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert len(await store.submit(big)) == 39
    assert len(await store.pending(0, 100)) == 39


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from engine.clock import SystemClock
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path({path!r}), site="north", environment="test", clock=SystemClock())
    await store.start()
    for number in range(1, 1_000_000):
        await store.submit([Received("ehr", number, "", "", b"raw", None, MessageState.PENDING, "", "AA", None)])
        print(number, flush=True)

asyncio.run(main())
"""


async def test_what_was_told_as_durable_is_there_after_a_kill(tmp_path):
    path = tmp_path / "suture.db"
    root = os.getcwd()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(root=root, path=str(path))], stdout=subprocess.PIPE, text=True
    )
    told = 0
    while told < 50:
        told = int(await asyncio.to_thread(child.stdout.readline))
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0].split()
    told = int(rest[-1]) if rest else told
    reader = SqliteReader(path)
    assert len(await reader.pending(0, 1_000_000)) >= told
    reader.close()
