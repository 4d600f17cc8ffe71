"""Which pending messages are stepped next.

While the stepper keeps up, they come from memory, in inbox order. When it falls behind, the inbox is read by id, and a
message that arrives meanwhile may overtake the backlog when nothing before it that still waits is about the same
account, visit or patient: a new patient's charges do not wait for a hundred thousand others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from engine.domain.message import Inbound, MessageId
from engine.domain.ports import Reader
from engine.pipeline.people import ANYBODY, People, Person

FEW = 4
"""Messages stepped in one go while others arrive: intake comes first, no acknowledgment waits long."""

MANY = 48
"""The same while nobody sends: fewer commits for the backlog."""

IN_MEMORY = 256
"""Messages kept at hand, of the backlog and of those that may overtake it; beyond that the inbox itself is read."""


class Taken(NamedTuple):
    """Messages to step now. `overtaking`: others that came before them still wait. `late`: they waited themselves."""

    batch: list[Inbound]
    overtaking: bool = False
    late: bool = False


class Inbox:
    """Pending messages. `people` says whom a message is about."""

    def __init__(self, reader: Reader, people: Callable[[Inbound], People]) -> None:
        self._reader = reader
        self._people = people
        self._known = 0  # messages up to this id are at hand, or the inbox is known to hold them
        self._arriving = False
        self._turn = False  # of those that overtake
        self.recover()

    def recover(self) -> None:
        """Nothing is at hand: at the start, and after the store failed."""
        self._last = 0  # messages up to this id are stepped
        self._page: frozenset[int] = frozenset()  # ids of the page last read
        self._next: deque[Inbound] = deque()  # in inbox order, before anything that only the inbox holds
        self._fresh: deque[Inbound] = deque()  # arrived while behind, may overtake
        self._waiting: dict[
            Person, MessageId
        ] = {}  # the newest message about someone that waits in the inbox
        self._behind = True  # the inbox holds pending messages that are not at hand
        self._newest = 0  # id of the newest message in `_waiting`
        self._scouted: int | None = self._last  # the backlog up to here is in `_waiting`; None: all of it
        self._since: int | None = None  # messages after this one were told by `arrived`; None: none were yet

    def arrived(self, inbound: Inbound) -> None:
        """A message is committed; called in inbox order, but for replays, which may be told late."""
        self._arriving = True
        if inbound.id <= self._known:
            self._arrived_late(inbound)
            return
        self._known = inbound.id
        if not self._behind and len(self._next) < IN_MEMORY:
            self._next.append(inbound)
            return
        if not self._behind:
            self._behind, self._scouted, self._since = True, self._last, None
        if self._since is None:
            self._since = inbound.id - 1
        if len(self._fresh) < IN_MEMORY:
            self._fresh.append(inbound)
        else:
            self._wait(inbound)

    def _arrived_late(self, inbound: Inbound) -> None:
        """It may have been read from the inbox before it was told."""
        if self._behind:
            self._wait(inbound)
        elif inbound.id not in self._page:
            self._next.append(inbound)

    @property
    def empty(self) -> bool:
        return not self._next and not self._fresh and not self._behind

    async def take(self) -> Taken:
        """The next batch, empty when there is nothing to step. It is to be stepped, or stepped back, before the next
        call."""
        most, self._arriving = FEW if self._arriving else MANY, False
        self._turn = not self._turn
        if self._behind and self._scouted is not None:
            await self._scout(self._scouted)
        if self._turn and self._fresh and self._scouted is None:
            overtaking = self._overtaking(most)
            if overtaking:
                return Taken(overtaking, overtaking=True)
        if not self._next and self._behind:
            await self._read()
        return Taken([self._next.popleft() for _ in range(min(most, len(self._next)))], late=self._behind)

    def stepped(self, taken: Taken) -> None:
        """A batch is committed."""
        if not taken.overtaking:
            self._last = max(self._last, taken.batch[-1].id)

    def may_overtake(self, inbound: Inbound) -> bool:
        """Whether it is about somebody, and nothing waits in the inbox that is about any of them."""
        named = self._people(inbound).named
        return bool(named) and all(self._waiting.get(person, 0) <= self._last for person in (*named, ANYBODY))

    def step_back(self, inbound: Inbound) -> None:
        """It may not overtake after all: it has its turn when the inbox is read."""
        self._wait(inbound)

    def _overtaking(self, most: int) -> list[Inbound]:
        """Those who arrived since and for whom nobody waits; the others join the backlog."""
        found: list[Inbound] = []
        while self._fresh and len(found) < most:
            inbound = self._fresh.popleft()
            if self.may_overtake(inbound):
                found.append(inbound)
            else:
                self._wait(inbound)
        return found

    def _wait(self, inbound: Inbound) -> None:
        self._newest = max(self._newest, inbound.id)
        for person in self._people(inbound).lanes:
            self._waiting[person] = inbound.id

    async def _scout(self, after: int) -> None:
        """Learns about whom the backlog is, a page at a time."""
        page = await self._reader.pending(after, IN_MEMORY)
        for inbound in page:
            if self._since is None or inbound.id <= self._since:
                self._wait(inbound)
        told = self._since is not None and bool(page) and page[-1].id >= self._since
        self._scouted = None if told or len(page) < IN_MEMORY else page[-1].id

    async def _read(self) -> None:
        """The next page of the backlog; after the last one, what arrived meanwhile follows from memory."""
        page = await self._reader.pending(self._last, IN_MEMORY)
        end = page[-1].id if page else self._last
        self._next = deque(page)
        self._page = frozenset(inbound.id for inbound in page)
        self._known = max(self._known, end)
        while self._fresh and self._fresh[0].id <= end:
            self._wait(self._fresh.popleft())
        if len(page) < IN_MEMORY and self._newest <= end:
            self._next.extend(self._fresh)
            self._fresh.clear()
            self._waiting.clear()
            self._behind = False
