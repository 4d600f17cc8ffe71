"""The READY documents of one destination that wait in the store, and which of them are claimed next.

Live ones before late ones; when many live ones wait, the newest and what comes after them before the rest. Who reads
rows here must keep the order inside lanes: a row that another may precede, unseen, is told as such.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from engine.domain.ports import Reader
from engine.domain.posting import Priority
from engine.domain.views import Outgoing

PAGE = 128
"""READY rows read at once."""

NEWEST = 64
"""When more than a page waits, so many of the newest documents, and what comes after them, pass the others."""


@dataclass(slots=True)
class Source:
    """READY rows that are claimed by id: those of `priority` in (`cursor`, `end`], while fewer than `room` documents
    are in memory. Up to the cursor they are in memory, or passed by. `more`: there may be some beyond it."""

    priority: Priority
    room: int
    cursor: int = 0
    end: int = sys.maxsize
    more: bool = True


class Backlog:
    """Three sources: what is fresh, what the fresh ones passed, and what was late from its birth."""

    def __init__(self, destination: str, reader: Reader) -> None:
        self._destination = destination
        self._reader = reader
        self._fresh = Source(Priority.LIVE, 2 * PAGE)
        self._passed = Source(Priority.LIVE, PAGE, more=False)
        self._late = Source(Priority.LATE, PAGE)
        self._sources = (self._fresh, self._passed, self._late)

    @property
    def more(self) -> bool:
        """Whether anything may wait in the store."""
        return any(source.more for source in self._sources)

    def wake(self, priority: Priority) -> None:
        """READY rows of that priority were committed."""
        (self._fresh if priority is Priority.LIVE else self._late).more = True

    def wanted(self, size: int) -> Source | None:
        """What to read from next, when `size` documents are in memory."""
        return next((source for source in self._sources if source.more and size < source.room), None)

    async def read(self, source: Source) -> list[tuple[Outgoing, bool]]:
        """The next page: (row, whether another of its lane may stand before it in the store)."""
        source.more = False  # unless `wake` says otherwise while we read
        try:
            rows = await self._reader.ready(self._destination, source.priority, source.cursor, PAGE)
            if source is self._fresh and len(rows) == PAGE and await self._pass(rows[-1].id):
                return []
            preceded: set[int] = set()
            if rows and any(other.more for other in self._sources if other is not source):
                preceded = await self._reader.preceded([row.id for row in rows])
        except BaseException:
            source.more = True
            raise
        source.more |= len(rows) == PAGE and rows[-1].id < source.end
        rows = [row for row in rows if row.id <= source.end]
        if rows:
            source.cursor = rows[-1].id
        if source is not self._fresh:
            rows = [row._replace(priority=Priority.LATE) for row in rows]
        return [(row, row.id in preceded) for row in rows]

    async def _pass(self, page_end: int) -> bool:
        """Where much more than a page waits, the newest go on and the others become the backlog."""
        newest = await self._reader.newest(self._destination, NEWEST)
        if newest <= page_end:
            return False
        if not self._passed.more:
            self._passed.cursor = self._fresh.cursor
        self._passed.end, self._passed.more = newest - 1, True
        self._fresh.cursor, self._fresh.more = newest - 1, True
        return True
