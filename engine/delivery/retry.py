"""What follows an outcome. Pure: no clock, no store; the lane saves what is decided here.

Rules of money, 7 and 8: `unknown` is asked about after `settle`, twice; only then may anything be sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.domain.outcome import Outcome, Verdict
from engine.domain.status import DeliveryState

MICROSECOND = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePolicy:
    """How one destination is treated. Seconds; `rate`: documents a second; `give_up_after`: attempts, None: never.

    `settle` is never less than the far end's longest processing time. `asks`: it can be probed by reference;
    `repeats`: it honours idempotency keys, so the same document may be sent again. `parks`: what is held keeps its lane
    behind it (rules of money, 15).
    """

    settle: float
    first: float = 2.0
    ceiling: float = 900.0
    give_up_after: int | None = None
    concurrency: int = 8
    rate: float | None = None
    batch_most: int = 1
    asks: bool = True
    repeats: bool = False
    parks: bool = False
    stop_grace: float = 10.0


class Next(NamedTuple):
    """Where a delivery goes. `next_us` with WAITING and UNKNOWN. `stops`: the destination stops, too."""

    state: DeliveryState
    next_us: int | None = None
    counts: bool = True
    frees: bool = False
    stops: bool = False
    code: str = ""


REFUSED_IN_DOUBT = "refused after unknown"
"""How the code of a refusal begins whose document may be there all the same."""

RETRY_AFTER_LIMIT = 3600.0
"""Seconds: a far end that asks for longer is asked again after this."""

ABSENT_ANSWERS = 2
"""A far end that may still be committing is asked this often, `settle` apart, before anything is sent again."""


def after_send(
    outcome: Outcome, attempt: int, policy: LanePolicy, now_us: int, doubtful: bool = False
) -> Next:
    """`attempt` counts from 1, this one included; tries that burned none excluded. `doubtful`: it was unknown, or stood
    half-way, when it was sent again: until a far end says that it is there, or surely is not, it stays unknown."""
    match outcome.verdict:
        case Verdict.APPLIED:
            return Next(DeliveryState.DELIVERED)
        case Verdict.REJECTED if doubtful and not policy.asks:
            return Next(DeliveryState.HELD, code=f"{REFUSED_IN_DOUBT}: {outcome.code}")
        case Verdict.REJECTED:
            return Next(DeliveryState.HELD, frees=True)
        case Verdict.CREDENTIALS:
            state = DeliveryState.UNKNOWN if doubtful else DeliveryState.WAITING
            return Next(state, now_us, counts=False, stops=True)
        case Verdict.HALF:
            return _on(outcome, attempt, policy, now_us)
        case Verdict.NOT_SENT if doubtful:
            return _on(outcome, attempt, policy, now_us)
        case Verdict.NOT_SENT:
            return _again(outcome, attempt, policy, now_us)
        case _:
            return _unknown(policy, now_us)


def after_probe(outcome: Outcome | None, absent: int, policy: LanePolicy, now_us: int) -> Next:
    """`absent`: how often in a row the far end has said it does not know the reference, this answer included. HALF is
    not settled here: it is sent on."""
    if outcome is None:
        return _unknown(policy, now_us)
    match outcome.verdict:
        case Verdict.APPLIED:
            return Next(DeliveryState.DELIVERED, counts=False)
        case Verdict.ABSENT if absent >= ABSENT_ANSWERS:
            return Next(DeliveryState.WAITING, now_us, counts=False)
        case Verdict.CREDENTIALS:
            return Next(DeliveryState.UNKNOWN, _in(policy.settle, now_us), counts=False, stops=True)
        case _:
            return Next(DeliveryState.UNKNOWN, _in(policy.settle, now_us), counts=False)


def _again(outcome: Outcome, attempt: int, policy: LanePolicy, now_us: int) -> Next:
    if policy.give_up_after is not None and attempt >= policy.give_up_after:
        return Next(DeliveryState.HELD, frees=False, code="gave up")
    return Next(DeliveryState.WAITING, _later(outcome, attempt, policy, now_us))


def _on(outcome: Outcome, attempt: int, policy: LanePolicy, now_us: int) -> Next:
    """Gone on with later; nobody may take it for not there meanwhile."""
    return Next(DeliveryState.UNKNOWN, _later(outcome, attempt, policy, now_us))


def _later(outcome: Outcome, attempt: int, policy: LanePolicy, now_us: int) -> int:
    doublings = min(attempt - 1, 30)  # 2.0**1024 overflows; a lane may retry for months
    wait = min(policy.first * 2.0**doublings, policy.ceiling)
    asked = min(outcome.retry_after or 0.0, RETRY_AFTER_LIMIT)
    return _in(max(wait, asked), now_us)


def _unknown(policy: LanePolicy, now_us: int) -> Next:
    if policy.asks or policy.repeats:
        return Next(DeliveryState.UNKNOWN, _in(policy.settle, now_us))
    return Next(DeliveryState.HELD, code="unknown: nobody to ask")


def _in(seconds: float, now_us: int) -> int:
    return now_us + int(seconds * MICROSECOND)
