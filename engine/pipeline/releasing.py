"""Steps held lines again with what is known now, and moves exactly those (rules of money, 13 and 15).

A release is the recorded state of now, valid on the event's dates; what was posted already is left as it stands. What
waits for its original goes the same way, by itself (`sequels`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.clock import Clock
from engine.domain.changes import Change, Conflict, Released, Routed
from engine.domain.message import MessageId
from engine.domain.ports import Reader, Writer
from engine.domain.posting import Stepped
from engine.domain.status import DeliveryState, EffectState, MessageState
from engine.domain.views import EffectView
from engine.errors import MessageError
from engine.pipeline.composing import WAITS_FOR_LINE
from engine.pipeline.context import AS_NEW
from engine.pipeline.digests import Digester
from engine.pipeline.editions import Edition
from engine.pipeline.reading import Read, read_message
from engine.pipeline.step import Decisions, HeldEffect, step
from engine.pipeline.stepper import Outbox, Prepared, gather

TRIES = 5
"""Times that a step is run again when what it relies on moves on while it is committed."""


class Tally(NamedTuple):
    """`released`: effects on their way; `still_held`: they lack something else; `not_due`: found not to be owed at all;
    `messages`: looked at."""

    messages: int
    released: int
    still_held: int
    not_due: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Releaser:
    """One release of held messages. Who calls it holds the stepper's lock."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        outbox: Outbox,
        clock: Clock,
        edition: Edition,
        actor: str,
        reason: str,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._outbox = outbox
        self._clock = clock
        self._edition = edition
        self._actor = actor
        self._reason = reason
        self._digester = Digester(reader.hash_key)

    async def release(
        self, messages: Sequence[MessageId], *, as_new: bool = False, waiting: bool = False
    ) -> Tally:
        """`as_new`: suspected duplicates and changed lines are others, to be posted beside what was told before.
        `waiting`: only what waits for something else to go or to settle."""
        tally = Tally(0, 0, 0)
        for message in messages:
            for _ in range(TRIES):
                found = await self._one(message, as_new, waiting)
                if found is not None:
                    tally = tally.plus(found)
                    break
        return tally

    async def _one(self, message: MessageId, as_new: bool, waiting: bool) -> Tally | None:
        """None: something that it relies on moved on meanwhile."""
        inbound = await self._reader.inbound(message)
        if inbound is None:
            return Tally(0, 0, 0)
        try:
            read = read_message(self._edition.release, self._digester, inbound)
        except MessageError:
            return Tally(1, 0, 1)
        only, lines = await self._held(message, waiting)
        if waiting and not only:
            return Tally(1, 0, 0)
        decisions: Decisions = dict.fromkeys(lines, AS_NEW) if as_new else {}
        (facts,) = await gather(self._reader, self._digester, [Prepared(inbound, self._edition, read)])
        stepped = step(
            self._edition.release, self._digester, read, facts, decisions=decisions, only=only or None
        ).late()
        (answer,) = await self._writer.submit((self._change(message, read, stepped, bool(only)),))
        if isinstance(answer, Conflict):
            return None
        for document in stepped.documents:
            self._outbox.wake(document.destination, document.priority)
        states = [effect.state for effect in stepped.effects]
        not_due = max(0, len(only) - len(states))
        return Tally(1, states.count(EffectState.ROUTED), states.count(EffectState.HELD), not_due)

    def _change(self, message: MessageId, read: Read, stepped: Stepped, has_effects: bool) -> Change:
        now_us = self._clock.now_us()
        if has_effects:
            return Released(message, stepped, self._edition.id, now_us, self._actor, self._reason)
        born = (DeliveryState.READY,) * len(stepped.documents)
        return Routed(message, stepped, born, self._edition.id, now_us, MessageState.HELD)

    async def _held(
        self, message: MessageId, waiting: bool
    ) -> tuple[frozenset[HeldEffect], list[tuple[str, int]]]:
        """Its held and waiting effects, and the lines that the held ones belong to."""
        channels = {line.id: line.channel for line in await self._reader.lines(message)}
        effects = await self._reader.effects(message)
        held = [effect for effect in effects if _may_move(effect, waiting)]
        only = _movable(effects, held, channels)
        lines = [effect for effect in held if effect.state is EffectState.HELD]
        return only, [(channels[effect.line_id], effect.number) for effect in lines]


def _movable(
    effects: Sequence[EffectView], held: Sequence[EffectView], channels: Mapping[int, str]
) -> frozenset[HeldEffect]:
    """The parts that are held; all that the tables of now give, where no part of a line's effect has gone yet."""
    moving = {effect.id for effect in held}
    gone = {
        (effect.line_id, effect.name, effect.action)
        for effect in effects
        if effect.id not in moving
        and effect.state in (EffectState.ROUTED, EffectState.HELD, EffectState.WAITING)
    }
    return frozenset(
        (
            channels[effect.line_id],
            effect.number,
            effect.name,
            effect.action,
            effect.part if (effect.line_id, effect.name, effect.action) in gone else None,
        )
        for effect in held
    )


def _may_move(effect: EffectView, waiting: bool) -> bool:
    if effect.state is EffectState.HELD:
        return not waiting or effect.cause.startswith(("waits for ", WAITS_FOR_LINE))
    return effect.state is EffectState.WAITING
