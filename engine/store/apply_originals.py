"""What a step relied on of originals, asked again inside the commit; and originals that are cancelled before they left.

Who takes the row first, the lane that marks it or the credit that cancels it, is decided here: by which change comes
first. The other one is told (`Conflict`, `Lost`).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import apsw

from engine.domain.message import MessageId
from engine.domain.posting import Relied, Stepped
from engine.domain.status import DeliveryState, EffectState, fate_of
from engine.errors import Bug
from engine.store.batch import Batch

NEVER_LEFT = "taken back before it left"
SAVED_ANEW = "a newer save took its place"


def moved_on(
    batch: Batch, stepped: Stepped, message: MessageId, supersedes: MessageId | None = None
) -> bytes | None:
    """The key of the first original that is no longer as the step knew it, or None."""
    for relied in stepped.relies:
        key = _moved_on(batch, relied, message, supersedes, frozenset(stepped.withdraws))
        if key is not None:
            return key
    return None


def _moved_on(
    batch: Batch, relied: Relied, message: MessageId, supersedes: MessageId | None, withdraws: frozenset[int]
) -> bytes | None:
    rows = batch.ask("standing_of_original", relied.effect_id, message, supersedes)
    if not rows:
        raise Bug("STO022 a step relies on an effect that is not there")
    state, delivery, key, _ = rows[0]
    fate = fate_of(EffectState(state), None if delivery is None else DeliveryState(delivery))
    reversals = frozenset(reversal for *_, reversal in rows if reversal is not None) - withdraws
    return None if (fate, reversals) == (relied.fate, relied.reversals) else bytes(key)


def cancel_unsent(batch: Batch, effects: Sequence[int], at_us: int) -> list[MessageId]:
    """These effects and their documents are not to come; the messages that they belong to. `moved_on` has shown that
    none of them left."""
    if not effects:
        return []
    if batch.ask_many("carried_besides", effects):
        raise Bug("STO022 a document is cancelled that carries other lines")
    for (delivery,) in batch.ask_many("carriers", effects):
        batch.do("cancel_delivery", at_us, NEVER_LEFT, delivery)
    batch.do("cancel_unsent_effects", NEVER_LEFT, apsw.carray(array("q", effects)))
    return [MessageId(message) for (message,) in batch.ask_many("messages_of_effects", effects)]


def withdraw(batch: Batch, effects: Sequence[int]) -> list[MessageId]:
    """These held or waiting effects are not to come, and leave their keys to who takes their place; the messages that
    they belong to."""
    if not effects:
        return []
    batch.do("withdraw_effects", SAVED_ANEW, apsw.carray(array("q", effects)))
    return [MessageId(message) for (message,) in batch.ask_many("messages_of_effects", effects)]
