"""The documents as they are sent: which fields each has, of which shape. Knows no masters and books nothing.

Unknown fields are let through unread, as real far ends do. A `line` number is the sender's own; where it is
absent the line's place in the document, from 1, stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from engine.sandbox.amounts import Money, Price, Quantity
from engine.sandbox.books import Refused

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: object) -> date:
    """Only `YYYY-MM-DD`; no moments, and none of the other shapes of ISO 8601."""
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise ValueError("must be a date such as 2026-11-20")
    return date.fromisoformat(value)


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Day = Annotated[date, BeforeValidator(_day)]
_LineT = TypeVar("_LineT", bound="_Line")
Lines = Annotated[tuple[_LineT, ...], Field(min_length=1)]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)

    line: Annotated[int, Field(strict=True, ge=1)] | None = None
    quantity: Quantity


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True)

    reference: Text

    @classmethod
    def read(cls, tree: object) -> Self:
        """The form of a JSON tree. Raises `Refused` with the first fault."""
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise _refusal(error, tree) from None


class GoodsLine(_Line):
    item: Text
    unit: Text
    cost_center: Text
    lot: Text | None = None
    serial: Text | None = None
    expiry: Day | None = None


class GoodsIssue(_Form):
    """POST /goods-issues: used from stock."""

    posting_date: Day
    location: Text
    lines: Lines[GoodsLine]


class GoodsBackLine(_Line):
    """What is given, beside the item, narrows down which lines of the original are meant."""

    item: Text
    cost_center: Text | None = None
    lot: Text | None = None
    serial: Text | None = None


class GoodsReturnLine(GoodsBackLine):
    unit: Text


class GoodsReturn(_Form):
    """POST /goods-returns: comes back to where it was issued from. `original`: the issue's reference."""

    original: Text
    posting_date: Day
    lines: Lines[GoodsReturnLine]


class BillOnlyLine(GoodsLine):
    price: Price


class BillOnlyOrder(_Form):
    """POST /bill-only-orders: consigned goods, bought as they are used. `price`: per unit."""

    posting_date: Day
    supplier: Text
    lines: Lines[BillOnlyLine]


class BillOnlyCancellation(_Form):
    """POST /bill-only-cancellations. No `lines`: everything that is left of the order."""

    original: Text
    posting_date: Day | None = None
    lines: Lines[GoodsBackLine] | None = None


class _Named(_Line):
    """An item of the masters, or words for what no catalog has."""

    item: Text | None = None
    description: Text | None = None

    @property
    def what(self) -> str:
        return self.item or self.description or ""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.what:
            raise ValueError("give an item, or a description of what no catalog has")
        return self


class RequisitionLine(_Named):
    """`vendor`, `manufacturer`: as the requester writes them, for the buyer. `price`: anticipated, per unit."""

    unit: Text
    cost_center: Text
    natural_account: Text | None = None
    need_by: Day | None = None
    vendor: Text | None = None
    vendor_item: Text | None = None
    manufacturer: Text | None = None
    manufacturer_item: Text | None = None
    price: Price | None = None


class Requisition(_Form):
    """POST /requisitions: a department asks for goods. Touches no stock and no ledger."""

    posting_date: Day
    requisition: Text | None = None
    deliver_to: Text | None = None
    lines: Lines[RequisitionLine]


class RequisitionBackLine(_Named):
    cost_center: Text | None = None


class RequisitionCancellation(_Form):
    """POST /requisition-cancellations. No `lines`: everything that is left of the requisition."""

    original: Text
    posting_date: Day | None = None
    lines: Lines[RequisitionBackLine] | None = None


class CostLine(_Line):
    cost_center: Text
    cost_element: Text
    amount: Money


class CostPosting(_Form):
    """POST /cost-postings. `amount`: of the whole line."""

    posting_date: Day
    lines: Lines[CostLine]


class CostReversalLine(_Line):
    cost_element: Text
    cost_center: Text | None = None


class CostReversal(_Form):
    """POST /cost-reversals. No `lines`: everything that is left of the posting."""

    original: Text
    posting_date: Day | None = None
    lines: Lines[CostReversalLine] | None = None


class ChargeLine(_Line):
    code: Text
    service_date: Day
    department: Text | None = None
    amount: Money | None = None


class ChargeForm(_Form):
    """POST /charges. A line's `amount` is noted as stated; what is booked is the charge master's price."""

    account: Text
    lines: Lines[ChargeLine]


class CreditLine(_Line):
    code: Text


class CreditForm(_Form):
    """POST /credits. `original`: the charge's reference."""

    original: Text
    account: Text
    lines: Lines[CreditLine]


class Discharge(_Form):
    """POST /discharges: the stay is over."""

    account: Text
    discharged_on: Day


class DischargeCancellation(_Form):
    """POST /discharge-cancellations. `original`: the discharge's reference, where it is known."""

    account: Text
    original: Text | None = None


class AccountMerge(_Form):
    """POST /account-merges: `merged_account` is `account` from here on. What is booked under either stays."""

    account: Text
    merged_account: Text


class AccountMove(_Form):
    """POST /account-moves: the account is `patient`'s from here on. What is booked stays."""

    account: Text
    merged_account: Text | None = None
    patient: Text
    from_patient: Text


class VisitMove(_Form):
    """POST /visit-moves: the visit is of `account` from here on. What is booked under `from_account` stays there."""

    visit: Text
    merged_visit: Text | None = None
    account: Text
    from_account: Text


def numbered(lines: Iterable[_LineT]) -> Iterator[tuple[int, _LineT]]:
    """Each line with its number."""
    for place, line in enumerate(lines, start=1):
        yield line.line or place, line


def _refusal(error: ValidationError, tree: object) -> Refused:
    """The first fault of a form, by its field and its line, without the value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where: tuple[int | str, ...] = first["loc"]
    line = None
    if len(where) > 1 and where[0] == "lines" and isinstance(where[1], int):
        line = _number_of(tree, where[1])
    code = "missing_field" if first["type"] == "missing" else "invalid_field"
    field = ".".join(str(part) for part in where if isinstance(part, str)) or "the document"
    return Refused(code, f"{field}: {first['msg']}", line)


def _number_of(tree: Any, place: int) -> int:
    """The sender's number of the line at `place`, where it has one."""
    line = tree["lines"][place]
    number = line.get("line") if isinstance(line, dict) else None
    return number if type(number) is int else place + 1
