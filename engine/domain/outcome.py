"""What one try at a destination came to. Values, not exceptions: the lane decides what follows.

Source: rules of money, 7 and 8. `UNKNOWN` is the honest word for a reply that never came.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple


class Verdict(IntEnum):
    """Closed list of how a try can end."""

    APPLIED = 1  # the far end says it is booked ("already exists" answers too)
    REJECTED = 2  # refused for good: a person or a row must mend it
    NOT_SENT = 3  # certainly not applied; may be tried again
    UNKNOWN = 4  # bytes left, no trustworthy answer came
    CREDENTIALS = 5  # 401, 403 or a wrong path: stop the destination, burn no attempt
    ABSENT = 6  # only of a probe: the far end does not know the reference
    HALF = 7  # a part of it is there; sending it goes on with that part

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", " ")


class Outcome(NamedTuple):
    """`code`: short and stable (`HTTP 503`, `timeout`, `refused: period_closed`), free of content.

    `document`: the far end's number; `amount`: what it says the document is worth; `retry_after`: seconds the
    far end asked for; `reply`: its body, kept for a person, never logged.
    """

    verdict: Verdict
    code: str
    document: str = ""
    amount: Decimal | None = None
    retry_after: float | None = None
    reply: bytes = b""

    def __repr__(self) -> str:
        return f"Outcome({self.verdict.word}, {self.code!r}, document={self.document!r})"
