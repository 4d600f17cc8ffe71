"""The ERP's bookkeeping: goods issues and returns, bill-only orders, requisitions, cost postings. Pure: no HTTP, no
clock.

    goods issue       Dr material-expense (cost center)    Cr inventory, at moving average
    bill-only order   Dr bill-only-expense (cost center)   Cr goods-received-not-invoiced, at the stated price
    cost posting      Dr activity-expense (cost center)    Cr absorption, at the stated amount

Returns, cancellations and reversals are these turned round, at the value that was booked. A requisition is no
posting: what it anticipates stands against its cost centers as a commitment. A document is booked whole or refused
whole (`books.Refused`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from engine.sandbox import forms
from engine.sandbox.amounts import ZERO, cents
from engine.sandbox.books import Document, Kind, Line, Refused, Register
from engine.sandbox.desk import Endpoint
from engine.sandbox.ledger import Account, Ledger
from engine.sandbox.masters import Item, Masters
from engine.sandbox.remainders import Remainders, Wanted
from engine.sandbox.stock import Stock

GOODS_ISSUE = Kind("goods-issue", "GI", "item")
GOODS_RETURN = Kind("goods-return", "GR", "item")
BILL_ONLY_ORDER = Kind("bill-only-order", "PO", "item")
BILL_ONLY_CANCELLATION = Kind("bill-only-cancellation", "PX", "item")
REQUISITION = Kind("requisition", "RQ", "item")
REQUISITION_CANCELLATION = Kind("requisition-cancellation", "RX", "item")
COST_POSTING = Kind("cost-posting", "CP", "cost_element")
COST_REVERSAL = Kind("cost-reversal", "CX", "cost_element")

# kind of what is posted → the account debited with its cost center, the account credited
ACCOUNTS = {
    GOODS_ISSUE: ("material-expense", "inventory"),
    BILL_ONLY_ORDER: ("bill-only-expense", "goods-received-not-invoiced"),
    COST_POSTING: ("activity-expense", "absorption"),
}

Posting = forms.GoodsIssue | forms.BillOnlyOrder | forms.CostPosting
Undoing = forms.GoodsReturn | forms.BillOnlyCancellation | forms.CostReversal


class Erp:
    """One ERP with its books. `endpoints`: what can be posted to it; `lists`: of its masters."""

    name = "erp"

    def __init__(self, masters: Masters) -> None:
        self.currency = masters.currency
        self.register = Register()
        self.stock = Stock()
        self.ledger = Ledger()
        self.cost_centers: defaultdict[str, Account] = defaultdict(Account)
        self.commitments: defaultdict[str, Account] = defaultdict(Account)
        self._remainders = Remainders()
        self._closed_before = masters.closed_before
        self._items = {item.number: item for item in masters.items}
        self._locations = {place.code for place in masters.locations}
        self._centers = {center.code for center in masters.cost_centers}
        self._suppliers = {supplier.code for supplier in masters.suppliers}
        self._open_stock(masters)
        self.lists: Mapping[str, list[dict[str, object]]] = {
            "/items": [
                item.model_dump(include={"number", "description", "unit", "stocked"})
                for item in masters.items
            ]
        }
        self.endpoints: Mapping[str, Endpoint] = {
            "/goods-issues": Endpoint(GOODS_ISSUE, forms.GoodsIssue.read, self.issue),
            "/goods-returns": Endpoint(GOODS_RETURN, forms.GoodsReturn.read, self.give_back),
            "/bill-only-orders": Endpoint(BILL_ONLY_ORDER, forms.BillOnlyOrder.read, self.order),
            "/bill-only-cancellations": Endpoint(
                BILL_ONLY_CANCELLATION, forms.BillOnlyCancellation.read, self.cancel_order
            ),
            "/requisitions": Endpoint(REQUISITION, forms.Requisition.read, self.requisition),
            "/requisition-cancellations": Endpoint(
                REQUISITION_CANCELLATION, forms.RequisitionCancellation.read, self.cancel_requisition
            ),
            "/cost-postings": Endpoint(COST_POSTING, forms.CostPosting.read, self.post_costs),
            "/cost-reversals": Endpoint(COST_REVERSAL, forms.CostReversal.read, self.reverse_costs),
        }

    def issue(self, form: forms.GoodsIssue, at: datetime) -> Document:
        """Takes the lines out of stock, at what they cost on average."""
        self._must_be_open(form.posting_date)
        if form.location not in self._locations:
            raise Refused("unknown_location", "the location is not in the masters")
        for number, sent in forms.numbered(form.lines):
            if not self._item(number, sent.item, sent.unit).stocked:
                raise Refused("not_stocked", "the item is not stocked: nothing can be issued", number)
            self._must_be_center(number, sent.cost_center)
        lines = [
            _goods(number, sent, self.stock.issue(sent.item, form.location, sent.quantity), form.location)
            for number, sent in forms.numbered(form.lines)
        ]
        return self._post(GOODS_ISSUE, form, lines, at)

    def give_back(self, form: forms.GoodsReturn, at: datetime) -> Document:
        """Puts the lines back where they were issued from, at the value they were issued at."""
        self._must_be_open(form.posting_date)
        for number, sent in forms.numbered(form.lines):
            self._item(number, sent.item, sent.unit)
        lines = self._remainders.draw(GOODS_ISSUE, form.original, _wanted(form.lines))
        for line in lines:
            self.stock.receive(line.what, line.location or "", line.quantity, line.value)
        return self._undo(GOODS_ISSUE, GOODS_RETURN, form, lines, at)

    def order(self, form: forms.BillOnlyOrder, at: datetime) -> Document:
        """Buys what was used from consignment, at the stated price. Touches no stock."""
        self._must_be_open(form.posting_date)
        if form.supplier not in self._suppliers:
            raise Refused("unknown_supplier", "the supplier is not in the masters")
        for number, sent in forms.numbered(form.lines):
            self._item(number, sent.item, sent.unit)
            self._must_be_center(number, sent.cost_center)
        lines = [
            _goods(number, sent, cents(sent.price * sent.quantity))
            for number, sent in forms.numbered(form.lines)
        ]
        return self._post(BILL_ONLY_ORDER, form, lines, at, supplier=form.supplier)

    def cancel_order(self, form: forms.BillOnlyCancellation, at: datetime) -> Document:
        """Takes back an order, whole or by the given lines."""
        self._must_be_open(form.posting_date)
        lines = self._remainders.draw(BILL_ONLY_ORDER, form.original, _wanted(form.lines or ()))
        return self._undo(BILL_ONLY_ORDER, BILL_ONLY_CANCELLATION, form, lines, at)

    def requisition(self, form: forms.Requisition, at: datetime) -> Document:
        """Notes what a department asks for. A line without a price commits nothing."""
        self._must_be_open(form.posting_date)
        for number, sent in forms.numbered(form.lines):
            if sent.item is not None:
                self._item(number, sent.item, sent.unit)
            self._must_be_center(number, sent.cost_center)
        lines = [
            Line(
                number=number,
                what=sent.what,
                quantity=sent.quantity,
                value=ZERO if sent.price is None else cents(sent.price * sent.quantity),
                unit=sent.unit,
                cost_center=sent.cost_center,
            )
            for number, sent in forms.numbered(form.lines)
        ]
        for line in lines:
            self.commitments[line.cost_center or ""].debit += line.value
        document = self.register.book(REQUISITION, form.reference, lines, at, posting_date=form.posting_date)
        self._remainders.open(document)
        return document

    def cancel_requisition(self, form: forms.RequisitionCancellation, at: datetime) -> Document:
        """Takes back a requisition, whole or by the given lines."""
        self._must_be_open(form.posting_date)
        wanted = [
            Wanted(number, sent.what, sent.quantity, sent.cost_center)
            for number, sent in forms.numbered(form.lines or ())
        ]
        lines = self._remainders.draw(REQUISITION, form.original, wanted)
        for line in lines:
            self.commitments[line.cost_center or ""].credit += line.value
        return self.register.book(
            REQUISITION_CANCELLATION,
            form.reference,
            lines,
            at,
            original=form.original,
            posting_date=form.posting_date,
        )

    def post_costs(self, form: forms.CostPosting, at: datetime) -> Document:
        """Charges cost centers with activities, at the stated amounts."""
        self._must_be_open(form.posting_date)
        for number, sent in forms.numbered(form.lines):
            self._must_be_center(number, sent.cost_center)
        lines = [
            Line(
                number=number,
                what=sent.cost_element,
                quantity=sent.quantity,
                value=sent.amount,
                cost_center=sent.cost_center,
            )
            for number, sent in forms.numbered(form.lines)
        ]
        return self._post(COST_POSTING, form, lines, at)

    def reverse_costs(self, form: forms.CostReversal, at: datetime) -> Document:
        """Takes back a cost posting, whole or by the given lines."""
        self._must_be_open(form.posting_date)
        wanted = [
            Wanted(number, sent.cost_element, sent.quantity, sent.cost_center)
            for number, sent in forms.numbered(form.lines or ())
        ]
        lines = self._remainders.draw(COST_POSTING, form.original, wanted)
        return self._undo(COST_POSTING, COST_REVERSAL, form, lines, at)

    def tree(self) -> dict[str, object]:
        """The books as they stand."""
        return {
            "stock": self.stock.tree(),
            "stock_value": str(self.stock.value),
            "negative": self.stock.negative(),
            "cost_centers": {code: sums.tree() for code, sums in sorted(self.cost_centers.items())},
            "commitments": {code: sums.tree() for code, sums in sorted(self.commitments.items())},
            "ledger": self.ledger.tree(),
        }

    def _open_stock(self, masters: Masters) -> None:
        for item in masters.items:
            for location, opening in item.stock.items():
                value = self.stock.open(item.number, location, opening.quantity, opening.unit_cost)
                self.ledger.post("inventory", "opening-balance", value)

    def _post(
        self, kind: Kind, form: Posting, lines: Sequence[Line], at: datetime, *, supplier: str | None = None
    ) -> Document:
        expense, counter = ACCOUNTS[kind]
        for line in lines:
            self.ledger.post(expense, counter, line.value)
            self.cost_centers[line.cost_center or ""].debit += line.value
        document = self.register.book(
            kind, form.reference, lines, at, posting_date=form.posting_date, supplier=supplier
        )
        self._remainders.open(document)
        return document

    def _undo(self, posted: Kind, kind: Kind, form: Undoing, lines: Sequence[Line], at: datetime) -> Document:
        """Books `lines` of a `posted` kind of document the other way round."""
        expense, counter = ACCOUNTS[posted]
        for line in lines:
            self.ledger.post(counter, expense, line.value)
            self.cost_centers[line.cost_center or ""].credit += line.value
        return self.register.book(
            kind, form.reference, lines, at, original=form.original, posting_date=form.posting_date
        )

    def _must_be_open(self, posting_date: date | None) -> None:
        if posting_date and self._closed_before and posting_date < self._closed_before:
            raise Refused("period_closed", "the period of the posting date is closed")

    def _must_be_center(self, number: int, code: str) -> None:
        if code not in self._centers:
            raise Refused("unknown_cost_center", "the cost center is not in the masters", number)

    def _item(self, number: int, code: str, unit: str) -> Item:
        item = self._items.get(code)
        if item is None:
            raise Refused("unknown_item", "the item is not in the masters", number)
        if unit != item.unit:
            raise Refused("wrong_unit", "the unit is not the item's own", number)
        return item


def _goods(number: int, sent: forms.GoodsLine, value: Decimal, location: str | None = None) -> Line:
    return Line(
        number=number,
        what=sent.item,
        quantity=sent.quantity,
        value=value,
        unit=sent.unit,
        location=location,
        cost_center=sent.cost_center,
        lot=sent.lot,
        serial=sent.serial,
        expiry=sent.expiry,
    )


def _wanted(lines: Sequence[forms.GoodsBackLine]) -> list[Wanted]:
    return [
        Wanted(number, sent.item, sent.quantity, sent.cost_center, sent.lot, sent.serial)
        for number, sent in forms.numbered(lines)
    ]
