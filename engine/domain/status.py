"""The states of messages, lines, effects and deliveries: closed lists, and which moves are legal.

Stored as the small integers given here; they never change their meaning. Source: rules of money, 24.
"""

from __future__ import annotations

from enum import IntEnum


class MessageState(IntEnum):
    """Where a message stands. Every message is in exactly one."""

    PENDING = 0  # durable, not stepped yet
    ROUTED = 1  # at least one line has an effect on its way or there, or stands in a code table
    FILTERED = 2  # nothing to post, with the reason
    HELD = 3  # all that it has to post waits for a person or a row
    DUPLICATE = 4  # told before: by MSH-10 and body, or line by line
    REFUSED = 5  # answered AE/AR or unanswerable; bytes kept
    SUPERSEDED = 6  # a replay took its place

    @property
    def word(self) -> str:
        return self.name.lower()


class LineState(IntEnum):
    """What became of a line."""

    POSTED = 1  # it has effects (each with a state of its own)
    FILTERED = 2
    HELD = 3  # not even its effects can be told (unreadable quantity, unknown credit)
    DUPLICATE = 4
    KEPT = 5  # a record of a master: it stands in its code tables, or in a proposal of them
    SUPERSEDED = 6

    @property
    def word(self) -> str:
        return self.name.lower()


class EffectState(IntEnum):
    """A state of the effect's own. ROUTED defers to its delivery's state."""

    ROUTED = 1
    HELD = 2
    CANCELLED = 3  # found not due, or cancelled before it left, or dropped by a person
    SUPERSEDED = 4  # a replay has an effect in its place; no longer expected (rules of money, 24)
    WAITING = (
        5  # takes back what is still on its way: goes by itself when that is settled (rules of money, 10)
    )

    @property
    def word(self) -> str:
        return self.name.lower()


class DeliveryState(IntEnum):
    """Where one document for one destination stands."""

    READY = 0  # never left
    SENDING = 1  # committed before its first byte leaves; after a crash this means UNKNOWN
    WAITING = 2  # certainly not applied; tried again at `next_us`
    UNKNOWN = 3  # may be applied; is asked, not hoped
    DELIVERED = 4
    HELD = 5  # refused for good, or unknown and nobody to ask: a person decides
    CANCELLED = 6

    @property
    def word(self) -> str:
        return self.name.lower()


class Fate(IntEnum):
    """What became of a posted effect, as far as whoever refers to it must know (rules of money, 10 and 15)."""

    QUEUED = 1  # certainly not applied: READY or WAITING
    LEAVING = 2  # may be applied: SENDING or UNKNOWN
    THERE = 3
    HELD = 4  # never sent, or refused for good: a person decides
    CANCELLED = 5

    @property
    def word(self) -> str:
        return {Fate.LEAVING: "on its way", Fate.THERE: "delivered"}.get(self, self.name.lower())


_FATES = {
    DeliveryState.READY: Fate.QUEUED,
    DeliveryState.WAITING: Fate.QUEUED,
    DeliveryState.SENDING: Fate.LEAVING,
    DeliveryState.UNKNOWN: Fate.LEAVING,
    DeliveryState.DELIVERED: Fate.THERE,
    DeliveryState.HELD: Fate.HELD,
    DeliveryState.CANCELLED: Fate.CANCELLED,
}


def fate_of(effect: EffectState, delivery: DeliveryState | None) -> Fate:
    """`delivery`: the state of the document that carries the effect; None while nothing does."""
    if effect is EffectState.ROUTED and delivery is not None:
        return _FATES[delivery]
    return Fate.HELD if effect in (EffectState.HELD, EffectState.WAITING) else Fate.CANCELLED


OPEN_DELIVERIES = (DeliveryState.READY, DeliveryState.SENDING, DeliveryState.WAITING, DeliveryState.UNKNOWN)
"""States in which a delivery takes part in its lane."""

PARKING_DELIVERIES = (DeliveryState.WAITING, DeliveryState.UNKNOWN)
"""States that keep the rest of the lane behind them (rules of money, 15)."""

DELIVERY_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.READY: frozenset(
        {  # UNKNOWN: of a restored store, it may have been sent after the backup
            DeliveryState.SENDING,
            DeliveryState.UNKNOWN,
            DeliveryState.CANCELLED,
            DeliveryState.HELD,
        }
    ),
    DeliveryState.SENDING: frozenset(
        {  # READY: withdrawn before it left
            DeliveryState.READY,
            DeliveryState.DELIVERED,
            DeliveryState.WAITING,
            DeliveryState.UNKNOWN,
            DeliveryState.HELD,
        }
    ),
    DeliveryState.WAITING: frozenset({DeliveryState.SENDING, DeliveryState.HELD, DeliveryState.CANCELLED}),
    DeliveryState.UNKNOWN: frozenset(
        {  # UNKNOWN again: asked, and the question itself failed
            DeliveryState.DELIVERED,
            DeliveryState.WAITING,
            DeliveryState.SENDING,
            DeliveryState.UNKNOWN,
            DeliveryState.HELD,
        }
    ),
    DeliveryState.HELD: frozenset({DeliveryState.READY, DeliveryState.CANCELLED, DeliveryState.DELIVERED}),
    DeliveryState.DELIVERED: frozenset(),
    DeliveryState.CANCELLED: frozenset(),
}
