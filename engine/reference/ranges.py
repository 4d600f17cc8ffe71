"""A range in a key cell: `1..9`, `10..`, `0270..0279`, or one value. Both ends are in it. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from engine.reference.values import ColumnType, number

Bound = Decimal | str | None

WRITTEN = {
    ColumnType.NUMBER: "1..9, 10.. for ten and more, or one number",
    ColumnType.TEXT: "0270..0279 with as many characters at both ends, or one code",
}
"""How people write one, by what it is a range of."""


class Range(NamedTuple):
    """`first` to `last`, both in it; None: open. Text is compared with text of its own length only, so that 0270..0279
    never takes 27 in."""

    first: Bound
    last: Bound

    def covers(self, value: Bound) -> bool:
        if value is None or not (_comparable(self.first, value) and _comparable(self.last, value)):
            return False
        return not _above(self.first, value) and not _above(value, self.last)

    def overlaps(self, other: Range) -> bool:
        ends = [end for end in (*self, *other) if isinstance(end, str)]
        if len({len(end) for end in ends}) > 1:
            return False
        return not _above(self.first, other.last) and not _above(other.first, self.last)


def read_range(kind: ColumnType, text: str) -> Range:
    """Raises `ValueError` for what is no range: an end that is no such value, ends of two lengths, or back to front."""
    first, dots, last = (part.strip() for part in text.partition(".."))
    ends = Range(read_bound(kind, first), read_bound(kind, last if dots else first))
    if ends == (None, None):
        raise ValueError("it has no end at all")
    if not _comparable(ends.first, ends.last) or _above(*ends):
        raise ValueError("it is back to front, or its ends differ in length")
    return ends


def read_bound(kind: ColumnType, text: str) -> Bound:
    """Raises `ValueError`. '' is open."""
    if not text:
        return None
    return number(text) if kind is ColumnType.NUMBER else text


def _comparable(end: Bound, other: Bound) -> bool:
    return not (isinstance(end, str) and isinstance(other, str)) or len(end) == len(other)


def _above(one: Bound, other: Bound) -> bool:
    """An open end is above and below nothing."""
    return one is not None and other is not None and one > other  # type: ignore[operator]
