"""A store in one SQLite file: WAL, synchronous FULL, one engine that writes, any number of processes that read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import apsw

from engine.clock import Clock
from engine.domain.changes import Answered, Change
from engine.errors import StoreError, StoreUnavailable
from engine.store.checkpoint import Checkpointer
from engine.store.faults import unavailable
from engine.store.lock import StoreLock
from engine.store.migrate import migrate
from engine.store.reads import SqliteReads
from engine.store.writer import GroupWriter

_CACHE_KIB = 32 * 1024
"""Of each connection: the inner pages of all indexes of a million messages."""

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = OFF",  # ids are given by one writer; a check of each would cost more than the row
    "temp_store = MEMORY",
    "cache_spill = OFF",  # only COMMIT writes to the disk: statements run on the loop
    f"cache_size = -{_CACHE_KIB}",
)


class SqliteStore(SqliteReads):
    """The `Store` port. Start it on the loop that uses it.

    `start` raises `StoreError` when another process holds the store, when the file is no store or newer than this
    engine, or when it belongs to another site or environment."""

    def __init__(self, path: Path, *, site: str, environment: str, clock: Clock) -> None:
        self._path = Path(path)
        self._site = site
        self._environment = environment
        self._clock = clock
        self._lock: StoreLock | None = None
        self._writing: apsw.Connection | None = None
        self._checkpointer: Checkpointer | None = None
        self._writer: GroupWriter | None = None

    @staticmethod
    def open_reader(path: Path) -> SqliteReader:
        """For commands that only look; works while an engine runs and when none does."""
        return SqliteReader(path)

    async def start(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = StoreLock(self._path)
            self._writing = writing = _connect(self._path)
            migrate(writing, self._site, self._environment, self._clock.now_us())
            self.open_reads(self._path, _CACHE_KIB)
            self._checkpointer = Checkpointer(_connect(self._path))
            self._writer = GroupWriter(writing, self._checkpointer)
        except (apsw.Error, OSError) as error:
            self._close()
            raise _cannot_open(error) from None
        except BaseException:
            self._close()
            raise

    async def stop(self) -> None:
        """Commits what was submitted. Twice, or before starting, is fine."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
        self._close()

    def submit(self, changes: Sequence[Change]) -> asyncio.Future[list[Answered]]:
        if self._writer is not None:
            return self._writer.submit(changes)
        refused: asyncio.Future[list[Answered]] = asyncio.get_running_loop().create_future()
        refused.set_exception(StoreUnavailable("STO006", "the store is closed", "start the engine"))
        return refused

    @property
    def backlog(self) -> int:
        return self._writer.backlog if self._writer else 0

    def _close(self) -> None:
        """The lock last: nobody opens what is not closed."""
        self.close_reads()
        checkpointer, self._checkpointer = self._checkpointer, None
        writing, self._writing = self._writing, None
        lock, self._lock = self._lock, None
        if checkpointer is not None:
            checkpointer.close()
        if writing is not None:
            writing.close()
        if lock is not None:
            lock.release()


class SqliteReader(SqliteReads):
    """The `Reader` port on a store that an engine may be writing."""

    def __init__(self, path: Path) -> None:
        if not os.path.exists(path):
            raise StoreError("STO004", "there is no store yet", "start the engine once: suture serve")
        try:
            self.open_reads(path, _CACHE_KIB)
        except apsw.Error as error:
            self.close_reads()
            raise _cannot_open(error) from None
        except BaseException:
            self.close_reads()
            raise

    def close(self) -> None:
        self.close_reads()


def _connect(path: Path) -> apsw.Connection:
    """A connection that may write. It never waits for a lock: the loop would wait with it. The file, and with it log
    and index, is its owner's alone."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = apsw.Connection(str(path))
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _cannot_open(error: Exception) -> StoreError:
    why = unavailable(error) if isinstance(error, apsw.Error) else None
    if why is not None and why.code != "STO001":
        return why
    return StoreError(
        "STO005",
        f"the store cannot be opened ({type(error).__name__})",
        "see its folder, permissions and disk",
    )
