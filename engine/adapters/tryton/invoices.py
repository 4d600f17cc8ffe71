"""Customer invoices: a party is charged; with negative quantities it is credited. `account.invoice`."""

from __future__ import annotations

from decimal import Decimal

from engine.adapters.tryton.booking import Desk, Receipt, only, pressed, same, undone
from engine.adapters.tryton.codes import Wanted, cents
from engine.adapters.tryton.rest import Record, Refused
from engine.domain.erp import CustomerInvoice, InvoiceLine

_MODEL = "account.invoice"
_FIELDS = ("number", "total_amount", "lines.amount")
_DONE = ("posted", "paid")
_PRICE = Decimal("0.0001")
"""The decimals of a unit price, Tryton's default."""


class Invoices:
    """The `Booking` of customer invoices. They bear the ERP's own date of invoicing, since its numbers go by dates,
    and fall into the period of the posting date."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def booked(self, form: CustomerInvoice) -> Receipt | None:
        found = await self._find(form.reference)
        return _receipt(found) if found is not None and found["state"] in _DONE else None

    async def book(self, form: CustomerInvoice) -> Receipt:
        rest, found = self._desk.rest, await self._find(form.reference)
        if found is None:
            found = await self._create(form)
        else:
            same((line["amount"] for line in found["lines"]), (line.amount for line in form.lines))
        if found["state"] in _DONE:
            return _receipt(found)
        record = found["id"]
        async with undone(lambda: rest.act(_MODEL, record, "cancel", ("state",))):
            if found["total_amount"] != _total(form):
                raise Refused("total differs", "the ERP adds taxes, or rounds otherwise")
            found = await pressed(
                self._desk, _MODEL, found, (("draft", "post"), ("validated", "post")), _FIELDS
            )
            if found["state"] not in _DONE:
                raise Refused("not posted", f"the invoice stays '{found['state']}'")
        return _receipt(found)

    async def _find(self, reference: str) -> Record | None:
        return await only(self._desk, _MODEL, [["type", "=", "out"], ["reference", "=", reference]], _FIELDS)

    async def _create(self, form: CustomerInvoice) -> Record:
        desk, wanted = self._desk, Wanted()
        party = await desk.codes.party(form.party, "party", wanted)
        lines = [await self._line(line, number, wanted) for number, line in enumerate(form.lines, start=1)]
        wanted.refuse()
        await desk.codes.open_period(form.posting_date)
        values: Record = {
            "company": desk.company.id,
            "type": "out",
            "reference": form.reference,
            "party": party.id,
            "invoice_address": party.address,
            "account": await desk.codes.receivable(desk.receivable),
            "journal": await desk.codes.revenue_journal(),
            "currency": desk.company.currency,
            "payment_term": await desk.codes.payment_term(desk.payment_term),
            "accounting_date": form.posting_date,
            "lines": [["create", lines]],
        }
        if form.original is not None:
            values["description"] = f"takes back {form.original}"
        return await desk.rest.create(_MODEL, values, ("state", *_FIELDS))

    async def _line(self, line: InvoiceLine, number: int, wanted: Wanted) -> Record:
        codes, company, place = self._desk.codes, self._desk.company, f"lines[{number}]"
        account = await codes.account(line.account, f"{place}.account", wanted)
        center = await codes.cost_center(line.cost_center, f"{place}.cost_center", wanted)
        amount = cents(line.amount, company.digits, f"{place}.amount")
        quantity, price, description = _priced(line.quantity, amount, line.description)
        values: Record = {
            "type": "line",
            "company": company.id,
            "currency": company.currency,
            "description": description,
            "quantity": float(quantity),
            "unit_price": price,
            "account": account.id,
            "analytic_accounts": [["create", [{"root": center.root, "account": center.id}]]],
        }
        if line.item is not None:
            item = await codes.item(line.item, f"{place}.item", wanted)
            values["product"] = item.id
            values["unit"] = await codes.unit(line.unit, item, f"{place}.unit", wanted)
        return values


def _priced(quantity: Decimal, amount: Decimal, description: str) -> tuple[Decimal, Decimal, str]:
    """Quantity, price of one, description. A price that does not give the amount again, to the cent, is not said: then
    it is one of the whole, and the quantity is told in words."""
    price = (amount / quantity).quantize(_PRICE)
    if price * quantity == amount:
        return quantity, price, description
    sign = Decimal(1 if quantity > 0 else -1)
    return sign, amount * sign, f"{format(abs(quantity).normalize(), 'f')} × {description}"


def _total(form: CustomerInvoice) -> Decimal:
    return sum((line.amount for line in form.lines), Decimal(0))


def _receipt(found: Record) -> Receipt:
    return Receipt(str(found["number"]), found["total_amount"])
