"""Runs the step over the inbox, in its order: takes pending messages, gathers facts, steps, routes, hands on.

Effects only; what is decided is decided in `step`. A message that needs what an earlier one of the same batch is
about to write begins the next batch, so that facts are always those of the committed past.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from engine.clock import Clock
from engine.domain.changes import Conflict, Routed, RoutedAs
from engine.domain.message import Inbound
from engine.domain.ports import Reader, Writer
from engine.domain.posting import NO_FACTS, Document, FactKeys, Facts, Stepped
from engine.domain.status import DeliveryState, MessageState
from engine.domain.views import Outgoing
from engine.errors import MessageError, StoreUnavailable, SutureError
from engine.pipeline.digests import Digester
from engine.pipeline.reading import Read, further_needs, read_message
from engine.pipeline.step import step
from engine.site.release import Release

FEW = 6
"""Messages stepped in one go while others arrive: intake comes first, no acknowledgment waits long."""

MANY = 64
"""The same while nobody sends: fewer commits for the backlog."""

IN_MEMORY = 256
"""Fresh messages kept at hand; beyond that the inbox itself is read, by id."""

RECOVERY_PAUSE = 0.5
"""Seconds before a store that failed is tried again."""


class Outbox(Protocol):
    """Where documents go once they are committed: the lanes of each destination."""

    async def reserve(self, places: Sequence[tuple[str, int]]) -> list[bool]:
        """For each (destination, lane) of a batch, in order: True when its document may leave as soon as it is
        committed, so that its row is born SENDING."""
        ...

    def release(self, destination: str, lane: int) -> None:
        """The commit failed: the reserved place is free again."""
        ...

    def offer(self, outgoing: Outgoing) -> None:
        """A reserved document is committed."""
        ...

    def wake(self, destination: str) -> None:
        """READY rows were written."""
        ...


class StepObserver(Protocol):
    """What is told to logs and metrics. Never content."""

    def stepped(self, inbound: Inbound, stepped: Stepped) -> None: ...

    def failed(self, inbound: Inbound, error: Exception) -> None: ...


class Edition(NamedTuple):
    """What steps run with now: a compiled release and the id under which the store knows it with its tables."""

    id: int
    release: Release


class Prepared(NamedTuple):
    """A message that was read; `failed` when it could not be."""

    inbound: Inbound
    read: Read | None
    failed: Stepped | None

    @property
    def needs(self) -> FactKeys:
        return self.read.needs if self.read else FactKeys()

    def touches(self) -> set[bytes]:
        """Every key that its step may write."""
        if self.read is None:
            return set()
        keys = {identity.key for part in self.read.reads for identity in part.identities}
        keys |= {find for part in self.read.reads for identity in part.identities for find in identity.finds}
        return keys | {fact.key for fact in self.read.remember}


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
        self._digester = Digester(reader.hash_key)
        self._fresh: deque[Inbound] = deque()
        self._last = 0  # id up to which messages were taken
        self._behind = True  # the inbox holds pending messages that are not at hand
        self._arriving = False
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
        self._arriving = True
        if inbound.id <= self._last:  # committed before what was taken already, told after it
            self._last = inbound.id - 1
            self._behind = True
        if not self._behind and len(self._fresh) < IN_MEMORY:
            self._fresh.append(inbound)
        else:
            self._behind = True
        self._quiet.clear()
        self._awake.set()

    async def idle(self) -> None:
        """Returns when every message that was committed before the call is stepped."""
        while self._fresh or self._behind or self._lock.locked():
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
                while batch := await self._take():
                    async with self._lock:
                        await self._step(batch)
                    await asyncio.sleep(0)  # answers first
            except StoreUnavailable:
                self._behind = True
                self._fresh.clear()
                await asyncio.sleep(RECOVERY_PAUSE)
                self._awake.set()
            else:
                self._quiet.set()

    async def _take(self) -> list[Inbound]:
        """The next pending messages, from memory while it has them all, else from the inbox."""
        if not self._fresh and self._behind:
            self._behind = False  # what is committed from here on comes by `arrived`
            found = await self._reader.pending(self._last, IN_MEMORY)
            newer = list(self._fresh)
            self._fresh = deque(found)
            last = found[-1].id if found else self._last
            if len(found) == IN_MEMORY:
                self._behind = True
            else:
                self._fresh.extend(inbound for inbound in newer if inbound.id > last)
        most, self._arriving = FEW if self._arriving else MANY, False
        return [self._fresh.popleft() for _ in range(min(most, len(self._fresh)))]

    async def _step(self, batch: Sequence[Inbound]) -> None:
        waiting = deque(self._prepare(inbound) for inbound in batch)
        while waiting:
            together = _independent(waiting)
            await self._route(together)
            self._last = max(self._last, together[-1].inbound.id)

    def _prepare(self, inbound: Inbound) -> Prepared:
        try:
            return Prepared(inbound, read_message(self.edition.release, self._digester, inbound), None)
        except MessageError as error:
            return Prepared(inbound, None, Stepped(MessageState.HELD, f"{error.code} {error.what}"))
        except Exception as error:
            self._observer.failed(inbound, error)
            return Prepared(inbound, None, Stepped(MessageState.HELD, "BUG001 the step failed"))

    async def _route(self, batch: Sequence[Prepared]) -> None:
        """Gathers, steps and commits; what lost its key meanwhile is gathered and stepped again."""
        while batch:
            facts = await gather(self._reader, self._digester, batch)
            stepped = [
                prepared.failed or self._stepped(prepared, known)
                for prepared, known in zip(batch, facts, strict=True)
            ]
            routed = await self._routed(batch, stepped)
            try:
                answers = await self._writer.submit(routed)
            except StoreUnavailable:
                self._let_go(routed)
                raise
            except SutureError as error:
                self._let_go(routed)
                await self._apart(batch, error)
                return
            lost = []
            for prepared, change, answer in zip(batch, routed, answers, strict=True):
                if isinstance(answer, RoutedAs):
                    self._hand_on(change, answer)
                    self._observer.stepped(prepared.inbound, change.stepped)
                elif isinstance(answer, Conflict):
                    self._let_go((change,))
                    lost.append(prepared)
            batch = lost

    async def _apart(self, batch: Sequence[Prepared], error: SutureError) -> None:
        """A batch that the store refused: each message alone, and the one at fault is held, so that one poisoned
        message stops nobody."""
        if len(batch) > 1:
            for prepared in batch:
                await self._route((prepared,))
            return
        (prepared,) = batch
        self._observer.failed(prepared.inbound, error)
        if prepared.failed is None:
            held = Stepped(MessageState.HELD, "BUG001 its step could not be kept")
            await self._route((prepared._replace(failed=held),))

    async def _routed(self, batch: Sequence[Prepared], stepped: Sequence[Stepped]) -> list[Routed]:
        """The changes of a batch, with the state that each document's delivery is born in."""
        places = [(document.destination, document.lane) for one in stepped for document in one.documents]
        born = iter(
            [
                DeliveryState.SENDING if free else DeliveryState.READY
                for free in await self._outbox.reserve(places)
            ]
        )
        now_us = self._clock.now_us()
        return [
            Routed(
                prepared.inbound.id,
                one,
                tuple(next(born) for _ in one.documents),
                self.edition.id,
                now_us,
                supersedes=prepared.inbound.replays if one.effects else None,
            )
            for prepared, one in zip(batch, stepped, strict=True)
        ]

    def _stepped(self, prepared: Prepared, facts: Facts) -> Stepped:
        assert prepared.read is not None
        try:
            return step(self.edition.release, self._digester, prepared.read, facts)
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
                self._outbox.wake(document.destination)

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


async def gather(reader: Reader, digester: Digester, batch: Sequence[Prepared]) -> list[Facts]:
    """The facts of each message; once more for those whose account goes by other numbers."""
    facts = await reader.gather([prepared.needs for prepared in batch])
    more = [
        further_needs(digester, prepared.read, known) if prepared.read else FactKeys()
        for prepared, known in zip(batch, facts, strict=True)
    ]
    if not any(any(keys) for keys in more):
        return facts
    added = await reader.gather(more)
    return [_joined(first, second) for first, second in zip(facts, added, strict=True)]


def _joined(first: Facts, second: Facts) -> Facts:
    if second == NO_FACTS:
        return first
    return Facts(
        {**second.encounters, **first.encounters},
        {**second.aliases, **first.aliases},
        {**second.priors, **first.priors},
        {**second.originals, **first.originals},
    )


def _independent(waiting: deque[Prepared]) -> list[Prepared]:
    """Takes messages from the left of `waiting` until one needs what another before it is about to write."""
    together: list[Prepared] = []
    written: set[bytes] = set()
    while waiting:
        needs = waiting[0].needs
        if written and not written.isdisjoint(
            (*needs.encounters, *needs.aliases, *needs.priors, *needs.originals)
        ):
            break
        prepared = waiting.popleft()
        written |= prepared.touches()
        together.append(prepared)
    return together
