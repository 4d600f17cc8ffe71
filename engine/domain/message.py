"""A message at the door and in the inbox. Bytes and identity only; what it means is an `engine.domain.event`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, NewType

MessageId = NewType("MessageId", int)
"""Inbox commit order, from 1."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Raw bytes as a listener took them. `charset`: HTTP's, which wins over MSH-18. The repr shows sizes only."""

    feed: str
    raw: bytes
    peer: str
    transport: str  # mllp | hl7-http
    charset: str | None = None

    def __repr__(self) -> str:
        return f"Arrival(feed={self.feed!r}, {len(self.raw)} bytes, {self.transport})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the sender. `ack` None: silence. `code`: AA AE AR CA CE CR, or '' when silent.
    `application`: the application acknowledgment behind an accept acknowledgment, a message of its own."""

    ack: bytes | None
    code: str
    application: bytes | None = None


class Inbound(NamedTuple):
    """A pending message as the stepper takes it from the inbox. Of a replay: `edition` is what it is stepped with
    (None: the active one), `to` the only destination it is for (None: all), `first` the message that it tells again,
    which came in at `first_us`."""

    id: MessageId
    feed: str
    received_us: int
    raw: bytes
    charset: str | None
    replays: MessageId | None = None
    edition: int | None = None
    to: str | None = None
    first: MessageId | None = None
    first_us: int | None = None

    @property
    def told(self) -> MessageId:
        """Which message told it: of a replay the one that it tells again."""
        return self.first or self.id

    @property
    def told_us(self) -> int:
        """When it was told, where it does not say so itself."""
        return self.received_us if self.first_us is None else self.first_us

    def __repr__(self) -> str:
        return f"Inbound({self.id}, feed={self.feed!r}, {len(self.raw)} bytes)"
