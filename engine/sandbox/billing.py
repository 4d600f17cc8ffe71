"""The billing system's bookkeeping: charges and credits per patient account; stays that end, and accounts that merge.
Pure: no HTTP, no clock.

    charge   Dr receivables   Cr revenue, at the price of billing's own charge master
    credit   the charge turned round, at the price that was charged

A credit may name another account than its charge did: accounts merge. It is booked where it says. Patient
fields are not kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from engine.sandbox import forms
from engine.sandbox.amounts import ZERO, cents
from engine.sandbox.books import Document, Kind, Line, Refused, Register
from engine.sandbox.desk import Endpoint
from engine.sandbox.ledger import Account, Ledger
from engine.sandbox.masters import Masters
from engine.sandbox.remainders import Remainders, Wanted

CHARGE = Kind("charge", "CH", "code", "amount")
CREDIT = Kind("credit", "CD", "code", "amount")
DISCHARGE = Kind("discharge", "DI", "code", "amount")
DISCHARGE_CANCELLATION = Kind("discharge-cancellation", "DC", "code", "amount")
ACCOUNT_MERGE = Kind("account-merge", "AM", "code", "amount")
ACCOUNT_MOVE = Kind("account-move", "AV", "code", "amount")
VISIT_MOVE = Kind("visit-move", "VV", "code", "amount")


class Billing:
    """One billing system with its books. `endpoints`: what can be posted to it; `lists`: of its masters."""

    name = "billing"

    def __init__(self, masters: Masters) -> None:
        self.currency = masters.currency
        self.register = Register()
        self.ledger = Ledger()
        self.accounts: defaultdict[str, Account] = defaultdict(Account)
        self.codes: defaultdict[str, Account] = defaultdict(Account)
        self._remainders = Remainders()
        self._prices = {charge.code: charge.price for charge in masters.charges}
        self.lists: Mapping[str, list[dict[str, object]]] = {
            "/charge-codes": [charge.model_dump(mode="json") for charge in masters.charges]
        }
        self.endpoints: Mapping[str, Endpoint] = {
            "/charges": Endpoint(CHARGE, forms.ChargeForm.read, self.charge),
            "/credits": Endpoint(CREDIT, forms.CreditForm.read, self.credit),
            "/discharges": Endpoint(DISCHARGE, forms.Discharge.read, self.discharge),
            "/discharge-cancellations": Endpoint(
                DISCHARGE_CANCELLATION, forms.DischargeCancellation.read, self.cancel_discharge
            ),
            "/account-merges": Endpoint(ACCOUNT_MERGE, forms.AccountMerge.read, self.merge),
            "/account-moves": Endpoint(ACCOUNT_MOVE, forms.AccountMove.read, self.move_account),
            "/visit-moves": Endpoint(VISIT_MOVE, forms.VisitMove.read, self.move_visit),
        }

    def charge(self, form: forms.ChargeForm, at: datetime) -> Document:
        """Charges the account at the charge master's prices."""
        for number, sent in forms.numbered(form.lines):
            if sent.code not in self._prices:
                raise Refused("unknown_code", "the code is not in the charge master", number)
        lines = [
            Line(
                number=number,
                what=sent.code,
                quantity=sent.quantity,
                value=cents(self._prices[sent.code] * sent.quantity),
                department=sent.department,
                service_date=sent.service_date,
                stated=sent.amount,
            )
            for number, sent in forms.numbered(form.lines)
        ]
        for line in lines:
            self.ledger.post("receivables", "revenue", line.value)
            self.accounts[form.account].debit += line.value
            self.codes[line.what].debit += line.value
        document = self.register.book(CHARGE, form.reference, lines, at, account=form.account)
        self._remainders.open(document)
        return document

    def credit(self, form: forms.CreditForm, at: datetime) -> Document:
        """Gives back what was charged, at the price it was charged at."""
        wanted = [Wanted(number, sent.code, sent.quantity) for number, sent in forms.numbered(form.lines)]
        lines = self._remainders.draw(CHARGE, form.original, wanted)
        for line in lines:
            self.ledger.post("revenue", "receivables", line.value)
            self.accounts[form.account].credit += line.value
            self.codes[line.what].credit += line.value
        return self.register.book(
            CREDIT, form.reference, lines, at, original=form.original, account=form.account
        )

    def discharge(self, form: forms.Discharge, at: datetime) -> Document:
        """The stay is over."""
        return self._notice(DISCHARGE, form.reference, form.discharged_on.isoformat(), form.account, at)

    def cancel_discharge(self, form: forms.DischargeCancellation, at: datetime) -> Document:
        """The stay goes on."""
        return self._notice(
            DISCHARGE_CANCELLATION, form.reference, "discharge", form.account, at, form.original
        )

    def merge(self, form: forms.AccountMerge, at: datetime) -> Document:
        """Two accounts are one; nothing that is booked moves."""
        return self._notice(ACCOUNT_MERGE, form.reference, form.merged_account, form.account, at)

    def move_account(self, form: forms.AccountMove, at: datetime) -> Document:
        """An account is another patient's; nothing that is booked moves."""
        return self._notice(ACCOUNT_MOVE, form.reference, form.patient, form.account, at)

    def move_visit(self, form: forms.VisitMove, at: datetime) -> Document:
        """A visit is of another account; nothing that is booked moves."""
        return self._notice(VISIT_MOVE, form.reference, form.visit, form.account, at)

    def _notice(
        self, kind: Kind, reference: str, what: str, account: str, at: datetime, original: str | None = None
    ) -> Document:
        """Something that billing is told, and that is worth nothing."""
        line = Line(number=1, what=what, quantity=Decimal(1), value=ZERO)
        return self.register.book(kind, reference, [line], at, original=original, account=account)

    def tree(self) -> dict[str, object]:
        """The books as they stand: debits are charges, credits are credits, never only net."""
        total = Account(
            sum((sums.debit for sums in self.accounts.values()), ZERO),
            sum((sums.credit for sums in self.accounts.values()), ZERO),
        )
        return {
            "charges": {
                **_charges(total),
                "accounts": {account: _charges(sums) for account, sums in sorted(self.accounts.items())},
                "codes": {code: _charges(sums) for code, sums in sorted(self.codes.items())},
            },
            "ledger": self.ledger.tree(),
        }


def _charges(sums: Account) -> dict[str, str]:
    return {"debits": str(sums.debit), "credits": str(sums.credit), "net": str(sums.net)}
