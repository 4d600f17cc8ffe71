"""Carries corrections and undos out, a message at a time, each in one transaction with its act (rules of money, 12).

What is decided, is decided in `correction`; here the facts are fetched, and the lanes are told.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.clock import Clock, to_datetime
from engine.domain.changes import Conflict, Corrected
from engine.domain.message import Inbound, MessageId
from engine.domain.ports import Reader, Writer
from engine.domain.posting import Priority
from engine.errors import MessageError
from engine.pipeline.correction import Order, Planned, Story, plan
from engine.pipeline.digests import Digester
from engine.pipeline.editions import Edition
from engine.pipeline.reading import read_message
from engine.pipeline.record import unpack_facts
from engine.pipeline.releasing import TRIES
from engine.pipeline.stepper import Outbox

NOTHING = Planned((), None)


class Done(NamedTuple):
    """`planned`: what was done, or would be; `written`: whether anything was; `lost`: it moved on all the while."""

    planned: Planned
    written: bool = False
    lost: bool = False


class Corrector:
    """Who calls it holds the stepper's lock."""

    def __init__(
        self, reader: Reader, writer: Writer, outbox: Outbox, clock: Clock, edition: Edition
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._outbox = outbox
        self._clock = clock
        self._edition = edition
        self._digester = Digester(reader.hash_key)

    async def plan(self, message: MessageId, order: Order) -> Planned:
        """What would be done now."""
        inbound = await self._reader.inbound(message)
        return await self._plan(inbound, order) if inbound is not None else NOTHING

    async def carry_out(self, message: MessageId, order: Order, verb: str, actor: str, reason: str) -> Done:
        """Plans and writes; again when what it relies on moves on meanwhile. A key that others hold is not waited
        for."""
        planned = NOTHING
        for _ in range(TRIES):
            planned = await self.plan(message, order)
            if planned.stepped is None:
                return Done(planned)
            change = Corrected(
                message, planned.stepped.late(), self._edition.id, self._clock.now_us(), actor, verb, reason
            )
            (answer,) = await self._writer.submit((change,))
            if not isinstance(answer, Conflict):
                for document in planned.stepped.documents:
                    self._outbox.wake(document.destination, Priority.LATE)
                return Done(planned, written=True)
        return Done(planned, lost=True)

    async def _plan(self, inbound: Inbound, order: Order) -> Planned:
        release = self._edition.release
        try:
            read = read_message(release, self._digester, inbound)
        except MessageError:
            return NOTHING
        facts = unpack_facts(await self._reader.record(inbound.id))
        story = Story(
            await self._reader.lines(inbound.id),
            await self._reader.effects(inbound.id),
            await self._reader.posted_by(inbound.id),
        )
        today = to_datetime(self._clock.now_us()).astimezone(release.zone).date()
        return plan(release, self._digester, read, facts, story, order, today)
