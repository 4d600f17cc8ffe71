"""Does it balance? The far ends' books against what was sent, and the engine's account against the books. Pure.

Adds up every booked line itself; takes no total from the engine for granted and none from the sandbox.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from demo.expected import Expected, Place
from demo.morning import Morning

Books = dict[str, dict[str, Any]]

KINDS = {
    ("erp", "issue", "post"): "goods-issue",
    ("erp", "issue", "reverse"): "goods-return",
    ("erp", "bill-only", "post"): "bill-only-order",
    ("erp", "bill-only", "reverse"): "bill-only-cancellation",
    ("erp", "cost", "post"): "cost-posting",
    ("erp", "cost", "reverse"): "cost-reversal",
    ("billing", "charge", "post"): "charge",
    ("billing", "charge", "reverse"): "credit",
    ("billing", "discharge", "post"): "discharge",
    ("billing", "discharge", "reverse"): "discharge-cancellation",
    ("billing", "merge", "post"): "account-merge",
}
"""Destination, effect and action of the engine's account → kind of document in the books."""


class Check(NamedTuple):
    """One thing that must be so. `wrong`: what is not, in a few words; empty when all is well."""

    what: str
    wrong: str


def balance(
    morning: Morning,
    account: dict[str, Any],
    references: dict[str, list[str]],
    books: Books,
    masters: dict[str, Any],
) -> list[Check]:
    """Every check. `account`: what `suture reconcile` says; `references`: those the engine says are delivered."""
    booked = Booked(books)
    return [
        Check(f"all {morning.messages} messages are accounted for", messages(morning, account)),
        Check(
            f"{len(booked.references())} documents, one for each reference", _one_to_one(references, books)
        ),
        Check("nothing is booked twice", _doubled(morning.expected, booked, books)),
        Check("quantities agree to the unit", _quantities(morning.expected, booked)),
        Check("values and amounts agree to the cent with what was sent", _values(morning.expected, booked)),
        Check("the engine's account agrees with the books to the cent", _account(account, booked)),
        Check("debits and credits of both ledgers are equal", _ledgers(books)),
        Check(
            "stock is conserved: opening, less issued, plus returned, is on hand",
            _stock(masters, booked, books),
        ),
        Check("nothing is held but what a person must judge", held(account, morning.kept_back)),
    ]


class Booked:
    """The books added up line by line: `quantities` by pigeonhole; `values`, `stated` and `lines` by kind."""

    def __init__(self, books: Books) -> None:
        self.quantities: defaultdict[Place, Decimal] = defaultdict(Decimal)
        self.values: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.stated: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.lines: Counter[str] = Counter()
        self.documents = [document for side in books.values() for document in side["documents"]]
        for document in self.documents:
            for line in document["lines"]:
                self._add(document, line)

    def references(self) -> list[str]:
        return [document["reference"] for document in self.documents]

    def _add(self, document: dict[str, Any], line: dict[str, Any]) -> None:
        kind = document["kind"]
        what = line.get("item") or line.get("cost_element") or line["code"]
        place = Place(
            kind, what, line.get("location") or document.get("account", ""), line.get("cost_center", "")
        )
        self.quantities[place] += Decimal(line["quantity"])
        self.values[kind] += Decimal(line["value"])
        self.stated[kind] += Decimal(line.get("stated_amount", 0))
        self.lines[kind] += 1


def messages(morning: Morning, account: dict[str, Any]) -> str:
    states, total = account["messages"]["by_state"], account["messages"]["total"]
    kept = total - states.get("refused", 0)
    if kept != morning.messages or states.get("refused", 0) != morning.garbled:
        return f"{kept} kept and {states.get('refused', 0)} refused"
    return "" if sum(states.values()) == total else "states do not add up"


def _one_to_one(references: dict[str, list[str]], books: Books) -> str:
    for side, delivered in references.items():
        there = [document["reference"] for document in books[side]["documents"]]
        if sorted(delivered) != sorted(there):
            return f"{side}: {len(delivered)} delivered, {len(there)} booked"
    return ""


def _doubled(expected: Expected, booked: Booked, books: Books) -> str:
    twice = [count for count in Counter(booked.references()).values() if count > 1]
    if twice or any(side["doubled"] for side in books.values()):
        return f"{len(twice)} references are booked more than once"
    return _first(f"{kind}: {expected.lines[kind]} lines expected, {booked.lines[kind]} booked"
                  for kind in KINDS.values() if expected.lines[kind] != booked.lines[kind])  # fmt: skip


def _quantities(expected: Expected, booked: Booked) -> str:
    places = sorted({*expected.quantities, *booked.quantities})
    return _first(
        f"{' '.join(place)}: {expected.quantities[place]} expected, {booked.quantities[place]} booked"
        for place in places
        if expected.quantities[place] != booked.quantities[place]
    )


def _values(expected: Expected, booked: Booked) -> str:
    return _first(
        f"{kind}: {expected.values[kind]} expected, {booked.values[kind]} booked"
        for kind in KINDS.values()
        if expected.values[kind] != booked.values[kind]
    )


def _account(account: dict[str, Any], booked: Booked) -> str:
    """Charges are said in stated money, so that a line without a price adds nothing; all else as it is booked."""
    found = {KINDS[row["destination"], row["effect"], row["action"]]: row for row in account["effects"]}
    for kind in KINDS.values():
        row = found.get(kind, {"delivered": 0, "money": "0"})
        money = booked.stated[kind] if kind == "charge" else booked.values[kind]
        if row["delivered"] != booked.lines[kind] or abs(Decimal(row["money"])) != money:
            return (
                f"{kind}: {row['delivered']} lines, {row['money']} said; {booked.lines[kind]}, {money} booked"
            )
    return ""


def _ledgers(books: Books) -> str:
    for side, book in books.items():
        accounts = book["ledger"]["accounts"].values()
        debit = sum(Decimal(one["debit"]) for one in accounts)
        credit = sum(Decimal(one["credit"]) for one in accounts)
        if debit != credit:
            return f"{side}: debits {debit}, credits {credit}"
    return ""


def _stock(masters: dict[str, Any], booked: Booked, books: Books) -> str:
    moved: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for place, quantity in booked.quantities.items():
        if place.kind in ("goods-issue", "goods-return"):
            moved[place.what, place.at] += quantity if place.kind == "goods-return" else -quantity
    stock = books["erp"]["stock"]
    opening = {
        (item["number"], location): Decimal(bin_["quantity"])
        for item in masters["items"]
        for location, bin_ in item.get("stock", {}).items()
    }
    bins = {
        (item, location): Decimal(held["on_hand"])
        for item, at in stock.items()
        for location, held in at.items()
    }
    return _first(
        f"{item} at {location}: {on_hand} on hand"
        for (item, location), on_hand in bins.items()
        if opening.get((item, location), Decimal(0)) + moved[item, location] != on_hand
    )


def held(account: dict[str, Any], kept_back: dict[str, int]) -> str:
    """Unless the worklist is what must be there, by cause: how it is not."""
    lines: Counter[str] = Counter()
    for group in account["worklist"]:
        lines[group["cause"]] = max(lines[group["cause"]], group["lines"])
    return "" if lines == Counter(kept_back) else f"held: {dict(lines)}"


def _first(wrong: Iterator[str]) -> str:
    return next(wrong, "")
