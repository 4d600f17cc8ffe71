from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sandbox import Masters
from engine.sandbox.books import Document, Refused
from engine.sandbox.erp import Erp

Book = Callable[[Erp, str, object], Document]
OPENING = Decimal("126.07")  # 10 × 12.50 + 3 × 0.333333 + 7 × 0.01


@pytest.fixture
def erp(masters: Masters) -> Erp:
    return Erp(masters)


def refused(book: Book, erp: Erp, path: str, tree: object) -> tuple[str, int | None]:
    before = erp.tree(), erp.register.counts()
    with pytest.raises(Refused) as caught:
        book(erp, path, tree)
    assert (erp.tree(), erp.register.counts()) == before
    return caught.value.code, caught.value.line


def accounts(erp: Erp) -> dict[str, Decimal]:
    return {name: account.net for name, account in erp.ledger.accounts.items()}


def test_an_issue_moves_value_from_inventory_to_the_cost_center(
    erp: Erp, sent: SimpleNamespace, book: Book
) -> None:
    document = book(erp, "/goods-issues", sent.issue(quantity="3"))
    assert (document.number, document.total) == ("GI-000001", Decimal("37.50"))
    assert erp.tree()["stock"]["SCREW"]["CORE"]["on_hand"] == "7"
    assert erp.cost_centers["4100"].debit == Decimal("37.50")
    assert accounts(erp) == {
        "inventory": OPENING - Decimal("37.50"),
        "material-expense": Decimal("37.50"),
        "opening-balance": -OPENING,
    }


def test_lots_and_their_expiry_stand_in_the_books(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    line = sent.issue()["lines"][0] | {"lot": "L1", "expiry": "2029-01-31"}
    told = book(erp, "/goods-issues", sent.issue(lines=[line])).tree()["lines"]
    assert [(one["lot"], one["expiry"]) for one in told] == [("L1", "2029-01-31")]
    wrong = sent.issue("R2", lines=[line | {"expiry": "20290131"}])
    assert refused(book, erp, "/goods-issues", wrong) == ("invalid_field", 1)


def test_a_second_issue_of_the_same_reference_is_booked_and_shows(
    erp: Erp, sent: SimpleNamespace, book: Book
) -> None:
    book(erp, "/goods-issues", sent.issue())
    book(erp, "/goods-issues", sent.issue())
    assert erp.tree()["stock"]["SCREW"]["CORE"]["on_hand"] == "6"
    assert erp.register.doubled()[0]["documents"] == ["GI-000001", "GI-000002"]


def test_a_return_comes_back_at_the_value_issued(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    for reference in ("R1", "R2", "R3"):
        book(erp, "/goods-issues", sent.issue(reference, quantity="1", item="GAUZE"))
    back = [
        book(erp, "/goods-returns", sent.goods_return(f"B{n}", f"R{n}", item="GAUZE")).total
        for n in (3, 2, 1)
    ]
    assert back == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]
    assert erp.tree()["stock"]["GAUZE"]["CORE"] == {"on_hand": "3", "value": "1.00", "average": "0.333333"}
    assert erp.cost_centers["4100"].net == 0


def test_no_more_can_be_returned_than_was_issued(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    book(erp, "/goods-issues", sent.issue(quantity="2"))
    book(erp, "/goods-returns", sent.goods_return("B1", quantity="1.5"))
    late = sent.goods_return("B2", quantity="1")
    assert refused(book, erp, "/goods-returns", late) == ("more_than_remains", 1)


def test_both_of_a_doubled_issue_can_be_returned(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    book(erp, "/goods-issues", sent.issue(quantity="2"))
    book(erp, "/goods-issues", sent.issue(quantity="2"))
    assert book(erp, "/goods-returns", sent.goods_return(quantity="4")).total == Decimal("50.00")


def test_a_bill_only_order_touches_no_stock(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    stock = erp.stock.tree()
    document = book(erp, "/bill-only-orders", sent.order())
    assert (document.number, document.total, document.supplier) == ("PO-000001", Decimal("199.99"), "V1")
    assert erp.stock.tree() == stock
    assert accounts(erp)["goods-received-not-invoiced"] == Decimal("-199.99")
    assert erp.cost_centers["4200"].net == Decimal("199.99")


def test_an_order_is_cancelled_by_lines_and_then_whole(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    book(erp, "/bill-only-orders", sent.order(quantity="3", price="10.00"))
    part = {"reference": "X1", "original": "P1", "lines": [{"item": "STENT", "quantity": "1", "lot": "L1"}]}
    assert book(erp, "/bill-only-cancellations", part).total == Decimal("10.00")
    assert book(erp, "/bill-only-cancellations", {"reference": "X2", "original": "P1"}).total == 20
    again = {"reference": "X3", "original": "P1"}
    assert refused(book, erp, "/bill-only-cancellations", again) == ("more_than_remains", None)
    assert accounts(erp)["goods-received-not-invoiced"] == 0
    assert erp.cost_centers["4200"].tree() == {"debit": "30.00", "credit": "30.00", "net": "0.00"}


def test_costs_are_posted_and_reversed_by_quantity(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    assert book(erp, "/cost-postings", sent.costs()).number == "CP-000001"
    lines = [{"cost_element": "OR-MIN", "quantity": "1", "cost_center": "4100"}]
    part = {"reference": "V1", "original": "K1", "lines": lines}
    assert book(erp, "/cost-reversals", part).total == Decimal("3.33")
    assert book(erp, "/cost-reversals", {"reference": "V2", "original": "K1"}).total == Decimal("6.67")
    assert accounts(erp)["absorption"] == 0
    assert accounts(erp)["activity-expense"] == 0


def test_a_requisition_commits_and_posts_nothing(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    before = {name: value for name, value in erp.tree().items() if name != "commitments"}
    assert book(erp, "/requisitions", sent.requisition()).total == 0
    special = sent.requisition("Q2", "3", item=None, description="Revision stem", price="12.505")
    assert book(erp, "/requisitions", special).number == "RQ-000002"
    assert erp.commitments["4100"].tree() == {"debit": "37.52", "credit": "0.00", "net": "37.52"}
    assert {name: value for name, value in erp.tree().items() if name != "commitments"} == before


def test_a_requisition_is_cancelled_by_lines_and_no_further(
    erp: Erp, sent: SimpleNamespace, book: Book
) -> None:
    book(erp, "/requisitions", sent.requisition(item=None, description="Stem", price="10.00"))
    part = {"reference": "X1", "original": "Q1", "lines": [{"description": "Stem", "quantity": "2"}]}
    assert book(erp, "/requisition-cancellations", part).total == 20
    again = part | {"reference": "X2"}
    assert refused(book, erp, "/requisition-cancellations", again) == ("more_than_remains", 1)
    assert book(erp, "/requisition-cancellations", {"reference": "X3", "original": "Q1"}).total == 10
    assert erp.commitments["4100"].net == 0


def test_a_requisition_of_nothing_is_refused(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    assert refused(book, erp, "/requisitions", sent.requisition(item=None)) == ("invalid_field", 1)


@pytest.mark.parametrize(
    ("path", "build", "fields", "says"),
    [
        ("/requisitions", "requisition", {"item": "NOTHING"}, ("unknown_item", 1)),
        ("/requisitions", "requisition", {"unit": "BX"}, ("wrong_unit", 1)),
        ("/requisitions", "requisition", {"cost_center": "9999"}, ("unknown_cost_center", 1)),
        ("/goods-issues", "issue", {"location": "NOWHERE"}, ("unknown_location", None)),
        ("/goods-issues", "issue", {"item": "NOTHING"}, ("unknown_item", 1)),
        ("/goods-issues", "issue", {"item": "STENT"}, ("not_stocked", 1)),
        ("/goods-issues", "issue", {"posting_date": "2026-10-31"}, ("period_closed", None)),
        ("/goods-returns", "goods_return", {}, ("unknown_original", None)),
        ("/goods-returns", "goods_return", {"item": "NOTHING"}, ("unknown_item", 1)),
        ("/goods-returns", "goods_return", {"posting_date": "2026-10-31"}, ("period_closed", None)),
        ("/bill-only-orders", "order", {"supplier": "V9"}, ("unknown_supplier", None)),
        ("/bill-only-orders", "order", {"posting_date": "2026-10-31"}, ("period_closed", None)),
        ("/cost-postings", "costs", {"posting_date": "2026-10-31"}, ("period_closed", None)),
    ],
)
def test_what_the_masters_do_not_allow_is_refused_whole(
    erp: Erp,
    sent: SimpleNamespace,
    book: Book,
    path: str,
    build: str,
    fields: dict[str, str],
    says: tuple[str, int | None],
) -> None:
    assert refused(book, erp, path, getattr(sent, build)(**fields)) == says


@pytest.mark.parametrize("path", ["/bill-only-cancellations", "/cost-reversals"])
def test_a_reversal_into_a_closed_period_is_refused(erp: Erp, book: Book, path: str) -> None:
    tree = {"reference": "X1", "original": "P1", "posting_date": "2026-10-31"}
    assert refused(book, erp, path, tree) == ("period_closed", None)


@pytest.mark.parametrize(
    ("path", "build"),
    [("/goods-issues", "issue"), ("/bill-only-orders", "order"), ("/cost-postings", "costs")],
)
def test_a_strange_cost_center_on_the_last_line_books_nothing(
    erp: Erp, sent: SimpleNamespace, book: Book, path: str, build: str
) -> None:
    tree = getattr(sent, build)()
    tree["lines"].append(tree["lines"][0] | {"line": 2, "cost_center": "9999"})
    assert refused(book, erp, path, tree) == ("unknown_cost_center", 2)


@pytest.mark.parametrize(
    ("path", "build"),
    [("/goods-issues", "issue"), ("/goods-returns", "goods_return"), ("/bill-only-orders", "order")],
)
def test_a_unit_other_than_the_items_own_is_refused(
    erp: Erp, sent: SimpleNamespace, book: Book, path: str, build: str
) -> None:
    tree = getattr(sent, build)()
    tree["lines"][0]["unit"] = "BX"
    assert refused(book, erp, path, tree) == ("wrong_unit", 1)


def test_negative_stock_is_booked_and_reported(erp: Erp, sent: SimpleNamespace, book: Book) -> None:
    book(erp, "/goods-issues", sent.issue(quantity="11"))
    assert erp.tree()["negative"] == [{"item": "SCREW", "location": "CORE", "on_hand": "-1"}]


items = st.sampled_from(["SCREW", "GAUZE"])
numbers = st.sampled_from(["1", "2", "0.5", "3.3333", "11"])
references = st.sampled_from(["R1", "R2", "R3"])
steps = st.one_of(
    st.tuples(st.just("/goods-issues"), st.just("issue"), references, numbers, items),
    st.tuples(st.just("/goods-returns"), st.just("goods_return"), references, numbers, items),
    st.tuples(st.just("/bill-only-orders"), st.just("order"), references, numbers, st.none()),
    st.tuples(st.just("/bill-only-cancellations"), st.none(), references, st.none(), st.none()),
    st.tuples(st.just("/cost-postings"), st.just("costs"), references, numbers, st.none()),
    st.tuples(st.just("/cost-reversals"), st.none(), references, st.none(), st.none()),
)


def document(sent: SimpleNamespace, step: tuple[str, Any, str, Any, Any]) -> tuple[str, object]:
    path, build, reference, quantity, item = step
    if build is None:
        return path, {"reference": "X", "original": reference}
    fields = {"quantity": quantity} | ({"item": item} if item else {})
    if build == "goods_return":
        return path, sent.goods_return("B", reference, **fields)
    return path, getattr(sent, build)(reference, **fields)


@settings(max_examples=60)
@given(st.lists(steps, max_size=25))
def test_whatever_is_posted_the_books_balance_and_value_is_conserved(
    masters: Masters, sent: SimpleNamespace, book: Book, steps: list[Any]
) -> None:
    erp = Erp(masters)
    for step in steps:
        try:
            book(erp, *document(sent, step))
        except Refused:
            pass
    net = accounts(erp)
    expenses = ("material-expense", "bill-only-expense", "activity-expense")
    assert erp.ledger.balanced
    assert erp.stock.value == net["inventory"]
    assert erp.stock.value + net.get("material-expense", 0) == OPENING
    assert sum(center.net for center in erp.cost_centers.values()) == sum(
        net.get(name, Decimal(0)) for name in expenses
    )
