"""Originals that are taken back: who wins the row is decided by the commit. Rules of money, 10, 12 and 15."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.domain.changes import Conflict, Corrected, Dropped, Lost, RoutedAs, Sending
from engine.domain.posting import Action, FactKeys, Relied, Stepped
from engine.domain.status import DeliveryState, EffectState, Fate, LineState, MessageState
from engine.errors import Bug

QUEUED = (Fate.QUEUED, frozenset())


async def original(store, make, key: str, *fields, **more):
    """(message, delivery, effect id) of a line that is READY."""
    message, (delivery,) = await make.post(store, make.posting(key, **more))
    (effect, *_) = await store.effects(message)
    return message, delivery, effect.id


def taking_back(
    make, key: str, effect: int, fate: Fate = Fate.QUEUED, known=frozenset(), **fields
) -> Stepped:
    """A credit that cancels the effect; with other `fields`, that waits for it or goes."""
    said = {"state": EffectState.CANCELLED, "document": None, "cause": "taken back before it left", **fields}
    back = make.effect(key, action=Action.REVERSE, reverses=effect, **said)
    cancels = (effect,) if said["state"] is EffectState.CANCELLED else ()
    return make.posting(
        key,
        state=MessageState.FILTERED,
        lines=(make.line(key, credit=True, state=LineState.FILTERED),),
        effects=(back,),
        documents=() if back.document is None else (make.document(key),),
        relies=(Relied(effect, fate, known),),
        cancels=cancels,
    )


async def test_a_credit_of_what_never_left_cancels_both_and_both_keep_their_keys(store, make):
    message, delivery, effect = await original(store, make, "a")
    credit, _ = await make.post(store, taking_back(make, "c", effect))
    assert (await store.delivery(delivery)).state is DeliveryState.CANCELLED
    (posted,), (back,) = await store.effects(message), await store.effects(credit)
    assert (posted.state, back.state) == (EffectState.CANCELLED, EffectState.CANCELLED)
    assert await make.state(store, message) is MessageState.FILTERED
    assert [row.state for row in await store.account()] == ["cancelled", "cancelled"]
    again = await make.message(store)
    assert await store.submit([make.routed(again, make.posting("a"))]) == [Conflict(make.key("a"))]
    (facts,) = await store.gather([FactKeys(priors=(make.key("a"), make.key("c")))])
    assert {key: len(priors) for key, priors in facts.priors.items()} == {make.key("a"): 1, make.key("c"): 1}


@pytest.mark.parametrize("together", [True, False])
async def test_a_mark_that_came_first_beats_the_credit(store, make, together):
    _, delivery, effect = await original(store, make, "a")
    credit = await make.message(store)
    mark, cancel = Sending((delivery,), 5), make.routed(credit, taking_back(make, "c", effect))
    answers = await store.submit([mark, cancel]) if together else [
        *await store.submit([mark]), *await store.submit([cancel])
    ]  # fmt: skip
    assert answers == [None, Conflict(make.key("a"))]
    assert await make.state(store, credit) is MessageState.PENDING
    assert (await store.delivery(delivery)).state is DeliveryState.SENDING


@pytest.mark.parametrize("together", [True, False])
async def test_a_credit_that_came_first_beats_the_mark(store, make, together):
    _, delivery, effect = await original(store, make, "a")
    _, (other,) = await make.post(store, make.posting("b"))
    credit = await make.message(store)
    mark, cancel = Sending((delivery, other), 5), make.routed(credit, taking_back(make, "c", effect))
    answers = await store.submit([cancel, mark]) if together else [
        *await store.submit([cancel]), *await store.submit([mark])
    ]  # fmt: skip
    assert answers == [RoutedAs(()), Lost((delivery,))]
    assert (await store.delivery(delivery)).state is DeliveryState.CANCELLED
    assert (await store.delivery(other)).state is DeliveryState.SENDING


async def test_what_waits_for_another_try_is_cancelled_too(store, make):
    _, delivery, effect = await original(store, make, "a")
    await store.submit([Sending((delivery,), 5)])
    await make.end(store, delivery, DeliveryState.WAITING, make.not_sent, next_us=9)
    await make.post(store, taking_back(make, "c", effect))
    assert await store.parked("erp") == []


async def test_two_credits_of_one_original_do_not_both_win(store, make):
    _, delivery, effect = await original(store, make, "a")
    await make.end_well(store, delivery)
    gone = {"state": EffectState.ROUTED, "document": 0, "cause": ""}
    first, second = [taking_back(make, key, effect, Fate.THERE, **gone) for key in ("c", "d")]
    messages = [await make.message(store), await make.message(store)]
    answers = await store.submit([make.routed(messages[0], first), make.routed(messages[1], second)])
    assert isinstance(answers[0], RoutedAs)
    assert answers[1] == Conflict(make.key("a"))
    (reversal,) = await store.effects(messages[0])
    knowing = taking_back(make, "d", effect, Fate.THERE, frozenset({reversal.id}), **gone)
    (answer,) = await store.submit([make.routed(messages[1], knowing)])
    assert isinstance(answer, RoutedAs)


async def test_a_document_that_carries_other_lines_is_not_cancelled(store, make):
    two = make.posting(
        "a", lines=(make.line("a"), make.line("b", 2)), effects=(make.effect("a"), make.effect("b", 1))
    )
    message, _ = await make.post(store, two)
    effect = (await store.effects(message))[0].id
    with pytest.raises(Bug, match="STO022"):
        await make.post(store, taking_back(make, "c", effect))


async def test_what_waits_is_expected_counts_as_taken_and_is_found_when_its_original_settles(store, make):
    _, delivery, effect = await original(store, make, "a")
    waits = {"state": EffectState.WAITING, "cause": "waits for its original", "quantity": Decimal(1)}
    credit, _ = await make.post(
        store, taking_back(make, "c", effect, **waits)._replace(state=MessageState.ROUTED)
    )
    assert await store.worklist() == []
    assert {row.state for row in await store.account()} == {"waiting"}
    (known,) = await store.originals([effect])
    assert (known.taken_back, known.without(credit).taken_back) == (Decimal(1), Decimal(0))
    assert await store.anything_waits()
    assert (await store.waiting_for([delivery]), await store.waiting_for(None)) == ([], [])
    await make.end_well(store, delivery)
    assert (await store.waiting_for([delivery]), await store.waiting_for(None)) == ([credit], [credit])


async def test_what_is_dropped_takes_its_waiting_credit_with_it(store, make):
    message, delivery, effect = await original(store, make, "a")
    waits = {"state": EffectState.WAITING, "cause": "waits for its original"}
    credit, _ = await make.post(store, taking_back(make, "c", effect, **waits))
    await store.submit([Sending((delivery,), 5)])
    await make.end(store, delivery, DeliveryState.HELD, make.refused, frees=True)
    assert await store.submit([Dropped((effect,), 6, "ann", "never was", (message,))]) == [1]
    (back,) = await store.effects(credit)
    assert (back.state, back.cause) == (EffectState.CANCELLED, "its original was dropped")
    assert await make.state(store, credit) is MessageState.FILTERED


async def test_a_message_that_is_held_without_lines_can_be_dropped(store, make):
    message, _ = await make.post(store, make.holding("a", lines=(), effects=(), reason="unclaimed"))
    assert await store.submit([Dropped((), 6, "ann", "not ours", (message,))]) == [1]
    assert await make.state(store, message) is MessageState.FILTERED
    assert await store.worklist() == []


# Corrections -----------------------------------------------------------------------------------------------------


def correction(make, message: int, effect: int, key: str = "a", **fields) -> Corrected:
    """The posted effect is taken back, and version 2 of its key is posted after that."""
    back = make.effect("back", action=Action.REVERSE, reverses=effect, document=0, amount=Decimal("-12.50"))
    anew = make.effect(key, version=2, document=1)
    stepped = make.posting(
        key,
        effects=(back, anew),
        documents=(make.document("back", action=Action.REVERSE), make.document("anew", after=0)),
        relies=(Relied(effect, Fate.THERE, frozenset()),),
    )
    return Corrected(message, stepped, 2, 7_000_000, "ann", "correct", "wrong item")._replace(**fields)


async def corrected(store, make):
    """(message, reversal, what is posted anew)."""
    message, delivery, effect = await original(store, make, "a")
    await make.end_well(store, delivery)
    (answer,) = await store.submit([correction(make, message, effect)])
    return message, *answer.deliveries


async def test_a_correction_stands_on_its_own_message_with_its_act(store, make):
    message, back, anew = await corrected(store, make)
    assert [(effect.action, effect.version, effect.delivery_id) for effect in await store.effects(message)][
        1:
    ] == [
        (Action.REVERSE, 1, back),
        (Action.POST, 2, anew),
    ]
    (act,) = await store.acts(5)
    assert (act.actor, act.verb, act.target, act.reason) == (
        "ann",
        "correct",
        f"message {message}",
        "wrong item",
    )
    assert act.detail == {"posted": 1, "taken back": 1}


async def test_a_correction_whose_original_moved_on_writes_nothing(store, make):
    message, _, effect = await original(store, make, "a")
    assert await store.submit([correction(make, message, effect)]) == [Conflict(make.key("a"))]
    assert (len(await store.effects(message)), await store.acts(5)) == (1, [])


async def test_the_same_correction_twice_is_one(store, make):
    message, *_ = await corrected(store, make)
    effect = (await store.effects(message))[0].id
    assert await store.submit([correction(make, message, effect)]) == [Conflict(make.key("a"))]
    again = correction(make, message, effect)
    unknowing = again._replace(stepped=again.stepped._replace(relies=()))
    assert await store.submit([unknowing]) == [Conflict(make.key("back"))]


async def test_what_is_posted_anew_is_held_with_a_reversal_that_is_refused_and_goes_with_it(store, make):
    _, back, anew = await corrected(store, make)
    await store.submit([Sending((back,), 8)])
    await make.end(store, back, DeliveryState.HELD, make.refused, frees=True)
    assert (await store.delivery(anew)).state is DeliveryState.HELD
    assert {group.cause for group in await store.worklist()} == {
        "erp refused: period_closed",
        "erp waits for its reversal",
    }
    assert await store.submit([Sending((anew,), 9)]) == [Lost((anew,))]
    assert await store.submit([make.requeued(anew)]) == [Conflict(make.key("a"))]
    (answer,) = await store.submit([make.requeued(back)])
    first, second = answer.deliveries
    assert [(row.id, row.state) for row in await store.lane("erp", 5, 10)] == [
        (first, DeliveryState.READY),
        (second, DeliveryState.READY),
    ]
    assert await store.submit([make.requeued(anew)]) == [RoutedAs(())]
    assert await store.worklist() == []


async def test_a_reversal_that_a_person_settles_lets_the_rest_go(store, make):
    _, back, anew = await corrected(store, make)
    await store.submit([Sending((back,), 8)])
    await make.end(store, back, DeliveryState.HELD, make.unknown)
    await make.end(store, back, DeliveryState.DELIVERED, make.applied, actor="ann")
    (again,) = await store.lane("erp", 5, 10)
    assert (again.reference, again.state) == ("REF-anew", DeliveryState.READY)
    assert (await store.delivery(anew)).state is DeliveryState.CANCELLED


# Replays ---------------------------------------------------------------------------------------------------------


async def test_a_replay_says_what_it_is_stepped_with_and_for_whom(store, make):
    first = await make.message(store)
    second = await make.message(store, replays=first, edition=3, to="billing")
    plain_one, replay = await store.pending(0, 10)
    assert (plain_one.edition, plain_one.to) == (None, None)
    assert (replay.id, replay.replays, replay.edition, replay.to) == (second, first, 3, "billing")


async def test_a_replay_for_one_destination_supersedes_only_what_waits_for_it(store, make):
    both = (
        make.effect("a", document=None),
        make.effect("a", document=None, destination="billing", name="charge"),
    )
    held, _ = await make.post(store, make.holding("a", effects=both))
    again = make.posting("a", effects=(make.effect("a"),))
    await make.post(store, again, supersedes=held, to="erp")
    issue, charge = await store.effects(held)
    assert (issue.state, charge.state) == (EffectState.SUPERSEDED, EffectState.HELD)
    assert await make.state(store, held) is MessageState.HELD


# Stays -----------------------------------------------------------------------------------------------------------


async def test_what_is_posted_for_an_account_is_told_until_it_is_taken_back(store, make):
    account = make.key("account")
    message, _ = await make.post(store, make.posting("a", account=account))
    (effect,) = await store.effects(message)

    async def stay():
        (facts,) = await store.gather([FactKeys(stays=(account,))])
        return facts.stays.get(account)

    assert (await stay()).posted == (effect.id,)
    waiting, _ = await make.post(store, Stepped(MessageState.HELD, "to decide", account=account))
    assert (await stay()).open == (waiting,)
    await make.post(store, taking_back(make, "c", effect.id))
    closes = Stepped(MessageState.FILTERED, "remembered", closes=(waiting,))
    await make.post(store, closes)
    assert await make.state(store, waiting) is MessageState.FILTERED
    assert await stay() is None
