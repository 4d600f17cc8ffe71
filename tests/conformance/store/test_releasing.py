"""What waits for a person: the worklist, releases, drops."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.domain.changes import Acted, Conflict, Dropped
from engine.domain.posting import FactKeys, Measure, Priority
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.domain.views import HeldGroup
from engine.errors import Bug, UsageError


def dropped(*effects: int) -> Dropped:
    return Dropped(effects, 6_000_000, "ann", "not ours")


def waits(make, key: str, line: int = 0, **fields):
    return make.effect(key, line, None, **fields)


async def test_the_worklist_groups_by_owner_and_cause_most_money_first(store, make):
    first, _ = await make.post(store, make.holding("a"))
    second, _ = await make.post(store, make.holding("b"))
    third, _ = await make.post(
        store,
        make.holding(
            "c",
            lines=(make.line("c", stated=Decimal(-400)),),
            effects=(waits(make, "c", owner="finance", cause="cost-centers: department=7"),),
        ),
    )
    assert await store.worklist() == [
        HeldGroup(
            "finance", "cost-centers: department=7", 1, 1, 1, Decimal(400), 0, 2_000_000, 2_000_000, (third,)
        ),
        HeldGroup(
            "supply-chain",
            "items: code=X",
            2,
            2,
            2,
            Decimal("25.00"),
            0,
            2_000_000,
            2_000_000,
            (first, second),
        ),
    ]
    assert [group.owner for group in await store.worklist("finance")] == ["finance"]


async def test_a_line_is_at_stake_once_whatever_it_does_where(store, make):
    both = (waits(make, "a"), waits(make, "a", destination="billing", name="charge"))
    await make.post(store, make.holding("a", effects=both))
    (group,) = await store.worklist()
    assert (group.effects, group.lines, group.at_stake) == (2, 1, Decimal("12.50"))


async def test_a_line_without_a_stated_price_has_its_largest_amount_at_stake(store, make):
    effects = (
        waits(make, "a", measure=Measure.PRICED_HERE, amount=Decimal("9.5")),
        waits(make, "a", destination="billing", name="charge", amount=Decimal("110")),
        waits(make, "b", 1, amount=None),
    )
    lines = (make.line("a", stated=None), make.line("b", 2, stated=None))
    await make.post(store, make.holding("a", lines=lines, effects=effects))
    (group,) = await store.worklist()
    assert (group.at_stake, group.unpriced) == (Decimal(110), 1)


async def test_a_refused_document_stands_on_the_worklist_by_its_answer(store, make):
    message, _ = await make.refuse(store, make.posting("a", effects=(make.effect("a", owner="finance"),)))
    (group,) = await store.worklist()
    assert (group.owner, group.cause, group.at_stake) == (
        "finance",
        "erp refused: period_closed",
        Decimal("12.50"),
    )
    assert (group.first_us, group.samples) == (4_000_000, (message,))


async def test_what_was_refused_is_requeued_and_not_released(store, make):
    """Releasing is for what was never sent: a refused document goes again as it is."""
    await make.refuse(store, make.posting("a"))
    held, _ = await make.post(store, make.holding("b"))
    assert await store.held_messages(None, None, 0, 10) == [held]


async def test_an_unknown_that_nobody_can_ask_about_stands_there_by_its_name(store, make):
    _, (delivery,) = await make.post(store, make.posting("a"), DeliveryState.SENDING)
    await make.end(store, delivery, DeliveryState.HELD, make.unknown)
    assert [group.cause for group in await store.worklist()] == ["erp unknown: timeout"]


async def test_a_message_or_line_that_owes_nothing_yet_stands_there_itself(store, make):
    unclaimed = make.holding("a", lines=(), effects=(), reason="unclaimed")
    untold = make.holding(
        "b", effects=(), lines=(make.line("b", state=LineState.HELD, reason="no quantity"),)
    )
    first, _ = await make.post(store, unclaimed)
    second, _ = await make.post(store, untold)
    by_money, without = await store.worklist()
    assert (by_money.cause, by_money.lines, by_money.effects, by_money.samples) == (
        "no quantity",
        1,
        0,
        (second,),
    )
    assert (without.cause, without.lines, without.messages, without.samples) == ("unclaimed", 0, 1, (first,))
    assert await store.held_messages(None, None, 0, 10) == [first, second]


async def test_held_messages_are_paged_by_id(store, make):
    ids = [(await make.post(store, make.holding(name)))[0] for name in "abc"]
    assert await store.held_messages("supply-chain", None, 0, 2) == ids[:2]
    assert await store.held_messages(None, "items: code=X", ids[1], 2) == ids[2:]
    assert await store.held_messages("finance", None, 0, 10) == []


async def test_how_much_a_release_is_about_is_known_before_it_begins(store, make):
    ids = [(await make.post(store, make.holding(name)))[0] for name in "ab"]
    assert await store.held_extent(None, "items: code=X") == (2, ids[1])
    assert await store.held_extent("finance", None) == (0, 0)


async def test_what_messages_hold_is_asked_for_many_at_once(store, make):
    untold = make.holding("a", lines=(), effects=(), reason="unclaimed")
    alone, _ = await make.post(store, untold)
    held, _ = await make.post(store, make.holding("b"))
    posted, _ = await make.post(store, make.posting("c"))
    found = await store.holding([alone, held, posted])
    assert found.keys() == {alone, held}
    assert found[alone] == []
    assert [(one.number, one.name, one.state) for one in found[held]] == [(1, "issue", EffectState.HELD)]
    assert [one.id for one in await store.inbounds([posted, alone])] == [alone, posted]


async def test_what_was_begun_and_has_no_end_is_found(store):
    def act(verb: str, target: str, **detail: int) -> Acted:
        return Acted("ann", verb, target, "", detail, 1)

    first, second = await store.submit([act("begun", "a"), act("begun", "a")])
    await store.submit([act("ended", "a", ends=first), act("ended", "b", ends=second)])
    assert [one.id for one in await store.acts_without("begun", "ended")] == [second]


async def test_messages_that_posted_something_or_would_have_are_read_by_range(store, make):
    posted, _ = await make.post(store, make.posting("a"))
    held, _ = await make.post(store, make.holding("b", record=b"{}"))
    await make.post(store, make.posting("c"))
    found = await store.stepped(posted, held)
    assert [(inbound.id, record) for _, inbound, record in found] == [(posted, None), (held, b"{}")]


async def test_a_release_makes_deliveries_of_what_was_held(store, make):
    message, _ = await make.post(store, make.holding("a", record=b'{"lines":{"or/1":{"issue":{"n":1}}}}'))
    (line,) = await store.lines(message)
    record = b'{"lines":{"or/1":{"issue":{"n":2}}}}'
    amended = make.effect("a", quantity=Decimal(5), amount=Decimal(99), measure=Measure.PRICED_HERE)
    again = make.posting("a", effects=(amended,), record=record)
    (answer,) = await store.submit([make.released(message, again)])
    (delivery,) = answer.deliveries
    (effect,) = await store.effects(message)
    assert (effect.state, effect.delivery_id, effect.owner, effect.cause) == (
        EffectState.ROUTED,
        delivery,
        "",
        "",
    )
    assert (effect.quantity, effect.amount, effect.measure) == (Decimal(5), Decimal(99), Measure.PRICED_HERE)
    (after,) = await store.lines(message)
    assert (after.id, after.state, after.reason) == (line.id, LineState.POSTED, "")
    (view,) = await make.views(store, [message])
    assert (view.state, view.reason, view.edition) == (MessageState.ROUTED, "", 2)
    assert await store.record(message) == record
    assert [outgoing.id for outgoing in await store.ready("erp", Priority.LIVE, 0, 10)] == [delivery]
    assert await store.worklist() == []


async def test_what_a_release_still_holds_has_its_new_cause(store, make):
    message, _ = await make.post(store, make.holding("a"))
    still = make.holding("a", effects=(waits(make, "a", owner="finance", cause="closed period"),))
    (answer,) = await store.submit([make.released(message, still)])
    assert answer.deliveries == ()
    (group,) = await store.worklist()
    assert (group.owner, group.cause, group.first_us) == ("finance", "closed period", 2_000_000)
    assert await make.state(store, message) is MessageState.HELD


async def test_what_a_release_finds_not_due_is_cancelled_and_its_key_is_free(store, make):
    message, _ = await make.post(store, make.holding("a"))
    nothing = make.posting("a", effects=(), documents=(), reason="not stocked", state=MessageState.FILTERED)
    await store.submit([make.released(message, nothing)])
    (effect,) = await store.effects(message)
    assert (effect.state, effect.cause) == (EffectState.CANCELLED, "not due")
    assert [line.state for line in await store.lines(message)] == [LineState.FILTERED]
    (view,) = await make.views(store, [message])
    assert (view.state, view.reason) == (MessageState.FILTERED, "not stocked")
    await make.post(store, make.posting("a"))


async def test_a_release_leaves_alone_what_is_on_its_way(store, make):
    lines = (make.line("a"), make.line("b", 2, state=LineState.HELD))
    part = make.posting("a", lines=lines, effects=(make.effect("a"), waits(make, "b", 1)))
    message, (sent,) = await make.post(store, part)
    whole = make.posting(
        "a",
        lines=lines,
        effects=(make.effect("a"), make.effect("b", 1, 1)),
        documents=(make.document("a"), make.document("b")),
    )
    (answer,) = await store.submit([make.released(message, whole)])
    first, second = await store.effects(message)
    assert first.delivery_id == sent
    assert (second.delivery_id,) == answer.deliveries
    assert [view.reference for view in await store.deliveries(message)] == ["REF-a", "REF-b"]


async def test_a_released_document_never_carries_what_was_posted_before(store, make):
    lines = (make.line("a"), make.line("b", 2, state=LineState.HELD))
    part = make.posting("a", lines=lines, effects=(make.effect("a"), waits(make, "b", 1)))
    message, _ = await make.post(store, part)
    both = make.posting("a", lines=lines, effects=(make.effect("a"), make.effect("b", 1)))
    with pytest.raises(Bug, match="STO022"):
        await store.submit([make.released(message, both)])
    assert len(await store.deliveries(message)) == 1


async def test_a_release_of_a_line_that_owed_nothing_yet_gives_it_its_effects(store, make):
    untold = make.holding(
        "a", effects=(), lines=(make.line("a", state=LineState.HELD, reason="no quantity"),)
    )
    message, _ = await make.post(store, untold)
    await store.submit([make.released(message, make.posting("a"))])
    assert [effect.state for effect in await store.effects(message)] == [EffectState.ROUTED]
    assert [line.state for line in await store.lines(message)] == [LineState.POSTED]
    assert await make.state(store, message) is MessageState.ROUTED


async def test_a_release_under_another_key_meets_its_owner(store, make):
    suspected = make.holding("a", effects=(waits(make, "a", owns=False, cause="suspected duplicate"),))
    await make.post(store, make.posting("a"))
    message, _ = await make.post(store, suspected)
    assert await store.submit([make.released(message, make.posting("a"))]) == [Conflict(make.key("a"))]
    assert [effect.state for effect in await store.effects(message)] == [EffectState.HELD]
    as_new = make.posting("a", effects=(make.effect("a", version=2),))
    (answer,) = await store.submit([make.released(message, as_new)])
    assert len(answer.deliveries) == 1
    (facts,) = await store.gather([FactKeys(priors=(make.key("a"),))])
    assert [prior.version for prior in facts.priors[make.key("a")]] == [1, 2]


async def test_a_release_that_meets_an_owner_names_the_key_that_is_not_its_own(store, make):
    lines = (make.line("a"), make.line("b", 2))
    both = (waits(make, "a"), waits(make, "b", 1, owns=False))
    await make.post(store, make.posting("b"))
    message, _ = await make.post(store, make.holding("a", lines=lines, effects=both))
    again = make.posting("a", lines=lines, effects=(make.effect("a"), make.effect("b", 1)))
    assert await store.submit([make.released(message, again)]) == [Conflict(make.key("b"))]


async def test_a_release_of_what_no_longer_waits_changes_nothing(store, make):
    message, (delivery,) = await make.post(store, make.posting("a"))
    (answer,) = await store.submit([make.released(message, make.posting("a"))])
    assert answer.deliveries == ()
    (view,) = await make.views(store, [message])
    assert (view.edition, view.stepped_us) == (1, 2_000_000)
    assert [known.id for known in await store.deliveries(message)] == [delivery]


async def test_dropped_effects_are_cancelled_and_their_keys_freed(store, make):
    message, _ = await make.post(store, make.holding("a"))
    (effect,) = await store.effects(message)
    assert await store.submit([dropped(effect.id)]) == [1]
    assert await store.submit([dropped(effect.id)]) == [0]
    (after,) = await store.effects(message)
    assert (after.state, after.cause) == (EffectState.CANCELLED, "dropped")
    assert await make.state(store, message) is MessageState.FILTERED
    assert await store.worklist() == []
    await make.post(store, make.posting("a"))


async def test_what_is_on_its_way_is_not_dropped(store, make):
    message, _ = await make.post(store, make.posting("a"))
    (effect,) = await store.effects(message)
    assert await store.submit([dropped(effect.id)]) == [0]
    assert await make.state(store, message) is MessageState.ROUTED


async def test_a_message_with_something_on_its_way_stays_routed_when_the_rest_is_dropped(store, make):
    lines = (make.line("a"), make.line("b", 2, state=LineState.HELD))
    part = make.posting("a", lines=lines, effects=(make.effect("a"), waits(make, "b", 1)))
    message, _ = await make.post(store, part)
    _, second = await store.effects(message)
    await store.submit([dropped(second.id)])
    assert await make.state(store, message) is MessageState.ROUTED
    assert [line.state for line in await store.lines(message)] == [LineState.POSTED, LineState.FILTERED]


async def test_lines_that_were_judged_otherwise_stay_as_they_were_judged(store, make):
    lines = (
        make.line("a", state=LineState.HELD),
        make.line("b", 2, state=LineState.DUPLICATE, reason="told by message 1, line 1"),
        make.line("c", 3, state=LineState.FILTERED, reason="pre-admission"),
    )
    message, _ = await make.post(store, make.holding("a", lines=lines))
    (effect,) = await store.effects(message)
    await store.submit([dropped(effect.id)])
    assert [(line.state, line.reason) for line in await store.lines(message)] == [
        (LineState.FILTERED, "dropped"),
        (LineState.DUPLICATE, "told by message 1, line 1"),
        (LineState.FILTERED, "pre-admission"),
    ]


async def test_a_refused_document_is_dropped_whole(store, make):
    lines = (make.line("a"), make.line("b", 2))
    document = make.posting("ab", lines=lines, effects=(make.effect("a"), make.effect("b", 1)))
    message, delivery = await make.refuse(store, document)
    first, second = await store.effects(message)
    with pytest.raises(UsageError, match="STO030"):
        await store.submit([dropped(first.id)])
    assert await store.submit([dropped(first.id, second.id)]) == [2]
    assert (await store.delivery(delivery)).state is DeliveryState.CANCELLED
    assert await store.worklist() == []
    assert await make.state(store, message) is MessageState.FILTERED


async def test_nothing_dropped_is_nothing(store):
    assert await store.submit([dropped()]) == [0]
