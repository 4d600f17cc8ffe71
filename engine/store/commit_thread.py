"""The one thread that waits for the disk: it commits, and nothing else. Statements stay on the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

import apsw

Done = Callable[[Exception | None], None]


class CommitThread:
    """`commit` begins a COMMIT; `done` is called on the loop with what went wrong, or None."""

    def __init__(self, connection: apsw.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._jobs: SimpleQueue[Done | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-commit", daemon=True)
        self._thread.start()

    def commit(self, done: Done) -> None:
        self._jobs.put(done)

    def end(self) -> None:
        """After the last commit; returns at once when none is under way."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (done := self._jobs.get()) is not None:
            error: Exception | None = None
            try:
                self._connection.execute("COMMIT")
            except Exception as caught:
                error = caught
            self._loop.call_soon_threadsafe(done, error)
