"""What follows by itself when a document is settled, or a case is told. A service, told of each by lanes and stepper.

A credit that waited for its original goes, is held, or cancels it, once that is there, refused, or certainly not
applied (rules of money, 10). What one destination refused for good is undone at the others, where the channel says so.
Usage that was held since its case was not known goes once the case is told.
Everything is asked of the store, so that what a crash cut short is found again at the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.clock import Clock
from engine.domain.message import Inbound, MessageId
from engine.domain.outcome import Outcome, Verdict
from engine.domain.ports import Reader, Writer
from engine.domain.posting import Action, Stepped
from engine.domain.status import DeliveryState, EffectState
from engine.domain.views import Outgoing
from engine.errors import StoreUnavailable
from engine.pipeline.changing import ON_ITS_WAY
from engine.pipeline.correcting import Corrector
from engine.pipeline.correction import Order
from engine.pipeline.releasing import Releaser
from engine.pipeline.stepper import RECOVERY_PAUSE, Outbox, Stepper

ENGINE = "engine"
_KNOWN = (DeliveryState.DELIVERED, DeliveryState.HELD, DeliveryState.CANCELLED, DeliveryState.WAITING)
"""Ends of a try after which it is known whether it was applied."""
_MANY = 1000


class Sequels:
    """`broken`: told of a bug of ours; the next settlement is taken up all the same."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        outbox: Outbox,
        clock: Clock,
        stepper: Stepper,
        broken: Callable[[str, Exception], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._outbox = outbox
        self._clock = clock
        self._stepper = stepper
        self._broken = broken
        self._expecting = True  # something may wait for its original
        self._refused: list[int] = []  # with the other side of some still on its way
        self._known: list[int] = []
        self._cases: list[bytes] | None = None  # of which something was told; None: any
        self._all = True
        self._awake = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._refused += await self._reader.held_deliveries(None, _MANY)
        self._awake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="sequels")

    async def stop(self) -> None:
        """What was not taken up is found at the next start."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def idle(self) -> None:
        """Returns when all that was told before the call is taken up."""
        await self._idle.wait()

    # What it is told ------------------------------------------------------------------------------------------

    def stepped(self, inbound: Inbound, stepped: Stepped) -> None:
        """Something that waits may have been committed just before its original was settled; what is told of a case
        may be what others wait for."""
        told = [fact.key for fact in stepped.remember if fact.kind == "case"]
        if told and self._cases is not None:
            self._cases += told
        if told:
            self._wake()
        if any(effect.state is EffectState.WAITING for effect in stepped.effects):
            self.look()

    def look(self) -> None:
        """A person released or corrected something: what waits now is not known."""
        self._expecting = self._all = True
        self._wake()

    def settled(self, delivery: Outgoing, outcome: Outcome, state: DeliveryState) -> None:
        if state not in _KNOWN:
            return
        if state is DeliveryState.HELD and outcome.verdict is Verdict.REJECTED:
            self._refused.append(delivery.id)
            self._wake()
        if self._expecting or self._refused:
            self._known.append(delivery.id)
            self._wake()

    def _wake(self) -> None:
        self._idle.clear()
        self._awake.set()

    # What follows ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            try:
                await self._take_up()
            except StoreUnavailable:
                self._all, self._cases = True, None
                await asyncio.sleep(RECOVERY_PAUSE)
                self._awake.set()
            except Exception as error:
                self._broken("sequels", error)
            if not self._awake.is_set():
                self._idle.set()

    async def _take_up(self) -> None:
        known, self._known = self._known, []
        refused, self._refused = self._refused, []
        everything, self._all = self._all, False
        cases, self._cases = self._cases, []
        waiting = set(await self._reader.waiting_for(known))
        if everything:
            waiting |= set(await self._reader.waiting_for(None))
        waiting |= set(await self._reader.waiting_for_cases(cases))
        self._expecting = await self._reader.anything_waits() or self._all
        if not waiting and not refused:
            return
        async with self._stepper.lock:
            if waiting:
                await self._release(sorted(waiting))
            self._refused += [delivery for delivery in refused if await self._undo_others(delivery)]

    async def _release(self, messages: list[MessageId]) -> None:
        edition, reason = self._stepper.edition, "what it waited for is known"
        releaser = Releaser(self._reader, self._writer, self._outbox, self._clock, edition, ENGINE, reason)
        await releaser.release(messages, waiting=True)

    async def _undo_others(self, delivery: int) -> bool:
        """The other effects of the lines that a refused document carried. True: some of them are still on their way."""
        edition = self._stepper.edition
        undoes = {channel.name for channel in edition.release.channels if channel.on_refused == "undo others"}
        carried = await self._reader.carried_by(delivery)
        lines = frozenset(
            (channel, number) for _, channel, number, owns in carried if channel in undoes and not owns
        )
        view = await self._reader.delivery(delivery)
        if (
            not lines
            or view is None
            or view.state is not DeliveryState.HELD
            or view.action is not Action.POST
        ):
            return False
        corrector = Corrector(self._reader, self._writer, self._outbox, self._clock, edition)
        reason = f"{view.destination} refused {view.effect}"
        order = Order(undo=True, lines=lines)
        done = [
            await corrector.carry_out(message, order, "undo", ENGINE, reason)
            for message in {message for message, *_ in carried}
        ]
        return any(told.cause == ON_ITS_WAY for one in done for told in one.planned.told)
