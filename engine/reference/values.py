"""Text of a cell or a field as an exact value. Never guesses, never a float; errors never carry the text.

Used by `table` for CSV cells and by `engine.mapping.reader` for fields of messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from engine.domain.event import Value
from engine.domain.money import CENT, parse_decimal, plain

Cell = Value | Fraction

_WIDE = Context(prec=40)  # parse_decimal lets 30 digits in; two more for cents must not be lost
_USUAL = 18  # digits of a whole number, which needs no care
_CENTS = re.compile(r"[0-9]{1,16}\.[0-9]{2}")  # money as nearly everybody writes it
_RATIO = re.compile(r"[0-9]{1,12}(?:/[0-9]{1,12}|\.[0-9]{1,12})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class ColumnType(StrEnum):
    """What the cells of a value column hold; an empty cell is a missing value in every type."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    RATIO = "ratio"
    FLAG = "flag"
    DATE = "date"


class CellType(NamedTuple):
    """`read` raises `ValueError` for text that is no such value. `written`: how people write one."""

    read: Callable[[str], Cell]
    written: str


def number(text: str) -> Decimal:
    """A decimal number without needless zeros: '3.00' → 3."""
    if text.isascii() and text.isdigit() and len(text) <= _USUAL:
        return Decimal(text)
    return Decimal(plain(parse_decimal(text)))


def money(text: str) -> Decimal:
    """A decimal number with two decimals, or more where needed: '12.5' → 12.50, '0.125' → 0.125."""
    if _CENTS.fullmatch(text):
        return Decimal(text)
    amount = number(text)
    exponent = amount.as_tuple().exponent
    return _WIDE.quantize(amount, CENT) if isinstance(exponent, int) and exponent > -2 else amount


def ratio(text: str) -> Fraction:
    """`1/50`, `12` or `0.5`, above zero."""
    if not _RATIO.fullmatch(text):
        raise ValueError("not a ratio")
    whole, _, part = text.partition("/")
    if Fraction(whole) == 0 or (part and int(part) == 0):
        raise ValueError("not a ratio above zero")
    return Fraction(text)


def flag(text: str) -> bool:
    """`yes` or `no`, in any case."""
    word = text.lower()
    if word not in ("yes", "no"):
        raise ValueError("not a flag")
    return word == "yes"


def day(text: str) -> date:
    """A date as ISO 8601 writes it in full: `2026-11-20`."""
    if not _DATE.fullmatch(text):
        raise ValueError("not a date")
    return date.fromisoformat(text)


def same_cell(column: ColumnType, old: str, new: str) -> bool:
    """Whether two cells say the same: `12.5` and `12.50` are one amount of money."""
    try:
        return old == new or bool(old and new and CELLS[column].read(old) == CELLS[column].read(new))
    except ValueError:  # told with its place when the table is compiled
        return False


CELLS = {
    ColumnType.TEXT: CellType(str, "any text"),
    ColumnType.NUMBER: CellType(number, "1250.5, with a point and no thousands separator"),
    ColumnType.MONEY: CellType(money, "1250.50, with a point and no currency sign"),
    ColumnType.RATIO: CellType(ratio, "12, 0.5 or 1/50, above zero"),
    ColumnType.FLAG: CellType(flag, "yes or no"),
    ColumnType.DATE: CellType(day, "YYYY-MM-DD, such as 2026-11-20"),
}
"""How each type of cell is read and written. The reference docs are made from it."""
