from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from engine.sandbox import Masters
from engine.sandbox.billing import Billing
from engine.sandbox.desk import Desk

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def billing(masters: Masters) -> Billing:
    return Billing(masters)


def test_a_booked_document_is_answered_with_its_number_and_money(
    billing: Billing, sent: SimpleNamespace
) -> None:
    answer = Desk(billing).post("/charges", sent.charge(), None, AT)
    assert answer.status == 201
    assert answer.tree == {
        "document": "CH-000001",
        "reference": "F1",
        "amount": "100.00",
        "currency": "USD",
    }


def test_a_refused_document_is_answered_with_code_message_and_line(
    billing: Billing, sent: SimpleNamespace
) -> None:
    answer = Desk(billing).post("/charges", sent.charge(code="C9"), None, AT)
    assert answer.status == 422
    assert answer.tree == {
        "error": {"code": "unknown_code", "message": "the code is not in the charge master", "line": 1}
    }


def test_by_default_the_same_document_is_booked_twice_even_under_one_key(
    billing: Billing, sent: SimpleNamespace
) -> None:
    desk = Desk(billing)
    assert [desk.post("/charges", sent.charge(), "key", AT).status for _ in range(2)] == [201, 201]
    assert billing.register.counts() == {"charge": 2}


def test_a_strict_side_refuses_a_reference_and_names_the_first_document(
    billing: Billing, sent: SimpleNamespace
) -> None:
    desk = Desk(billing, "refuse")
    desk.post("/charges", sent.charge(), None, AT)
    answer = desk.post("/charges", sent.charge(quantity="5"), None, AT)
    assert answer.status == 409
    assert answer.tree["error"]["code"] == "duplicate_reference"
    assert answer.tree["document"] == "CH-000001"
    assert billing.register.counts() == {"charge": 1}


def test_a_strict_side_lets_two_kinds_share_a_reference(billing: Billing, sent: SimpleNamespace) -> None:
    desk = Desk(billing, "refuse")
    desk.post("/charges", sent.charge("F1"), None, AT)
    assert desk.post("/credits", sent.credit("F1", "F1"), None, AT).status == 201


def test_an_idempotent_side_repeats_its_first_answer_and_books_nothing(
    billing: Billing, sent: SimpleNamespace
) -> None:
    desk = Desk(billing, "idempotent")
    first = desk.post("/charges", sent.charge(), "key", AT)
    again = desk.post("/charges", sent.charge(), "key", AT)
    assert (first.status, again.status) == (201, 200)
    assert again.tree == first.tree
    assert billing.register.counts() == {"charge": 1}


def test_an_idempotent_side_books_again_under_another_key_or_none(
    billing: Billing, sent: SimpleNamespace
) -> None:
    desk = Desk(billing, "idempotent")
    for key in ("one", "two", None, None):
        assert desk.post("/charges", sent.charge(), key, AT).status == 201


def test_a_refused_document_may_be_mended_and_sent_under_its_key(
    billing: Billing, sent: SimpleNamespace
) -> None:
    desk = Desk(billing, "idempotent")
    assert desk.post("/charges", sent.charge(code="C9"), "key", AT).status == 422
    assert desk.post("/charges", sent.charge(), "key", AT).status == 201


def test_nothing_is_posted_to_the_other_sides_addresses(billing: Billing, sent: SimpleNamespace) -> None:
    assert Desk(billing).post("/goods-issues", sent.issue(), None, AT).status == 404
