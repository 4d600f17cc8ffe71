"""Debits and credits, kept apart and never only net. Knows no documents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from engine.sandbox.amounts import ZERO


@dataclass(slots=True)
class Account:
    """The sums of one account, cost center, patient account or code."""

    debit: Decimal = ZERO
    credit: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return self.debit - self.credit

    def tree(self) -> dict[str, str]:
        return {"debit": str(self.debit), "credit": str(self.credit), "net": str(self.net)}


class Ledger:
    """Every amount goes to two accounts: debit one, credit the other."""

    def __init__(self) -> None:
        self.accounts: defaultdict[str, Account] = defaultdict(Account)

    def post(self, debit: str, credit: str, amount: Decimal) -> None:
        """`amount` in whole cents."""
        self.accounts[debit].debit += amount
        self.accounts[credit].credit += amount

    @property
    def balanced(self) -> bool:
        return sum(account.net for account in self.accounts.values()) == 0

    def tree(self) -> dict[str, object]:
        accounts = {name: account.tree() for name, account in sorted(self.accounts.items())}
        return {"accounts": accounts, "balanced": self.balanced}
