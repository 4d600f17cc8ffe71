"""Group commit: how much shares one, and the gap that it leaves for the checkpoint."""

from __future__ import annotations

import asyncio
import math

import apsw
import pytest

from engine.domain.changes import Acted, Received, Routed, Stopped
from engine.domain.posting import Stepped
from engine.domain.status import MessageState
from engine.errors import StoreUnavailable
from engine.store.checkpoint import Checkpointer
from engine.store.migrate import migrate
from engine.store.writer import BATCH_WEIGHT, GroupWriter

ARRIVAL = Received("ehr", 1, "DFT^P03", "C", b"MSH|", None, MessageState.PENDING, "", "AA", None)


class Commits:
    """Counts transactions. `begun`: the next one has come to its commit, on the commit's thread."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.count = 0
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        connection.set_commit_hook(self._commit)

    def _commit(self) -> bool:
        self.count += 1
        self._loop.call_soon_threadsafe(self.begun.set)
        return False


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "suture.db")


@pytest.fixture
def connection(path):
    made = apsw.Connection(path)
    made.execute("PRAGMA journal_mode = WAL").fetchall()
    migrate(made, "north", "test", 1)
    yield made
    made.close()


@pytest.fixture
async def commits(connection):
    return Commits(connection)


@pytest.fixture
async def writer(connection, path):
    checkpointer = Checkpointer(apsw.Connection(path), limit=50)
    made = GroupWriter(connection, checkpointer)
    yield made
    await made.close()
    checkpointer.close()


async def test_all_submissions_of_one_turn_share_one_commit(writer, commits):
    await asyncio.gather(*[writer.submit([ARRIVAL]) for _ in range(100)])
    assert commits.count == 1


async def test_what_gathers_while_a_commit_is_under_way_is_the_next(writer, commits):
    first = writer.submit([ARRIVAL])
    await commits.begun.wait()
    rest = [writer.submit([ARRIVAL]) for _ in range(50)]
    await asyncio.gather(first, *rest)
    assert commits.count == 2


async def test_a_commit_is_bounded_so_that_the_loop_gets_its_turn(writer, commits):
    await asyncio.gather(*[writer.submit([ARRIVAL] * 10) for _ in range(BATCH_WEIGHT // 10 * 3)])
    assert commits.count == 3


async def test_a_routed_message_weighs_more_than_an_arrival(writer, commits):
    arrivals = await asyncio.gather(*[writer.submit([ARRIVAL]) for _ in range(BATCH_WEIGHT)])
    done = Stepped(MessageState.FILTERED, "no lines")
    await asyncio.gather(*[writer.submit([Routed(kept.id, done, (), 1, 1)]) for (kept,) in arrivals])
    assert commits.count == 1 + math.ceil(4 * BATCH_WEIGHT / (BATCH_WEIGHT - BATCH_WEIGHT % 4))


async def test_a_submission_larger_than_a_commit_is_one_commit(writer, commits):
    answers = await writer.submit([ARRIVAL] * (BATCH_WEIGHT * 2))
    assert len(answers) == BATCH_WEIGHT * 2
    assert commits.count == 1


async def test_a_batch_with_a_fault_in_it_is_still_one_commit(writer, commits):
    refused = ARRIVAL._replace(state=MessageState.ROUTED)
    results = await asyncio.gather(
        *[writer.submit([change]) for change in (ARRIVAL, refused, ARRIVAL)], return_exceptions=True
    )
    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert commits.count == 1


async def test_the_log_starts_over_while_submissions_keep_coming(writer, path, tmp_path):
    for _ in range(60):
        await asyncio.gather(*[writer.submit([ARRIVAL._replace(raw=bytes(4000))]) for _ in range(10)])
    pages = (tmp_path / "suture.db-wal").stat().st_size // 4096
    assert 50 <= pages < 400
    assert (tmp_path / "suture.db").stat().st_size > 1_000_000


async def test_backlog_counts_changes_until_they_are_committed(writer):
    futures = [writer.submit([ARRIVAL] * 3), writer.submit([Stopped("erp", True, "", 1, "")])]
    assert writer.backlog == 4
    await asyncio.gather(*futures)
    assert writer.backlog == 0


async def test_after_closing_nothing_is_taken(writer):
    pending = writer.submit([Acted("ann", "look", "", "", {}, 1)])
    await writer.close()
    assert await pending == [1]
    with pytest.raises(StoreUnavailable, match="STO006"):
        await writer.submit([ARRIVAL])
