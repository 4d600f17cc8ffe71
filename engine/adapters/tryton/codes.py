"""The ERP's ids of codes: asked for once, kept for a while, asked for anew when it refused a document.

What a document needs is looked up before anything is made, all of it, so that all that is missing is told at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from engine.adapters.tryton.rest import Domain, Misled, Record, Refused, Rest

KEPT = 600.0
"""Seconds that an answer is believed. Codes that are not there are asked for every time."""


class Item(NamedTuple):
    id: int
    unit: int


class Account(NamedTuple):
    """`costed`: of income or expense, so each line of it has a cost center."""

    id: int
    costed: bool


class CostCenter(NamedTuple):
    id: int
    root: int


class Supplier(NamedTuple):
    id: int
    address: int


class Warehouse(NamedTuple):
    id: int
    input: int


class Company(NamedTuple):
    """`digits`: of its currency's cents."""

    id: int
    currency: int
    digits: int


class Wanted:
    """What one document needs that the ERP lacks, with the place that needs it."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.kinds: list[str] = []

    def lacks(self, place: str, kind: str, code: str) -> None:
        self.missing.append(f"{place}: the ERP knows no {kind} '{code}'")
        if kind not in self.kinds:
            self.kinds.append(kind)

    def refuse(self) -> None:
        """Raises `Refused` when anything is missing."""
        if self.kinds:
            raise Refused(f"unknown {', '.join(self.kinds)}", "; ".join(self.missing))


class Codes:
    """Look-ups of one company. `place` of each is where the document says the code (`lines[2].item`)."""

    def __init__(self, rest: Rest, now: Callable[[], float]) -> None:
        self._rest = rest
        self._now = now
        self._known: dict[tuple[str, str], tuple[float, Record]] = {}
        self._making = asyncio.Lock()

    def forget(self) -> None:
        """What is kept may be why a document was refused."""
        self._known.clear()

    async def company(self, name: str) -> Company:
        """Raises `Misled` when there is none of that name."""
        fields = ("currency.digits",)
        found = await self._one("company.company", name, [["party.name", "=", name]], fields)
        if found is None:
            raise Misled("no such company")
        return Company(found["id"], found["currency"]["id"], int(found["currency"]["digits"]))

    async def payment_term(self, name: str) -> int:
        """Raises `Misled` when there is none of that name."""
        found = await self._one("account.invoice.payment_term", name, [["name", "=", name]])
        if found is None:
            raise Misled("no such payment term")
        return int(found["id"])

    async def revenue_journal(self) -> int:
        """Raises `Misled` when there is none."""
        found = await self._one("account.journal", "type revenue", [["type", "=", "revenue"]])
        if found is None:
            raise Misled("no revenue journal")
        return int(found["id"])

    async def receivable(self, code: str) -> int:
        """Raises `Misled` when there is no such account."""
        found = await self._one("account.account", f"{code} receivable", [["code", "=", code]])
        if found is None:
            raise Misled("no such receivable account")
        return int(found["id"])

    async def journal(self, code: str, wanted: Wanted) -> int:
        found = await self._one("account.journal", code, [["code", "=", code]])
        return self._id(found, wanted, "journal", "journal", code)

    async def open_period(self, day: date) -> int:
        """Raises `Refused` when the period of a day is closed, or there is none."""
        found = await self._period(day)
        if found["state"] != "open":
            raise Refused("closed period", f"posting_date: the period of {day.isoformat()} is closed")
        return int(found["id"])

    async def values_stock(self, day: date) -> bool:
        """Whether the ERP posts the value of stock moves itself in the fiscal year of a day."""
        return bool((await self._period(day))["fiscalyear"]["account_stock_method"])

    async def _period(self, day: date) -> Record:
        domain = [
            ["start_date", "<=", day], ["end_date", ">=", day], ["type", "=", "standard"],
            ["company", "=", self._rest.company],
        ]  # fmt: skip
        fields = ("state", "fiscalyear.account_stock_method")
        found = await self._one("account.period", day.isoformat(), domain, fields)
        if found is None:
            raise Refused("no period", f"posting_date: the ERP has no period with {day.isoformat()}")
        return found

    async def item(self, code: str, place: str, wanted: Wanted) -> Item:
        """By its code, else by an identifier such as its GTIN."""
        domain = ["OR", ["code", "=", code], ["identifiers.code", "=", code]]
        found = await self._one("product.product", code, domain, ("default_uom", "code"), prefer=code)
        return Item(self._id(found, wanted, place, "item", code), found["default_uom"] if found else 0)

    async def unit(self, code: str | None, item: Item, place: str, wanted: Wanted) -> int:
        if code is None:
            return item.unit
        domain = ["OR", ["symbol", "=", code], ["name", "=", code]]
        return self._id(await self._one("product.uom", code, domain), wanted, place, "unit", code)

    async def location(self, code: str, place: str, wanted: Wanted) -> int:
        found = await self._one("stock.location", code, [["code", "=", code]])
        return self._id(found, wanted, place, "location", code)

    async def warehouse(self, store: str, place: str, wanted: Wanted) -> Warehouse:
        """That of a store, with the location where goods come in."""
        for warehouse in await self._rest.find(
            "stock.location", [["type", "=", "warehouse"]], ("input_location",)
        ):
            domain = [["code", "=", store], ["parent", "child_of", [warehouse["id"]], "parent"]]
            if await self._one("stock.location", f"{store} in {warehouse['id']}", domain):
                return Warehouse(warehouse["id"], warehouse["input_location"])
        wanted.lacks(place, "store in a warehouse", store)
        return Warehouse(0, 0)

    async def account(self, code: str, place: str, wanted: Wanted) -> Account:
        found = await self._one("account.account", code, [["code", "=", code]], ("type.statement",))
        costed = bool(found and found["type"] and found["type"]["statement"] == "income")
        return Account(self._id(found, wanted, place, "account", code), costed)

    async def cost_center(self, code: str, place: str, wanted: Wanted) -> CostCenter:
        domain = [["code", "=", code], ["type", "=", "normal"]]
        found = await self._one("analytic_account.account", code, domain, ("root",))
        return CostCenter(self._id(found, wanted, place, "cost center", code), found["root"] if found else 0)

    async def party(self, code: str, place: str, wanted: Wanted) -> Supplier:
        """A party with the address that documents go to."""
        found = await self._one("party.party", code, [["code", "=", code]], ("addresses",))
        if found is not None and not found["addresses"]:
            wanted.lacks(place, "address of party", code)
            return Supplier(0, 0)
        return Supplier(self._id(found, wanted, place, "party", code), found["addresses"][0] if found else 0)

    async def lot(self, number: str, item: Item, place: str, wanted: Wanted) -> int:
        found = await self._lot(number, item)
        return self._id(found, wanted, place, "lot of the item", number)

    async def new_lot(self, number: str, item: Item) -> int:
        """A lot that comes in with these goods, made if need be."""
        async with self._making:
            found = await self._lot(number, item)
            if found is None:
                found = await self._rest.create("stock.lot", {"number": number, "product": item.id})
            return int(found["id"])

    async def _lot(self, number: str, item: Item) -> Record | None:
        domain = [["number", "=", number], ["product", "=", item.id]]
        return await self._one("stock.lot", f"{item.id} {number}", domain)

    async def _one(
        self, model: str, code: str, domain: Domain, fields: Sequence[str] = (), *, prefer: str = ""
    ) -> Record | None:
        """The record; of several the one whose code is `prefer`. Raises `Refused` when it cannot be told which."""
        kept = self._known.get((model, code))
        if kept is not None and self._now() - kept[0] < KEPT:
            return kept[1]
        found = await self._rest.find(model, domain, fields or ("id",))
        preferred = [one for one in found if prefer and one.get("code") == prefer] or found
        if not preferred:
            return None
        if len(preferred) > 1:
            raise Refused("ambiguous code", f"the ERP has {len(preferred)} records of {model} for '{code}'")
        (record,) = preferred
        self._known[model, code] = (self._now(), record)
        return record

    @staticmethod
    def _id(found: Record | None, wanted: Wanted, place: str, kind: str, code: str) -> int:
        if found is None:
            wanted.lacks(place, kind, code)
            return 0
        return int(found["id"])


def cents(amount: Decimal, digits: int, place: str) -> Decimal:
    """An amount that the currency can say. Raises `Refused`: what is rounded here would not be what the engine's books
    say."""
    exact = amount.quantize(Decimal(1).scaleb(-digits))
    if exact != amount:
        raise Refused("no whole cents", f"{place}: more than {digits} decimals")
    return exact
