"""A step becomes true in one piece, and a key has one owner."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.domain.changes import Conflict, Dropped, RoutedAs
from engine.domain.posting import Action, FactKeys, Measure, Priority
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.domain.views import EffectView, LineView
from engine.errors import Bug


async def test_a_routed_message_has_its_lines_effects_documents_and_record(store, make):
    line = make.line("a", number=3, credit=True, stated=Decimal("-1.250"))
    effect = make.effect("a", quantity=Decimal("0.5"), measure=Measure.PRICED_HERE, amount=Decimal("-7"))
    record = b'{"lines": {}}'
    stepped = make.posting("a", lines=(line,), effects=(effect,), record=record, account=make.key("acc"))
    message, (delivery,) = await make.post(store, stepped)
    (line_view,) = await store.lines(message)
    assert line_view == LineView(
        line_view.id, "or", 3, True, True, LineState.POSTED, "", Decimal("-1.250"), "USD"
    )
    (effect_view,) = await store.effects(message)
    assert effect_view == EffectView(
        effect_view.id,
        line_view.id,
        3,
        "erp",
        "issue",
        Action.POST,
        1,
        EffectState.ROUTED,
        delivery,
        None,
        Decimal("0.5"),
        Measure.PRICED_HERE,
        Decimal("-7"),
        "USD",
        "",
        "",
    )
    view = await store.delivery(delivery)
    assert (view.message_id, view.reference, view.path) == (message, "REF-a", "/issues")
    assert view.state is DeliveryState.READY
    assert await store.payload(delivery) == make.document("a").payload
    assert await store.record(message) == record
    (inbox,) = await make.views(store, [message])
    assert (inbox.state, inbox.edition, inbox.stepped_us) == (MessageState.ROUTED, 1, 2_000_000)


async def test_effects_stand_on_their_lines_and_in_their_documents(store, make):
    stepped = make.posting(
        "a",
        lines=(make.line("a"), make.line("b", 2)),
        effects=(
            make.effect("a"),
            make.effect("b", 1),
            make.effect("a", 0, 1, destination="billing", name="charge"),
            make.effect("b", 1, None, destination="billing", name="charge"),
        ),
        documents=(make.document("ab"), make.document("a", destination="billing", effect="charge")),
    )
    message, (issue, charge) = await make.post(store, stepped)
    first, second = await store.lines(message)
    assert [(view.line_id, view.name, view.delivery_id) for view in await store.effects(message)] == [
        (first.id, "issue", issue),
        (second.id, "issue", issue),
        (first.id, "charge", charge),
        (second.id, "charge", None),
    ]


async def test_a_taken_key_is_an_answer_and_leaves_its_neighbours_alone(store, make):
    kept = await store.submit([make.received() for _ in range(3)])
    steps = [make.posting("a"), make.posting("a"), make.posting("c")]
    answers = await store.submit(
        [make.routed(answer.id, step) for answer, step in zip(kept, steps, strict=True)]
    )
    assert [type(answer) for answer in answers] == [RoutedAs, Conflict, RoutedAs]
    assert answers[1] == Conflict(make.key("a"))
    assert [inbound.id for inbound in await store.pending(0, 10)] == [kept[1].id]
    assert await store.lines(kept[1].id) == []
    assert len(await store.ready("erp", Priority.LIVE, 0, 10)) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"destination": "billing"},
        {"name": "cost"},
        {"action": Action.REVERSE},
        {"version": 2},
        {"owns": False, "state": EffectState.HELD, "document": None},
        {"state": EffectState.CANCELLED, "document": None, "owns": False},
    ],
)
async def test_an_effect_of_another_place_version_or_without_a_claim_shares_the_key(store, make, other):
    await make.post(store, make.posting("a"))
    await make.post(store, make.posting("a", effects=(make.effect("a", **other),)))


async def test_a_held_effect_owns_its_key(store, make):
    await make.post(store, make.holding("a"))
    message = await make.message(store)
    assert await store.submit([make.routed(message, make.posting("a"))]) == [Conflict(make.key("a"))]


async def test_a_message_is_routed_once(store, make):
    message, _ = await make.post(store, make.posting("a"))
    with pytest.raises(Bug, match="STO020"):
        await store.submit([make.routed(message, make.posting("b"))])
    assert len(await store.effects(message)) == 1


async def test_each_document_is_born_ready_or_sending(store, make):
    message = await make.message(store)
    with pytest.raises(Bug, match="STO021"):
        await store.submit([make.routed(message, make.posting("a"), born=())])
    with pytest.raises(Bug, match="STO021"):
        await store.submit([make.routed(message, make.posting("a"), DeliveryState.DELIVERED)])


async def test_an_effect_is_on_its_way_only_in_a_document(store, make):
    message = await make.message(store)
    stray = make.posting("a", effects=(make.effect("a", document=None, state=EffectState.ROUTED),))
    with pytest.raises(Bug, match="STO021"):
        await store.submit([make.routed(message, stray)])


async def test_two_effects_of_one_step_with_one_key_are_a_bug_and_no_conflict(store, make):
    message = await make.message(store)
    twice = make.posting("a", effects=(make.effect("a"), make.effect("a")))
    with pytest.raises(Bug, match="STO023"):
        await store.submit([make.routed(message, twice)])


async def test_a_message_may_end_without_lines(store, make):
    stepped = make.posting(
        "a", state=MessageState.FILTERED, reason="no lines", lines=(), effects=(), documents=()
    )
    message, deliveries = await make.post(store, stepped)
    (view,) = await make.views(store, [message])
    assert (view.state, view.reason, deliveries) == (MessageState.FILTERED, "no lines", ())


async def test_a_replay_takes_the_place_of_a_held_message(store, make):
    held, _ = await make.post(store, make.holding("a"))
    replay, _ = await make.post(store, make.posting("a"), supersedes=held)
    (view,) = await make.views(store, [held])
    assert (view.state, view.relates_to) == (MessageState.SUPERSEDED, replay)
    assert [line.state for line in await store.lines(held)] == [LineState.SUPERSEDED]
    assert [effect.state for effect in await store.effects(held)] == [EffectState.SUPERSEDED]
    assert await store.worklist() == []
    (facts,) = await store.gather([FactKeys(priors=(make.key("a"),))])
    assert [prior.message_id for prior in facts.priors[make.key("a")]] == [replay]
    assert (await store.inbound(held)).replays is None


async def test_a_replay_takes_only_what_waits_of_a_message_that_is_on_its_way(store, make):
    part = make.posting(
        "a",
        lines=(make.line("a"), make.line("b", 2, state=LineState.HELD)),
        effects=(make.effect("a"), make.effect("b", 1, None)),
    )
    routed, (sent,) = await make.post(store, part)
    await make.post(store, make.posting("b"), supersedes=routed)
    assert await make.state(store, routed) is MessageState.ROUTED
    assert [line.state for line in await store.lines(routed)] == [LineState.POSTED, LineState.SUPERSEDED]
    assert (await store.delivery(sent)).state is DeliveryState.READY


@pytest.mark.parametrize("how", ["withdrawn at once", "withdrawn", "cancelled", "dropped"])
async def test_what_a_replay_took_the_place_of_stays_so_whatever_becomes_of_its_effects(store, make, how):
    """One of its effects was cancelled before it left, the other waited."""
    both = make.posting(
        "a",
        lines=(make.line("a"), make.line("b", 2, state=LineState.HELD)),
        effects=(make.effect("a"), make.effect("b", 1, None)),
    )
    replaced, _ = await make.post(store, both)
    gone, waits = (effect.id for effect in await store.effects(replaced))
    await make.post(store, make.posting("c", cancels=(gone,)))
    assert await make.state(store, replaced) is MessageState.HELD
    at_once = (waits,) if how == "withdrawn at once" else ()
    replay, _ = await make.post(store, make.posting("b", withdraws=at_once), supersedes=replaced)
    if how == "withdrawn":
        await make.post(store, make.posting("d", withdraws=(waits,)))
    elif how == "cancelled":
        await make.post(store, make.posting("d", cancels=(gone,)))
    elif how == "dropped":
        assert await store.submit([Dropped((gone, waits), 6_000_000, "ann", "not ours", (replaced,))]) == [0]
    (view,) = await make.views(store, [replaced])
    assert (view.state, view.reason, view.relates_to) == (MessageState.SUPERSEDED, "", replay)
    states = [effect.state for effect in await store.effects(replaced)]
    assert states == [EffectState.CANCELLED, EffectState.SUPERSEDED]
    assert await store.worklist() == []


async def test_a_replay_whose_key_is_taken_elsewhere_supersedes_nothing(store, make):
    held, _ = await make.post(store, make.holding("a"))
    await make.post(store, make.posting("b"))
    replay = await make.message(store)
    (answer,) = await store.submit([make.routed(replay, make.posting("b"), supersedes=held)])
    assert answer == Conflict(make.key("b"))
    assert await make.state(store, held) is MessageState.HELD
