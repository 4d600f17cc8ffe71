"""Business documents as a write map hands them to an adapter that speaks an ERP's own API: closed forms, by path.

    /internal-shipments   stock goes from one location to another: from the store to where it is used, or back
    /customer-invoices    a party is charged, or credited with negative quantities
    /journals             money goes from one account to another, cost centers with it
    /purchases            goods are ordered, and where they are said to be here already received and used

Decimals are text, dates ISO 8601. `reference` is the delivery's own. Codes are the ERP's own codes, never its ids.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MOST_LINES = 1000


def _plain(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise ValueError("is no number")
    return number


def _not_zero(number: Decimal) -> Decimal:
    if not number:
        raise ValueError("is zero")
    return number


Code = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Amount = Annotated[Decimal, AfterValidator(_plain)]
Quantity = Annotated[Decimal, AfterValidator(_plain), AfterValidator(_not_zero)]
Positive = Annotated[Decimal, AfterValidator(_plain), Field(gt=0)]
Lines = Field(min_length=1, max_length=MOST_LINES)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ShipmentLine(_Form):
    """`unit` None: the item's own. `lot`: number of a lot or serial number."""

    item: Code
    quantity: Positive
    unit: Code | None = None
    lot: Code | None = None


class InternalShipment(_Form):
    """A return is a shipment the other way round."""

    reference: Code
    posting_date: date
    from_location: Code
    to_location: Code
    lines: list[ShipmentLine] = Lines
    original: Code | None = None


class InvoiceLine(_Form):
    """`amount`: of the whole line, with the sign of `quantity`. `account`: of the revenue."""

    description: Code
    quantity: Quantity
    amount: Amount
    account: Code
    cost_center: Code
    item: Code | None = None
    unit: Code | None = None


class CustomerInvoice(_Form):
    """`party` is charged; it exists already, since no patient becomes a party."""

    reference: Code
    posting_date: date
    party: Code
    lines: list[InvoiceLine] = Lines
    original: Code | None = None


class JournalLine(_Form):
    """`amount` goes to the debit of `debit` and the credit of `credit`. An account of income or expense has a cost
    center beside it, one of the balance sheet none."""

    debit: Code
    credit: Code
    amount: Positive
    debit_cost_center: Code | None = None
    credit_cost_center: Code | None = None
    description: Code | None = None


class Journal(_Form):
    """`journal`: its code. Balanced by its form."""

    reference: Code
    posting_date: date
    journal: Code
    lines: list[JournalLine] = Lines
    original: Code | None = None


class PurchaseLine(_Form):
    """`price`: of one unit. A negative quantity goes back to the supplier."""

    item: Code
    quantity: Quantity
    price: Amount
    cost_center: Code
    unit: Code | None = None
    lot: Code | None = None


class Purchase(_Form):
    """`received_at`: the store that the goods came into already; None: they are still to come. `used_at`: where they
    were used up at once (a bill-only order)."""

    reference: Code
    posting_date: date
    supplier: Code
    lines: list[PurchaseLine] = Lines
    received_at: Code | None = None
    used_at: Code | None = None
    original: Code | None = None


Form = InternalShipment | CustomerInvoice | Journal | Purchase

FORMS: dict[str, type[InternalShipment] | type[CustomerInvoice] | type[Journal] | type[Purchase]] = {
    "/internal-shipments": InternalShipment,
    "/customer-invoices": CustomerInvoice,
    "/journals": Journal,
    "/purchases": Purchase,
}
"""By the path that a write map names."""


class BadDocument(Exception):
    """`args[0]`: every mistake with its place (`lines[2].item`, from 1) and no value."""


def read_form(path: str, payload: bytes) -> Form:
    """Raises `BadDocument`."""
    form = FORMS.get(path)
    if form is None:
        raise BadDocument(f"to: {path} is none of {', '.join(FORMS)}")
    try:
        return form.model_validate_json(payload)
    except ValidationError as error:
        told = (f"{_place(one['loc'])}: {one['msg']}" for one in error.errors(include_url=False))
        raise BadDocument("; ".join(told)) from None


def _place(path: tuple[Any, ...]) -> str:
    shown = ""
    for part in path:
        shown += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if shown else str(part)
    return shown
