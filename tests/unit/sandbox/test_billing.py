from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sandbox import Masters
from engine.sandbox.billing import Billing
from engine.sandbox.books import Document, Refused

Book = Callable[[Billing, str, object], Document]


@pytest.fixture
def billing(masters: Masters) -> Billing:
    return Billing(masters)


def refused(book: Book, billing: Billing, path: str, tree: object) -> tuple[str, int | None]:
    before = billing.tree(), billing.register.counts()
    with pytest.raises(Refused) as caught:
        book(billing, path, tree)
    assert (billing.tree(), billing.register.counts()) == before
    return caught.value.code, caught.value.line


def test_a_charge_is_priced_by_billings_own_master(
    billing: Billing, sent: SimpleNamespace, book: Book
) -> None:
    tree = sent.charge(quantity="2")
    tree["lines"][0]["amount"] = "1.00"
    document = book(billing, "/charges", tree)
    assert (document.number, document.total) == ("CH-000001", Decimal("200.00"))
    assert document.tree()["lines"][0]["stated_amount"] == "1.00"


def test_charges_and_credits_are_kept_apart_per_account_and_code(
    billing: Billing, sent: SimpleNamespace, book: Book
) -> None:
    book(billing, "/charges", sent.charge("F1", quantity="2"))
    book(billing, "/charges", sent.charge("F2", quantity="1", code="C2", account="A2"))
    book(billing, "/credits", sent.credit("F3", "F1"))
    charges = billing.tree()["charges"]
    assert {name: charges[name] for name in ("debits", "credits", "net")} == {
        "debits": "200.33",
        "credits": "100.00",
        "net": "100.33",
    }
    assert charges["accounts"]["A1"] == {"debits": "200.00", "credits": "100.00", "net": "100.00"}
    assert charges["codes"]["C2"] == {"debits": "0.33", "credits": "0.00", "net": "0.33"}


def test_a_credit_gives_back_the_price_that_was_charged(
    billing: Billing, sent: SimpleNamespace, book: Book
) -> None:
    book(billing, "/charges", sent.charge(quantity="4", code="C2"))
    parts = [book(billing, "/credits", sent.credit(f"B{n}", quantity="1", code="C2")).total for n in range(4)]
    assert sum(parts) == Decimal("1.33")
    again = sent.credit("B5", code="C2")
    assert refused(book, billing, "/credits", again) == ("more_than_remains", 1)


def test_after_a_merge_the_credit_goes_to_the_account_it_names(
    billing: Billing, sent: SimpleNamespace, book: Book
) -> None:
    book(billing, "/charges", sent.charge(account="A1"))
    book(billing, "/credits", sent.credit(account="A9"))
    assert billing.accounts["A1"].net == Decimal("100.00")
    assert billing.accounts["A9"].net == Decimal("-100.00")


def test_unknown_codes_and_originals_are_refused_whole(
    billing: Billing, sent: SimpleNamespace, book: Book
) -> None:
    tree = sent.charge()
    tree["lines"].append(tree["lines"][0] | {"line": 2, "code": "C9"})
    assert refused(book, billing, "/charges", tree) == ("unknown_code", 2)
    assert refused(book, billing, "/credits", sent.credit()) == ("unknown_original", None)
    book(billing, "/charges", sent.charge())
    assert refused(book, billing, "/credits", sent.credit(code="C2")) == ("not_on_original", 1)


def test_the_books_keep_no_patient(billing: Billing, sent: SimpleNamespace, book: Book) -> None:
    document = book(billing, "/charges", sent.charge() | {"patient": {"name": "DOE"}})
    assert "DOE" not in str(document.tree())
    assert "DOE" not in str(billing.tree())


references = st.sampled_from(["F1", "F2"])
steps = st.tuples(
    st.booleans(), references, st.sampled_from(["1", "2.5", "0.0001"]), st.sampled_from(["C1", "C2"])
)


@settings(max_examples=60)
@given(st.lists(steps, max_size=25))
def test_whatever_is_posted_receivables_are_what_the_accounts_owe(
    masters: Masters, sent: SimpleNamespace, book: Book, steps: list[Any]
) -> None:
    billing = Billing(masters)
    for charges, reference, quantity, code in steps:
        try:
            if charges:
                book(billing, "/charges", sent.charge(reference, quantity, code))
            else:
                book(billing, "/credits", sent.credit("B", reference, quantity, code))
        except Refused:
            pass
    owed = sum((account.net for account in billing.accounts.values()), Decimal(0))
    assert billing.ledger.balanced
    assert billing.ledger.accounts["receivables"].net == owed
    assert owed == sum((code.net for code in billing.codes.values()), Decimal(0))
    assert owed >= 0


def test_what_billing_is_told_of_an_account_is_kept_and_worth_nothing(billing: Billing, book: Book) -> None:
    before = billing.tree()
    left = book(billing, "/discharges", {"reference": "D1", "account": "A1", "discharged_on": "2026-11-20"})
    back = book(billing, "/discharge-cancellations", {"reference": "D2", "account": "A1", "original": "D1"})
    merged = book(billing, "/account-merges", {"reference": "M1", "account": "A1", "merged_account": "A2"})
    assert [(one.number, one.total, one.original) for one in (left, back, merged)] == [
        ("DI-000001", 0, None), ("DC-000001", 0, "D1"), ("AM-000001", 0, None),
    ]  # fmt: skip
    moved = book(
        billing,
        "/account-moves",
        {"reference": "V1", "account": "A1", "merged_account": "A1", "patient": "M2", "from_patient": "M1"},
    )
    visit = book(
        billing, "/visit-moves", {"reference": "V2", "visit": "N1", "account": "A2", "from_account": "A1"}
    )
    assert [(one.number, one.total) for one in (moved, visit)] == [("AV-000001", 0), ("VV-000001", 0)]
    assert merged.tree()["lines"] == [{"line": 1, "code": "A2", "quantity": "1", "value": "0.00"}]
    assert billing.tree() == before
    assert refused(book, billing, "/discharges", {"reference": "D3", "account": "A1"}) == (
        "missing_field",
        None,
    )
