"""How values stand in rows: kinds of content, decimals as text, states as small integers."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum

TEN_THOUSANDTHS = Decimal("0.0001")


class ContentKind(IntEnum):
    """What a body in `content` is: retention and encryption go by it."""

    RAW = 1
    PAYLOAD = 2
    REPLY = 3
    RECORD = 4
    SITE = 5
    TABLE = 6


def decimal_text(number: Decimal | None) -> str | None:
    return None if number is None else format(number, "f")


def decimal_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def from_ten_thousandths(units: int | float | None) -> Decimal:
    """Money summed by the database in whole ten-thousandths."""
    return (Decimal(int(units or 0)) * TEN_THOUSANDTHS).quantize(Decimal("0.01"))
