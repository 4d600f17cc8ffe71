"""Moves committed pages from the write-ahead log into the database file, on a thread and a connection of its own.

In two passes: the first beside the writer, for all there is by then; the second in a gap that the writer leaves
between two batches, for the little that came meanwhile, so that the log starts over and stays small. Neither waits for
readers: a long read only makes the log longer.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import apsw

LIMIT_PAGES = 8192
"""Pages of 4 KiB in the log before it is moved: the longer, the fewer pages are moved twice."""


class Checkpointer:
    """`note` is the writing connection's WAL hook. `move` runs one pass; `finish` says that the second is over."""

    def __init__(self, connection: apsw.Connection, limit: int = LIMIT_PAGES) -> None:
        connection.execute(
            "SELECT 1 FROM sqlite_master"
        ).fetchall()  # before its first read it knows of no log
        self._connection = connection
        self._limit = limit
        self._pages = 0
        self._next = limit
        self._pool = ThreadPoolExecutor(1, "store-checkpoint")

    def note(self, connection: apsw.Connection, name: str, pages: int) -> int:
        """Called on the commit's thread, with the log's length."""
        if pages < self._pages:  # it started over
            self._next = self._limit
        self._pages = pages
        return apsw.SQLITE_OK

    @property
    def due(self) -> bool:
        return self._pages >= self._next

    def move(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(self._pool, self._pass)

    def finish(self) -> None:
        """A log that a reader keeps from starting over is moved again when as much has come to it."""
        self._next = self._pages + self._limit

    def close(self) -> None:
        self._pool.shutdown()
        self._connection.close()

    def _pass(self) -> None:
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:  # a disk that fails here fails the next commit, which says so
            return
