"""Decimal money and quantities. Never a float; cents are rounded half up, and only where money is made."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """`amount` rounded half up to two places."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def parse_decimal(text: str) -> Decimal:
    """A plain decimal number as HL7 NM and CSV write it; `ValueError` (without the text) for anything else.

    Exponents, NaN, infinities, thousands separators and more than 30 digits are refused.
    """
    stripped = text.strip()
    if len(stripped) > 30 or not stripped or stripped.strip("+-.0123456789"):
        raise ValueError("not a decimal number")
    try:
        return Decimal(stripped)
    except InvalidOperation:
        raise ValueError("not a decimal number") from None


def plain(number: Decimal) -> str:
    """`number` without exponent and without trailing zeros after the point: 12.50 → '12.5', 1E+2 → '100'."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text not in ("", "-0") else "0"


def money_text(amount: Decimal) -> str:
    """At least two decimals: 12.5 → '12.50', 0.125 → '0.125'."""
    exponent = amount.as_tuple().exponent
    return format(amount if isinstance(exponent, int) and exponent <= -2 else amount.quantize(CENT), "f")
