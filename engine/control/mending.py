"""`release`, `drop`, `correct`, `undo`, `approve`: what people decide about lines of money, each with an actor.

Rules of money, 12, 13, 15. A correction says its money before it does anything; where the site asks, a second person
approves it, and it is refused when it would do something else by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from engine.clock import Clock
from engine.control.acts import Answer, audit, known_destination, named, selected
from engine.control.releases import Releases
from engine.domain.changes import Dropped
from engine.domain.message import MessageId
from engine.domain.ports import Store
from engine.domain.status import DeliveryState, EffectState
from engine.domain.views import ActView
from engine.errors import UsageError
from engine.pipeline.changing import What
from engine.pipeline.correcting import Corrector
from engine.pipeline.correction import Order, Planned, Told
from engine.pipeline.releasing import Releaser
from engine.pipeline.stepper import Outbox, Stepper

ASKED = "asked"
APPROVE = "approve"

Plans = dict[MessageId, Planned]


class Mender:
    """Six verbs. `look`: called when what waits for an original may be other than before."""

    def __init__(
        self,
        store: Store,
        stepper: Stepper,
        outbox: Outbox,
        clock: Clock,
        releases: Releases,
        look: Callable[[], None],
    ) -> None:
        self._store = store
        self._stepper = stepper
        self._outbox = outbox
        self._clock = clock
        self._releases = releases
        self._look = look

    def verbs(self) -> dict[str, Callable[..., Awaitable[Answer]]]:
        return {
            "release": self.release,
            "release_progress": self._releases.progress,
            "drop": self.drop,
            "correct": self.correct,
            "undo": self.undo,
            "approve": self.approve,
        }

    # What is held --------------------------------------------------------------------------------------------

    async def release(
        self,
        *,
        actor: str,
        owner: str | None = None,
        cause: str | None = None,
        messages: list[int] | None = None,
        as_new: bool = False,
        reason: str = "",
    ) -> Answer:
        """Held lines, stepped again with what is known now. `messages` None: all that `owner` and `cause` name."""
        ids = None if messages is None else await selected(self._store, messages, None)
        return await self._releases.ask(actor, reason, owner=owner, cause=cause, messages=ids, as_new=as_new)

    async def drop(self, *, actor: str, messages: list[int], reason: str) -> Answer:
        """What these messages hold is not to be posted; what waited for it goes on without it."""
        _needs_reason("dropping", reason)
        ids = await selected(self._store, messages, None)
        held = [
            effect.id
            for message in ids
            for effect in await self._store.effects(message)
            if effect.state is EffectState.HELD or await self._refused(effect.delivery_id)
        ]
        change = Dropped(tuple(held), self._clock.now_us(), actor, reason, tuple(ids))
        async with self._stepper.lock:
            (dropped,) = await self._store.submit((change,))
            await self._releaser(actor, reason).release(ids, waiting=True)
        self._look()
        await self._audit(actor, "drop", named(ids), reason, {"effects": len(held)})
        return {"dropped": dropped}

    # What was posted -----------------------------------------------------------------------------------------

    async def correct(
        self,
        *,
        actor: str,
        messages: list[int] | None = None,
        query: dict[str, Any] | None = None,
        reason: str = "",
        dry_run: bool = False,
        force: bool = False,
        to: str | None = None,
    ) -> Answer:
        """Posted lines, translated again with the tables of now: what changes is taken back and posted anew. `force`:
        also what is translated the same."""
        known_destination(self._stepper.edition.release.destinations, to)
        ids = await selected(self._store, messages, query)
        return await self._change("correct", ids, Order(force=force, to=to), actor, reason, dry_run)

    async def undo(
        self,
        *,
        actor: str,
        messages: list[int],
        reason: str = "",
        dry_run: bool = False,
        to: str | None = None,
    ) -> Answer:
        """What these messages posted is taken back."""
        known_destination(self._stepper.edition.release.destinations, to)
        ids = await selected(self._store, messages, None)
        return await self._change("undo", ids, Order(undo=True, to=to), actor, reason, dry_run)

    async def approve(self, *, actor: str, act: int, reason: str = "") -> Answer:
        """What somebody else asked for goes, if it would still do the same."""
        asked = await self._store.act(act)
        if asked is None or not asked.verb.endswith(ASKED):
            raise UsageError("CTL011", f"nothing was asked under {act}", "see `suture acts`")
        if asked.actor == actor:
            what = "who asked for a correction cannot approve it"
            raise UsageError("CTL012", what, "let another person approve it")
        if await self._store.acts_on(APPROVE, str(act)):
            raise UsageError("CTL011", f"{act} was approved already", "see `suture acts`")
        verb, order, ids = _asked(asked)
        async with self._stepper.lock:
            plans = await self._plans(ids, order)
            if _digest(plans) != asked.detail["plan"]:
                what = "it would do something else by now"
                raise UsageError("CTL013", what, f"look at it with `suture {verb} --dry-run` and ask again")
            await self._audit(actor, APPROVE, str(act), reason, {"asked by": asked.actor})
            why = f"{asked.reason} (approved by {actor})"
            return await self._carry_out(verb, plans, order, asked.actor, why)

    async def _change(
        self, verb: str, ids: list[MessageId], order: Order, actor: str, reason: str, dry_run: bool
    ) -> Answer:
        if not dry_run:
            _needs_reason(f"to {verb} what was posted", reason)
        async with self._stepper.lock:
            plans = await self._plans(ids, order)
            if dry_run:
                return {"dry_run": True, **_report(plans)}
            if self._stepper.edition.release.second_person and _moving(plans):
                return await self._ask(verb, plans, order, actor, reason)
            return await self._carry_out(verb, plans, order, actor, reason)

    async def _plans(self, ids: Iterable[MessageId], order: Order) -> Plans:
        corrector = self._corrector()
        plans = {message: await corrector.plan(message, order) for message in ids}
        return {message: planned for message, planned in plans.items() if planned.told}

    async def _ask(self, verb: str, plans: Plans, order: Order, actor: str, reason: str) -> Answer:
        detail = {
            "messages": ",".join(map(str, plans)),
            "force": int(order.force),
            "to": order.to or "",
            "plan": _digest(plans),
        }
        act = await self._audit(actor, f"{verb} {ASKED}", named(list(plans)), reason, detail)
        return {"asked": act, **_report(plans)}

    async def _carry_out(self, verb: str, plans: Plans, order: Order, actor: str, reason: str) -> Answer:
        corrector, done, lost = self._corrector(), {}, []
        for message in plans:
            one = await corrector.carry_out(message, order, verb, actor, reason)
            done[message] = one.planned
            if one.lost:
                lost.append(message)
        self._look()
        return {
            **_report(done),
            "changed": [m for m in done if done[m].stepped and m not in lost],
            "lost": lost,
        }

    # Helpers -------------------------------------------------------------------------------------------------

    def _releaser(self, actor: str, reason: str) -> Releaser:
        edition = self._stepper.edition
        return Releaser(self._store, self._store, self._outbox, self._clock, edition, actor, reason)

    def _corrector(self) -> Corrector:
        return Corrector(self._store, self._store, self._outbox, self._clock, self._stepper.edition)

    async def _refused(self, delivery: int | None) -> bool:
        view = await self._store.delivery(delivery) if delivery is not None else None
        return view is not None and view.state is DeliveryState.HELD

    async def _audit(self, actor: str, verb: str, target: str, reason: str, detail: dict[str, Any]) -> int:
        return await audit(self._store, self._clock, actor, verb, target, reason, detail)


def _needs_reason(what: str, reason: str) -> None:
    if not reason:
        raise UsageError("CTL003", f"{what} needs a reason", "say why with --reason")


def _moving(plans: Plans) -> bool:
    return any(planned.stepped is not None for planned in plans.values())


def _asked(act: ActView) -> tuple[str, Order, list[MessageId]]:
    detail = act.detail
    verb = act.verb.removesuffix(ASKED).strip()
    order = Order(undo=verb == "undo", force=bool(detail["force"]), to=str(detail["to"]) or None)
    return verb, order, [MessageId(int(number)) for number in str(detail["messages"]).split(",")]


def _digest(plans: Plans) -> str:
    """By which two plans are known to be the same."""
    told = [[message, [list(one) for one in planned.told]] for message, planned in sorted(plans.items())]
    return blake2b(orjson.dumps(told, default=str), digest_size=16).hexdigest()


def _report(plans: Plans) -> Answer:
    """Each effect that changes or is left, and the money by destination and effect."""
    return {
        "changes": [_row(message, one) for message, planned in plans.items() for one in planned.told],
        "money": _money(one for planned in plans.values() for one in planned.told),
    }


def _row(message: MessageId, told: Told) -> Answer:
    return {
        "message": message,
        "channel": told.channel,
        "line": told.number,
        "destination": told.destination,
        "effect": told.effect,
        "part": told.part,
        "what": told.what.value,
        "before": _text(told.before),
        "after": _text(told.after),
        "cause": told.cause,
    }


def _money(all_told: Iterable[Told]) -> list[Answer]:
    """What goes back, what is posted, and the difference; effects whose money is not known here are counted."""
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for told in all_told:
        if told.what is What.LEFT:
            continue
        place = (told.destination, told.effect)
        counts[place][0] += 1
        posts = told.what in (What.POST, What.REPOST, What.REPLACE)
        takes = told.what is not What.POST
        counts[place][1] += (takes and told.before is None) or (posts and told.after is None)
        sums[place][0] += told.before or Decimal(0)
        sums[place][1] += told.after or Decimal(0)
    return [
        {
            "destination": destination, "effect": effect, "changes": counts[destination, effect][0],
            "taken_back": str(back), "posted": str(posted), "difference": str(posted - back),
            "unpriced": counts[destination, effect][1],
        }
        for (destination, effect), (back, posted) in sorted(sums.items())
    ]  # fmt: skip


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
