"""The demo's judge: it says yes to books that agree, and names what does not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from demo.balance import balance
from demo.expected import Expected, Use
from demo.morning import Morning

SCREW = Use("T1", "IMP-SCR-35-20", Decimal(2), "OR-NORTH", Decimal("436.00"))

MASTERS = {"items": [{"number": "1001420", "stock": {"OR-CORE": {"quantity": "400", "unit_cost": "39.10"}}}]}
BOOKS: dict[str, Any] = {
    "erp": {
        "documents": [
            {
                "kind": "goods-issue",
                "reference": "R1",
                "lines": [
                    {
                        "item": "1001420",
                        "quantity": "2",
                        "value": "78.20",
                        "location": "OR-CORE",
                        "cost_center": "71000",
                    }
                ],
            }
        ],
        "doubled": [],
        "ledger": {
            "accounts": {"a": {"debit": "78.20", "credit": "0"}, "b": {"debit": "0", "credit": "78.20"}}
        },
        "stock": {"1001420": {"OR-CORE": {"on_hand": "398"}}},
    },
    "billing": {
        "documents": [
            {
                "kind": "charge",
                "reference": "R2",
                "account": "ACC1",
                "lines": [
                    {"code": "27811420", "quantity": "2", "value": "436.00", "stated_amount": "436.00"}
                ],
            }
        ],
        "doubled": [],
        "ledger": {"accounts": {}},
    },
}
ACCOUNT: dict[str, Any] = {
    "messages": {"total": 1, "by_state": {"routed": 1}},
    "effects": [
        {"destination": "erp", "effect": "issue", "action": "post", "delivered": 1, "money": "78.20"},
        {"destination": "billing", "effect": "charge", "action": "post", "delivered": 1, "money": "436.00"},
    ],
    "worklist": [],
}
REFERENCES = {"erp": ["R1"], "billing": ["R2"]}


@pytest.fixture
def morning() -> Morning:
    """One message, with two screws."""
    morning = Morning(date(2026, 11, 20))
    talk = morning.early[0]
    del morning.early[:], morning.late[:], talk.frames[1:]
    morning.early.append(talk)
    morning.kept_back.clear()
    morning.expected = Expected(date(2026, 11, 20))
    morning.expected.used(SCREW, "ACC1", "COM")
    return morning


def wrong(morning: Morning, books: dict[str, Any], account: dict[str, Any] = ACCOUNT) -> list[str]:
    return [check.what for check in balance(morning, account, REFERENCES, books, MASTERS) if check.wrong]


def test_books_that_agree_balance(morning: Morning) -> None:
    assert wrong(morning, BOOKS) == []


def _double(books: dict[str, Any]) -> None:
    books["billing"]["documents"] *= 2


def _one_unit_more(books: dict[str, Any]) -> None:
    books["erp"]["documents"][0]["lines"][0]["quantity"] = "3"


def _one_cent_less(books: dict[str, Any]) -> None:
    books["erp"]["documents"][0]["lines"][0]["value"] = "78.19"


def _other_account(books: dict[str, Any]) -> None:
    books["billing"]["documents"][0]["account"] = "ACC2"


def _lopsided(books: dict[str, Any]) -> None:
    books["erp"]["ledger"]["accounts"]["b"]["credit"] = "78.19"


def _stock_vanishes(books: dict[str, Any]) -> None:
    books["erp"]["stock"]["1001420"]["OR-CORE"]["on_hand"] = "397"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_double, "booked twice"),
        (_double, "one for each reference"),
        (_one_unit_more, "quantities agree"),
        (_one_cent_less, "agree to the cent with what was sent"),
        (_other_account, "quantities agree"),
        (_lopsided, "debits and credits"),
        (_stock_vanishes, "stock is conserved"),
    ],
)
def test_what_does_not_agree_is_named(
    morning: Morning, spoil: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    books = deepcopy(BOOKS)
    spoil(books)
    assert any(complaint in what for what in wrong(morning, books))


def test_an_engine_that_says_more_than_is_booked_does_not_balance(morning: Morning) -> None:
    account = deepcopy(ACCOUNT)
    account["effects"][1]["money"] = "436.01"
    assert wrong(morning, BOOKS, account) == ["the engine's account agrees with the books to the cent"]


def test_a_message_that_is_nowhere_does_not_balance(morning: Morning) -> None:
    account = deepcopy(ACCOUNT)
    account["messages"] = {"total": 0, "by_state": {}}
    assert wrong(morning, BOOKS, account) == ["all 1 messages are accounted for"]


def test_what_is_held_without_being_meant_to_does_not_balance(morning: Morning) -> None:
    account = deepcopy(ACCOUNT)
    account["worklist"] = [{"cause": "items: code=X", "lines": 1}]
    assert wrong(morning, BOOKS, account) == ["nothing is held but what a person must judge"]
