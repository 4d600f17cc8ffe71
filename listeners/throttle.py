"""How many requests a sender may still make: a bucket for each, which its requests empty and time fills.

`Buckets` is told the time and reads no clock. It counts in whole numbers, so that nothing is lost to rounding.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.site.schema.rate import Rate

MOST = 10_000
"""Senders who are remembered at once; those beyond share one bucket."""

_NANOSECONDS = 1_000_000_000
_ALL_OTHERS = ""


class Buckets:
    """One rate, for any number of senders. A bucket is the moment at which it is full again, and is forgotten then."""

    def __init__(self, rate: Rate, most: int = MOST) -> None:
        self.rate = rate
        self._most = most
        self._second = rate.requests * _NANOSECONDS  # in the unit of all below
        self._request = rate.seconds * _NANOSECONDS
        self._whole = rate.requests * self._request
        self._full_at: dict[str, int] = {}
        self._time = 0
        self._told: int | None = None
        self._tidied = 0

    def take(self, sender: str, now: float) -> int:
        """0: the sender may make this request; else the whole seconds until there is room for one. `now`: seconds."""
        self._go_on(now)
        if sender not in self._full_at and len(self._full_at) >= self._most:
            sender = _ALL_OTHERS
        full_at = max(self._full_at.get(sender, 0), self._time) + self._request
        lacks = full_at - self._time - self._whole
        if lacks > 0:
            return -(-lacks // self._second)
        self._full_at[sender] = full_at
        return 0

    def _go_on(self, now: float) -> None:
        """A clock that is set back stands still for that moment, and goes on from there."""
        told = round(now * _NANOSECONDS)
        self._time += self.rate.requests * max(0, told - (told if self._told is None else self._told))
        self._told = told
        if self._time - self._tidied >= self._whole:
            self._full_at = {name: at for name, at in self._full_at.items() if at > self._time}
            self._tidied = self._time


class Throttle:
    """Of one listener. `rate`: the one in force, None lets everything in; another one begins with full buckets.
    `clock`: seconds."""

    def __init__(self, rate: Callable[[], Rate | None], clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: Buckets | None = None

    @property
    def open(self) -> bool:
        """Whether everybody is let in, whoever it is."""
        return self._rate() is None

    def take(self, sender: str) -> int:
        """As `Buckets.take`, now."""
        rate = self._rate()
        if rate is None:
            self._buckets = None
            return 0
        if self._buckets is None or self._buckets.rate != rate:
            self._buckets = Buckets(rate)
        return self._buckets.take(sender, self._clock())
