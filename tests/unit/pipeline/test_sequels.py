"""What follows by itself: credits that waited go, refusals are undone at the others. Rules of money, 10 and 15."""

from __future__ import annotations

import asyncio

import pytest

from engine.domain.message import Inbound, MessageId
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Stepped
from engine.domain.status import DeliveryState, EffectState
from engine.pipeline.sequels import Sequels

DELIVERED, HELD = DeliveryState.DELIVERED, DeliveryState.HELD


class Watch:
    """The lanes and the sequels of one house: ends tries, and waits until what follows is done."""

    def __init__(self, house) -> None:
        self.house = house
        self.broken: list[Exception] = []
        self.sequels = self.made()

    def made(self) -> Sequels:
        house = self.house
        return Sequels(
            house.store,
            house.store,
            Nowhere(),
            house.clock,
            house.stepper,
            lambda _, error: self.broken.append(error),
        )

    async def end(self, effect: str, verdict: Verdict, state: DeliveryState, **fields) -> None:
        for row in await self.house.documents():
            if row.effect == effect and row.action is Action.POST:
                await self.house.end(row.id, verdict, state, **fields)
                self.sequels.settled(row, Outcome(verdict, verdict.word), state)
        await asyncio.wait_for(self.sequels.idle(), 5)

    async def stepped(self) -> None:
        """The stepper tells of a message in which something waits."""
        self.sequels.look()
        await asyncio.wait_for(self.sequels.idle(), 5)


class Nowhere:
    def reserve(self, destination, lane):
        return False

    def release(self, destination, lane): ...

    def offer(self, outgoing): ...

    def wake(self, destination, priority): ...


@pytest.fixture
async def watch(house):
    watch = Watch(house)
    await watch.sequels.start()
    yield watch
    await watch.sequels.stop()
    assert watch.broken == []


async def waiting(house, texts, **fields) -> int:
    """A partial credit of a line that is queued: it waits."""
    await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00")))
    told = await house.tell(texts.dft(texts.ft1("T2", kind="CD", reverses="T1", amount="100.00")))
    assert {one.state for one in (await house.effects(told.id)).values()} == {EffectState.WAITING}
    return told.id


async def states(house, message: int) -> dict[str, EffectState]:
    return {name: effect.state for (_, name), effect in (await house.effects(message)).items()}


async def test_a_credit_goes_once_its_original_is_there_each_effect_by_itself(house, watch, texts):
    credit = await waiting(house, texts)
    await watch.stepped()
    await watch.end("charge", Verdict.APPLIED, DELIVERED)
    assert await states(house, credit) == {"issue": EffectState.WAITING, "charge": EffectState.ROUTED}
    await watch.end("issue", Verdict.APPLIED, DELIVERED)
    assert set((await states(house, credit)).values()) == {EffectState.ROUTED}


async def test_a_credit_is_held_with_its_refused_original(house, watch, texts):
    credit = await waiting(house, texts)
    await watch.stepped()
    await watch.end("charge", Verdict.REJECTED, HELD, frees=True)
    assert (await states(house, credit))["charge"] is EffectState.HELD
    assert await house.causes(credit) == {"waits for its original", "waits for its refused original"}


async def test_a_whole_credit_that_met_an_unknown_cancels_it_once_it_was_certainly_not_applied(
    house, watch, texts
):
    await house.tell(texts.dft(texts.ft1("T1")))
    (charge,) = [row for row in await house.documents() if row.effect == "charge"]
    await house.end(charge.id, Verdict.UNKNOWN, DeliveryState.UNKNOWN, next_us=1)
    told = await house.tell(texts.dft(texts.ft1("T2", kind="CD", reverses="T1")))
    assert (await states(house, told.id)) == {"issue": EffectState.CANCELLED, "charge": EffectState.WAITING}
    await house.end(charge.id, Verdict.NOT_SENT, DeliveryState.WAITING, next_us=1)
    await watch.stepped()
    assert (await states(house, told.id))["charge"] is EffectState.CANCELLED
    assert (await house.store.delivery(charge.id)).state is DeliveryState.CANCELLED


async def test_what_settled_while_nobody_looked_is_taken_up_at_the_start(house, texts):
    credit = await waiting(house, texts)
    await house.deliver()
    watch = Watch(house)
    await watch.sequels.start()
    await asyncio.wait_for(watch.sequels.idle(), 5)
    await watch.sequels.stop()
    await watch.sequels.stop()
    assert set((await states(house, credit)).values()) == {EffectState.ROUTED}


async def test_a_fault_of_ours_is_told_and_the_next_settlement_taken_up(house, texts):
    credit = await waiting(house, texts)
    watch = Watch(house)

    class Failing:
        def __init__(self, reader) -> None:
            self.reader, self.fails = reader, 1

        def __getattr__(self, name):
            if name == "waiting_for" and self.fails:
                self.fails -= 1
                raise RuntimeError
            return getattr(self.reader, name)

    watch.sequels._reader = Failing(house.store)
    await watch.sequels.start()
    await asyncio.wait_for(watch.sequels.idle(), 5)
    assert [type(error) for error in watch.broken] == [RuntimeError]
    watch.sequels.look()
    await watch.end("charge", Verdict.APPLIED, DELIVERED)
    await watch.sequels.stop()
    assert (await states(house, credit))["charge"] is EffectState.ROUTED


async def test_a_step_without_anything_that_waits_is_no_reason_to_look(house, watch):
    await asyncio.wait_for(watch.sequels.idle(), 5)
    watch.sequels.stepped(Inbound(MessageId(1), "ehr", 1, b"", None), Stepped(0, ""))
    assert watch.sequels._idle.is_set()


class TestUndoOthers:
    @pytest.fixture
    def edits(self):
        return {
            "channels/ehr-usage.yaml": ("no_original: hold", "no_original: hold\non_refused: undo others")
        }

    async def test_what_others_applied_is_undone_also_when_they_apply_it_later(self, house, watch, texts):
        first = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="IMP-FEM-07")))
        (charge, kept) = [row for row in await house.documents() if row.effect == "charge"]
        (issue,) = [row for row in await house.documents() if row.effect == "issue"]
        await house.end(issue.id, Verdict.UNKNOWN, DeliveryState.UNKNOWN, next_us=1)
        await house.end(charge.id, Verdict.REJECTED, HELD, frees=True)
        watch.sequels.settled(charge, Outcome(Verdict.REJECTED, "no"), HELD)
        await asyncio.wait_for(watch.sequels.idle(), 5)
        assert {row.action for row in await house.documents()} == {Action.POST}
        await house.end(issue.id, Verdict.APPLIED, DELIVERED)
        watch.sequels.settled(issue, Outcome(Verdict.APPLIED, "yes"), DELIVERED)
        await asyncio.wait_for(watch.sequels.idle(), 5)
        back = [effect for effect in await house.store.effects(first.id) if effect.action is Action.REVERSE]
        assert [(effect.number, effect.name) for effect in back] == [(1, "issue")]
        assert kept.id in {row.id for row in await house.documents()}
