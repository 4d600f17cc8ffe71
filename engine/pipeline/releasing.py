"""Steps held lines again with what is known now, and moves exactly those (rules of money, 13 and 15).

A release is the recorded state of now, valid on the event's dates; what was posted already is left as it stands. What
waits for its original goes the same way, by itself (`sequels`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from engine.clock import Clock
from engine.domain.changes import Answered, Conflict, Released, Routed, RoutedAs, Tabled
from engine.domain.message import Inbound, MessageId
from engine.domain.ports import Reader, Writer
from engine.domain.posting import Facts
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.domain.views import HeldView
from engine.errors import MessageError, StoreUnavailable
from engine.pipeline.cases import NOT_KNOWN
from engine.pipeline.composing import WAITS_FOR_LINE
from engine.pipeline.context import AS_NEW
from engine.pipeline.digests import Digester
from engine.pipeline.editions import Edition
from engine.pipeline.mastering import put_in
from engine.pipeline.prepared import Prepared, independent
from engine.pipeline.reading import read_message
from engine.pipeline.step import Decisions, HeldEffect, step
from engine.pipeline.stepper import Outbox, gather, in_slices
from engine.pipeline.tabling import TOO_MANY

TRIES = 5
"""Times that a step is run again when what it relies on moves on while it is committed."""


MANY = 24
"""Messages that are read, stepped and committed in one go: few commits for a bulk, no long wait for who is live."""


class Tally(NamedTuple):
    """`released`: effects on their way; `still_held`: they lack something else; `not_due`: found not to be owed at all;
    `messages`: looked at."""

    messages: int
    released: int
    still_held: int
    not_due: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Tally(0, 0, 0)


class Partly(Exception):
    """Some of a release went, `tally`, and one could not: `error`."""

    def __init__(self, tally: Tally, error: Exception) -> None:
        super().__init__(str(error))
        self.tally, self.error = tally, error


class _Case(NamedTuple):
    """What a message holds, and what of it may move now."""

    held: Sequence[HeldView]
    moving: Sequence[HeldView]

    def only(self) -> frozenset[HeldEffect]:
        """The parts that may move: all that the tables of now give, where no part of a line's effect has gone or
        stays."""
        stays = {one.place for one in self.held} - {one.place for one in self.moving}
        some = {place[:-1] for place in stays} | {one.place[:-1] for one in self.moving if one.gone}
        return frozenset(
            (*one.place[:-1], one.part if one.place[:-1] in some else None) for one in self.moving
        )


class Releaser:
    """One release of held messages. Who calls it holds the stepper's lock. `edition`: what is in force, also after
    masters changed tables."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        outbox: Outbox,
        clock: Clock,
        edition: Edition,
        actor: str,
        reason: str,
        shrinks: bool = False,
    ) -> None:
        """`shrinks`: masters that are held for it may end as many rows as they say."""
        self._shrinks = shrinks
        self._reader = reader
        self._writer = writer
        self._outbox = outbox
        self._clock = clock
        self.edition = edition
        self._actor = actor
        self._reason = reason
        self._digester = Digester(reader.hash_key)

    async def release(
        self, messages: Sequence[MessageId], *, as_new: bool = False, waiting: bool = False
    ) -> Tally:
        """`as_new`: suspected duplicates and changed lines are others, to be posted beside what was told before.
        `waiting`: only what waits for something else to go, to settle or to be known. What holds nothing is not
        counted. Raises `Partly` when some of it cannot be written."""
        tally = NOTHING
        for start in range(0, len(messages), MANY):
            some = messages[start : start + MANY]
            for _ in range(TRIES):
                try:
                    found, some = await self._once(some, as_new, waiting)
                except Partly as partly:
                    raise Partly(tally.plus(partly.tally), partly.error) from partly.error
                tally = tally.plus(found)
                if not some:
                    break
        return tally

    async def _once(
        self, messages: Sequence[MessageId], as_new: bool, waiting: bool
    ) -> tuple[Tally, list[MessageId]]:
        """What came of them, and those of which something that they rely on moved on meanwhile."""
        cases = {
            message: _Case(held, [effect for effect in held if _may_move(effect, waiting)])
            for message, held in (await self._reader.holding(messages)).items()
        }
        wanted = [message for message, case in cases.items() if case.moving or not waiting]
        prepared = await in_slices(self._prepare, await self._reader.inbounds(wanted))
        readable = deque(one for one in prepared if one.read is not None and not one.master)
        masters = [one for one in prepared if one.master]
        unread = len(prepared) - len(readable) - len(masters)
        tally, lost, failed = Tally(unread, 0, unread), [], list[Exception]()
        for one in masters if not waiting else ():
            tally = tally.plus(await self._put_in(one.inbound))
        while readable:
            batch = independent(readable)
            facts = await gather(self._reader, self._digester, batch)
            decided = await in_slices(
                lambda one: self._decided(one[0], cases[one[0].inbound.id], one[1], as_new),
                list(zip(batch, facts, strict=True)),
            )
            for change, answer in zip(decided, await self._committed(decided), strict=True):
                if isinstance(answer, Exception):
                    failed.append(answer)
                elif isinstance(answer, Conflict):
                    lost.append(change.message)
                else:
                    tally = tally.plus(self._gone(change, len(cases[change.message].moving)))
        if failed:
            down = next((error for error in failed if isinstance(error, StoreUnavailable)), None)
            raise down or Partly(tally, failed[0])
        return tally, lost

    async def _put_in(self, inbound: Inbound) -> Tally:
        """The records of a master that are held; all of it, where it was held before it was stepped."""
        lines = await self._reader.lines(inbound.id)
        records = [line for line in lines if line.state is LineState.HELD and line.owner]
        if lines and not records:
            return NOTHING
        read = read_message(self.edition.release, self._digester, inbound)
        made = await put_in(
            self._reader,
            self._digester,
            self.edition,
            read,
            only={(line.channel, line.number) for line in records} if lines else None,
            shrinks=self._shrinks and any(line.reason.startswith(TOO_MANY) for line in records),
        )
        now_us, told = self._clock.now_us(), made.stepped
        change = (
            Tabled(inbound.id, told, self.edition.id, now_us)
            if lines
            else Routed(inbound.id, told, (), self.edition.id, now_us, MessageState.HELD)
        )
        (answer,) = await self._writer.submit((change,))
        if isinstance(answer, RoutedAs) and answer.edition is not None and made.release is not None:
            self.edition = Edition(answer.edition, made.release)
        states = [line.state for line in told.lines]
        return Tally(
            1, states.count(LineState.KEPT), states.count(LineState.HELD), states.count(LineState.FILTERED)
        )

    def _prepare(self, inbound: Inbound) -> Prepared:
        try:
            return Prepared(
                inbound, self.edition, read_message(self.edition.release, self._digester, inbound)
            )
        except MessageError:
            return Prepared(inbound, self.edition, None)

    def _decided(self, prepared: Prepared, case: _Case, facts: Facts, as_new: bool) -> Released | Routed:
        """The step run again."""
        assert prepared.read is not None
        only = case.only()
        lines = [(one.channel, one.number) for one in case.moving if one.state is EffectState.HELD]
        decisions: Decisions = dict.fromkeys(lines, AS_NEW) if as_new else {}
        release, message, now_us = self.edition.release, prepared.inbound.id, self._clock.now_us()
        stepped = step(
            release, self._digester, prepared.read, facts, decisions=decisions, only=only or None
        ).late()
        if only:
            return Released(message, stepped, self.edition.id, now_us, self._actor, self._reason)
        born = (DeliveryState.READY,) * len(stepped.documents)
        return Routed(message, stepped, born, self.edition.id, now_us, MessageState.HELD)

    async def _committed(self, changes: Sequence[Released | Routed]) -> list[Answered | Exception]:
        """Each by itself, so that one which the store refuses stops no other; commits carry many."""
        told = await asyncio.gather(
            *(self._writer.submit((change,)) for change in changes), return_exceptions=True
        )
        answers: list[Answered | Exception] = []
        for one in told:
            if isinstance(one, BaseException) and not isinstance(one, Exception):
                raise one  # cancelled
            answers.append(one if isinstance(one, Exception) else one[0])
        return answers

    def _gone(self, change: Released | Routed, held: int) -> Tally:
        """What is on its way wakes its lanes."""
        for document in change.stepped.documents:
            self._outbox.wake(document.destination, document.priority)
        states = [effect.state for effect in change.stepped.effects]
        not_due = max(0, held - len(states))
        return Tally(1, states.count(EffectState.ROUTED), states.count(EffectState.HELD), not_due)


def _may_move(effect: HeldView, waiting: bool) -> bool:
    if effect.state is EffectState.HELD:
        return not waiting or effect.cause.startswith(("waits for ", WAITS_FOR_LINE, NOT_KNOWN))
    return True
