"""Group commit: changes of many callers in one transaction, statements on the loop, only COMMIT on a thread.

There is no timer: a batch begins when the last commit ended and takes what has gathered meanwhile. A batch that
fails makes every one of its submissions fail, and the next one is tried afresh.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import apsw

from engine.domain.changes import Answered, Change
from engine.errors import Bug, StoreUnavailable
from engine.store.batch import CAN_CONFLICT, NUMBERED, Batch, Counters, conflict_of

BATCH_CHANGES = 400
"""Changes to a commit: enough to share the fsync, few enough to give the loop its turn."""

Submission = tuple[Sequence[Change], "asyncio.Future[list[Answered]]"]


class GroupWriter:
    """The one writing connection. `submit` from the loop only."""

    def __init__(self, connection: apsw.Connection, queries: dict[str, str]) -> None:
        self._connection = connection
        self._queries = queries
        self._counters: Counters = dict(zip(NUMBERED, _highest(connection, queries), strict=True))
        self._waiting: deque[Submission] = deque()
        self._backlog = 0
        self._committing = False
        self._scheduled = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-commit", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        return self._backlog

    def submit(self, changes: Sequence[Change]) -> asyncio.Future[list[Answered]]:
        future: asyncio.Future[list[Answered]] = self._loop.create_future()
        self._waiting.append((changes, future))
        self._backlog += len(changes)
        self._idle.clear()
        self._schedule()
        return future

    async def close(self) -> None:
        """Commits what was submitted, then ends."""
        await self._idle.wait()
        self._jobs.put(None)
        self._thread.join()

    def _schedule(self) -> None:
        """The batch begins in the loop's next turn, so that all of this turn's submissions are in it."""
        if not self._committing and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        taken = self._take()
        if not taken:
            self._idle.set()
            return
        try:
            answers, counters = self._execute(taken)
        except apsw.Error as error:
            self._end(taken, [_unavailable(error)] * len(taken), self._counters)
            return
        self._committing = True
        self._jobs.put(lambda: self._commit(taken, answers, counters))

    def _take(self) -> list[Submission]:
        taken: list[Submission] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0][0]) <= BATCH_CHANGES):
            taken.append(self._waiting.popleft())
            size += len(taken[-1][0])
        return taken

    def _execute(self, taken: list[Submission]) -> tuple[list[list[Answered] | Exception], Counters]:
        """Statements of the batch in one transaction: all at once, or one by one where a key is contested."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            batch = Batch(self._connection, self._queries, self._counters)
            together: list[list[Answered] | Exception] = [
                [batch.apply(change) for change in changes] for changes, _ in taken
            ]
            batch.flush()
        except (apsw.ConstraintError, Bug):
            self._rollback()
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._rollback()
            raise
        else:
            return together, batch.counters
        try:
            return self._one_by_one(taken)
        except BaseException:
            self._rollback()
            raise

    def _one_by_one(self, taken: list[Submission]) -> tuple[list[list[Answered] | Exception], Counters]:
        counters = self._counters
        results: list[list[Answered] | Exception] = []
        for changes, _ in taken:
            self._connection.execute("SAVEPOINT submission")
            before = counters
            answers: list[Answered] = []
            try:
                for change in changes:
                    answer, counters = self._alone(change, counters)
                    answers.append(answer)
            except (apsw.ConstraintError, Bug) as error:
                self._connection.execute("ROLLBACK TO submission")
                counters = before
                results.append(
                    error if isinstance(error, Bug) else Bug("a row breaks a constraint of the store")
                )
            else:
                results.append(answers)
            self._connection.execute("RELEASE submission")
        return results, counters

    def _alone(self, change: Change, counters: Counters) -> tuple[Answered, Counters]:
        batch = Batch(self._connection, self._queries, counters)
        self._connection.execute("SAVEPOINT change")
        try:
            answer = batch.apply(change)
            batch.flush()
        except apsw.ConstraintError:
            self._connection.execute("ROLLBACK TO change")
            if not isinstance(change, CAN_CONFLICT):
                raise
            return conflict_of(change), counters
        finally:
            self._connection.execute("RELEASE change")
        return answer, batch.counters

    def _commit(
        self, taken: list[Submission], answers: list[list[Answered] | Exception], counters: Counters
    ) -> None:
        """On the thread: the fsync, and nothing else."""
        error: apsw.Error | None = None
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as caught:
            error = caught
        self._loop.call_soon_threadsafe(self._committed, taken, answers, counters, error)

    def _committed(
        self,
        taken: list[Submission],
        answers: list[list[Answered] | Exception],
        counters: Counters,
        error: apsw.Error | None,
    ) -> None:
        self._committing = False
        if error is None:
            self._end(taken, answers, counters)
        else:
            self._rollback()
            self._end(taken, [_unavailable(error)] * len(taken), self._counters)

    def _end(
        self, taken: list[Submission], results: Sequence[list[Answered] | Exception], counters: Counters
    ) -> None:
        self._counters = counters
        for (changes, future), result in zip(taken, results, strict=True):
            self._backlog -= len(changes)
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        if self._waiting:
            self._schedule()
        else:
            self._idle.set()

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except apsw.Error:  # the engine of SQLite has rolled back by itself
                return

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _highest(connection: apsw.Connection, queries: dict[str, str]) -> tuple[int, ...]:
    row = connection.execute(queries["highest_ids"]).fetchone()
    return tuple(int(number) for number in row)  # type: ignore[union-attr]


def _unavailable(error: apsw.Error) -> StoreUnavailable:
    return StoreUnavailable(
        "STO001",
        f"the store cannot commit ({type(error).__name__})",
        "free the disk or mend it; senders keep their messages and the engine goes on by itself",
    )
