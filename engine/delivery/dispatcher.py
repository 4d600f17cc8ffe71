"""One destination's lanes: what may leave, in which order, and what waits behind what.

Order inside a lane is delivery id; one document of a lane is under way at a time; no lane waits for another. A
mark is committed before a document's first byte leaves. Few documents are in memory (`window`): the rest waits in the
store and is claimed by id, live ones before late ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, ParamSpec, Protocol

from engine.clock import Clock
from engine.delivery.backlog import Backlog, Source
from engine.delivery.breaker import Breaker
from engine.delivery.retry import MICROSECOND, LanePolicy, Next, after_probe, after_send
from engine.delivery.window import LANE_WINDOW, Window
from engine.domain.changes import Answered, Change, Doubted, Lost, Sending, Settled, Stopped, Withdrawn
from engine.domain.outcome import Outcome, Verdict
from engine.domain.ports import Adapter, Reader, Writer
from engine.domain.posting import Priority
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing
from engine.errors import StoreUnavailable

P = ParamSpec("P")

MARKED = 64
"""Documents that may be marked ahead of their turn, so that marks share commits: a crash makes each of them unknown."""

JOIN_PAUSE = 0.2
"""Seconds between two looks at lanes that are to drain first."""

HELD_PAUSE = 5.0
"""Seconds between two looks at what is held and keeps its lane behind it: a person mends that."""

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
        self._window = Window()
        self._most_marked = max(MARKED, 2 * policy.concurrency)
        self._timers: dict[int, asyncio.TimerHandle] = {}  # lane → when its head is due
        self._absent: dict[int, int] = {}
        self._in_flight = 0
        self._backlog = Backlog(destination, reader)
        self._scanning = False
        self._marking: asyncio.Task[None] | None = None
        self._running = False
        self._recovering = False
        self._stop_code = ""
        self._next_start = 0.0
        self._pump_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._drained = asyncio.Event()
        self._questions = asyncio.Semaphore(policy.concurrency)

    # Life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes up what was under way: a document that was leaving when the engine died is unknown."""
        self._stop_code = (await self._reader.stopped()).get(self.destination, "")
        self._recovering = await self._reader.recovering() is not None
        now_us = self._clock.now_us()
        for parked in await self._reader.parked(self.destination):
            due = (
                parked.next_us
                if parked.next_us is not None
                else now_us + int(self.policy.settle * MICROSECOND)
            )
            self._park(parked.lane, due)
        self._running = True
        self._pump()

    async def stop(self) -> None:
        """Nothing new leaves; what is under way gets its grace. What is cut then is unknown at the next start; what
        was marked and did not leave is ready again."""
        self._running = False
        for timer in (*self._timers.values(), self._pump_timer):
            if timer is not None:
                timer.cancel()
        if self._in_flight:
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), self.policy.stop_grace)
            except TimeoutError:
                pass
        await self._withdraw()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._adapter.close()

    async def _withdraw(self) -> None:
        """A clean stop makes no unknown."""
        try:
            if self._marking is not None:
                await asyncio.wait((self._marking,), timeout=self.policy.stop_grace)
            heads = [head for head in self._window.withdraw() if head.state is not DeliveryState.UNKNOWN]
            if heads:
                await self._writer.submit((Withdrawn(tuple(head.id for head in heads)),))
        except StoreUnavailable:
            return  # they are asked about at the next start

    def status(self) -> Status:
        word = "open" if self._breaker.opened is None else f"breaker {self._breaker.word}"
        state = f"stopped: {self._stop_code}" if self._stop_code else word
        return Status(self.destination, state, self._in_flight, self._window.size, self._window.parked)

    async def resume(self, actor: str) -> None:
        """A person says that the credentials or the path are mended."""
        await self._writer.submit((Stopped(self.destination, False, "", self._clock.now_us(), actor),))
        self._stop_code = ""
        self._pump()

    def recovered(self) -> None:
        """The store's recovery ended: what is ready leaves unasked again."""
        self._recovering = False
        self._pump()

    async def hold(self, code: str, actor: str) -> None:
        """Nothing leaves until `resume`."""
        await self._writer.submit((Stopped(self.destination, True, code, self._clock.now_us(), actor),))
        self._stop_code = code

    # What the stepper calls ----------------------------------------------------------------------------------

    def reserve(self, lane: int) -> bool:
        """True when a document of `lane` may be born SENDING, since nothing of the lane waits before it and there is
        room to send it soon. Its place is taken until `offer` or `release`."""
        if not self._running or self._recovering or self._stop_code or self._breaker.opened is not None:
            return False
        if (
            self.policy.parks
            or self._backlog.more
            or self._window.marked >= self._most_marked
            or self._window.holds(lane)
        ):
            return False
        self._window.reserve(lane)
        return True

    def release(self, lane: int) -> None:
        """The reserved document was not committed."""
        self._window.release(lane)

    def offer(self, outgoing: Outgoing) -> None:
        """The reserved document is committed as SENDING."""
        self._window.offer(outgoing)
        self._pump()

    def wake(self, priority: Priority) -> None:
        """READY rows of that priority were committed."""
        self._backlog.wake(priority)
        self._pump()

    # Starting ------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Starts whatever may leave now, marks what may leave next, and reads on while there is room."""
        if not self._running:
            return
        if not self._stop_code and not self._resting():
            while self._may_start():
                self._breaker.left()
                self._in_flight += 1
                self._spawn(self._leave, self._window.start(self._how_many()))
            if self._marking is None and self._window.unmarked and self._may_mark():
                self._marking = self._spawn(self._mark)
        if not self._scanning and (source := self._backlog.wanted(self._window.size)):
            self._scanning = True
            self._spawn(self._scan, source)

    def _resting(self) -> bool:
        """Whether the breaker lets nothing through; then it is looked at again."""
        if self._breaker.allows(self._clock.monotonic()):
            return False
        if self._window.startable or self._window.unmarked:
            self._pump_in(self._breaker.rest)
        return True

    def _may_start(self) -> bool:
        if self._in_flight >= self.policy.concurrency or not self._window.startable:
            return False
        now = self._clock.monotonic()
        if not self._breaker.allows(now):
            return False
        if self.policy.rate is not None:
            if now < self._next_start:
                self._pump_in(self._next_start - now)
                return False
            self._next_start = max(now, self._next_start) + 1.0 / self.policy.rate
        return True

    def _may_mark(self) -> bool:
        """Few at a time; of a restored store no more than can be asked about soon."""
        asked = self._window.parked if self._recovering else 0
        return self._window.marked + asked < self._most_marked

    def _how_many(self) -> int:
        """One, or as many as the far end takes at once when more wait than may leave."""
        crowded = self._window.startable > self.policy.concurrency - self._in_flight
        return self.policy.batch_most if crowded else 1

    async def _mark(self) -> None:
        """Heads are marked ahead of their turn, many with one commit."""
        heads = self._window.to_mark(self._most_marked - self._window.marked)
        try:
            heads = await self._drained_before(heads)
            if self.policy.parks:
                heads = await self._unheld_before(heads)
            if self._recovering:
                heads = await self._doubt(heads)
            mark = Sending(tuple(head.id for head in heads), self._clock.now_us())
            (answer,) = await self._persist((mark,))
            lost = set(answer.deliveries) if isinstance(answer, Lost) else set()
            self._window.mark([head for head in heads if head.id not in lost])
            for head in heads:
                if head.id in lost and self._window.lose(head):
                    self._spawn(self._load_lane, head.lane)
        except BaseException:
            for head in self._window.taken(heads):
                self._step_back(head, STORE_PAUSE)
            raise
        finally:
            self._marking = None
        self._pump()

    async def _drained_before(self, heads: Sequence[Outgoing]) -> list[Outgoing]:
        """Where accounts were merged, both lanes drain before the joined one runs (rule 14): those heads whose other
        lanes are empty by now. The others are looked at again soon."""
        free = []
        for head in heads:
            if head.joins and await self._reader.open_before(self.destination, head.joins, head.id):
                self._step_back(head, JOIN_PAUSE)
            else:
                free.append(head)
        return free

    async def _unheld_before(self, heads: Sequence[Outgoing]) -> list[Outgoing]:
        """Where a hold parks its lane (rule 15): those heads before which nothing is held."""
        free = []
        for head in heads:
            if await self._reader.held_before(self.destination, (head.lane, *head.joins), head.id):
                self._step_back(head, HELD_PAUSE)
            else:
                free.append(head)
        return free

    def _step_back(self, head: Outgoing, seconds: float) -> None:
        """It may not be marked yet; its lane is looked at again then."""
        self._window.unmark((head,))
        self._park(head.lane, self._clock.now_us() + int(seconds * MICROSECOND))

    async def _doubt(self, heads: Sequence[Outgoing]) -> list[Outgoing]:
        """Of a restored store nothing leaves unasked (rules of money, 33). Gives those that were asked about."""
        unasked = [head for head in heads if head.state is DeliveryState.READY]
        if unasked:
            now_us = self._clock.now_us()
            await self._persist((Doubted(tuple(head.id for head in unasked), now_us),))
            self._window.unmark(unasked)
            for head in unasked:
                self._park(head.lane, now_us)
        return [head for head in heads if head.state is not DeliveryState.READY]

    def _pump_in(self, seconds: float) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
        self._pump_timer = asyncio.get_running_loop().call_later(seconds, self._pump)

    def _spawn(self, work: Callable[P, Awaitable[None]], *args: P.args, **_: P.kwargs) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guarded(work, *args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Callable[..., Awaitable[None]], *args: Any) -> None:
        """A store that fails stops nothing for good: marks and receipts are tried again."""
        try:
            await work(*args)
        except StoreUnavailable:
            self._pump_in(STORE_PAUSE)
        except Exception as error:  # a bug of ours must not be silent; its lane waits for the next start
            self._observer.broken(self.destination, error)

    # One try -------------------------------------------------------------------------------------------------

    async def _leave(self, heads: Sequence[Outgoing]) -> None:
        """Send, settle. The lanes go on after the commit of what came of it."""
        began = self._clock.monotonic()
        try:
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
            after_send(outcome, head.attempts + 1, self.policy, now_us, head.state is DeliveryState.UNKNOWN)
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

    async def _persist(self, changes: Sequence[Change]) -> list[Answered]:
        """What happened must be written, however long the store is away: forgetting it would make a double."""
        while True:
            try:
                return await self._writer.submit(changes)
            except StoreUnavailable:
                await asyncio.sleep(STORE_PAUSE)

    def _next_in_lane(self, head: Outgoing, after: Next) -> None:
        """A head that waits or is unknown parks its lane; any other end lets the next one go (rule 15)."""
        if after.next_us is not None:
            self._park(head.lane, after.next_us)
            return
        self._absent.pop(head.id, None)
        if self._window.end(head):
            self._spawn(self._load_lane, head.lane)

    # Reading on ----------------------------------------------------------------------------------------------

    async def _scan(self, source: Source) -> None:
        """Claims a page of READY rows; one that another may precede, unseen, comes with its lane, in order."""
        try:
            page = await self._backlog.read(source)
        finally:
            self._scanning = False
        for row, preceded in page:
            if not preceded:
                self._window.take_in(row)
            elif self._window.pass_by(row.lane):
                self._spawn(self._load_lane, row.lane)
        self._pump()

    async def _load_lane(self, lane: int) -> None:
        """The lane's next documents, from the store."""
        try:
            rows = await self._reader.lane(self.destination, lane, LANE_WINDOW)
        except StoreUnavailable:
            self._park(lane, self._clock.now_us() + int(STORE_PAUSE * MICROSECOND))
            return
        doubtful = self._window.load(lane, rows)
        if doubtful is not None:
            await self._ask(doubtful)
        else:
            self._pump()

    # Waiting and asking --------------------------------------------------------------------------------------

    def _park(self, lane: int, due_us: int) -> None:
        """The head waits until `due_us`."""
        seconds = max(0.0, (due_us - self._clock.now_us()) / MICROSECOND)
        self._window.park(lane)
        self._timers[lane] = asyncio.get_running_loop().call_later(seconds, self._unpark, lane)

    def _unpark(self, lane: int) -> None:
        if not self._running:
            return
        if self._stop_code:
            self._timers[lane] = asyncio.get_running_loop().call_later(STORE_PAUSE, self._unpark, lane)
            return
        del self._timers[lane]
        self._window.unpark(lane)
        self._spawn(self._load_lane, lane)

    async def _ask(self, head: Outgoing) -> None:
        """Settles an unknown by asking; where nobody can be asked, by the far end's own idempotency (rule 8)."""
        if not self.policy.asks:
            await self._repeat(head)
            return
        began = self._clock.monotonic()
        async with self._questions:
            outcome = await self._asked(head)
        now_us = self._clock.now_us()
        if outcome is not None and outcome.verdict is Verdict.HALF:
            await self._send_on(head)
            return
        absent = outcome is not None and outcome.verdict is Verdict.ABSENT
        self._absent[head.id] = self._absent.get(head.id, 0) + 1 if absent else 0
        after = after_probe(outcome, self._absent[head.id], self.policy, now_us)
        if after.state is not DeliveryState.UNKNOWN:
            del self._absent[head.id]
        told = outcome or Outcome(Verdict.UNKNOWN, "cannot be asked")
        await self._settle((head,), (told,), (after,), now_us, self._clock.monotonic() - began)

    async def _asked(self, head: Outgoing) -> Outcome | None:
        """What the adapter says. One that breaks has told us nothing."""
        try:
            return await self._adapter.probe(head)
        except Exception as error:
            self._observer.broken(self.destination, error)
            return Outcome(Verdict.UNKNOWN, "the adapter failed")

    async def _repeat(self, head: Outgoing) -> None:
        """Sent again under the same key, where that is safe; else a person looks."""
        if self.policy.repeats and not self._recovering:
            await self._send_on(head)
            return
        told = Outcome(Verdict.UNKNOWN, "nobody to ask")
        after = Next(DeliveryState.HELD, counts=False, code="unknown: nobody to ask")
        await self._settle((head,), (told,), (after,), self._clock.now_us(), 0.0)

    async def _send_on(self, head: Outgoing) -> None:
        """An unknown that is sent again stays one: nobody may cancel it, or take its key, for not being there."""
        if head.state is DeliveryState.UNKNOWN:  # else it is marked since before a crash
            (answer,) = await self._persist((Sending((head.id,), self._clock.now_us()),))
            if isinstance(answer, Lost):
                if self._window.end(head):
                    self._spawn(self._load_lane, head.lane)
                return
        self._window.again(head._replace(state=DeliveryState.UNKNOWN))
        self._pump()
