"""The plain account of rules of money 24: messages by state, effects by destination, money by measure. Pure.

Debits and credits stand apart, never net. What has no price is counted as unpriced, never as 0.00.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from engine.domain.posting import Action
from engine.domain.views import AccountRow, HeldGroup, OtherAmount

STATES = ("delivered", "waiting", "unknown", "held", "cancelled")


class EffectAccount(NamedTuple):
    """One effect at one destination. `money`: what is delivered, by the measure of the effect."""

    destination: str
    name: str
    action: str
    measure: str
    counts: dict[str, int]
    money: Decimal
    unpriced: int

    @property
    def expected(self) -> int:
        return sum(self.counts.values())


def effect_accounts(rows: Iterable[AccountRow]) -> list[EffectAccount]:
    """One account for each destination, effect, action and measure."""
    counts: dict[tuple[str, str, Action, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(STATES, 0))
    money: dict[tuple[str, str, Action, str], Decimal] = defaultdict(Decimal)
    unpriced: dict[tuple[str, str, Action, str], int] = defaultdict(int)
    for row in rows:
        key = (row.destination, row.name, row.action, row.measure.word)
        counts[key][row.state] += row.effects
        unpriced[key] += row.unpriced
        if row.state == "delivered":
            money[key] += row.amount
    return [
        EffectAccount(destination, name, "post" if action is Action.POST else "reverse", measure,
                      counts[destination, name, action, measure], money[destination, name, action, measure],
                      unpriced[destination, name, action, measure])
        for destination, name, action, measure in sorted(counts)
    ]  # fmt: skip


def report(
    messages: dict[tuple[str, str], int],
    lines: dict[tuple[str, str], tuple[int, str]],
    rows: Iterable[AccountRow],
    worklist: Iterable[HeldGroup],
    others: Iterable[OtherAmount],
) -> dict[str, Any]:
    """Everything as plain JSON values. `settled`: nothing waits, is unknown or awaits its step."""
    accounts = effect_accounts(rows)
    states: dict[str, int] = defaultdict(int)
    for (_, state), count in messages.items():
        states[state] += count
    open_effects = sum(account.counts["waiting"] + account.counts["unknown"] for account in accounts)
    return {
        "messages": {"total": sum(states.values()), "by_state": dict(states), "by_feed": _by_feed(messages)},
        "lines": [
            {"state": state, "reason": reason, "lines": count, "stated": stated}
            for (state, reason), (count, stated) in sorted(lines.items())
        ],
        "effects": [
            {
                "destination": account.destination,
                "effect": account.name,
                "action": account.action,
                "measure": account.measure,
                "expected": account.expected,
                **account.counts,
                "money": str(account.money),
                "unpriced": account.unpriced,
            }
            for account in accounts
        ],
        "other_amounts": [
            {**other._asdict(), "posted": str(other.posted), "booked": str(other.booked)} for other in others
        ],
        "worklist": [group_json(group) for group in worklist],
        "settled": open_effects == 0 and states.get("pending", 0) == 0,
    }


def group_json(group: HeldGroup) -> dict[str, Any]:
    return {
        "owner": group.owner,
        "cause": group.cause,
        "effects": group.effects,
        "lines": group.lines,
        "messages": group.messages,
        "at_stake": None if group.at_stake is None else str(group.at_stake),
        "unpriced": group.unpriced,
        "first_us": group.first_us,
        "last_us": group.last_us,
        "samples": list(group.samples),
        "applied": group.applied,
    }


def _by_feed(messages: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    feeds: dict[str, dict[str, int]] = defaultdict(dict)
    for (feed, state), count in sorted(messages.items()):
        feeds[feed][state] = count
    return dict(feeds)
