"""What of a booked document can still be given back, and at which value. Moves no stock and no money.

A reference booked twice has the lines of both: whoever undoes a double finds both to undo.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.sandbox.amounts import cents
from engine.sandbox.books import Document, Kind, Line, Refused


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one line of a return asks for; a field left None asks for nothing in particular."""

    number: int
    what: str
    quantity: Decimal
    cost_center: str | None = None
    lot: str | None = None
    serial: str | None = None

    def fits(self, line: Line) -> bool:
        return (
            line.what == self.what
            and self.cost_center in (None, line.cost_center)
            and self.lot in (None, line.lot)
            and self.serial in (None, line.serial)
        )


@dataclass(slots=True)
class _Left:
    """What is left of one booked line."""

    line: Line
    quantity: Decimal
    value: Decimal

    def take(self, number: int, quantity: Decimal) -> Line:
        """At most what is left of the line, at its share of the value; the last takes the last cent."""
        value = cents(self.value * quantity / self.quantity)
        self.quantity -= quantity
        self.value -= value
        return replace(self.line, number=number, quantity=quantity, value=value, stated=None)


class Remainders:
    """Per kind and reference, the lines not yet given back."""

    def __init__(self) -> None:
        self._left: defaultdict[tuple[str, str], list[_Left]] = defaultdict(list)

    def open(self, document: Document) -> None:
        """From now on the document's lines can be given back."""
        self._left[document.kind.name, document.reference] += [
            _Left(line, line.quantity, line.value) for line in document.lines
        ]

    def draw(self, kind: Kind, original: str, wanted: Sequence[Wanted]) -> list[Line]:
        """The lines given back, with their values; none wanted = all that is left. Raises `Refused`, and then
        nothing is drawn."""
        if (kind.name, original) not in self._left:
            raise Refused("unknown_original", f"no {kind.name} has this original reference")
        trial = [replace(left) for left in self._left[kind.name, original]]
        if wanted:
            drawn = [line for want in wanted for line in _drawn(trial, want)]
        else:
            drawn = [left.take(left.line.number, left.quantity) for left in trial if left.quantity]
        if not drawn:
            raise Refused("more_than_remains", "nothing remains of the original")
        self._left[kind.name, original] = trial
        return drawn


def _drawn(trial: list[_Left], want: Wanted) -> list[Line]:
    """`want` taken from the lines that fit it, the oldest first."""
    fitting = [left for left in trial if want.fits(left.line)]
    if not fitting:
        raise Refused("not_on_original", "the original has no such line", want.number)
    missing = want.quantity
    drawn = []
    for left in fitting:
        if quantity := min(missing, left.quantity):
            drawn.append(left.take(want.number, quantity))
            missing -= quantity
    if missing:
        raise Refused("more_than_remains", "more than remains of the original", want.number)
    return drawn
