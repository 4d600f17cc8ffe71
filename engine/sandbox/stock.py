"""Quantity and value per item and location, at moving average cost. Knows no documents and no ledger.

Value is in cents and conserved: what leaves is taken from the value, and the average is what the remaining
value says, at six decimals. Stock may go negative; while it is not positive, the last average holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from engine.sandbox.amounts import ZERO, cents, micros, plain


@dataclass(slots=True)
class Bin:
    """One item at one location. `value` in cents; `average` per unit at six decimals."""

    on_hand: Decimal = Decimal(0)
    value: Decimal = ZERO
    average: Decimal = Decimal("0.000000")

    def move(self, quantity: Decimal, value: Decimal) -> None:
        """Both signed: what comes is positive, what leaves negative."""
        self.on_hand += quantity
        self.value += value
        if self.on_hand > 0 and self.value >= 0:
            self.average = micros(self.value / self.on_hand)

    def tree(self) -> dict[str, str]:
        return {"on_hand": plain(self.on_hand), "value": str(self.value), "average": str(self.average)}


class Stock:
    """All bins. A bin that was never opened starts empty, at cost zero."""

    def __init__(self) -> None:
        self._bins: defaultdict[tuple[str, str], Bin] = defaultdict(Bin)

    def open(self, item: str, location: str, quantity: Decimal, unit_cost: Decimal) -> Decimal:
        """The opening stock of a bin; its value in cents."""
        value = cents(quantity * unit_cost)
        self._bins[item, location] = Bin(quantity, value, micros(unit_cost))
        return value

    def issue(self, item: str, location: str, quantity: Decimal) -> Decimal:
        """Takes `quantity` (> 0) out and returns the value that left. The last unit takes the last cent."""
        held = self._bins[item, location]
        value = held.value if quantity == held.on_hand else cents(quantity * held.average)
        held.move(-quantity, -value)
        return value

    def receive(self, item: str, location: str, quantity: Decimal, value: Decimal) -> None:
        """Puts `quantity` (> 0) back at `value`."""
        self._bins[item, location].move(quantity, value)

    @property
    def value(self) -> Decimal:
        return sum((held.value for held in self._bins.values()), ZERO)

    def negative(self) -> list[dict[str, str]]:
        """The bins that owe more than they hold."""
        return [
            {"item": item, "location": location, "on_hand": plain(held.on_hand)}
            for (item, location), held in self._sorted()
            if held.on_hand < 0
        ]

    def tree(self) -> dict[str, dict[str, dict[str, str]]]:
        """item → location → on_hand, value, average."""
        tree: dict[str, dict[str, dict[str, str]]] = {}
        for (item, location), held in self._sorted():
            tree.setdefault(item, {})[location] = held.tree()
        return tree

    def _sorted(self) -> Iterator[tuple[tuple[str, str], Bin]]:
        return iter(sorted(self._bins.items()))
