"""Lines and messages, from where their effects stand now, so that rule 24 closes after every change."""

from __future__ import annotations

from engine.domain.message import MessageId
from engine.domain.status import LineState, MessageState
from engine.store.batch import Batch


def restate(batch: Batch, message: MessageId, reason: str) -> None:
    """Lines and message, from where the effects stand now; what a master told stands in its tables.

    `reason`: why nothing of them is left to post."""
    moved, waits = False, False
    for line, state, on_its_way, held in batch.ask("lines_by_effects", message):
        kept = state == LineState.KEPT
        moved, waits = moved or on_its_way or kept, waits or held
        if state not in (LineState.POSTED, LineState.HELD, LineState.FILTERED):
            continue
        if on_its_way and state != LineState.POSTED:
            batch.do("restate_line", LineState.POSTED, "", line)
        elif not on_its_way and not held and state != LineState.FILTERED:
            batch.do("restate_line", LineState.FILTERED, reason, line)
    if moved:
        batch.do("restate_message", MessageState.ROUTED, "", message)
    elif waits:
        batch.do("hold_message", message)
    else:
        batch.do("restate_message", MessageState.FILTERED, reason, message)
