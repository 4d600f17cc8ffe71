"""Every kind of document at a real Tryton server: booked once, found again, finished if cut short, refused in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from engine.adapters.tryton.adapter import TrytonAdapter
from engine.domain.outcome import Verdict
from prove.lossy import FATES, Fate, Lossy
from tests.integration.tryton.erp import (
    CENTER,
    CONSIGNED,
    INVOICE,
    ITEM,
    JOURNAL,
    ORDER,
    RETURN,
    SHIPMENT,
    STORE,
    Erp,
    bill_only,
    outgoing,
)

DONE = {
    "/internal-shipments": {"stock.shipment.internal": ["done"]},
    "/customer-invoices": {"account.invoice": ["posted"]},
    "/journals": {"account.move": ["posted"]},
    "/purchases": {"purchase.purchase": ["processing"]},
}
BILLED = {**DONE["/purchases"], "stock.shipment.in": ["done"], "stock.shipment.internal": ["done"]}


@pytest.fixture
async def adapter(erp: Erp) -> AsyncIterator[TrytonAdapter]:
    made = TrytonAdapter(erp.endpoint)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("path", "body", "worth"),
    [
        ("/internal-shipments", SHIPMENT, "197.40"),
        ("/internal-shipments", RETURN, "38.40"),
        ("/customer-invoices", INVOICE, "524.00"),
        ("/journals", JOURNAL, "76.80"),
        ("/purchases", ORDER, "2480.00"),
    ],
)
async def test_a_document_is_booked_once_however_often_it_is_sent(
    erp: Erp, adapter: TrytonAdapter, path: str, body: dict[str, Any], worth: str
) -> None:
    delivery = outgoing(path, body)
    assert (await adapter.probe(delivery)).verdict is Verdict.ABSENT
    first = await adapter.send(delivery)
    assert (first.verdict, first.amount) == (Verdict.APPLIED, Decimal(worth))
    assert first.document
    assert await adapter.probe(delivery) == first
    assert await adapter.send(delivery) == first
    assert erp.documents(delivery.reference) == DONE[path]


async def test_a_bill_only_order_is_received_and_used_at_once_and_goes_back_whole(
    erp: Erp, adapter: TrytonAdapter
) -> None:
    before, lot = erp.on_hand(CONSIGNED, STORE), uuid4().hex[:10]
    order = outgoing("/purchases", bill_only(lot))
    assert (await adapter.send(order)).amount == Decimal("2480.00")
    assert erp.documents(order.reference) == BILLED
    assert erp.on_hand(CONSIGNED, STORE) == before
    back = outgoing("/purchases", bill_only(lot, "-1"), original=order.reference)
    assert (await adapter.send(back)).amount == Decimal("-2480.00")
    assert erp.documents(back.reference) == {
        "purchase.purchase": ["processing"],
        "stock.shipment.internal": ["done"],
        "stock.shipment.in.return": ["done"],
    }
    assert erp.on_hand(CONSIGNED, STORE) == before
    assert (await adapter.probe(back)).verdict is Verdict.APPLIED


async def test_a_price_that_gives_no_whole_cents_is_told_as_one_of_the_whole(
    erp: Erp, adapter: TrytonAdapter
) -> None:
    delivery = outgoing("/customer-invoices", INVOICE)
    await adapter.send(delivery)
    (invoice,) = erp.find("account.invoice", [["reference", "=", delivery.reference]], "lines.quantity", "lines.amount",
                          "lines.description")  # fmt: skip
    lines = {line["description"]: (line["quantity"], line["amount"]["decimal"]) for line in invoice["lines"]}
    assert lines == {"27811414": (2.0, "424.00"), "3 × 27230330": (1.0, "100.00")}


# What is lost on the way ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/internal-shipments", SHIPMENT),
        ("/customer-invoices", INVOICE),
        ("/journals", JOURNAL),
        ("/purchases", None),
    ],
)
async def test_at_whatever_call_the_answer_is_lost_one_document_is_booked(
    erp: Erp, path: str, body: dict[str, Any] | None, fate: Fate
) -> None:
    """Each call that changes something is spoiled in turn; then it is asked and sent as the lane does."""
    want = DONE[path] if body else BILLED
    spoiled = 0
    while True:
        changing = 0

        def fate_of(_: int, line: str) -> Fate:
            nonlocal changing
            if line.startswith("GET"):
                return "pass"
            changing += 1
            return fate if changing == spoiled + 1 else "pass"  # noqa: B023

        async with Lossy(fate_of, delay=0.2).before(erp.endpoint.url) as lossy:
            adapter = TrytonAdapter(replace(erp.endpoint, url=lossy.url))
            delivery = outgoing(path, body or bill_only(uuid4().hex[:10]))
            outcome = await adapter.send(delivery)
            if not lossy.spoiled:
                break
            assert outcome.verdict is Verdict.UNKNOWN, (spoiled, outcome)
            await lossy.settled()
            if (await adapter.probe(delivery)).verdict in (Verdict.ABSENT, Verdict.HALF):
                outcome = await adapter.send(delivery)
                assert outcome.verdict is Verdict.APPLIED, (spoiled, outcome, outcome.reply)
            await adapter.close()
        assert erp.documents(delivery.reference) == want, (spoiled, fate)
        spoiled += 1
    assert spoiled >= 2


async def test_documents_of_one_item_and_location_wait_for_one_another(
    erp: Erp, adapter: TrytonAdapter
) -> None:
    before = erp.on_hand(ITEM, STORE)
    deliveries = [outgoing("/internal-shipments", SHIPMENT) for _ in range(6)]
    outcomes = await asyncio.gather(*map(adapter.send, deliveries))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.APPLIED}
    assert erp.on_hand(ITEM, STORE) == before - 12


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "code", "told"),
    [
        (
            "/internal-shipments",
            {
                **SHIPMENT,
                "from_location": "NOWHERE",
                "lines": [{"item": "NO-1", "quantity": "1", "unit": "BOX"}],
            },
            "refused: unknown location, item, unit",
            "from_location: the ERP knows no location 'NOWHERE'; lines[1].item: the ERP knows no item 'NO-1'; "
            "lines[1].unit: the ERP knows no unit 'BOX'",
        ),
        (
            "/internal-shipments",
            {**SHIPMENT, "lines": [{"item": ITEM, "quantity": "1000000"}]},
            "refused: short stock",
            "the stock, or the lot, is not there in that quantity",
        ),
        ("/journals", {**JOURNAL, "posting_date": "2025-01-10"}, "refused: closed period", "is closed"),
        ("/journals", {**JOURNAL, "posting_date": "2001-01-10"}, "refused: no period", "no period with"),
        (
            "/journals",
            {**JOURNAL, "lines": [{"debit": "5.9.1", "credit": "1.3.1", "amount": "1.00"}]},
            "refused: missing cost center",
            "lines[1].debit",
        ),
        (
            "/journals",
            {**JOURNAL, "lines": [{**JOURNAL["lines"][0], "amount": "1.005"}]},
            "refused: no whole cents",
            "lines[1].amount",
        ),
        ("/customer-invoices", {**INVOICE, "party": "MRN-1"}, "refused: unknown party", "party 'MRN-1'"),
        ("/customer-invoices", {"lines": []}, "not a document", "party: Field required; lines: List should"),
        ("/goods-issues", SHIPMENT, "not a document", "/internal-shipments"),
    ],
)
async def test_a_refusal_says_why_and_leaves_nothing_that_could_be_booked(
    erp: Erp, adapter: TrytonAdapter, path: str, body: dict[str, Any], code: str, told: str
) -> None:
    delivery = outgoing(path, body)
    outcome = await adapter.send(delivery)
    assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, code)
    assert told in outcome.reply.decode()
    states = {state for found in erp.documents(delivery.reference).values() for state in found}
    assert states <= {"cancelled"}


async def test_what_was_refused_can_be_sent_again_under_its_reference(
    erp: Erp, adapter: TrytonAdapter
) -> None:
    short = outgoing("/internal-shipments", {**SHIPMENT, "lines": [{"item": ITEM, "quantity": "1000000"}]})
    assert (await adapter.send(short)).verdict is Verdict.REJECTED
    enough = outgoing("/internal-shipments", SHIPMENT, reference=short.reference)._replace(
        reference=short.reference
    )
    assert (await adapter.send(enough)).verdict is Verdict.APPLIED
    assert erp.documents(short.reference) == {"stock.shipment.internal": ["cancelled", "done"]}


async def test_an_order_whose_goods_cannot_move_is_gone_on_with_never_made_anew(
    erp: Erp, adapter: TrytonAdapter
) -> None:
    lot = uuid4().hex[:10]
    await adapter.send(outgoing("/purchases", bill_only(lot)))
    back = outgoing(
        "/purchases", {**bill_only(lot, "-1"), "used_at": None}
    )  # it is used up, not in the store
    for _ in range(2):
        outcome = await adapter.send(back)
        assert (outcome.verdict, outcome.code) == (Verdict.HALF, "half booked: goods not moved")
        assert (await adapter.probe(back)).verdict is Verdict.HALF
    assert erp.documents(back.reference)["purchase.purchase"] == ["processing"]


async def test_two_documents_with_one_reference_are_for_a_person(erp: Erp, adapter: TrytonAdapter) -> None:
    delivery = outgoing("/journals", JOURNAL)
    await adapter.send(delivery)
    rest = adapter._rest
    (first,) = erp.find("account.move", [["description", "=", delivery.reference]], "journal", "period")
    await rest.create(
        "account.move",
        {
            "company": 1,
            "journal": first["journal"],
            "period": first["period"],
            "description": delivery.reference,
        },
    )
    outcome = await adapter.probe(delivery)
    assert (outcome.verdict, outcome.code) == (Verdict.UNKNOWN, "2 documents carry the reference")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"key": "wrong"}, "HTTP 401"),
        ({"company": "Nobody"}, "no such company"),
        ({"values_stock": True}, "stock accounting: the ERP does not value stock itself"),
        ({"receivable": "0.0"}, "no such receivable account"),
        ({"payment_term": "Never"}, "no such payment term"),
    ],
)
async def test_a_set_up_that_is_wrong_stops_the_destination(
    erp: Erp, changed: dict[str, Any], code: str
) -> None:
    adapter = TrytonAdapter(replace(erp.endpoint, **changed))
    delivery = outgoing("/customer-invoices", INVOICE)
    outcome = await adapter.send(delivery)
    await adapter.close()
    assert (outcome.verdict, outcome.code) == (Verdict.CREDENTIALS, code)
    assert erp.documents(delivery.reference) == {}


async def test_cost_centers_stand_on_the_accounts_of_income_only(erp: Erp, adapter: TrytonAdapter) -> None:
    delivery = outgoing("/journals", JOURNAL)
    await adapter.send(delivery)
    (move,) = erp.find("account.move", [["description", "=", delivery.reference]], "lines.account.code",
                       "lines.analytic_state", "lines.analytic_lines.account.code")  # fmt: skip
    centers = {
        line["account"]["code"]: [one["account"]["code"] for one in line["analytic_lines"]]
        for line in move["lines"]
    }
    assert centers == {"5.9.1": [CENTER], "1.3.1": []}
    assert {line["analytic_state"] for line in move["lines"]} == {"valid"}


# What a hostile far end may do -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/internal-shipments", SHIPMENT, {"lines": [{"item": ITEM, "quantity": "5"}]}),
        ("/journals", JOURNAL, {"lines": [{**JOURNAL["lines"][0], "amount": "500.00"}]}),
        ("/customer-invoices", INVOICE, {"lines": [{**INVOICE["lines"][0], "amount": "1.00"}]}),
        ("/purchases", ORDER, {"lines": [{**ORDER["lines"][0], "price": "1000.00"}]}),
    ],
)
async def test_another_document_under_the_same_reference_is_never_taken_for_ours(
    erp: Erp, adapter: TrytonAdapter, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    first = outgoing(path, body)
    await adapter.send(first)
    second = outgoing(path, {**body, **other}, reference=first.reference)._replace(reference=first.reference)
    outcome = await adapter.send(second)
    assert (outcome.verdict, outcome.code) == (Verdict.UNKNOWN, "another document carries the reference")
    assert erp.documents(first.reference) == DONE[path]


async def test_a_document_says_the_delivery_s_own_reference(adapter: TrytonAdapter) -> None:
    outcome = await adapter.send(outgoing("/journals", JOURNAL, reference="ANOTHER"))
    assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, "not a document")


class Answering(Lossy):
    """Answers the calls whose first line has `words` by itself, with that status."""

    def __init__(self, status: int, *words: str, body: bytes = b'{"message": "no"}') -> None:
        super().__init__(lambda _, __: "pass")
        self._status, self._words, self._body = status, words, body

    async def _answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        first = request.split(b"\r\n", 1)[0].decode()
        if not any(word in first for word in self._words):
            await super()._answer(request, writer)
            return
        head = f"HTTP/1.1 {self._status} X\r\nContent-Length: {len(self._body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + self._body)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/internal-shipments", SHIPMENT, "/do?"),
        ("/customer-invoices", INVOICE, "/post?"),
        ("/journals", JOURNAL, "/post?"),
    ],
)
@pytest.mark.parametrize("status", [401, 429, 503])
async def test_what_stands_half_way_is_never_told_as_not_sent(
    erp: Erp, path: str, body: dict[str, Any], words: str, status: int
) -> None:
    delivery = outgoing(path, body)
    async with Answering(status, words).before(erp.endpoint.url) as door:
        adapter = TrytonAdapter(replace(erp.endpoint, url=door.url))
        assert (await adapter.send(delivery)).verdict is Verdict.HALF
        assert (await adapter.probe(delivery)).verdict is Verdict.HALF
        await adapter.close()
    adapter = TrytonAdapter(erp.endpoint)
    assert (await adapter.send(delivery)).verdict is Verdict.APPLIED
    await adapter.close()
    assert erp.documents(delivery.reference) == DONE[path]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/internal-shipments", SHIPMENT, ("/do?", "/cancel?")),
        ("/customer-invoices", INVOICE, ("/post?", "/cancel?")),
        ("/journals", JOURNAL, ("/post?", "DELETE")),
    ],
)
async def test_a_refusal_that_cannot_be_cleaned_up_is_no_refusal(
    erp: Erp, path: str, body: dict[str, Any], words: tuple[str, ...]
) -> None:
    delivery = outgoing(path, body)
    async with Answering(400, *words).before(erp.endpoint.url) as door:
        adapter = TrytonAdapter(replace(erp.endpoint, url=door.url))
        outcome = await adapter.send(delivery)
        await adapter.close()
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.code.startswith("refused, and left half-way: ")


async def test_an_error_of_the_erp_s_own_is_final_only_where_nothing_is_there(erp: Erp) -> None:
    nothing, half = outgoing("/journals", JOURNAL, attempts=1), outgoing("/journals", JOURNAL, attempts=1)
    async with Answering(500, "POST /erp/rest/model/account.move?").before(erp.endpoint.url) as door:
        adapter = TrytonAdapter(replace(erp.endpoint, url=door.url))
        assert (await adapter.send(nothing._replace(attempts=0))).verdict is Verdict.UNKNOWN
        outcome = await adapter.send(nothing)
        await adapter.close()
    assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, "HTTP 500, again")
    async with Answering(500, "/post?").before(erp.endpoint.url) as door:
        adapter = TrytonAdapter(replace(erp.endpoint, url=door.url))
        assert (await adapter.send(half)).verdict is Verdict.UNKNOWN
        assert (await adapter.probe(half)).verdict is Verdict.HALF
        await adapter.close()


@pytest.mark.parametrize("amount", ["1E+27", "99999999999999999999999999999999"])
async def test_a_number_that_no_ledger_holds_is_refused(adapter: TrytonAdapter, amount: str) -> None:
    for path, body in (("/journals", JOURNAL), ("/customer-invoices", INVOICE)):
        changed = {**body, "lines": [{**body["lines"][0], "amount": amount}]}
        assert (await adapter.send(outgoing(path, changed))).verdict is Verdict.REJECTED


async def test_a_code_that_two_records_have_is_refused(erp: Erp, adapter: TrytonAdapter) -> None:
    await adapter.probe(outgoing("/journals", JOURNAL))
    number = uuid4().hex[:8]
    (item,) = erp.find("product.product", [["code", "=", ITEM]])
    for _ in range(2):
        await adapter._rest.create("stock.lot", {"number": number, "product": item["id"]})
    lines = [{"item": ITEM, "quantity": "1", "lot": number}]
    outcome = await adapter.send(outgoing("/internal-shipments", {**SHIPMENT, "lines": lines}))
    assert (outcome.verdict, outcome.code) == (Verdict.REJECTED, "refused: ambiguous code")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"key": "wrong"}, "HTTP 401"),
        ({"company": "Nobody"}, "no such company"),
        ({"payment_term": "Never"}, "no such payment term"),
        ({"receivable": "0.0"}, "no such receivable account"),
        ({"url": "http://127.0.0.1:9"}, "connection refused"),
    ],
)
async def test_a_doctor_hears_what_is_wrong_with_the_set_up(
    erp: Erp, changed: dict[str, Any], said: str
) -> None:
    adapter = TrytonAdapter(replace(erp.endpoint, **changed))
    assert await adapter.look() == said
    await adapter.close()


async def test_a_receipt_is_worth_the_same_in_whatever_unit_it_was_sent(
    erp: Erp, adapter: TrytonAdapter
) -> None:
    """The ERP's cost is that of the item's own unit."""
    await adapter.probe(outgoing("/journals", JOURNAL))
    (each,) = erp.find("product.uom", [["symbol", "=", "EA"]], "category")
    symbol = uuid4().hex[:6]
    await adapter._rest.create(
        "product.uom",
        {"name": symbol, "symbol": symbol, "category": each["category"], "rate": 0.1, "factor": 10.0, "rounding": 1.0,
         "digits": 0},
    )  # fmt: skip
    loose = {**SHIPMENT, "lines": [{"item": ITEM, "quantity": "10", "unit": "EA"}]}
    boxed = {**SHIPMENT, "lines": [{"item": ITEM, "quantity": "1", "unit": symbol}]}
    worth = [(await adapter.send(outgoing("/internal-shipments", body))).amount for body in (loose, boxed)]
    assert worth == [Decimal("384.00"), Decimal("384.00")]
