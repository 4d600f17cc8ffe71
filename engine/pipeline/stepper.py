"""Runs the step over the inbox: takes pending messages, gathers facts, steps, routes, hands on.

Effects only; what is decided is decided in `step`. A message that needs what an earlier one is about to write is
stepped when that one is committed, so that facts are always those of the committed past.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from engine.clock import Clock
from engine.domain.changes import Conflict, Routed, RoutedAs
from engine.domain.message import Inbound
from engine.domain.ports import Reader, Writer
from engine.domain.posting import Document, FactKeys, Facts, Priority, Stepped
from engine.domain.status import DeliveryState, MessageState
from engine.domain.views import Outgoing
from engine.errors import Bug, MessageError, StoreUnavailable, SutureError
from engine.pipeline.digests import Digester
from engine.pipeline.editions import Edition, Editions
from engine.pipeline.inbox import Inbox, Taken
from engine.pipeline.mastering import put_in_together
from engine.pipeline.needing import further_needs
from engine.pipeline.people import people_of
from engine.pipeline.prepared import Prepared, independent, together
from engine.pipeline.reading import read_message
from engine.pipeline.step import step
from engine.pipeline.tabling import Made, is_master, joined

T = TypeVar("T")
R = TypeVar("R")

SLICE = 0.002
"""Seconds of work before the loop has its turn, or one message."""

LARGE = 256 * 1024
"""Bytes of a message that is read beside the loop: a file of a master."""

TRIES = 20
"""Times that a message which lost a key, or whose original moved on, is stepped again before it is held."""

RECOVERY_PAUSE = 0.5
"""Seconds before a store that failed is tried again."""


class Outbox(Protocol):
    """Where documents go once they are committed: the lanes of each destination."""

    def reserve(self, destination: str, lane: int) -> bool:
        """True when a document of this lane may leave as soon as it is committed, so that its row is born SENDING:
        then it is to be offered, or its place released."""
        ...

    def release(self, destination: str, lane: int) -> None:
        """The commit failed: the reserved place is free again."""
        ...

    def offer(self, outgoing: Outgoing) -> None:
        """A reserved document is committed."""
        ...

    def wake(self, destination: str, priority: Priority) -> None:
        """READY rows of that priority were written."""
        ...


class StepObserver(Protocol):
    """What is told to logs and metrics. Never content."""

    def stepped(self, inbound: Inbound, stepped: Stepped) -> None: ...

    def failed(self, inbound: Inbound, error: Exception) -> None: ...


class Stepper:
    """A service. `edition` may be replaced between two batches: a message is stepped with one, whole."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        outbox: Outbox,
        clock: Clock,
        edition: Edition,
        observer: StepObserver,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._outbox = outbox
        self._clock = clock
        self._observer = observer
        self.edition = edition
        self._editions = Editions(reader)
        self._digester = Digester(reader.hash_key)
        self._inbox = Inbox(reader, lambda inbound: people_of(self.edition.release, inbound))
        self._awake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        self._awake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="stepper")

    async def stop(self) -> None:
        """Ends after the batch under way; what is pending stays in the inbox."""
        task, self._task = self._task, None
        if task is None:
            return
        async with self._lock:
            task.cancel()
        await asyncio.wait((task,))

    def arrived(self, inbound: Inbound) -> None:
        """A message is committed; called in inbox order."""
        self._inbox.arrived(inbound)
        self._quiet.clear()
        self._awake.set()

    async def idle(self) -> None:
        """Returns when every message that was committed before the call is stepped."""
        while not self._inbox.empty or self._lock.locked():
            await self._quiet.wait()

    @property
    def lock(self) -> asyncio.Lock:
        """Held while a batch is stepped; who holds it (a release, a reload) steps alone."""
        return self._lock

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            try:
                while (taken := await self._inbox.take()).batch:
                    async with self._lock:
                        await self._step(taken)
                    self._inbox.stepped(taken)
                    await asyncio.sleep(0)  # answers first
            except StoreUnavailable:
                self._inbox.recover()
                await asyncio.sleep(RECOVERY_PAUSE)
                self._awake.set()
            else:
                self._quiet.set()

    async def _step(self, taken: Taken) -> None:
        active = self.edition
        older = await self._editions.wanted_by(taken.batch, active)
        prepared = await self._read(taken.batch, older, active)
        if taken.overtaking:
            prepared = await self._those_who_may(prepared)
        waiting = deque(prepared)
        while waiting:
            batch = independent(waiting)
            if batch[0].master:
                batch, made = await self._put_in(batch[0], waiting)
                await self._route(batch, taken.late, made)
            else:
                await self._route(batch, taken.late)
            if self.edition is not active:  # a master changed tables: what comes behind it is read with these
                active = self.edition
                waiting = deque(await self._read([one.inbound for one in waiting], older, active))

    async def _read(
        self, batch: Sequence[Inbound], older: Mapping[int, Edition | str], active: Edition
    ) -> list[Prepared]:
        """Large ones on a thread, so that whoever sends live has a turn."""
        prepared = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        for inbound in batch:
            edition = older.get(inbound.edition or 0, active)
            if len(inbound.raw) > LARGE:
                prepared.append(await asyncio.to_thread(self._prepare, inbound, edition))
                continue
            prepared.append(self._prepare(inbound, edition))
            if loop.time() - began > SLICE:
                await asyncio.sleep(0)
                began = loop.time()
        return prepared

    async def _those_who_may(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """Nobody overtakes who goes by several numbers, or who takes back what may still wait."""
        facts = await self._reader.gather([FactKeys(aliases=prepared.needs.aliases) for prepared in batch])
        free: list[Prepared] = []
        stays = False
        for prepared, known in zip(batch, facts, strict=True):
            behind = stays and not self._inbox.may_overtake(prepared.inbound)  # one that stays, of this batch
            if behind or known.aliases or prepared.needs.originals or prepared.needs.stays:
                self._inbox.step_back(prepared.inbound)
                stays = True
            else:
                free.append(prepared)
        return free

    def _prepare(self, inbound: Inbound, edition: Edition | str) -> Prepared:
        if isinstance(edition, str):
            return Prepared(inbound, self.edition, None, Stepped(MessageState.HELD, edition))
        try:
            read = read_message(edition.release, self._digester, inbound)
            if is_master(read) and edition is not self.edition:  # there are no other tables to put it in
                return self._prepare(inbound, self.edition)
            return Prepared(inbound, edition, read)
        except MessageError as error:
            held = Stepped(MessageState.HELD, f"{error.code} {error.what}")
            return Prepared(inbound, edition, None, held)
        except Exception as error:
            self._observer.failed(inbound, error)
            return Prepared(inbound, edition, None, Stepped(MessageState.HELD, "BUG001 the step failed"))

    async def _route(self, batch: Sequence[Prepared], late: bool, made: Sequence[Made] = ()) -> None:
        """Gathers, steps and commits; what lost its key meanwhile is gathered and stepped again. `made`: of masters, by
        each of them."""
        tables = {one.inbound.id: its for one, its in zip(batch, made, strict=False)}
        for _ in range(TRIES):
            if not batch:
                return
            facts = await gather(self._reader, self._digester, batch)
            stepped = await in_slices(self._stepped, list(zip(batch, facts, strict=True)))
            if tables:
                stepped = [
                    joined(one, tables[prepared.inbound.id].stepped)
                    for prepared, one in zip(batch, stepped, strict=True)
                ]
            routed = self._routed(batch, stepped, late)
            try:
                answers = await self._writer.submit(routed)
            except StoreUnavailable:
                self._let_go(routed)
                raise
            except SutureError as error:
                self._let_go(routed)
                await self._apart(batch, late, error)
                return
            lost = []
            for prepared, change, answer in zip(batch, routed, answers, strict=True):
                if isinstance(answer, RoutedAs):
                    release = tables[prepared.inbound.id].release if tables else None
                    if answer.edition is not None and release is not None:
                        self.edition = Edition(answer.edition, release)
                    self._hand_on(change, answer)
                    self._observer.stepped(prepared.inbound, change.stepped)
                elif isinstance(answer, Conflict):
                    self._let_go((change,))
                    lost.append(prepared)
            batch = lost
        if batch:
            await self._apart(batch, late, Bug("a step is contested however often it is run"))

    async def _apart(self, batch: Sequence[Prepared], late: bool, error: SutureError) -> None:
        """A batch that the store refused: each message alone, and the one at fault is held, so that one poisoned
        message stops nobody."""
        if len(batch) > 1:
            if batch[0].master:  # alone they will do, and nobody would hear of it
                self._observer.failed(batch[0].inbound, error)
            for prepared in batch:
                if prepared.master:  # the one before it may have changed the tables
                    again = self._prepare(prepared.inbound, self.edition)
                    await self._route((again,), late, await self._tabled([again]) or ())
                else:
                    await self._route((prepared,), late)
            return
        (prepared,) = batch
        self._observer.failed(prepared.inbound, error)
        if prepared.failed is None:
            held = Stepped(MessageState.HELD, "BUG001 its step could not be kept")
            await self._route((prepared._replace(failed=held),), late)

    async def _put_in(
        self, first: Prepared, waiting: deque[Prepared]
    ) -> tuple[list[Prepared], Sequence[Made]]:
        """The first master with those behind it that may be put in with it, and what they make of the tables."""
        group = together(self.edition.release, first, waiting)
        while (made := await self._tabled(group)) is None:
            half = len(group) // 2
            waiting.extendleft(reversed(group[half:]))
            group = group[:half]
        return group, made

    async def _tabled(self, group: Sequence[Prepared]) -> list[Made] | None:
        """What masters make of the tables in force; None: together they cannot be put in."""
        reads = [prepared.read for prepared in group if prepared.read is not None]
        try:
            return await put_in_together(self._reader, self._digester, self.edition, reads)
        except StoreUnavailable:
            raise
        except Exception as error:
            self._observer.failed(group[0].inbound, error)
            if len(group) > 1:
                return None
            return [Made(Stepped(MessageState.HELD, "BUG001 the step failed"), None)]

    def _routed(self, batch: Sequence[Prepared], stepped: Sequence[Stepped], late: bool) -> list[Routed]:
        """The changes of a batch, with the state that each document's delivery is born in."""
        now_us = self._clock.now_us()
        changes = []
        for prepared, one in zip(batch, stepped, strict=True):
            if late or prepared.inbound.replays is not None:
                one = one.late()
            changes.append(
                Routed(
                    prepared.inbound.id,
                    one,
                    tuple(self._born(document) for document in one.documents),
                    prepared.edition.id,
                    now_us,
                    supersedes=prepared.inbound.replays if one.effects or prepared.master else None,
                    to=prepared.inbound.to,
                )
            )
        return changes

    def _born(self, document: Document) -> DeliveryState:
        free = not document.joins and self._outbox.reserve(document.destination, document.lane)
        return DeliveryState.SENDING if free else DeliveryState.READY

    def _stepped(self, gathered: tuple[Prepared, Facts]) -> Stepped:
        prepared, facts = gathered
        if prepared.failed is not None or prepared.read is None:
            return prepared.failed or Stepped(MessageState.HELD, "BUG001 the step failed")
        try:
            return step(prepared.edition.release, self._digester, prepared.read, facts)
        except Exception as error:
            self._observer.failed(prepared.inbound, error)
            return Stepped(MessageState.HELD, "BUG001 the step failed")

    def _hand_on(self, change: Routed, answer: RoutedAs) -> None:
        for document, born, delivery in zip(
            change.stepped.documents, change.born, answer.deliveries, strict=True
        ):
            if born is DeliveryState.SENDING:
                self._outbox.offer(outgoing_of(document, delivery))
            else:
                self._outbox.wake(document.destination, document.priority)

    def _let_go(self, routed: Sequence[Routed]) -> None:
        for change in routed:
            for document, born in zip(change.stepped.documents, change.born, strict=True):
                if born is DeliveryState.SENDING:
                    self._outbox.release(document.destination, document.lane)


def outgoing_of(document: Document, delivery: int) -> Outgoing:
    """A document that was just committed, as its lane takes it."""
    return Outgoing(
        delivery,
        document.destination,
        document.effect,
        document.action,
        document.lane,
        document.priority,
        document.reference,
        document.path,
        document.payload,
        0,
        DeliveryState.SENDING,
        None,
    )


async def in_slices(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`work` of each item; between two slices whoever waits for an answer has a turn."""
    results = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    for item in items:
        results.append(work(item))
        if loop.time() - began > SLICE:
            await asyncio.sleep(0)
            began = loop.time()
    return results


async def gather(reader: Reader, digester: Digester, batch: Sequence[Prepared]) -> list[Facts]:
    """The facts of each message; again for those whose facts name more: other numbers, the account of a case."""
    asked = [prepared.needs for prepared in batch]
    facts = await reader.gather(asked)
    while True:
        more = [
            further_needs(digester, prepared.read, known).without(before) if prepared.read else FactKeys()
            for prepared, known, before in zip(batch, facts, asked, strict=True)
        ]
        if not any(any(keys) for keys in more):
            return facts
        added = await reader.gather(more)
        facts = [first.plus(second) for first, second in zip(facts, added, strict=True)]
        asked = [before.plus(keys) for before, keys in zip(asked, more, strict=True)]
