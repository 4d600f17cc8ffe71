"""What a house has come to: what follows by itself, its far ends' books, its account, the story of each posting."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import orjson
import pytest

from engine.domain.posting import Action
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.domain.views import EffectView, MessageQuery
from engine.explain.story import Storyteller
from engine.pipeline.sequels import Sequels
from tests.unit.pipeline.rig import Lanes


async def settle(house) -> None:
    """What waits for what was delivered goes, until nothing is left to go."""
    while await house.documents():
        await house.deliver()
        await follow(house)


async def follow(house) -> None:
    sequels = Sequels(
        house.store,
        house.store,
        Lanes(),
        house.clock,
        house.stepper,
        lambda _, error: pytest.fail(str(error)),
    )
    await sequels.start()
    sequels.look()
    await sequels.idle()
    await sequels.stop()


def books(house) -> dict[str, Decimal]:
    """Item → net quantity of what was delivered to the ERP as issues."""
    return _net(house, "issue", "item")


def charged(house) -> dict[str, Decimal]:
    """Charge code → net quantity of what was delivered to billing."""
    return _net(house, "charge", "code")


def _net(house, effect: str, what: str) -> dict[str, Decimal]:
    net: Counter[str] = Counter()
    for row in house.sent:
        if row.effect == effect:
            for line in orjson.loads(row.payload)["lines"]:
                net[line[what]] += Decimal(str(line["quantity"])) * (1 if row.action is Action.POST else -1)
    return {name: quantity for name, quantity in net.items() if quantity}


_PLACES = {
    DeliveryState.READY: "waiting",
    DeliveryState.SENDING: "waiting",
    DeliveryState.WAITING: "waiting",
    DeliveryState.UNKNOWN: "unknown",
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.HELD: "held",
    DeliveryState.CANCELLED: "cancelled",
}


async def closes(house) -> None:
    """Rules of money, 24: each effect that is expected is in one row; lines and messages say the same."""
    expected: Counter[tuple[str, str, Action, str]] = Counter()
    for view in await house.store.messages(MessageQuery(limit=1000)):
        ends = {one.id: one.state for one in await house.store.deliveries(view.id)}
        effects = await house.store.effects(view.id)
        for effect in effects:
            if effect.state is not EffectState.SUPERSEDED:
                expected[effect.destination, effect.name, effect.action, _place(effect, ends)] += 1
        lines = await house.store.lines(view.id)
        for line in lines:
            mine = {effect.state for effect in effects if effect.line_id == line.id}
            assert (line.state is LineState.POSTED) >= bool(mine & _MOVE), (view, line)
            assert (line.state in (LineState.POSTED, LineState.HELD)) >= (EffectState.HELD in mine), (
                view,
                line,
            )
        states = {effect.state for effect in effects}
        untold = any(line.state is LineState.HELD for line in lines)
        assert (view.state is MessageState.ROUTED) == bool(states & _MOVE), view
        if not states & _MOVE:
            assert (view.state is MessageState.HELD) == (EffectState.HELD in states or untold), view
    found: Counter[tuple[str, str, Action, str]] = Counter()
    for row in await house.store.account():
        found[row.destination, row.name, row.action, row.state] += row.effects
    assert found == expected


_MOVE = {EffectState.ROUTED, EffectState.WAITING}


def _place(effect: EffectView, ends: dict[int, DeliveryState]) -> str:
    if effect.delivery_id is not None and effect.state is EffectState.ROUTED:
        return _PLACES[ends[effect.delivery_id]]
    return effect.state.word


async def explained(house) -> None:
    """Every posting comes out again as it was written."""
    storyteller = Storyteller(house.store)
    for view in await house.store.messages(MessageQuery(limit=1000)):
        if await house.store.deliveries(view.id):
            for one in await storyteller.postings(view.id):
                assert one.same, (view, one.delivery)
                assert one.fields
