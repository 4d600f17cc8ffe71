"""What the lanes write: marks before a send, how each try ended, stops, and a refused document sent again.

Legal moves stand in `engine.domain.status`; the update itself checks them, in the order in which they were asked.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import apsw

from engine.domain.changes import (
    Conflict,
    Doubted,
    Lost,
    Requeued,
    RoutedAs,
    Sending,
    Settled,
    Stopped,
    Withdrawn,
)
from engine.domain.outcome import Outcome, Verdict
from engine.domain.status import DELIVERY_MOVES, PARKING_DELIVERIES, DeliveryState
from engine.errors import Bug
from engine.store.batch import Batch
from engine.store.restating import restate
from engine.store.rows import ContentKind, decimal_text

_FROM = {
    target: sum(1 << state for state, targets in DELIVERY_MOVES.items() if target in targets)
    for target in DeliveryState
}
"""For each state, the mask of those from which it may be reached."""

WAITS_FOR_REVERSAL = "waits for its reversal"

_NOT_HELD = ~(1 << DeliveryState.HELD)


def sending(batch: Batch, change: Sending) -> Lost | None:
    lost = _lost(batch, change.deliveries)
    for delivery in change.deliveries:
        if delivery not in lost:
            _move(batch, delivery, DeliveryState.SENDING, sent_us=change.at_us)
    return Lost(tuple(sorted(lost))) if lost else None


def _lost(batch: Batch, deliveries: Sequence[int]) -> set[int]:
    """Those that were cancelled or held since their lane took them up. Such moves are written at once, so that this
    look meets them even in its own batch."""
    return {delivery for (delivery,) in batch.look("no_longer_open", apsw.carray(array("q", deliveries)))}


def withdrawn(batch: Batch, change: Withdrawn) -> None:
    for delivery in change.deliveries:
        _move(batch, delivery, DeliveryState.READY, legal=1 << DeliveryState.SENDING)


def doubted(batch: Batch, change: Doubted) -> None:
    """What was cancelled or held since is no question any more: its lane reads on without it."""
    lost = _lost(batch, change.deliveries)
    for delivery in change.deliveries:
        if delivery not in lost:
            _move(
                batch, delivery, DeliveryState.UNKNOWN, legal=1 << DeliveryState.READY, next_us=change.at_us
            )


def settled(batch: Batch, change: Settled) -> None:
    """A receipt or an attempt row, and what follows for the effects. Out of HELD only a person leads."""
    state, delivery = change.state, change.delivery
    if state is DeliveryState.SENDING or state is DeliveryState.READY:
        raise Bug(f"STO021 a try does not end {state.word}")
    parked = state in PARKING_DELIVERIES
    _move(
        batch,
        delivery,
        state,
        legal=_FROM[state] if change.actor else _FROM[state] & _NOT_HELD,
        attempts=int(change.counts),
        next_us=change.next_us if parked else None,
        settled_us=None if parked else change.at_us,
        code=change.outcome.code,
    )
    if state is DeliveryState.DELIVERED:
        _receipt(batch, change)
    else:
        _attempt(batch, change)
    if state is DeliveryState.HELD:
        batch.do("hold_effects", change.at_us, change.frees, _cause(change.outcome), delivery)
        _hold_followers(batch, delivery, change.at_us)
    elif state is DeliveryState.CANCELLED:
        _cancel_effects(batch, delivery, change.outcome.code)
    elif change.actor and state is DeliveryState.DELIVERED:
        batch.do("settle_held_effects", delivery)
        batch.do("own_again", delivery)
        for (follower,) in batch.ask("held_followers", delivery):
            _again(batch, follower, delivery, change.at_us)


def requeued(batch: Batch, change: Requeued) -> RoutedAs | Conflict:
    """The document, and what waited behind it, at the end of their lanes."""
    if batch.ask("gone_again", change.delivery):
        return RoutedAs(())  # it went with the one that it follows
    for key, after in batch.ask("not_before", change.delivery):
        if after != DeliveryState.DELIVERED:
            return Conflict(bytes(key))
    followers = batch.ask("held_followers", change.delivery)
    delivery = _again(batch, change.delivery, None, change.at_us)
    return RoutedAs((delivery, *[_again(batch, one, delivery, change.at_us) for (one,) in followers]))


def _again(batch: Batch, delivery: int, after: int | None, at_us: int) -> int:
    """A copy of a held document under a new id; the old row is cancelled."""
    _move(batch, delivery, DeliveryState.CANCELLED, legal=1 << DeliveryState.HELD, settled_us=at_us)
    batch.ids.delivery = again = batch.ids.delivery + 1
    batch.do("copy_delivery", again, at_us, delivery, after)
    batch.do("move_effects", again, delivery)
    return again


def _hold_followers(batch: Batch, delivery: int, at_us: int) -> None:
    """What takes the place of something may not leave when that could not be taken back."""
    for (follower,) in batch.ask("open_followers", delivery):
        legal = 1 << DeliveryState.READY | 1 << DeliveryState.WAITING
        _move(batch, follower, DeliveryState.HELD, legal=legal, settled_us=at_us, code=WAITS_FOR_REVERSAL)
        batch.do("hold_effects", at_us, False, f" {WAITS_FOR_REVERSAL}", follower)


def contested_again(batch: Batch, change: Requeued) -> bytes | None:
    """The first key that was freed by the refusal and taken meanwhile, or None."""
    for claim in batch.ask("keys_of_delivery", change.delivery):
        if batch.ask("owner_of_key", *claim) or batch.ask("told_by_another", *claim[:5], change.delivery):
            return bytes(claim[0])
    return None


def stopped(batch: Batch, change: Stopped) -> None:
    batch.do("stop_destination", change.destination, change.stopped, change.code, change.at_us, change.actor)


def _move(
    batch: Batch,
    delivery: int,
    state: DeliveryState,
    *,
    legal: int | None = None,
    attempts: int = 0,
    sent_us: int | None = None,
    next_us: int | None = None,
    settled_us: int | None = None,
    code: str | None = None,
) -> None:
    """`legal`: mask of the states it may come from; None: as the table of moves says."""
    mask = _FROM[state] if legal is None else legal
    batch.put("move_delivery", (state, attempts, sent_us, next_us, settled_us, code, delivery, mask))


def _receipt(batch: Batch, change: Settled) -> None:
    outcome = change.outcome
    amount = decimal_text(outcome.amount)
    row = (change.delivery, change.at_us, outcome.code, outcome.document, amount, change.actor)
    batch.put("insert_receipt", row)


def _attempt(batch: Batch, change: Settled) -> None:
    outcome = change.outcome
    reply = batch.keep(ContentKind.REPLY, outcome.reply) if outcome.reply else None
    batch.ids.attempt += 1
    row = (batch.ids.attempt, change.delivery, change.at_us, outcome.verdict, outcome.code, reply)
    batch.put("insert_attempt", row)


def _cause(outcome: Outcome) -> str:
    """What the worklist says after the destination's name: ` refused: period_closed`, ` unknown: timeout`."""
    word = "refused" if outcome.verdict is Verdict.REJECTED else outcome.verdict.word
    return f" {word}: {outcome.code.removeprefix('refused: ')}"


def _cancel_effects(batch: Batch, delivery: int, cause: str) -> None:
    """Before it left, or by a person: its effects are not to come, and their keys are free."""
    batch.do("cancel_effects", cause, delivery)
    for (message,) in batch.look("message_of_delivery", delivery):
        restate(batch, message, cause)
