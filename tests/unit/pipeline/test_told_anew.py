"""A line that is told again and again where the channel corrects: the books come to what was told last."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import permutations
from random import Random

import orjson
import pytest

from engine.domain.posting import Action
from engine.domain.status import MessageState
from tests.unit.pipeline.test_saves import settle

CORRECTS = {"channels/ehr-usage.yaml": ("changed: hold", "changed: correct")}


async def charged(house) -> dict[str, Decimal]:
    """Charge code → net quantity."""
    net: Counter[str] = Counter()
    for row in house.sent:
        if row.effect == "charge":
            for line in orjson.loads(row.payload)["lines"]:
                net[line["code"]] += Decimal(str(line["quantity"])) * (1 if row.action is Action.POST else -1)
    return {code: quantity for code, quantity in net.items() if quantity}


TOLD = {
    "1": ("IMP-FEM-06", 1),
    "2": ("IMP-FEM-06", 2),
    "other": ("IMP-FEM-05", 1),
    "unknown": ("NOBODY-KNOWS", 1),
}
CODES = {"IMP-FEM-06": "27810106", "IMP-FEM-05": "27810105"}


@pytest.mark.parametrize("edits", [CORRECTS])
@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize(
    "order", [*permutations(TOLD, 3), ("1", "2", "1"), ("2", "1", "2"), ("1", "unknown", "1")]
)
async def test_the_books_are_what_was_told_last(house, texts, edits, delivered, order):
    for number, name in enumerate((*order, "2", "1")):
        code, quantity = TOLD[name]
        await house.tell(texts.dft(texts.ft1("T1", code=code, quantity=str(quantity)), control=str(number)))
        if delivered:
            await settle(house)
    await settle(house)
    assert await charged(house) == {"27810106": 1}
    assert await house.store.worklist() == []
    assert not await house.store.anything_waits()


async def tell(house, texts, quantity: int, control: str, **more):
    line = texts.ft1("T1", quantity=str(quantity), amount="100.00", **more)
    return await house.tell(texts.dft(line, control=control))


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_an_older_telling_that_is_released_or_replayed_posts_nothing_any_more(house, texts, edits):
    waits = await tell(house, texts, 1, "1", code="NOBODY-KNOWS")
    older = await tell(house, texts, 2, "2")
    await tell(house, texts, 3, "3")
    await settle(house)
    await house.release(waits.id)
    replayed = await house.tell(
        texts.dft(texts.ft1("T1", quantity="2", amount="100.00"), control="2"), replays=older.id
    )
    assert (replayed.state, replayed.reason) == (MessageState.FILTERED, "told anew by message 3")
    await settle(house)
    assert await charged(house) == {"27810106": 3}


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_what_a_credit_or_a_person_took_back_is_a_persons_to_decide(house, texts, edits):
    first = await tell(house, texts, 1, "1")
    await settle(house)
    await house.tell(texts.dft(texts.ft1("T9", kind="CD", reverses="T1", amount="100.00"), control="2"))
    await settle(house)
    again = await tell(house, texts, 1, "3")
    assert (again.state, again.reason) == (MessageState.DUPLICATE, "every line was told before")
    changed = await tell(house, texts, 2, "4")
    assert await house.causes(changed.id) == {"changed after some of it was taken back"}
    assert first.state is MessageState.ROUTED


@pytest.mark.parametrize("edits", [CORRECTS])
@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_told_in_whatever_state_the_last_telling_holds(house, texts, edits, seed):
    """Quantities, other codes, codes that nobody knows; delivered now and then."""
    random = Random(seed)
    for number in range(10):
        code, quantity = TOLD[random.choice([*TOLD])]
        await tell(house, texts, quantity, str(number), code=code)
        if random.random() < 0.4:
            await settle(house)
    code, quantity = TOLD[random.choice(["1", "2", "other"])]
    await tell(house, texts, quantity, "last", code=code)
    await settle(house)
    assert await charged(house) == {CODES[code]: quantity}
    assert await house.store.worklist() == []
    assert not await house.store.anything_waits()


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_one_id_with_two_new_contents_in_a_message_is_one_line_and_a_held_one(house, texts, edits):
    await tell(house, texts, 1, "1")
    await settle(house)
    both = (texts.ft1("T1", quantity="2"), texts.ft1("T1", quantity="3"))
    told = await house.tell(texts.dft(*both, control="2"))
    await settle(house)
    assert await house.causes(told.id) == {"one id with two contents in a message"}
    assert await charged(house) == {"27810106": 2}
