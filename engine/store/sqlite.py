"""A store in one SQLite file: WAL, synchronous FULL, one writing connection, another that reads what is committed.

`open_reader` reads beside a running engine. Where a commit stalls, `writer` says so; nothing here retries.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import apsw

from engine.clock import Clock
from engine.domain.changes import Answered, Change
from engine.errors import StoreError
from engine.store.migrate import migrate
from engine.store.queries import load
from engine.store.views import SqliteViews
from engine.store.writer import GroupWriter

QUERIES = load("sqlite")

_CACHE_KIB = 32 * 1024
_CHECKPOINT_PAGES = 4000


class SqliteStore(SqliteViews):
    """The `Store` port. Start it on the loop that uses it. Raises `StoreError` when another engine holds the file,
    when it is newer than this engine, or belongs to another site or environment."""

    def __init__(self, path: Path, *, site: str, environment: str, clock: Clock) -> None:
        self._path = path
        self._site = site
        self._environment = environment
        self._clock = clock
        self._lock: int | None = None
        self._writer: GroupWriter | None = None
        self._writing: apsw.Connection | None = None

    async def start(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._path)
        try:
            writing = apsw.Connection(str(self._path))
            writing.set_busy_timeout(2000)
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                f"cache_size = -{_CACHE_KIB}",
                f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
                "temp_store = MEMORY",
            ):
                writing.execute(f"PRAGMA {pragma}").fetchall()
            migrate(writing, self._site, self._environment, self._clock.now_us())
            self._writing = writing
            self._open(_reading(self._path), QUERIES)
            self._writer = GroupWriter(writing, QUERIES)
        except apsw.Error as error:
            self._unlock()
            raise StoreError(
                "STO005",
                f"the store cannot be opened ({type(error).__name__})",
                "see whether the disk is well",
            ) from None
        except StoreError:
            self._unlock()
            raise

    async def stop(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        await writer.close()
        self._close()
        if self._writing is not None:
            self._writing.close()
        self._unlock()

    def submit(self, changes: Sequence[Change]) -> asyncio.Future[list[Answered]]:
        if self._writer is None:
            raise StoreError("STO006", "the store is not open")
        return self._writer.submit(changes)

    @property
    def backlog(self) -> int:
        return self._writer.backlog if self._writer else 0

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class SqliteReader(SqliteViews):
    """Reads a store that an engine may be writing, or that none is."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise StoreError("STO004", "there is no store yet", "start the engine once: suture serve")
        self._open(_reading(path), QUERIES)

    def close(self) -> None:
        self._close()


def _reading(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(2000)
    connection.execute("PRAGMA query_only = 1")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _lock(path: Path) -> int:
    """Holds PATH.lock for as long as the descriptor is open; the pid in it is for people."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreError(
            "STO007",
            f"another engine (process {holder}) holds this store",
            "stop it first, or let it do what you ask",
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
