"""Counts and money over the whole store: what closes, what waits, and for whom.

Amounts are decimals as text. The database counts equal amounts, and here each is multiplied and added exactly: sums in
SQL would be floats. Every function is one long read, for the thread that has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from operator import itemgetter
from typing import Any

import apsw

from engine.domain.message import MessageId
from engine.domain.money import money_text
from engine.domain.posting import Action, Measure
from engine.domain.status import LineState, MessageState
from engine.domain.views import AccountRow, HeldGroup, OtherAmount
from engine.store.queries import ask, snapshot

_PRICED = (Measure.STATED, Measure.PRICED_HERE)
_DELIVERED = "delivered"

Place = tuple[str, str, int, int, str]
"""(destination, effect name, action, measure, where it stands)."""


def message_counts(connection: apsw.Connection) -> dict[tuple[str, str], int]:
    return {
        (feed, MessageState(state).word): count for feed, state, count in ask(connection, "message_counts")
    }


def line_counts(connection: apsw.Connection) -> dict[tuple[str, str], tuple[int, str]]:
    """(state, reason) → (lines, stated money as text)."""
    found: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for state, reason, stated, count in ask(connection, "line_counts"):
        key = (LineState(state).word, reason)
        lines, money = found.get(key, (0, Decimal(0)))
        found[key] = (lines + count, money + Decimal(stated or 0) * count)
    return {key: (lines, money_text(money)) for key, (lines, money) in found.items()}


def account(connection: apsw.Connection) -> list[AccountRow]:
    """Rule 24. What was superseded is no longer expected; all else is in exactly one row."""
    with snapshot(connection):
        stood, told = ask(connection, "account"), list(_far_end(connection))
    sums: dict[Place, _Sum] = {}
    for destination, name, action, measure, where, amount, count in stood:
        found = sums.setdefault((destination, name, action, measure, where), _Sum())
        found.effects += count
        found.add(Decimal(amount) if amount is not None else None, count, measure in _PRICED)
    for place, amount, documents, carried in told:
        sums[place].add(amount, documents if amount is not None else carried, True)
    return [
        AccountRow(destination, name, Action(action), Measure(measure), where, *found.told())
        for (destination, name, action, measure, where), found in sorted(sums.items(), key=itemgetter(0))
    ]


def other_amounts(connection: apsw.Connection) -> list[OtherAmount]:
    """Equal texts are left out in SQL; the others may still be equal amounts, as far as the far end's are written."""
    found = []
    for destination, effect, reference, document, message, booked, posted in ask(connection, "other_amounts"):
        ours, theirs = abs(sum(map(Decimal, posted.split()), Decimal(0))), abs(Decimal(booked))
        written = min(int(theirs.as_tuple().exponent), -2)
        if ours.quantize(Decimal(1).scaleb(written)) != theirs:
            found.append(
                OtherAmount(destination, effect, reference, document, MessageId(message), ours, theirs)
            )
    return found


class _Sum:
    """Of one place: its effects, their money, and how many of them have no price though they should."""

    def __init__(self) -> None:
        self.effects = 0
        self.money = Decimal(0)
        self.unpriced = 0

    def add(self, amount: Decimal | None, count: int, priced: bool) -> None:
        if amount is not None:
            self.money += amount * count
        elif priced:
            self.unpriced += count

    def told(self) -> tuple[int, Decimal, int]:
        return self.effects, self.money, self.unpriced


def worklist(connection: apsw.Connection, owner: str | None) -> list[HeldGroup]:
    """Most money first."""
    with snapshot(connection):
        stakes = _stakes(ask(connection, "worklist_stakes", owner))
        applied = {(name, cause): lines for name, cause, lines in ask(connection, "worklist_applied", owner)}
        groups = [
            HeldGroup(
                name,
                cause,
                effects,
                lines,
                messages,
                *stakes.get((name, cause), (None, 0)),
                first_us,
                last_us,
                tuple([message for (message,) in ask(connection, "worklist_samples", name, cause)]),
                applied.get((name, cause), 0),
            )
            for name, cause, effects, lines, messages, first_us, last_us in ask(connection, "worklist", owner)
        ]
    return sorted(
        groups, key=lambda group: (-(group.at_stake or 0), -group.effects, group.owner, group.cause)
    )


def held_messages(
    connection: apsw.Connection, owner: str | None, cause: str | None, after: int, limit: int
) -> list[MessageId]:
    return [message for (message,) in ask(connection, "held_messages", owner, cause, after, limit)]


def held_extent(connection: apsw.Connection, owner: str | None, cause: str | None) -> tuple[int, int]:
    ((messages, last),) = ask(connection, "held_extent", owner, cause)
    return messages, last


def documents(connection: apsw.Connection, destination: str, after: int, limit: int) -> list[Any]:
    return ask(connection, "documents", destination, after, limit)


def _stakes(rows: Iterable[Any]) -> dict[tuple[str, str], tuple[Decimal | None, int]]:
    """(owner, cause) → (money at stake, lines without a price). A credit is as much at stake as a charge."""
    found: dict[tuple[str, str], tuple[Decimal | None, int]] = {}
    for owner, cause, stake, lines in rows:
        money, unpriced = found.get((owner, cause), (None, 0))
        if stake is None:
            unpriced += lines
        else:
            money = (money or Decimal(0)) + abs(Decimal(stake)) * lines
        found[owner, cause] = (money, unpriced)
    return found


def _far_end(connection: apsw.Connection) -> Iterable[tuple[Place, Decimal | None, int, int]]:
    """(place, amount of a document or None, documents of that amount, their effects). A reversal is negative."""
    for destination, name, action, amount, documents, effects in ask(connection, "far_end_money"):
        place = (destination, name, action, int(Measure.FAR_END), _DELIVERED)
        if amount is None:
            yield place, None, documents, effects
        else:
            told = Decimal(amount)
            yield place, -abs(told) if action == Action.REVERSE else told, documents, effects


def newest_standing(
    connection: apsw.Connection, channel: str, effect: str, destination: str, since_us: int
) -> MessageId | None:
    found = ask(connection, "newest_standing", channel, effect, destination, since_us)
    return MessageId(found[0][0]) if found else None
