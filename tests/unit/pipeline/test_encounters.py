"""Encounters and merges that are delivered: a discharge once and taken back, a merge after what it ends."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from random import Random

import orjson
import pytest

from engine.domain.encounter import fold
from engine.domain.posting import Action
from engine.domain.status import DeliveryState, EffectState, MessageState
from engine.explain.story import Storyteller
from engine.pipeline.record import unpack_facts, unpack_posted
from tests.unit.pipeline.ledger import closes, explained, follow, settle

AS_SENT = {
    "config/suture.yaml": (
        "  billing:\n    about: Patient billing\n",
        "  billing:\n    about: Patient billing\n    after_merge: as sent\n",
    )
}


def adt(event: str, at: str = "20261120100000", *, account: str = "A1", control: str = "1") -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|{at}||ADT^{event}|{control}|P|2.5.1\rEVN|{event}|{at}\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\rPV1|1|I|3W\r"
    )


async def written(house, effect: str) -> list[tuple[Action, dict]]:
    return [
        (row.action, orjson.loads(row.payload)) for row in await house.documents() if row.effect == effect
    ]


async def ever_written(house, effect: str) -> list[tuple[Action, dict]]:
    """Those that were delivered as well."""
    rows = [*house.sent, *await house.documents()]
    return [(row.action, orjson.loads(row.payload)) for row in rows if row.effect == effect]


async def test_a_discharge_is_told_once_and_an_admission_is_only_remembered(house):
    admitted, left = await house.tell(adt("A01", "20261119080000")), await house.tell(adt("A03"))
    again = await house.tell(adt("A03", control="2"))
    assert [one.state for one in (admitted, left, again)] == [
        MessageState.FILTERED, MessageState.ROUTED, MessageState.FILTERED,
    ]  # fmt: skip
    assert await house.store.lines(admitted.id) == []
    ((action, document),) = await written(house, "discharge")
    assert (action, document["account"], document["discharged_on"]) == (Action.POST, "A1", "2026-11-20")


async def test_a_cancelled_discharge_cancels_what_has_not_left(house):
    left = await house.tell(adt("A03"))
    await house.tell(adt("A13", "20261120110000"))
    assert await written(house, "discharge") == []
    assert {one.state for one in await house.store.effects(left.id)} == {EffectState.CANCELLED}
    await house.tell(adt("A03", "20261121100000"))
    assert len(await written(house, "discharge")) == 1


async def test_a_cancelled_discharge_takes_back_what_is_there(house):
    await house.tell(adt("A03"))
    ((_, discharge),) = await written(house, "discharge")
    await house.deliver()
    await house.tell(adt("A13", "20261120110000"))
    ((action, back),) = await written(house, "discharge")
    assert (action, back["original"]) == (Action.REVERSE, discharge["reference"])


TOLD = {
    "left": adt("A03", "20261120100000"),
    "stays": adt("A13", "20261120110000"),
    "left at last": adt("A03", "20261121100000"),
    "moved": adt("A08", "20261119090000"),
}


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("order", [list(order) for order in permutations(TOLD)])
async def test_billing_knows_the_discharge_that_stands_in_whatever_order_it_was_told(house, order, delivered):
    for name in order:
        await house.tell(TOLD[name])
        if delivered:
            await house.deliver()
    assert await discharged(house) == {"2026-11-21": 1}


async def discharged(house) -> dict[str, int]:
    """Day → discharges that stand."""
    told = await ever_written(house, "discharge")
    days = {one["reference"]: one["discharged_on"] for action, one in told if action is Action.POST}
    net = Counter(days.values())
    net.subtract(days[one["original"]] for action, one in told if action is Action.REVERSE)
    return {day: count for day, count in net.items() if count}


@pytest.mark.parametrize("seed", range(16))
async def test_a_stay_told_in_any_order_closes_after_each_message_and_is_explained(house, seed):
    """Discharges of two days, taken back and told anew, shuffled; replayed, released and delivered meanwhile."""
    random = Random(seed)
    events = [random.choice(("A03", "A13", "A08")) for _ in range(8)]
    texts = [
        adt(event, f"202611{20 + place // 4}{8 + place:02}0000", control=str(place))
        for place, event in enumerate(events)
    ]
    for place in random.sample(range(8), 8):
        told = await house.tell(texts[place])
        await closes(house)
        for way in random.sample(("deliver", "follow", "replay", "release"), random.randint(0, 2)):
            if way == "replay":
                await house.tell(texts[place], replays=told.id)
            elif way == "release":
                await house.release(told.id)
            else:
                await (house.deliver() if way == "deliver" else follow(house))
            await closes(house)
    await settle(house)
    day = ""
    for place, event in enumerate(events):
        day = {"A03": f"2026-11-{20 + place // 4}", "A13": ""}.get(event, day)
    assert await discharged(house) == ({day: 1} if day else {})
    assert await house.store.worklist() == []
    await closes(house)
    await explained(house)


async def test_the_same_discharge_again_after_it_was_cancelled_is_another(house):
    await house.tell(adt("A03"))
    await house.deliver()
    await house.tell(adt("A13"))
    await house.deliver()
    await house.tell(adt("A03", "20261120120000"))
    assert [action for action, _ in await ever_written(house, "discharge")] == [
        Action.POST, Action.REVERSE, Action.POST,
    ]  # fmt: skip


async def test_a_discharge_that_moves_to_another_day_is_taken_back_and_told_anew(house):
    await house.tell(adt("A03", "20261120100000"))
    await house.deliver()
    await house.tell(adt("A03", "20261120180000"))
    assert len(await ever_written(house, "discharge")) == 1, "the same day"
    await house.tell(adt("A03", "20261121090000"))
    told = [(action, one.get("discharged_on")) for action, one in await ever_written(house, "discharge")]
    assert told == [(Action.POST, "2026-11-20"), (Action.REVERSE, None), (Action.POST, "2026-11-21")]


async def test_a_discharge_that_moved_and_is_taken_back_does_not_come_again(house):
    await house.tell(adt("A03", "20261120100000"))
    await house.tell(adt("A03", "20261121090000"))
    await house.tell(adt("A13", "20261121100000"))
    await house.tell(adt("A08", "20261121110000"))
    await settle(house)
    assert await discharged(house) == {}


async def test_a_cancelled_stay_that_was_discharged_is_put_before_a_person(house):
    left = await house.tell(adt("A03"))
    await house.deliver()
    cancelled = await house.tell(adt("A11", "20261120120000"))
    assert cancelled.state is MessageState.HELD
    (effect,) = await house.store.effects(left.id)
    assert unpack_posted(await house.store.record(cancelled.id)) == (effect.id,)
    assert len(await ever_written(house, "discharge")) == 1


async def test_a_cancelled_stay_with_postings_is_still_put_before_a_person(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    cancelled = await house.tell(adt("A11", "20261120120000"))
    assert cancelled.state is MessageState.HELD


async def test_a_merge_is_told_after_what_went_under_the_number_that_ends(house, texts):
    await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    await house.tell(texts.a41("A1", "A2"))
    rows = {row.effect: row for row in await house.documents() if row.destination == "billing"}
    assert orjson.loads(rows["merge"].payload) == {
        "reference": rows["merge"].reference, "account": "A1", "merged_account": "A2",
    }  # fmt: skip
    assert rows["merge"].joins == (rows["charge"].lane,)
    assert rows["merge"].state is DeliveryState.READY


@pytest.mark.parametrize(("edits", "account"), [({}, "A1"), (AS_SENT, "A2")])
async def test_a_destination_gets_the_number_that_survived_or_the_one_as_sent(house, texts, edits, account):
    await house.tell(texts.dft(texts.ft1("T0"), account="A1"))
    await house.tell(texts.a41("A1", "A2"))
    await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    survivor, ended = [row for row in await house.documents() if row.effect == "charge"]
    assert orjson.loads(ended.payload)["account"] == account
    assert survivor.lane == ended.lane, "whatever it is called, it stays in order"


@pytest.mark.parametrize("edits", [AS_SENT])
async def test_told_again_under_the_survivor_it_is_a_duplicate_as_sent_or_not(house, texts, edits):
    await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    await house.tell(texts.a41("A1", "A2"))
    assert (
        await house.tell(texts.dft(texts.ft1("T1"), account="A1", control="9"))
    ).state is MessageState.DUPLICATE


async def test_a_stay_that_was_told_under_two_numbers_is_one(house, texts):
    """Discharged under the one that ends, and cancelled under the one that survives: the stay goes on."""
    await house.tell(adt("A03", account="A2"))
    await house.tell(texts.a41("A1", "A2"))
    await house.tell(adt("A13", "20261120110000", account="A1"))
    told = await house.tell(texts.dft(texts.ft1("T1"), account="A1"))
    facts = unpack_facts(await house.store.record(told.id))
    stay = fold(one for told in facts.encounters.values() for one in told)
    assert (len(facts.encounters), stay.state) == (2, "admitted")


async def test_a_merge_that_is_turned_round_is_told_with_its_own_numbers(house, texts):
    await house.tell(texts.a41("A1", "A2"))
    await house.tell(texts.a41("A2", "A1").replace("20261120101500", "20261120111500"))
    await house.tell(texts.a41("A3", "A3"))
    merges = [document for _, document in await written(house, "merge")]
    assert [(one["account"], one["merged_account"]) for one in merges] == [("A1", "A2"), ("A2", "A1")]


@pytest.mark.parametrize(
    "merges",
    [
        pytest.param((("S", "A"), ("S", "B")), id="two into one"),
        pytest.param((("B", "A"), ("S", "B")), id="a chain"),
        pytest.param((("B", "A"), ("C", "B"), ("S", "C")), id="a longer chain"),
        pytest.param((("S", "A"), ("A", "S"), ("S", "A")), id="turned round twice"),
    ],
)
async def test_a_fact_has_one_effect_under_whichever_number_it_is_told_again(house, texts, merges):
    """Rule 4, both ways: a weak key with the account, and a discharge, whose key has the account as well."""
    await house.tell(texts.dft(texts.ft1(""), account="A"))
    await house.tell(adt("A03", account="A"))
    for number, (survivor, ended) in enumerate(merges):
        await house.tell(texts.a41(survivor, ended).replace("20261120101500", f"202611201{number}1500"))
    for account in dict.fromkeys(("S", "A", *(name for pair in merges for name in pair))):
        again = await house.tell(texts.dft(texts.ft1(""), account=account, control=account))
        assert await house.causes(again.id) == {"suspected duplicate"}, account
        await house.tell(adt("A03", account=account, control=account))
    assert len(await written(house, "discharge")) == 1


async def test_what_a_stay_posts_and_takes_back_is_explained_byte_for_byte(house):
    left = await house.tell(adt("A03"))
    assert await explained_actions(house, left.id) == [Action.POST]
    await house.deliver()
    back = await house.tell(adt("A13", "20261120110000"))
    assert await explained_actions(house, back.id) == [Action.REVERSE]
    at_last = await house.tell(adt("A03", "20261121100000"))
    assert await explained_actions(house, at_last.id) == [Action.POST]
    assert await explained_actions(house, left.id) == [Action.POST]


async def explained_actions(house, message: int) -> list[Action]:
    found = await Storyteller(house.store).postings(message)
    assert all(one.same and one.fields for one in found)
    return [one.delivery.action for one in found]


async def test_a_discharge_that_is_replayed_is_no_later_than_it_was(house):
    """Where the message does not say when, it was when it first came."""
    timeless = adt("A03").replace("EVN|A03|20261120100000", "EVN|A03|")
    left = await house.tell(timeless)
    await house.tell(adt("A13", "").replace("||ADT", "20261120110000||ADT"))
    assert await written(house, "discharge") == []
    await house.tell(timeless, replays=left.id)
    assert await written(house, "discharge") == []
