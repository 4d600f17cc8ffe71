"""What a step may know: latest facts, merged numbers, owners of keys, originals with what was taken back."""

from __future__ import annotations

import json
from decimal import Decimal

from engine.domain.changes import Dropped
from engine.domain.encounter import fold
from engine.domain.posting import NO_FACTS, Action, Fact, FactKeys, Measure, Prior
from engine.domain.status import DeliveryState, EffectState, Fate, LineState, MessageState


async def tell(store, make, *facts: Fact) -> int:
    nothing = make.posting(
        "", state=MessageState.FILTERED, lines=(), effects=(), documents=(), remember=facts
    )
    message, _ = await make.post(store, nothing)
    return message


def merge(make, loser: str, survivor: str, at_us: int) -> Fact:
    value = {"to": survivor, "to_key": make.key(survivor).hex()}
    return Fact("alias", make.key(loser), at_us, json.dumps(value).encode())


async def aliases(store, make, *names: str) -> dict[str, str]:
    (facts,) = await store.gather([FactKeys(aliases=tuple(make.key(name) for name in names))])
    return {name: facts.aliases[make.key(name)][0] for name in names if make.key(name) in facts.aliases}


async def originals(store, key: bytes):
    (facts,) = await store.gather([FactKeys(originals=(key,))])
    return facts.originals.get(key, ())


async def test_a_stay_is_told_by_when_it_happened_and_not_by_when_it_came_in(store, make):
    key = make.key("account")
    await tell(store, make, Fact("encounter", key, 20, b'{"location": "ICU"}'))
    await tell(store, make, Fact("encounter", key, 10, b'{"location": "ED"}'))
    (facts,) = await store.gather([FactKeys(encounters=(key, make.key("nobody")))])
    assert set(facts.encounters) == {key}
    stay = fold(facts.encounters[key])
    assert [stay.at(at_us) for at_us in (10, 19, 20)] == [
        {"location": "ED"}, {"location": "ED"}, {"location": "ICU"},
    ]  # fmt: skip


async def test_of_two_messages_about_one_moment_the_one_sent_later_tells(store, make):
    key = make.key("account")
    for place, sent in (("ICU", "20261120101501"), ("ED", "20261120101500")):
        told = json.dumps({"location": place, "sent": sent}).encode()
        await tell(store, make, Fact("encounter", key, 10, told))
    (facts,) = await store.gather([FactKeys(encounters=(key,))])
    assert fold(facts.encounters[key]).at(10) == {"location": "ICU"}


async def test_merges_are_followed_to_the_number_that_survived(store, make):
    await tell(store, make, merge(make, "B", "C", 1), merge(make, "A", "B", 2))
    assert await aliases(store, make, "A", "B", "C") == {"A": "C", "B": "C"}


async def test_a_merge_that_is_taken_back_by_the_other_way_round_ends_at_the_later_survivor(store, make):
    await tell(store, make, merge(make, "A", "B", 1), merge(make, "B", "A", 2))
    assert await aliases(store, make, "A", "B") == {"A": "A", "B": "A"}


async def test_a_chain_that_runs_into_a_circle_ends_at_its_latest_survivor(store, make):
    await tell(store, make, merge(make, "X", "A", 9), merge(make, "A", "B", 3), merge(make, "B", "A", 2))
    assert await aliases(store, make, "X", "A", "B") == {"X": "B", "A": "B", "B": "B"}


async def test_an_alias_without_a_key_to_go_on_from_is_the_end(store, make):
    await tell(store, make, Fact("alias", make.key("A"), 1, b'{"to": "B", "to_key": ""}'))
    assert await aliases(store, make, "A") == {"A": "B"}


async def test_the_owners_of_a_key_are_told_with_what_was_sent(store, make):
    line = make.line("a", number=4, body=make.key("sent"))
    two = (make.effect("a"), make.effect("a", document=None, destination="billing", name="charge"))
    message, _ = await make.post(store, make.posting("a", lines=(line,), effects=two))
    issue, charge = await store.effects(message)
    (facts,) = await store.gather([FactKeys(priors=(make.key("a"),))])
    assert facts.priors[make.key("a")] == (
        Prior(
            issue.id,
            message,
            4,
            "erp",
            "issue",
            Action.POST,
            1,
            EffectState.ROUTED,
            make.key("sent"),
            message,
        ),
        Prior(
            charge.id,
            message,
            4,
            "billing",
            "charge",
            Action.POST,
            1,
            EffectState.HELD,
            make.key("sent"),
            message,
        ),
    )


async def test_an_original_is_found_by_its_key_and_by_its_finds_with_what_was_posted(store, make):
    find = make.key("find")
    line = make.line("a", number=2, finds=(find, make.key("other")))
    record = {"facts": {}, "lines": {"or/2": {"issue": {"item": {"number": "77"}}}}}
    stepped = make.posting("a", lines=(line,), record=json.dumps(record).encode())
    message, (delivery,) = await make.post(store, stepped, DeliveryState.SENDING)
    await make.end(store, delivery, DeliveryState.DELIVERED, make.applied)
    (effect,) = await store.effects(message)
    by_key, by_find = await originals(store, make.key("a")), await originals(store, find)
    assert by_key == by_find
    (original,) = by_key
    assert (original.effect_id, original.message_id, original.number) == (effect.id, message, 2)
    assert (original.channel, original.destination, original.name) == ("or", "erp", "issue")
    assert (original.state, original.delivery_state) == (EffectState.ROUTED, DeliveryState.DELIVERED)
    assert (original.key, original.version, original.quantity) == (make.key("a"), 1, Decimal(2))
    assert (original.measure, original.amount, original.currency) == (Measure.STATED, Decimal("12.50"), "USD")
    assert (original.taken_back, original.amount_back) == (Decimal(0), Decimal(0))
    assert (original.reference, original.document) == ("REF-a", "GI-1")
    assert original.fields == {"item": {"number": "77"}}


async def test_an_original_without_a_record_has_no_fields(store, make):
    await make.post(store, make.posting("a"))
    assert [original.fields for original in await originals(store, make.key("a"))] == [{}]


async def test_a_released_line_is_taken_back_as_the_release_translated_it(store, make):
    first = b'{"lines": {"or/1": {"issue": {"code": "old"}}}}'
    lines = (make.line("a"), make.line("b", 2, state=LineState.HELD))
    part = make.posting("a", lines=lines, effects=(make.effect("a"), make.effect("b", 1, None)), record=first)
    message, _ = await make.post(store, part)
    second = b'{"lines": {"or/2": {"issue": {"code": "new"}}}}'
    rest = make.posting("b", lines=lines, effects=(make.effect("b", 1),), record=second)
    await store.submit([make.released(message, rest)])
    assert (await originals(store, make.key("a")))[0].fields == {"code": "old"}
    assert (await originals(store, make.key("b")))[0].fields == {"code": "new"}


async def credit(store, make, key: str, original: int, quantity: str, amount: str, **fields) -> int:
    effect = make.effect(
        key,
        action=Action.REVERSE,
        reverses=original,
        quantity=Decimal(quantity),
        amount=Decimal(amount),
        **fields,
    )
    stepped = make.posting(key, effects=(effect,), documents=(make.document(key),))
    if effect.document is None:
        stepped = stepped._replace(documents=())
    message, _ = await make.post(store, stepped)
    return message


async def test_what_credits_took_back_is_summed_exactly(store, make):
    await make.post(store, make.posting("a", effects=(make.effect("a", quantity=Decimal("3")),)))
    (original,) = await originals(store, make.key("a"))
    await credit(store, make, "c1", original.effect_id, "0.1", "-0.10")
    await credit(store, make, "c2", original.effect_id, "0.2", "-0.20")
    (after,) = await originals(store, make.key("a"))
    assert (after.taken_back, after.amount_back) == (Decimal("0.3"), Decimal("-0.30"))


async def test_a_held_credit_has_not_taken_anything_back_yet(store, make):
    await make.post(store, make.posting("a"))
    (original,) = await originals(store, make.key("a"))
    await credit(store, make, "c1", original.effect_id, "1", "-6.25", document=None, state=EffectState.HELD)
    assert (await originals(store, make.key("a")))[0].taken_back == 0


async def test_a_reversal_is_no_original(store, make):
    await make.post(store, make.posting("a"))
    (original,) = await originals(store, make.key("a"))
    await credit(store, make, "c1", original.effect_id, "1", "-6.25")
    assert await originals(store, make.key("c1")) == ()


async def test_a_refused_line_is_still_the_original_of_its_credit(store, make):
    await make.refuse(store, make.posting("a"))
    (original,) = await originals(store, make.key("a"))
    assert (original.owns, original.fate) == (False, Fate.HELD)


async def test_what_was_dropped_is_no_original(store, make):
    message, _ = await make.refuse(store, make.posting("a"))
    (effect,) = await store.effects(message)
    await store.submit([Dropped((effect.id,), 6_000_000, "ann", "not ours")])
    assert await originals(store, make.key("a")) == ()


async def test_many_sets_of_keys_are_answered_in_their_order(store, make):
    await make.post(store, make.posting("a"))
    await tell(store, make, Fact("encounter", make.key("account"), 1, b"{}"))
    asked = [
        FactKeys(),
        FactKeys(priors=(make.key("a"),)),
        FactKeys(encounters=(make.key("account"),), priors=(make.key("unheard"),)),
    ]
    nothing, owned, told = await store.gather(asked)
    assert nothing == NO_FACTS
    assert (set(owned.priors), owned.encounters) == ({make.key("a")}, {})
    assert (set(told.encounters), told.priors) == ({make.key("account")}, {})
    assert await store.gather([]) == []
    assert await store.gather([FactKeys(priors=(make.key("unheard"),))]) == [NO_FACTS]
