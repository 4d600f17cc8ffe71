"""What the lanes write: marks before a send, how each try ended, stops, and a refused document sent again.

Legal moves stand in `engine.domain.status`; the update itself checks them, in the order in which they were asked.
"""

from __future__ import annotations

from engine.domain.changes import Doubted, Requeued, RoutedAs, Sending, Settled, Stopped, Withdrawn
from engine.domain.outcome import Outcome, Verdict
from engine.domain.status import DELIVERY_MOVES, PARKING_DELIVERIES, DeliveryState
from engine.errors import Bug
from engine.store.apply_release import restate
from engine.store.batch import Batch
from engine.store.rows import ContentKind, decimal_text

_FROM = {
    target: sum(1 << state for state, targets in DELIVERY_MOVES.items() if target in targets)
    for target in DeliveryState
}
"""For each state, the mask of those from which it may be reached."""

_NOT_HELD = ~(1 << DeliveryState.HELD)


def sending(batch: Batch, change: Sending) -> None:
    for delivery in change.deliveries:
        _move(batch, delivery, DeliveryState.SENDING, sent_us=change.at_us)


def withdrawn(batch: Batch, change: Withdrawn) -> None:
    for delivery in change.deliveries:
        _move(batch, delivery, DeliveryState.READY, legal=1 << DeliveryState.SENDING)


def doubted(batch: Batch, change: Doubted) -> None:
    for delivery in change.deliveries:
        _move(batch, delivery, DeliveryState.UNKNOWN, legal=1 << DeliveryState.READY, next_us=change.at_us)


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
    elif state is DeliveryState.CANCELLED:
        _cancel_effects(batch, delivery, change.outcome.code)
    elif change.actor and state is DeliveryState.DELIVERED:
        batch.do("settle_held_effects", delivery)
        batch.do("own_again", delivery)


def requeued(batch: Batch, change: Requeued) -> RoutedAs:
    _move(
        batch,
        change.delivery,
        DeliveryState.CANCELLED,
        legal=1 << DeliveryState.HELD,
        settled_us=change.at_us,
    )
    batch.ids.delivery = delivery = batch.ids.delivery + 1
    batch.do("copy_delivery", delivery, change.at_us, change.delivery)
    batch.do("move_effects", delivery, change.delivery)
    return RoutedAs((delivery,))


def contested_again(batch: Batch, change: Requeued) -> bytes | None:
    """The first key that was freed by the refusal and taken meanwhile, or None."""
    for key, destination, name, action, version in batch.ask("keys_of_delivery", change.delivery):
        if batch.ask("owner_of_key", key, destination, name, action, version):
            return bytes(key)
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
