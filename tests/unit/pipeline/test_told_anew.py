"""A line that is told again and again where the channel corrects: the books come to what was told last."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import permutations

import orjson
import pytest

from engine.domain.posting import Action
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
