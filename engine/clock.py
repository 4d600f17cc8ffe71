"""The wall clock, read at the rim only and handed inwards as a value. Tests hand in their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Where the rim reads time."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC, never going backwards within a process."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that nobody sets."""
        ...


class SystemClock:
    """The machine's clock, held still while it is set back."""

    def __init__(self, not_before_us: int = 0) -> None:
        self._last = not_before_us

    def now_us(self) -> int:
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last

    def monotonic(self) -> float:
        return time.monotonic()


def to_datetime(us: int) -> datetime:
    """UTC-aware datetime of `us` microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=us)


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (moment - EPOCH) // timedelta(microseconds=1)
