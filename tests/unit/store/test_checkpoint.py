"""The log is moved before it grows without bound, and starts over."""

from __future__ import annotations

import apsw
import pytest

from engine.store.checkpoint import Checkpointer


@pytest.fixture
def writing(tmp_path):
    made = apsw.Connection(str(tmp_path / "log.db"))
    made.execute("PRAGMA journal_mode = WAL").fetchall()
    made.execute("CREATE TABLE page (body BLOB)")
    yield made
    made.close()


@pytest.fixture
def checkpointer(writing, tmp_path):
    made = Checkpointer(apsw.Connection(str(tmp_path / "log.db")), limit=20)
    writing.set_wal_hook(made.note)
    yield made
    made.close()


def write(writing: apsw.Connection, pages: int) -> None:
    writing.executemany("INSERT INTO page VALUES (zeroblob(4000))", [()] * pages)


async def test_it_is_due_when_the_log_is_long_and_the_log_then_starts_over(writing, checkpointer, tmp_path):
    write(writing, 5)
    assert not checkpointer.due
    write(writing, 30)
    assert checkpointer.due
    await checkpointer.move()
    checkpointer.finish()
    length = (tmp_path / "log.db-wal").stat().st_size
    write(writing, 3)
    assert not checkpointer.due
    assert (tmp_path / "log.db-wal").stat().st_size == length
    write(writing, 30)
    assert checkpointer.due


async def test_a_reader_that_keeps_the_log_is_not_asked_again_and_again(writing, checkpointer, tmp_path):
    write(writing, 1)
    reader = apsw.Connection(str(tmp_path / "log.db"))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM page").fetchall()
    write(writing, 30)
    await checkpointer.move()
    checkpointer.finish()
    write(writing, 1)
    assert not checkpointer.due
    write(writing, 60)
    assert checkpointer.due
    reader.close()
    await checkpointer.move()
    checkpointer.finish()
    write(writing, 1)
    assert not checkpointer.due


async def test_a_pass_that_fails_is_left_to_the_next(writing, tmp_path):
    closed = apsw.Connection(str(tmp_path / "log.db"))
    checkpointer = Checkpointer(closed, limit=1)
    closed.close()
    await checkpointer.move()
    checkpointer.close()
