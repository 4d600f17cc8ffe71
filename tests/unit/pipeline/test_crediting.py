"""Credits: found, measured against what remains, built from what was posted. Rules of money, 9 and 10."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

from engine.domain.posting import Action
from engine.domain.status import MessageState


def credit(texts, source_id: str, reverses: str, quantity: str = "1", amount: str = "4100.00") -> str:
    return texts.dft(texts.ft1(source_id, kind="CD", reverses=reverses, quantity=quantity, amount=amount))


async def reversals(house, name: str) -> list[dict]:
    rows = [row for row in await house.documents() if row.action is Action.REVERSE and row.effect == name]
    return [orjson.loads(row.payload) for row in rows]


async def test_a_credit_finds_its_original_by_the_id_that_it_names(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    told = await house.tell(credit(texts, "T2", "T1"))
    assert told.state is MessageState.ROUTED
    effects = await house.effects(told.id)
    assert {effect.action for effect in effects.values()} == {Action.REVERSE}
    assert effects[1, "charge"].amount == Decimal("-4100.00")
    assert all(effect.reverses for effect in effects.values())


async def test_a_credit_without_an_id_finds_it_by_account_code_and_day(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    told = await house.tell(texts.dft(texts.ft1("", kind="CD")))
    assert told.state is MessageState.ROUTED


async def test_partial_credits_take_from_what_remains_and_the_last_takes_the_rest(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="100.00")))
    first = await house.tell(credit(texts, "T2", "T1", "1", "33.33"))
    second = await house.tell(credit(texts, "T3", "T1", "1", "33.33"))
    third = await house.tell(credit(texts, "T4", "T1", "1", "33.33"))
    amounts = [(await house.effects(told.id))[1, "charge"].amount for told in (first, second, third)]
    assert sum(amounts) == Decimal("-100.00")


async def test_a_credit_of_more_than_remains_is_held(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
    await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    over = await house.tell(credit(texts, "T3", "T1", "2", "200.00"))
    assert await house.causes(over.id) == {"credit of more than remains"}


@pytest.mark.parametrize("reverses", ["T9", ""])
async def test_a_credit_without_an_original_is_held(house, texts, reverses):
    told = await house.tell(credit(texts, "T2", reverses))
    assert told.state is MessageState.HELD
    assert await house.causes(told.id) == {"credit without its original"}


async def test_a_credit_that_could_mean_two_lines_is_held(house, texts):
    await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2")))
    told = await house.tell(texts.dft(texts.ft1("", kind="CD")))
    assert await house.causes(told.id) == {"credit with several possible originals"}


async def test_a_reversal_is_built_from_what_was_posted_not_translated_anew(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", department="OR-NORTH")))
    await house.deliver()
    (posted,) = [d for d in await house.store.documents("erp", 0, 10) if d.effect == "issue"]
    original = orjson.loads(await house.store.payload(posted.id))
    elsewhere = texts.ft1("T2", kind="CD", reverses="T1", department="NOBODY-KNOWS-IT")
    await house.tell(texts.dft(elsewhere))
    (back,) = await reversals(house, "issue")
    assert back["original"] == posted.reference
    assert back["lines"][0]["item"] == original["lines"][0]["item"]
    assert back["lines"][0]["cost_center"] == original["lines"][0]["cost_center"]


async def test_the_same_credit_twice_is_one(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
    await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    again = await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    assert again.state is MessageState.DUPLICATE


@pytest.mark.parametrize("quantity", ["", "0", "-1"])
async def test_a_credit_whose_quantity_says_nothing_clear_is_held(house, texts, quantity):
    await house.tell(texts.dft(texts.ft1("T1")))
    told = await house.tell(credit(texts, "T2", "T1", quantity or "0"))
    assert told.state is MessageState.HELD
