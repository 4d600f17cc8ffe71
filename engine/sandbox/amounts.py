"""Decimal texts, cents and rounding. Never a float: a JSON number where a decimal text belongs is a fault.

The `Annotated` types are for pydantic models: a text goes in, a `Decimal` comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import BeforeValidator

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
MICRO = Decimal("0.000001")


def cents(amount: Decimal) -> Decimal:
    """`amount` in whole cents, half a cent away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def micros(amount: Decimal) -> Decimal:
    """`amount` at the six decimals of a unit cost, half away from zero."""
    return amount.quantize(MICRO, ROUND_HALF_UP)


def plain(quantity: Decimal) -> str:
    """`quantity` without exponent and without trailing zeros: `10`, `0.5`, `-2`."""
    return f"{quantity.normalize():f}"


def _text(decimals: int, example: str, *, positive: bool = False) -> Callable[[object], Decimal]:
    """A reader of decimal texts; at most 9 digits before the point, so that products stay exact."""
    shape = re.compile(rf"[0-9]{{1,9}}(\.[0-9]{{1,{decimals}}})?")

    def read(value: object) -> Decimal:
        if not isinstance(value, str) or shape.fullmatch(value) is None:
            raise ValueError(f"must be a decimal text of at most {decimals} decimals, such as {example}")
        number = Decimal(value)
        if positive and not number:
            raise ValueError("must be more than zero")
        return number

    return read


Quantity = Annotated[Decimal, BeforeValidator(_text(4, '"2"', positive=True))]
OnHand = Annotated[Decimal, BeforeValidator(_text(4, '"200"'))]
Money = Annotated[Decimal, BeforeValidator(_text(2, '"12.50"'))]
Price = Annotated[Decimal, BeforeValidator(_text(6, '"12.50"'))]
