import copy
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from engine.sandbox.masters import Masters

Spoil = Callable[[dict[str, Any]], object]


def test_the_shipped_masters_hold_stock_consigned_items_and_charges() -> None:
    shipped = Masters.load()
    assert any(item.stock for item in shipped.items)
    assert any(not item.stocked for item in shipped.items)
    assert shipped.charges
    assert shipped.suppliers


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda tree: tree["items"].append(tree["items"][0]), "items has SCREW twice"),
        (lambda tree: tree["charges"].append(tree["charges"][0]), "charges has C1 twice"),
        (lambda tree: tree["locations"].pop(), "has stock at"),
        (lambda tree: tree["items"][0].update(stocked=False), "yet has stock"),
        (lambda tree: tree["items"][0].update(colour="red"), "Extra inputs"),
        (lambda tree: tree["items"][0]["stock"]["CORE"].update(quantity=10), "decimal text"),
        (lambda tree: tree.pop("cost_centers"), "Field required"),
    ],
)
def test_masters_that_do_not_agree_with_themselves_are_refused(
    masters_tree: dict[str, Any], spoil: Spoil, says: str
) -> None:
    tree = copy.deepcopy(masters_tree)
    spoil(tree)
    with pytest.raises(ValidationError, match=says):
        Masters.model_validate(tree)
