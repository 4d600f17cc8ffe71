"""Does it balance in the ERP? Its stock, purchases, receivables and journals against what was sent. Pure.

Adds up every line itself; takes no total from the engine for granted and none from the ERP.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from demo.balance import Check, held, messages
from demo.erp.books import USED, Books, Move
from demo.expected import Expected
from demo.morning import Morning

SUPPLIES, TIME, INVENTORY, RECEIVABLE = "5.9.1", "5.9.2", "1.3.1", "1.2.1"


class Run(NamedTuple):
    """What is compared. `account`: what `suture reconcile` says; `references`: those that it says are delivered.
    `values_stock`: whether the ERP posts the value of stock itself. `before`: the books before anything was sent."""

    morning: Morning
    account: dict[str, Any]
    references: list[str]
    values_stock: bool
    before: Books
    books: Books


def balance(run: Run) -> list[Check]:
    """Every check."""
    return [
        Check(f"all {run.morning.messages} messages are accounted for", messages(run.morning, run.account)),
        Check("every document is done, none stands half-way", _open(run.books)),
        Check(f"{len(run.references)} documents, one for each reference", _one_to_one(run)),
        Check("stock: quantities agree to the unit, out and back", _quantities(run)),
        Check("stock is conserved: opening, less issued, plus returned, is on hand", _on_hand(run)),
        Check("bill-only: orders, their receipts and their use agree", _purchases(run)),
        Check("charges and credits agree with what was stated, to the cent", _charges(run)),
        Check("no patient became a party", _parties(run)),
        Check("time is on its cost centers, to the cent", _costs(run, TIME, ("cost-posting", "cost-reversal"))),
        Check(*_supplies(run)),
        Check("every journal balances", _journals(run.books)),
        Check("the engine's account agrees with the ERP to the cent", _account(run)),
        Check("nothing is held but what a person must judge", _held(run)),
    ]  # fmt: skip


def _parties(run: Run) -> str:
    return "" if run.books.parties == run.before.parties else f"{run.books.parties} parties"


def _open(books: Books) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in books.open.items())


def _one_to_one(run: Run) -> str:
    """Each document is found under one reference, and each reference is one document of its kind."""
    bought = {line.reference for line in run.books.purchases}
    booked = Counter(
        [
            *{(move.reference, "stock") for move in run.books.moves if move.reference not in bought},
            *{(line.reference, "charge") for line in run.books.charges},
            *((reference, "purchase") for reference in bought),
            *{(entry.reference, entry.number) for entry in run.books.entries if entry.reference},
        ]
    )
    there = Counter(reference for reference, _ in booked)
    twice = [reference for reference, count in there.items() if count > 1]
    strange, missing = there.keys() - {*run.references}, {*run.references} - there.keys()
    if twice or strange or missing:
        return (
            f"{len(twice)} booked twice, {len(missing)} missing, {len(strange)} that the engine does not know"
        )
    return ""


def _issued(run: Run) -> Iterable[tuple[str, Move]]:
    """Moves of usage with their kind; those of bill-only orders are the purchases' own."""
    bought = {line.reference for line in run.books.purchases}
    for move in run.books.moves:
        if move.reference not in bought:
            yield ("goods-issue" if move.end == USED else "goods-return"), move


def _quantities(run: Run) -> str:
    booked: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    wanted: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for kind, move in _issued(run):
        booked[kind, move.item, move.start if kind == "goods-issue" else move.end] += move.quantity
    for place, quantity in run.morning.expected.quantities.items():
        if place.kind in ("goods-issue", "goods-return"):
            wanted[place.kind, place.what, place.at] += quantity
    return _differs(wanted, booked)


def _on_hand(run: Run) -> str:
    now = defaultdict(Decimal, run.before.on_hand)
    for kind, move in _issued(run):
        if kind == "goods-issue":
            now[move.item, move.start] -= move.quantity
        else:
            now[move.item, move.end] += move.quantity
    return _differs(now, run.books.on_hand)


def _purchases(run: Run) -> str:
    expected = run.morning.expected
    ordered: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    wanted: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    money: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in run.books.purchases:
        kind = "bill-only-order" if line.quantity > 0 else "bill-only-cancellation"
        ordered[kind, line.what] += abs(line.quantity)
        money[kind] += abs(line.amount)
    for place, quantity in expected.quantities.items():
        if place.kind.startswith("bill-only"):
            wanted[place.kind, place.what] += quantity
    for kind in ("bill-only-order", "bill-only-cancellation"):
        if money[kind] != expected.values[kind]:
            return f"{kind}: {expected.values[kind]} expected, {money[kind]} ordered"
    orders, receipts, used = (
        Counter[tuple[str, str]](),
        Counter[tuple[str, str]](),
        Counter[tuple[str, str]](),
    )
    for line in run.books.purchases:
        orders[line.reference, line.what] += line.quantity  # type: ignore[assignment]
    for move in run.books.receipts:
        receipts[move.reference, move.item] += move.quantity  # type: ignore[assignment]
    for move in run.books.moves:
        if move.reference in {reference for reference, _ in orders}:
            used[move.reference, move.item] += move.quantity if move.end == USED else -move.quantity  # type: ignore[assignment]
    if not orders == receipts == used:
        return "what was ordered, received and used are not the same"
    return _differs(wanted, ordered)


def _charges(run: Run) -> str:
    expected = run.morning.expected
    booked: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    wanted: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    money: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in run.books.charges:
        kind = "charge" if line.quantity > 0 else "credit"
        booked[kind, line.what] += abs(line.quantity)
        money[kind] += abs(line.amount)
    for place, quantity in expected.quantities.items():
        if place.kind in ("charge", "credit"):
            wanted[place.kind, place.what] += quantity
    for code, count in expected.unpriced.items():
        wanted["charge", code] -= count
    for kind in ("charge", "credit"):
        if money[kind] != expected.stated[kind]:
            return f"{kind}: {expected.stated[kind]} stated, {money[kind]} booked"
    owed = _balance(run.books, RECEIVABLE)
    if owed != expected.stated["charge"] - expected.stated["credit"]:
        return f"receivable is {owed}"
    return _differs(wanted, booked)


def _costs(run: Run, account: str, kinds: tuple[str, str]) -> str:
    """Debits and credits of an account by cost center, against what was used there."""
    post, reverse = kinds
    booked: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in run.books.entries:
        if entry.account == account:
            booked[post, entry.center] += entry.debit
            booked[reverse, entry.center] += entry.credit
    wanted = _worth(run.morning.expected, kinds)
    return _differs(wanted, booked)


def _supplies(run: Run) -> tuple[str, str]:
    kinds = ("goods-issue", "goods-return")
    if not run.values_stock:
        return "supplies used are on their cost centers, to the cent", _costs(run, SUPPLIES, kinds)
    what = "the ERP valued its stock itself, and no journal of ours says it again"
    if any(entry.reference and entry.account == INVENTORY for entry in run.books.entries):
        return what, "a journal of ours is on the inventory account"
    values = run.morning.expected.values
    used = values["goods-issue"] - values["goods-return"]  # what was consigned came and went at once
    left = _balance(run.before, INVENTORY) - _balance(run.books, INVENTORY)
    return what, "" if left == used else f"{used} were used, {left} left the inventory account"


def _worth(expected: Expected, kinds: tuple[str, str]) -> dict[tuple[str, str], Decimal]:
    worth: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for place, value in expected.worth.items():
        if place.kind in kinds:
            worth[place.kind, place.center] += value
    return worth


def _journals(books: Books) -> str:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in books.entries:
        sums[entry.number] += entry.debit - entry.credit
    wrong = [number for number, difference in sums.items() if difference]
    return f"{len(wrong)} do not" if wrong else ""


def _account(run: Run) -> str:
    """What the engine says is delivered, in money, by effect and side."""
    expected = run.morning.expected
    money = {
        ("issue", "post"): expected.values["goods-issue"],
        ("issue", "reverse"): expected.values["goods-return"],
        ("bill-only", "post"): expected.values["bill-only-order"],
        ("bill-only", "reverse"): expected.values["bill-only-cancellation"],
        ("cost", "post"): expected.values["cost-posting"],
        ("cost", "reverse"): expected.values["cost-reversal"],
        ("charge", "post"): expected.stated["charge"],
        ("charge", "reverse"): expected.stated["credit"],
    }
    if not run.values_stock:
        money["stock-cost", "post"] = money["issue", "post"]
        money["stock-cost", "reverse"] = money["issue", "reverse"]
    said = {(row["effect"], row["action"]): abs(Decimal(row["money"])) for row in run.account["effects"]}
    return _differs({key: value for key, value in money.items() if value}, said)


def _held(run: Run) -> str:
    """Beside what the morning keeps back: a charge without a price is no invoice line."""
    unpriced = sum(run.morning.expected.unpriced.values())
    return held(run.account, {**run.morning.kept_back, "MAP020 amount is missing": unpriced})


def _balance(books: Books, account: str) -> Decimal:
    """Debits less credits."""
    return sum(
        (entry.debit - entry.credit for entry in books.entries if entry.account == account), Decimal(0)
    )


def _differs(wanted: Any, booked: Any) -> str:
    """The first key whose two figures are not the same."""
    for key in sorted({*wanted, *booked}, key=str):
        expected, found = wanted.get(key, Decimal(0)), booked.get(key, Decimal(0))
        if expected != found:
            shown = " ".join(key) if isinstance(key, tuple) else str(key)
            return f"{shown}: {expected} expected, {found} there"
    return ""
