"""What should be there by now, and is not: effects that are late, stays that ended and brought nothing."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import apsw

from engine.domain.message import MessageId
from engine.domain.views import LateEffects, SightingView
from engine.store.queries import ask


def late_effects(connection: apsw.Connection, channel: str, effect: str, before_us: int) -> list[LateEffects]:
    return [
        LateEffects(destination, effects, held, oldest_us, MessageId(message))
        for destination, effects, held, oldest_us, message in ask(
            connection, "late_effects", channel, effect, before_us
        )
    ]


def accounts_of_type(connection: apsw.Connection, type: str, since_us: int) -> list[tuple[bytes, MessageId]]:
    rows = ask(connection, "accounts_of_type", type, since_us)
    return [(account, MessageId(message)) for account, message in rows]


def has_line(connection: apsw.Connection, accounts: Collection[bytes], channel: str) -> bool:
    return bool(ask(connection, "has_line", apsw.carray(tuple(accounts)), channel))


def sightings(connection: apsw.Connection, since_us: int) -> list[SightingView]:
    return [
        SightingView(
            destination, effect, place, channel, bool(owned), Decimal(quantity), same, MessageId(message)
        )
        for destination, effect, place, channel, owned, quantity, same, message in ask(
            connection, "sightings", since_us
        )
    ]
