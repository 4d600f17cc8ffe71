from decimal import Decimal

from engine.sandbox.ledger import Ledger


def test_an_amount_goes_to_two_accounts_and_debits_stay_apart_from_credits() -> None:
    ledger = Ledger()
    ledger.post("expense", "inventory", Decimal("12.50"))
    ledger.post("inventory", "expense", Decimal("2.50"))
    assert ledger.tree() == {
        "accounts": {
            "expense": {"debit": "12.50", "credit": "2.50", "net": "10.00"},
            "inventory": {"debit": "2.50", "credit": "12.50", "net": "-10.00"},
        },
        "balanced": True,
    }


def test_a_ledger_with_a_one_sided_amount_says_so() -> None:
    ledger = Ledger()
    ledger.accounts["expense"].debit += Decimal("0.01")
    assert not ledger.balanced
