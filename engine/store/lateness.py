"""What should be there by now, and is not: effects that are late, stays that ended and brought nothing. And what should
not be: what was used in cases that did not take place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import apsw

from engine.domain.message import MessageId
from engine.domain.status import Fate
from engine.domain.views import CaseUse, LateEffects, SightingView
from engine.store.facts import read_originals
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


def cases_told(connection: apsw.Connection, events: Collection[str], since_us: int) -> list[bytes]:
    return [case for (case,) in ask(connection, "cases_told", since_us, apsw.carray(tuple(events)))]


def used_in_cases(connection: apsw.Connection, cases: Sequence[bytes]) -> list[CaseUse]:
    rows = ask(connection, "effects_of_cases", apsw.carray(tuple(cases))) if cases else []
    originals = read_originals(connection, sorted({effect for *_, effect in rows}))
    lines: dict[tuple[bytes, str], dict[int, int]] = {}
    for case, line, channel, message, effect in rows:
        one = originals[effect]
        if one.fate is not Fate.CANCELLED and (one.remaining > 0 or one.quantity is None):
            lines.setdefault((case, channel), {})[line] = message
    return [
        CaseUse(case, channel, len(found), MessageId(max(found.values())))
        for (case, channel), found in lines.items()
    ]
