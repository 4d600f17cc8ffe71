"""What a morning must leave in the far ends' books, worked out from what was sent. Knows nothing of the engine."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from demo.goods import CABINET_PACKS, DEPARTMENTS, GOODS, MEDICARE_CHARGES, cost_of


class Place(NamedTuple):
    """One pigeonhole of the books. `at`: stock location, or the account charged; `center`: '' in billing."""

    kind: str
    what: str
    at: str
    center: str


class Use(NamedTuple):
    """One thing used, as sent. `quantity` in the sender's unit; `stated`: None for a line without a price."""

    id: str
    code: str
    quantity: Decimal
    department: str
    stated: Decimal | None = None


_KINDS = {
    "ehr": ("goods-issue", "goods-return"),
    "consigned": ("bill-only-order", "bill-only-cancellation"),
    "time": ("cost-posting", "cost-reversal"),
}


class Expected:
    """`quantities` and `worth` by pigeonhole, `values` and `lines` by kind of document. Debits and credits are kinds
    apart. `stated`: money that the messages say, by kind; `unpriced`: lines that say none, by charge code."""

    def __init__(self, posted_on: date) -> None:
        self.quantities: defaultdict[Place, Decimal] = defaultdict(Decimal)
        self.values: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.worth: defaultdict[Place, Decimal] = defaultdict(Decimal)
        self.lines: Counter[str] = Counter()
        self.stated: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.unpriced: Counter[str] = Counter()
        self._posted_on = posted_on

    def used(self, use: Use, account: str, payer: str, *, credit: bool = False) -> None:
        """A line of the EHR, or the credit of one."""
        good, department = GOODS[use.code], DEPARTMENTS[use.department]
        if good.taken_by in _KINDS:
            kind = _KINDS[good.taken_by][credit]
            quantity = use.quantity * good.pack
            location = department.location if good.taken_by == "ehr" else ""
            place = Place(kind, good.number, location, department.center(self._posted_on))
            self._add(place, quantity, quantity * cost_of(good, self._posted_on))
        if good.charge:
            code = MEDICARE_CHARGES.get(use.code, good.charge) if payer == "MCR" else good.charge
            quantity = use.quantity * good.charge_pack
            place = Place("credit" if credit else "charge", code, account, "")
            self._add(place, quantity, quantity * good.price)
            self.stated[place.kind] += use.stated or 0
            self.unpriced[code] += use.stated is None

    def vended(self, use: Use, station: str, unit: str, *, credit: bool = False) -> None:
        """A movement of a cabinet: it leaves, or comes back to, the cabinet's own stock."""
        good = GOODS[use.code]
        quantity = use.quantity * CABINET_PACKS.get((use.code, unit), 1)
        center = DEPARTMENTS[use.department].center(self._posted_on)
        kind = "goods-return" if credit else "goods-issue"
        self._add(Place(kind, good.number, station, center), quantity, quantity * good.cost)

    def told(self, kind: str, what: str, account: str) -> None:
        """Something that billing is told of an account, and that is worth nothing."""
        self._add(Place(kind, what, account, ""), Decimal(1), Decimal(0))

    def _add(self, place: Place, quantity: Decimal, value: Decimal) -> None:
        self.quantities[place] += quantity
        self.worth[place] += value
        self.values[place.kind] += value
        self.lines[place.kind] += 1
