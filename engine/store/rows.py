"""How values stand in rows: kinds of content, decimals as text. Times are integer microseconds as they come."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum


class ContentKind(IntEnum):
    """What a body in `content` is: retention and encryption go by it. Stored; a number never changes its meaning."""

    RAW = 1
    PAYLOAD = 2
    REPLY = 3
    RECORD = 4
    SITE = 5
    TABLE = 6


DROPPED = "dropped"
ORIGINAL_DROPPED = "its original was dropped"
"""Causes of effects, and reasons of lines and messages, that a person decided are not to be posted."""


def decimal_text(number: Decimal | None) -> str | None:
    """Plain digits, every one of them kept: money is never rounded here."""
    return None if number is None else format(number, "f")


def decimal_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
