"""Visits that move to other accounts, accounts that move to other patients: what comes later goes there, once."""

from __future__ import annotations

from itertools import permutations

import orjson
import pytest

from engine.domain.encounter import JOINED, LEFT, fold
from engine.domain.posting import Action
from engine.domain.status import EffectState, MessageState
from engine.domain.told import Told

FIRST = "IMP-FEM-05,*,"
NEW = {"mappings/tables/charges.csv": (FIRST, f"CHG-NEW-03,*,27810990,yes,0278,1,,\n{FIRST}")}
"""The row that was missing."""


def adt(event: str, at: str, account: str = "A1", visit: str = "V1") -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120{at}00||ADT^{event}|{at}|P|2.5.1\rEVN|{event}|20261120{at}00\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\rPV1|1|I|3W{'|' * 16}{visit}\r"
    )


def a45(to: str, away: str, visit: str = "V1", at: str = "1200", *, before: str = "") -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120{at}00||ADT^A45|{at}|P|2.5.1\rEVN|A45|20261120{at}00\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||{to}^^^NORTH^AN\r"
        f"MRG|M1^^^NORTH^MR||{away}^^^NORTH^AN||{before or visit}\rPV1|1|I|3W{'|' * 16}{visit}\r"
    )


def a44(to: str, away: str, account: str = "A1", at: str = "1200", *, before: str = "") -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120{at}00||ADT^A44|{at}|P|2.5.1\rEVN|A44|20261120{at}00\r"
        f"PID|1||{to}^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\r"
        f"MRG|{away}^^^NORTH^MR||{before or account}^^^NORTH^AN\r"
    )


async def charges(house, *names: str) -> list[tuple[str, ...]]:
    """Of all charges that were ever written: these fields."""
    rows = [*house.sent, *await house.documents()]
    documents = [
        orjson.loads(row.payload) for row in rows if row.effect == "charge" and row.action is Action.POST
    ]
    return [tuple(document[name] for name in names) for document in documents]


async def moves(house) -> list[dict]:
    return [
        {name: value for name, value in orjson.loads(row.payload).items() if name != "reference"}
        for row in await house.documents()
        if row.effect == "move"
    ]


async def test_what_comes_after_a_move_goes_to_the_other_account_and_what_was_posted_stays(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    await house.tell(a45("A2", "A1"))
    await house.deliver()
    await house.tell(texts.dft(texts.ft1("T2"), control="2"))
    assert await charges(house, "account") == [("A1",), ("A2",)]
    assert [row.action for row in house.sent if row.effect == "charge"] == [Action.POST]


async def test_another_visit_of_the_account_stays_where_it_is(house, texts):
    await house.tell(a45("A2", "A1", "V9"))
    await house.tell(texts.dft(texts.ft1("T1")))
    assert await charges(house, "account") == [("A1",)]


async def test_what_was_held_goes_to_the_other_account_when_it_is_released(house, texts):
    held = await house.tell(texts.dft(texts.ft1("T1", code="CHG-NEW-03")))
    assert await charges(house, "account") == []
    await house.tell(a45("A2", "A1"))
    await house.adopt(NEW)
    await house.release(held.id)
    assert await charges(house, "account") == [("A2",)]


@pytest.mark.parametrize("source_id", ["T1", ""])
@pytest.mark.parametrize("account", ["A1", "A2", "A3"])
async def test_told_again_under_either_account_it_is_the_same_line(house, texts, source_id, account):
    await house.tell(texts.dft(texts.ft1(source_id)))
    await house.tell(a45("A2", "A1"))
    await house.tell(a45("A3", "A2", at="1300"))
    again = await house.tell(texts.dft(texts.ft1(source_id), account=account, control="2"))
    assert again.state is (MessageState.DUPLICATE if source_id else MessageState.HELD)
    assert len(await charges(house, "account")) == 1


async def test_a_credit_after_the_move_finds_what_was_posted_before_it(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.tell(a45("A2", "A1"))
    await house.tell(texts.dft(texts.ft1("T2", kind="CD", reverses="T1"), account="A2", control="2"))
    assert {effect.state for effect in await house.store.effects(first.id)} == {EffectState.CANCELLED}


async def test_billing_is_told_after_what_went_to_the_account_that_it_leaves(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    told = await house.tell(a45("A2", "A1"))
    assert told.state is MessageState.ROUTED
    assert await moves(house) == [
        {"visit": "V1", "merged_visit": "V1", "account": "A2", "from_account": "A1"}
    ]
    rows = {row.effect: row for row in await house.documents() if row.destination == "billing"}
    assert rows["move"].joins == (rows["charge"].lane,)
    again = await house.tell(a45("A2", "A1"))
    assert (again.state, len(await moves(house))) == (MessageState.DUPLICATE, 1)
    assert (await house.tell(a45("A2", "A2", at="1400"))).state is MessageState.FILTERED


async def test_a_visit_that_gets_another_number_as_it_moves_is_known_by_both(house, texts):
    await house.tell(a45("A2", "A1", "V8", before="V1"))
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.tell(texts.dft(texts.ft1("T2"), control="2").replace("|V1\r", "|V8\r"))
    assert await charges(house, "account") == [("A2",), ("A2",)]


ROUTES = {
    "moved on": [a45("A2", "A1", at="1200"), a45("A3", "A2", at="1300")],
    "merged on": [a45("A2", "A1", at="1200"), "A3<A2 1300"],
    "merged, then moved": ["A2<A1 1200", a45("A3", "A2", at="1300")],
    "moved there and back, and on": [
        a45("A2", "A1", at="1200"), a45("A1", "A2", at="1230"), a45("A3", "A1", at="1300"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "order"),
    [(name, order) for name, told in ROUTES.items() for order in permutations(range(len(told)))],
)
async def test_in_whatever_order_it_is_told_the_visit_ends_where_it_is_now(house, texts, name, order):
    for place in order:
        text = ROUTES[name][place]
        if not text.startswith("MSH"):
            pair, at = text.split(" ")
            text = texts.a41(*pair.split("<")).replace("20261120101500", f"20261120{at}00")
        await house.tell(text)
    await house.tell(texts.dft(texts.ft1("T1")))
    assert await charges(house, "account") == [("A3",)]
    assert (
        await house.tell(texts.dft(texts.ft1("T1"), account="A3", control="2"))
    ).state is MessageState.DUPLICATE


async def test_moved_back_it_is_where_it_was(house, texts):
    await house.tell(a45("A2", "A1"))
    await house.tell(a45("A1", "A2", at="1300"))
    await house.tell(texts.dft(texts.ft1("T1")))
    assert await charges(house, "account") == [("A1",)]


@pytest.mark.parametrize("number", ["A1", "A7"])
async def test_an_account_that_moves_is_the_other_patients_and_only_that_account(house, texts, number):
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.tell(a44("M2", "M1", number, before="A1"))
    assert await moves(house) == [
        {"account": number, "merged_account": "A1", "patient": "M2", "from_patient": "M1"}
    ]
    await house.tell(texts.dft(texts.ft1("T2"), control="2"))
    await house.tell(texts.dft(texts.ft1("T3"), account="A5", control="3"))
    assert await charges(house, "account", "patient") == [("A1", "M1"), (number, "M2"), ("A5", "M1")]
    again = await house.tell(texts.dft(texts.ft1("T1"), account=number, patient="M2", control="4"))
    assert again.state is MessageState.DUPLICATE


async def test_merged_patients_keep_their_accounts(house, texts):
    """A40 and A18 are of persons: no account moves with them."""
    for event in ("A40", "A18"):
        merge = texts.a41("A1", "A2").replace("A41", event).replace("PID|1||M1", "PID|1||M2")
        assert (await house.tell(merge)).state is MessageState.FILTERED
    await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    assert await charges(house, "account", "patient") == [("A2", "M2")]


async def test_a_patient_number_that_moves_merges_nobody(house, texts):
    moved = (
        "MSH|^~\\&|EHR|NORTH|S|E|20261120120000||ADT^A43|9|P|2.5.1\rEVN|A43|20261120120000\r"
        "PID|1||M1^^^NORTH^MR~P2^^^H^PI\rMRG|{}^^^NORTH^MR~P1^^^H^PI\r"
    )
    assert (await house.tell(moved.format("M1"))).state is MessageState.FILTERED
    await house.tell(texts.dft(texts.ft1("T1"), patient="P1"))
    assert await charges(house, "patient") == [("P1",)]
    await house.tell(moved.format("M9"))
    await house.tell(texts.dft(texts.ft1("T2"), patient="M9", control="2"))
    assert await charges(house, "patient") == [("P1",), ("M1",)]


async def discharges(house) -> list[tuple[Action, str]]:
    rows = [*house.sent, *await house.documents()]
    return [(row.action, orjson.loads(row.payload)["account"]) for row in rows if row.effect == "discharge"]


async def test_a_stay_goes_with_its_visit(house):
    """V1 was admitted and V0 discharged under A1; V1 moves to A2 and is discharged there."""
    await house.tell(adt("A03", "0700", visit="V0"))
    await house.tell(adt("A01", "0800"))
    assert await discharges(house) == [], "one account, and its last stay goes on"
    await house.tell(a45("A2", "A1"))
    await house.tell(adt("A08", "1210", "A2"))
    assert await discharges(house) == [], "nothing of V0 came with it"
    await house.tell(adt("A08", "1220", visit="V0"))
    assert await discharges(house) == [(Action.POST, "A1")], "what is left of A1 is over"
    await house.tell(adt("A03", "1300", "A2"))
    assert await discharges(house) == [(Action.POST, "A1"), (Action.POST, "A2")]


async def test_nothing_of_the_visits_that_stayed_comes_along(house):
    await house.tell(adt("A01", "0800"))
    await house.tell(a45("A2", "A1"))
    await house.tell(adt("A03", "1210", visit="V0"))
    await house.tell(adt("A08", "1220", "A2"))
    assert await discharges(house) == [(Action.POST, "A1")]


def told(at: int, event: str, visit: str) -> Told:
    return Told(at, event, {"visit": visit})


def test_an_account_knows_nothing_of_visits_that_left_it_unless_they_came_back() -> None:
    stay = [told(1, "A01", "V1"), told(2, "A03", "V2"), told(3, LEFT, "V1")]
    assert [fold(order).state for order in permutations(stay)] == ["discharged"] * 6
    back = [*stay[:1], told(2, LEFT, "V1"), told(3, JOINED, "V1")]
    assert [fold(order).state for order in permutations(back)] == ["admitted"] * 6
    assert fold([told(1, "A01", "V1"), told(2, LEFT, "V1")]) is None
