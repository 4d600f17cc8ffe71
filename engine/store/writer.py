"""Group commit: changes of many callers in one transaction, statements on the loop, only COMMIT on a thread.

There is no timer: a batch begins when the last commit ended, with what gathered meanwhile. It is written all at once;
when something in it is contested or illegal, it is undone and written again one submission after another, so that only
the one at fault has another answer. When the store itself fails, every submission of the batch fails, nothing of it is
true, and the next one is tried afresh.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import apsw

from engine.domain.changes import Answered, Change, Conflict, Released, Routed
from engine.errors import Bug, StoreUnavailable, SutureError
from engine.store.apply import apply, lost_key
from engine.store.batch import Batch, Ids
from engine.store.checkpoint import Checkpointer
from engine.store.commit_thread import CommitThread
from engine.store.faults import ENVIRONMENT, unavailable

BATCH_WEIGHT = 150
"""Of one commit: enough to share the fsync, few enough to give the loop its turn every 5 ms."""

_WEIGHTS: dict[type, int] = {Routed: 4, Released: 6}
"""What a change costs the loop, in arrivals; any other: 1."""

Results = list[list[Answered] | Exception]


class _Submission:
    __slots__ = ("changes", "future", "weight")

    def __init__(self, changes: Sequence[Change], future: asyncio.Future[list[Answered]]) -> None:
        self.changes = changes
        self.future = future
        self.weight = sum([_WEIGHTS.get(type(change), 1) for change in changes])


class GroupWriter:
    """The one writing connection. To be made, used and closed on the loop."""

    def __init__(self, connection: apsw.Connection, checkpointer: Checkpointer) -> None:
        self._connection = connection
        self._checkpointer = checkpointer
        self._ids: Ids | None = None  # read anew after every failure
        self._waiting: deque[_Submission] = deque()
        self._backlog = 0
        self._busy = False  # a commit, or a gap for the checkpoint, is under way
        self._scheduled = False
        self._moving: asyncio.Future[None] | None = None
        self._gap_wanted = False
        self._open = True
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop = asyncio.get_running_loop()
        self._thread = CommitThread(connection, self._loop)
        connection.set_wal_hook(checkpointer.note)

    @property
    def backlog(self) -> int:
        return self._backlog

    def submit(self, changes: Sequence[Change]) -> asyncio.Future[list[Answered]]:
        future: asyncio.Future[list[Answered]] = self._loop.create_future()
        if not self._open:
            future.set_exception(StoreUnavailable("STO006", "the store is closed", "start the engine"))
            return future
        self._waiting.append(_Submission(changes, future))
        self._backlog += len(changes)
        self._schedule()
        return future

    async def close(self) -> None:
        """Commits what was submitted, then ends."""
        self._open = False
        await self._idle.wait()
        self._thread.end()

    def _schedule(self) -> None:
        """The batch begins in the loop's next turn, so that all of this turn's submissions are in it."""
        self._idle.clear()
        if not self._busy and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        if self._gap_wanted:
            self._leave_gap()
        elif self._waiting:
            self._write(self._take())
        elif self._moving is None:
            self._idle.set()

    def _take(self) -> list[_Submission]:
        taken = [self._waiting.popleft()]
        weight = taken[0].weight
        while self._waiting and (weight := weight + self._waiting[0].weight) <= BATCH_WEIGHT:
            taken.append(self._waiting.popleft())
        return taken

    # Writing -------------------------------------------------------------------------------------------------

    def _write(self, taken: list[_Submission]) -> None:
        try:
            results = self._results(taken)
        except Exception as error:
            self._fail(taken, error)
            return
        self._busy = True
        self._thread.commit(lambda error: self._committed(taken, results, error))

    def _results(self, taken: list[_Submission]) -> Results:
        """The answers, with all statements done and the transaction open."""
        self._begin_transaction()
        try:
            return self._together(taken)
        except ENVIRONMENT:
            raise
        except Exception:  # something in it is at fault: which, shows when each is written alone
            self._roll_back()
            self._begin_transaction()
            return self._one_by_one(taken)

    def _begin_transaction(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        if self._ids is None:
            self._ids = Ids.read(self._connection)

    def _together(self, taken: list[_Submission]) -> Results:
        assert self._ids is not None
        batch = Batch(self._connection, self._ids)
        results: Results = [[apply(batch, change) for change in submission.changes] for submission in taken]
        batch.flush()
        return results

    def _one_by_one(self, taken: list[_Submission]) -> Results:
        assert self._ids is not None
        batch = Batch(self._connection, self._ids)
        results: Results = []
        for submission in taken:
            self._connection.execute("SAVEPOINT submission")
            try:
                results.append([self._alone(batch, change) for change in submission.changes])
            except ENVIRONMENT:
                raise
            except Exception as error:
                batch.discard()
                self._connection.execute("ROLLBACK TO submission")
                results.append(_fault(error))
            self._connection.execute("RELEASE submission")
        return results

    def _alone(self, batch: Batch, change: Change) -> Answered:
        """The change's answer; a `Conflict` when it broke on a key, with nothing of it written."""
        self._connection.execute("SAVEPOINT change")
        try:
            answer = apply(batch, change)
            batch.flush()
        except apsw.ConstraintError:
            batch.discard()
            self._connection.execute("ROLLBACK TO change")
            key = lost_key(batch, change)
            if key is None:
                raise
            answer = Conflict(key)
        self._connection.execute("RELEASE change")
        return answer

    # What came of it -----------------------------------------------------------------------------------------

    def _committed(self, taken: list[_Submission], results: Results, error: Exception | None) -> None:
        self._busy = False
        if error is not None:
            self._fail(taken, error)
            return
        if self._checkpointer.due and self._moving is None:
            self._move_beside()
        self._resolve(taken, results)

    def _fail(self, taken: list[_Submission], error: Exception) -> None:
        """Nothing of the batch is true. The next submission meets the store as it is then."""
        self._roll_back()
        self._ids = None
        self._resolve(taken, [unavailable(error) for _ in taken])

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except apsw.Error:  # the next BEGIN says what is wrong
                return

    def _resolve(self, taken: list[_Submission], results: Sequence[list[Answered] | Exception]) -> None:
        for submission, result in zip(taken, results, strict=True):
            self._backlog -= len(submission.changes)
            future = submission.future
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._schedule()

    # Checkpoints ---------------------------------------------------------------------------------------------

    def _move_beside(self) -> None:
        self._moving = self._checkpointer.move()
        self._moving.add_done_callback(self._want_gap)

    def _want_gap(self, _: asyncio.Future[None]) -> None:
        self._gap_wanted = True
        self._schedule()

    def _leave_gap(self) -> None:
        self._gap_wanted, self._busy = False, True
        self._moving = self._checkpointer.move()
        self._moving.add_done_callback(self._end_gap)

    def _end_gap(self, _: asyncio.Future[None]) -> None:
        self._checkpointer.finish()
        self._moving, self._busy = None, False
        self._schedule()


def _fault(error: Exception) -> Exception:
    """What the submission at fault is told. Only the kind of a driver's or Python's error: its text may hold values."""
    if isinstance(error, SutureError):
        return error
    return Bug(f"STO023 the store does not take this change ({type(error).__name__})")
