"""The documents of one destination that are in memory, lane by lane. Values only: no clock, no store, no socket.

A lane is here reserved, loading, waiting for its mark, marked, or under way; or it is remembered by its number only:
*parked*, because its head waits or is unknown, or *behind*, because rows of it in the store were passed by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from engine.domain.posting import Priority
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing

LANE_WINDOW = 4
"""Documents of one lane in memory, so that a long lane leaves room for the others."""


LATE_SHARE = 4
"""One in so many is late while live ones wait, too: neither starves the other."""


class _Queue:
    """Lanes whose turn it is: live ones first, a late one now and then."""

    def __init__(self) -> None:
        self._live: deque[int] = deque()
        self._late: deque[int] = deque()
        self._turn = 0

    def __len__(self) -> int:
        return len(self._live) + len(self._late)

    def __iter__(self) -> Iterator[int]:
        yield from (*self._live, *self._late)

    def put(self, head: Outgoing) -> None:
        (self._live if head.priority is Priority.LIVE else self._late).append(head.lane)

    def take(self, most: int) -> list[int]:
        return [self._next() for _ in range(min(most, len(self)))]

    def _next(self) -> int:
        self._turn = (self._turn + 1) % LATE_SHARE
        if self._late and (not self._live or not self._turn):
            return self._late.popleft()
        return self._live.popleft()


class Window:
    """`size`: documents in memory. `marked`: those of them whose mark is committed, or about to be, and that did not
    start: after a crash each of these must be asked about. Places that are reserved count in both."""

    def __init__(self) -> None:
        self.size = 0
        self.marked = 0
        self._lanes: dict[int, deque[Outgoing]] = {}
        self._unmarked = _Queue()
        self._startable = _Queue()
        self._behind: set[int] = set()
        self._parked: set[int] = set()

    def holds(self, lane: int) -> bool:
        """Whether anything of the lane is known to be open."""
        return lane in self._lanes or lane in self._behind or lane in self._parked

    @property
    def unmarked(self) -> int:
        return len(self._unmarked)

    @property
    def startable(self) -> int:
        return len(self._startable)

    @property
    def parked(self) -> int:
        return len(self._parked)

    # From the stepper ----------------------------------------------------------------------------------------

    def reserve(self, lane: int) -> None:
        """A place for a document that is about to be committed as SENDING. Its lane holds nothing."""
        self._lanes[lane] = deque()
        self.size += 1
        self.marked += 1

    def release(self, lane: int) -> None:
        """The reserved document was not committed."""
        del self._lanes[lane]
        self.size -= 1
        self.marked -= 1

    def offer(self, outgoing: Outgoing) -> None:
        """The reserved document is committed."""
        self._lanes[outgoing.lane].append(outgoing)
        self._startable.put(outgoing)

    # From the store ------------------------------------------------------------------------------------------

    def take_in(self, row: Outgoing) -> None:
        """A READY row, in id order of its priority. Those of parked or long lanes are passed by and remembered by
        lane."""
        if row.lane in self._parked or row.lane in self._behind:
            self._behind.add(row.lane)
            return
        queue = self._lanes.get(row.lane)
        if queue is None:
            self._lanes[row.lane] = deque((row,))
            self._unmarked.put(row)
        elif queue and row.id <= queue[-1].id:
            return  # it came with its lane
        elif len(queue) < LANE_WINDOW:
            queue.append(row)
        else:
            self._behind.add(row.lane)
            return
        self.size += 1

    def pass_by(self, lane: int) -> bool:
        """Rows of the lane are to be read together, in their order. True: it is loading now; else when what it has
        in memory is done."""
        if lane in self._lanes or lane in self._parked:
            self._behind.add(lane)
            return False
        self._lanes[lane] = deque()
        return True

    def load(self, lane: int, found: Sequence[Outgoing]) -> Outgoing | None:
        """The first `LANE_WINDOW` open rows of a loading lane. Gives its head when that one must be asked about."""
        if len(found) < LANE_WINDOW:
            self._behind.discard(lane)
        if not found:
            del self._lanes[lane]
            return None
        head = found[0]
        if head.state in (DeliveryState.UNKNOWN, DeliveryState.SENDING):
            self._lanes[lane] = deque((head,))
            self._behind.add(lane)
            self.size += 1
            return head
        self._lanes[lane] = deque(found)
        self.size += len(found)
        self._unmarked.put(head)
        return None

    # Leaving -------------------------------------------------------------------------------------------------

    def to_mark(self, most: int) -> list[Outgoing]:
        """Heads whose marks are to be committed now."""
        heads = [self._lanes[lane][0] for lane in self._unmarked.take(most)]
        self.marked += len(heads)
        return heads

    def mark(self, heads: Sequence[Outgoing]) -> None:
        """Their marks are committed."""
        for head in heads:
            self._startable.put(head)

    def lose(self, head: Outgoing) -> bool:
        """Its mark was refused: it was cancelled or held meanwhile. True: its lane is loading now."""
        self.marked -= 1
        return self.end(head)

    def unmark(self, heads: Sequence[Outgoing]) -> None:
        """Their marks are not to be: their lanes park."""
        self.marked -= len(heads)

    def taken(self, heads: Sequence[Outgoing]) -> list[Outgoing]:
        """Those of them that were taken to be marked and are neither marked nor stepped back."""
        waiting = set(self._startable)
        return [head for head in heads if head.lane in self._lanes and head.lane not in waiting]

    def again(self, head: Outgoing) -> None:
        """A loaded head whose outcome is unknown is marked to leave once more."""
        self._lanes[head.lane][0] = head
        self.marked += 1
        self._startable.put(head)

    def start(self, most: int) -> list[Outgoing]:
        """Marked heads, each of another lane, that leave now."""
        heads = [self._lanes[lane][0] for lane in self._startable.take(most)]
        self.marked -= len(heads)
        return heads

    def withdraw(self) -> list[Outgoing]:
        """Marked heads that did not start and will not."""
        return self.start(len(self._startable))

    def end(self, head: Outgoing) -> bool:
        """A head is settled and its lane goes on (rules of money, 15). True: the lane is loading now, its next rows
        are in the store."""
        queue = self._lanes[head.lane]
        queue.popleft()
        self.size -= 1
        if queue:
            self._unmarked.put(queue[0])
        elif head.lane in self._behind:
            return True
        else:
            del self._lanes[head.lane]
        return False

    def park(self, lane: int) -> None:
        """The head waits, or is unknown; what else the lane has is read again when it is its turn."""
        self.size -= len(self._lanes.pop(lane, ()))
        self._behind.add(lane)
        self._parked.add(lane)

    def unpark(self, lane: int) -> None:
        """The lane is loading."""
        self._parked.discard(lane)
        self._lanes[lane] = deque()
