"""Journals: money goes from one account to another, with its cost centers. `account.move`.

It has no field for a reference: that stands in its description. Some stores behind Tryton post a journal that does not
balance, so that is looked at here, before it is posted.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from engine.adapters.tryton.booking import Desk, Receipt, only, pressed, same, undone
from engine.adapters.tryton.codes import Wanted, cents
from engine.adapters.tryton.rest import Record, Refused
from engine.domain.erp import Journal, JournalLine

_MODEL = "account.move"
_FIELDS = ("number", "lines.debit", "lines.credit", "lines.analytic_state", "lines.analytic_lines")


class Journals:
    """The `Booking` of journals."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def booked(self, form: Journal) -> Receipt | None:
        found = await self._find(form.reference)
        return _receipt(found) if found is not None and found["state"] == "posted" else None

    async def book(self, form: Journal) -> Receipt:
        rest, found = self._desk.rest, await self._find(form.reference)
        if found is None:
            found = await self._create(form)
        else:
            meant = [side for line in form.lines for side in ((line.amount, 0), (0, line.amount))]
            same(((line["debit"], line["credit"]) for line in found["lines"]), meant)
        if found["state"] == "posted":
            return _receipt(found)
        record = found["id"]
        async with undone(lambda: rest.delete(_MODEL, record)):
            _check(found, form)
            found = await pressed(self._desk, _MODEL, found, (("draft", "post"),), _FIELDS)
            if found["state"] != "posted":
                raise Refused("not posted", f"the journal stays '{found['state']}'")
        return _receipt(found)

    async def _find(self, reference: str) -> Record | None:
        domain = [["description", "=", reference], ["company", "=", self._desk.company.id]]
        return await only(self._desk, _MODEL, domain, _FIELDS)

    async def _create(self, form: Journal) -> Record:
        desk, wanted = self._desk, Wanted()
        journal = await desk.codes.journal(form.journal, wanted)
        period = await desk.codes.open_period(form.posting_date)
        lines: list[Record] = []
        for number, line in enumerate(form.lines, start=1):
            lines += await self._sides(line, number, form, wanted)
        wanted.refuse()
        values: Record = {
            "company": desk.company.id,
            "journal": journal,
            "period": period,
            "date": form.posting_date,
            "description": form.reference,
            "lines": [["create", lines]],
        }
        return await desk.rest.create(_MODEL, values, ("state", *_FIELDS))

    async def _sides(self, line: JournalLine, number: int, form: Journal, wanted: Wanted) -> list[Record]:
        place = f"lines[{number}]"
        amount = cents(line.amount, self._desk.company.digits, f"{place}.amount")
        told = line.description or (f"takes back {form.original}" if form.original else None)
        return [
            await self._side(side, amount, line, f"{place}.{side}", told, form.posting_date, wanted)
            for side in ("debit", "credit")
        ]

    async def _side(
        self,
        side: str,
        amount: Decimal,
        line: JournalLine,
        place: str,
        told: str | None,
        day: date,
        wanted: Wanted,
    ) -> Record:
        codes = self._desk.codes
        account = await codes.account(line.debit if side == "debit" else line.credit, place, wanted)
        code = line.debit_cost_center if side == "debit" else line.credit_cost_center
        sums = {
            "debit": amount if side == "debit" else Decimal(0),
            "credit": amount if side == "credit" else Decimal(0),
        }
        values: Record = {"account": account.id, **sums}
        if told is not None:
            values["description"] = told
        if code is not None:
            center = await codes.cost_center(code, f"{place}_cost_center", wanted)
            values["analytic_lines"] = [["create", [{"account": center.id, "date": day, **sums}]]]
        elif account.costed:
            raise Refused("missing cost center", f"{place}: an account of income or expense needs one")
        return values


def _check(found: Record, form: Journal) -> None:
    """Raises `Refused` unless it balances, says what was meant, and its cost centers are accepted."""
    meant = sum((line.amount for line in form.lines), Decimal(0))
    debit, credit = _sum(found, "debit"), _sum(found, "credit")
    if debit != credit or debit != meant:
        raise Refused("unbalanced", "debits and credits are not equal, or not what was sent")
    if any(line["analytic_lines"] and line["analytic_state"] != "valid" for line in found["lines"]):
        raise Refused("cost center not accepted", "the ERP does not take the cost centers for these accounts")


def _sum(found: Record, side: str) -> Decimal:
    return sum((line[side] for line in found["lines"]), Decimal(0))


def _receipt(found: Record) -> Receipt:
    return Receipt(str(found["number"]), _sum(found, "debit"))
