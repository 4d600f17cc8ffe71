"""A destination that does not answer is left alone for a while. Pure: fed with outcomes and seconds.

While it is open nothing is sent and no attempt is burned: deliveries stay ready.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.outcome import Verdict

FAILURES = 5
"""Tries in a row that did not reach it, or got no answer, before it is left alone."""

REST = 5.0
"""Seconds until one try is let through."""

_AWAY = (Verdict.NOT_SENT, Verdict.UNKNOWN)


@dataclass(slots=True)
class Breaker:
    """closed → open after `FAILURES` in a row → half-open after `rest` seconds: one try decides."""

    rest: float = REST
    failures: int = 0
    opened: float | None = None
    trying: bool = False

    def allows(self, now: float) -> bool:
        """Whether a document may leave at `now` (monotonic seconds)."""
        if self.opened is None:
            return True
        return not self.trying and now >= self.opened + self.rest

    def left(self) -> None:
        """A document leaves."""
        self.trying = self.opened is not None

    def tell(self, verdict: Verdict, now: float) -> None:
        """How a try ended."""
        self.trying = False
        if verdict not in _AWAY:
            self.failures, self.opened = 0, None
            return
        self.failures += 1
        if self.failures >= FAILURES:
            self.opened = now

    @property
    def word(self) -> str:
        if self.opened is None:
            return "closed"
        return "half-open" if self.trying else "open"
