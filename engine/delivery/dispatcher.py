"""One destination's lanes: what may leave, in which order, and what waits behind what.

Order inside a lane is delivery id; one document of a lane is under way at a time; no lane waits for another. A
mark is committed before a document's first byte leaves. At most `WINDOW` documents are in memory: the rest waits in
the store and is claimed by id; a parked lane is remembered by its number only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import NamedTuple, Protocol

from engine.clock import Clock
from engine.delivery.breaker import Breaker
from engine.delivery.retry import LanePolicy, Next, after_probe, after_send
from engine.domain.changes import Change, Sending, Settled, Stopped
from engine.domain.outcome import Outcome, Verdict
from engine.domain.ports import Adapter, Reader, Writer
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing
from engine.errors import StoreUnavailable

WINDOW = 256
"""Documents of one destination in memory."""

LANE_WINDOW = 16
"""Documents of one lane in memory, so that a long lane leaves room for the others."""

MARKED = 64
"""Documents in memory beyond which none is born SENDING: after a crash each of these must be asked about."""

STORE_PAUSE = 0.5
"""Seconds before a store that failed is tried again."""


class DeliveryObserver(Protocol):
    """Told of every end of a try, and of stops. Never content."""

    def settled(self, delivery: Outgoing, outcome: Outcome, state: DeliveryState, seconds: float) -> None: ...

    def stopped(self, destination: str, code: str) -> None: ...

    def broken(self, destination: str, error: Exception) -> None: ...


class Status(NamedTuple):
    """A destination at a glance."""

    destination: str
    state: str  # open | stopped: CODE | breaker open | breaker half-open
    in_flight: int
    in_memory: int
    parked: int


class Dispatcher:
    """A service. All methods are called on the loop."""

    def __init__(
        self,
        destination: str,
        adapter: Adapter,
        policy: LanePolicy,
        reader: Reader,
        writer: Writer,
        clock: Clock,
        observer: DeliveryObserver,
    ) -> None:
        self.destination = destination
        self.policy = policy
        self._adapter = adapter
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._observer = observer
        self._breaker = Breaker(rest=min(5.0, max(policy.first, 0.1)))
        self._lanes: dict[int, deque[Outgoing]] = {}  # the first of each is under way or about to be
        self._startable: tuple[deque[int], deque[int]] = (deque(), deque())  # live, bulk
        self._behind: set[int] = set()  # lanes with rows in the store that the scan passed by
        self._parked: dict[int, asyncio.TimerHandle] = {}
        self._absent: dict[int, int] = {}
        self._loaded = 0
        self._reserved = 0
        self._in_flight = 0
        self._cursor = 0
        self._caught_up = False
        self._scanning = False
        self._running = False
        self._stop_code = ""
        self._next_start = 0.0
        self._pump_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._drained = asyncio.Event()

    # Life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes up what was under way: a document that was leaving when the engine died is unknown."""
        self._stop_code = (await self._reader.stopped()).get(self.destination, "")
        now_us = self._clock.now_us()
        for parked in await self._reader.parked(self.destination):
            due = (
                parked.next_us if parked.next_us is not None else now_us + int(self.policy.settle * 1_000_000)
            )
            self._park(parked.lane, due)
        self._running = True
        self._caught_up = False
        self._pump()

    async def stop(self) -> None:
        """Nothing new leaves; what is under way gets its grace. What is cut then is unknown at the next start."""
        self._running = False
        for timer in self._parked.values():
            timer.cancel()
        if self._pump_timer is not None:
            self._pump_timer.cancel()
        if self._in_flight:
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), self.policy.stop_grace)
            except TimeoutError:
                pass
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._adapter.close()

    def status(self) -> Status:
        word = "open" if self._breaker.opened is None else f"breaker {self._breaker.word}"
        state = f"stopped: {self._stop_code}" if self._stop_code else word
        return Status(self.destination, state, self._in_flight, self._loaded, len(self._parked))

    async def resume(self, actor: str) -> None:
        """A person says that the credentials or the path are mended."""
        await self._writer.submit((Stopped(self.destination, False, "", self._clock.now_us(), actor),))
        self._stop_code = ""
        self._pump()

    async def hold(self, code: str, actor: str) -> None:
        """Nothing leaves until `resume`."""
        await self._writer.submit((Stopped(self.destination, True, code, self._clock.now_us(), actor),))
        self._stop_code = code

    # What the stepper calls ----------------------------------------------------------------------------------

    async def reserve(self, lanes: Sequence[int]) -> list[bool]:
        """For each of `lanes`, in order: True when its document may be born SENDING, since nothing of the lane
        waits before it and there is room to send it soon. New accounts thus pass a backlog of others.

        Called for one batch at a time: the next call comes after this batch's commit."""
        if not self._running or self._stop_code or self._breaker.opened is not None:
            return [False] * len(lanes)
        taken = set() if self._caught_up else await self._reader.open_lanes(self.destination, lanes)
        taken |= self._lanes.keys() | self._behind | self._parked.keys()
        answers = []
        for lane in lanes:
            free = lane not in taken and self._loaded + self._reserved < max(
                MARKED, 2 * self.policy.concurrency
            )
            taken.add(lane)
            answers.append(free)
            if free:
                self._lanes[lane] = deque()
                self._reserved += 1
        return answers

    def release(self, lane: int) -> None:
        """The reserved document was not committed."""
        self._reserved -= 1
        del self._lanes[lane]

    def offer(self, outgoing: Outgoing) -> None:
        """The reserved document is committed as SENDING."""
        self._reserved -= 1
        self._loaded += 1
        self._lanes[outgoing.lane].append(outgoing)
        self._startable[min(outgoing.priority, 1)].append(outgoing.lane)
        self._pump()

    def wake(self) -> None:
        """READY rows were committed."""
        self._caught_up = False
        self._pump()

    # Starting ------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Starts whatever may leave now, and reads on while there is room."""
        if not self._running:
            return
        while self._may_start():
            heads = self._take_heads()
            if heads:
                self._breaker.left()
                self._in_flight += 1
                self._spawn(self._leave(heads))
        if not self._caught_up and not self._scanning and self._loaded < WINDOW // 2:
            self._scanning = True
            self._spawn(self._scan())

    def _may_start(self) -> bool:
        if self._stop_code or self._in_flight >= self.policy.concurrency or not any(self._startable):
            return False
        now = self._clock.monotonic()
        if not self._breaker.allows(now):
            self._pump_in(self._breaker.rest)
            return False
        if self.policy.rate is not None:
            if now < self._next_start:
                self._pump_in(self._next_start - now)
                return False
            self._next_start = max(now, self._next_start) + 1.0 / self.policy.rate
        return True

    def _take_heads(self) -> list[Outgoing]:
        """One head, or as many of different lanes as the far end takes at once when more wait than may leave."""
        most = 1
        waiting = len(self._startable[0]) + len(self._startable[1])
        if self.policy.batch_most > 1 and waiting > self.policy.concurrency - self._in_flight:
            most = self.policy.batch_most
        heads: list[Outgoing] = []
        for queue in self._startable:
            while queue and len(heads) < most:
                lane = self._lanes.get(queue.popleft())
                if lane:
                    heads.append(lane[0])
        return heads

    def _pump_in(self, seconds: float) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
        self._pump_timer = asyncio.get_running_loop().call_later(seconds, self._pump)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """A store that fails stops nothing for good: marks and receipts are tried again."""
        try:
            await work
        except StoreUnavailable:
            self._pump_in(STORE_PAUSE)
        except Exception as error:  # a bug of ours must not be silent; its lane waits for the next start
            self._observer.broken(self.destination, error)

    # One try -------------------------------------------------------------------------------------------------

    async def _leave(self, heads: Sequence[Outgoing]) -> None:
        """Mark, send, settle. The lanes go on after the commit of what came of it."""
        try:
            unmarked = tuple(head.id for head in heads if head.state is not DeliveryState.SENDING)
            if unmarked:
                await self._persist((Sending(unmarked, self._clock.now_us()),))
            began = self._clock.monotonic()
            outcomes = await self._outcomes(heads)
            seconds = self._clock.monotonic() - began
            self._breaker.tell(outcomes[0].verdict, self._clock.monotonic())
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._drained.set()
        self._pump()
        now_us = self._clock.now_us()
        nexts = [
            after_send(outcome, head.attempts + 1, self.policy, now_us)
            for head, outcome in zip(heads, outcomes, strict=True)
        ]
        await self._settle(heads, outcomes, nexts, now_us, seconds)

    async def _outcomes(self, heads: Sequence[Outgoing]) -> list[Outcome]:
        """What the adapter says. One that breaks has told us nothing: bytes may have left."""
        try:
            if len(heads) == 1:
                return [await self._adapter.send(heads[0])]
            return await self._adapter.send_many(heads)
        except Exception as error:
            self._observer.broken(self.destination, error)
            return [Outcome(Verdict.UNKNOWN, "the adapter failed")] * len(heads)

    async def _settle(
        self,
        heads: Sequence[Outgoing],
        outcomes: Sequence[Outcome],
        nexts: Sequence[Next],
        now_us: int,
        seconds: float,
    ) -> None:
        changes: list[Change] = []
        for head, outcome, after in zip(heads, outcomes, nexts, strict=True):
            said = outcome._replace(code=after.code) if after.code else outcome
            changes.append(
                Settled(head.id, after.state, said, now_us, after.next_us, after.counts, after.frees)
            )
            if after.stops and not self._stop_code:
                self._stop_code = outcome.code
                changes.append(Stopped(self.destination, True, outcome.code, now_us, "engine"))
                self._observer.stopped(self.destination, outcome.code)
        await self._persist(changes)
        for head, outcome, after in zip(heads, outcomes, nexts, strict=True):
            self._observer.settled(head, outcome, after.state, seconds)
            self._next_in_lane(head, after)
        self._pump()

    async def _persist(self, changes: Sequence[Change]) -> None:
        """What happened must be written, however long the store is away: forgetting it would make a double."""
        while True:
            try:
                await self._writer.submit(changes)
            except StoreUnavailable:
                await asyncio.sleep(STORE_PAUSE)
            else:
                return

    def _next_in_lane(self, head: Outgoing, after: Next) -> None:
        """A head that waits or is unknown parks its lane; any other end lets the next one go (rule 15)."""
        queue = self._lanes[head.lane]
        queue.popleft()
        self._loaded -= 1
        if after.next_us is not None:
            self._loaded -= len(queue)
            del self._lanes[head.lane]
            self._park(head.lane, after.next_us)
            return
        self._absent.pop(head.id, None)
        if queue:
            self._startable[min(queue[0].priority, 1)].append(head.lane)
        elif head.lane in self._behind:
            self._spawn(self._load_lane(head.lane))
        else:
            del self._lanes[head.lane]

    # Reading on ----------------------------------------------------------------------------------------------

    async def _scan(self) -> None:
        """Claims READY rows by id; those of parked or long lanes are passed by and remembered by lane."""
        try:
            self._caught_up = True  # unless `wake` says otherwise while we read
            rows = await self._reader.ready(self.destination, self._cursor, WINDOW)
            if len(rows) == WINDOW:
                self._caught_up = False
            for row in rows:
                self._cursor = row.id
                self._take_in(row)
        finally:
            self._scanning = False
        self._pump()

    def _take_in(self, row: Outgoing) -> None:
        if row.lane in self._parked or row.lane in self._behind:
            self._behind.add(row.lane)
            return
        queue = self._lanes.get(row.lane)
        if queue is None:
            self._lanes[row.lane] = deque((row,))
            self._loaded += 1
            self._startable[min(row.priority, 1)].append(row.lane)
        elif len(queue) < LANE_WINDOW:
            queue.append(row)
            self._loaded += 1
        else:
            self._behind.add(row.lane)

    async def _load_lane(self, lane: int) -> None:
        """The lane's next documents, from the store. Its entry in `_lanes` keeps others from starting it."""
        found = await self._reader.lane(self.destination, lane, LANE_WINDOW)
        # READY rows beyond the cursor come by the scan: taking them here as well would send them twice
        rows = [row for row in found if row.id <= self._cursor or row.state is not DeliveryState.READY]
        if len(found) < LANE_WINDOW or len(rows) < len(found):
            self._behind.discard(lane)
        if not rows:
            self._lanes.pop(lane, None)
            return
        head = rows[0]
        if head.state in (DeliveryState.UNKNOWN, DeliveryState.SENDING):
            self._lanes[lane] = deque((head,))
            self._behind.add(lane)
            self._loaded += 1
            await self._ask(head)
            return
        self._lanes[lane] = deque(rows)
        self._loaded += len(rows)
        self._startable[min(head.priority, 1)].append(lane)
        self._pump()

    # Waiting and asking --------------------------------------------------------------------------------------

    def _park(self, lane: int, due_us: int) -> None:
        """The head waits until `due_us`; whatever else the lane has is read again then."""
        seconds = max(0.0, (due_us - self._clock.now_us()) / 1_000_000)
        self._behind.add(lane)
        self._parked[lane] = asyncio.get_running_loop().call_later(seconds, self._unpark, lane)

    def _unpark(self, lane: int) -> None:
        if not self._running:
            return
        if self._stop_code:
            self._parked[lane] = asyncio.get_running_loop().call_later(STORE_PAUSE, self._unpark, lane)
            return
        del self._parked[lane]
        self._lanes[lane] = deque()
        self._spawn(self._load_lane(lane))

    async def _ask(self, head: Outgoing) -> None:
        """Settles an unknown by asking; where nobody can be asked, by the far end's own idempotency (rule 8)."""
        if not self.policy.asks:
            await self._repeat(head)
            return
        began = self._clock.monotonic()
        outcome = await self._adapter.probe(head)
        now_us = self._clock.now_us()
        if outcome is not None and outcome.verdict is Verdict.ABSENT:
            self._absent[head.id] = self._absent.get(head.id, 0) + 1
        after = after_probe(outcome, self._absent.get(head.id, 0), self.policy, now_us)
        told = outcome or Outcome(Verdict.UNKNOWN, "cannot be asked")
        await self._settle((head,), (told,), (after,), now_us, self._clock.monotonic() - began)

    async def _repeat(self, head: Outgoing) -> None:
        now_us = self._clock.now_us()
        told = Outcome(
            Verdict.UNKNOWN, "sent again under the same key" if self.policy.repeats else "nobody to ask"
        )
        after = (
            Next(DeliveryState.WAITING, now_us, counts=False)
            if self.policy.repeats
            else Next(DeliveryState.HELD, counts=False, code="unknown: nobody to ask")
        )
        await self._settle((head,), (told,), (after,), now_us, 0.0)
