"""Which change is written by what, and how a change that lost a key is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.domain.changes import (
    Acted,
    Activated,
    Answered,
    Change,
    Corrected,
    Doubted,
    Dropped,
    FileBegun,
    FileMoved,
    Interaction,
    ProposalDecided,
    Received,
    Recovered,
    Released,
    Requeued,
    Routed,
    Sending,
    Settled,
    Stopped,
    Tabled,
    TableProposed,
    TableRecorded,
    Withdrawn,
)
from engine.store.apply_inbox import file_begun, file_moved, received
from engine.store.apply_outbox import contested_again, doubted, requeued, sending, settled, stopped, withdrawn
from engine.store.apply_people import (
    acted,
    activated,
    proposal_decided,
    recovered,
    table_proposed,
    table_recorded,
)
from engine.store.apply_release import corrected, dropped, released
from engine.store.apply_resources import contested as contested_version
from engine.store.apply_resources import interaction
from engine.store.apply_step import contested, routed
from engine.store.apply_tables import tabled
from engine.store.batch import Batch

_WRITES: dict[type, Callable[[Batch, Any], Answered]] = {
    Received: received,
    Interaction: interaction,
    FileBegun: file_begun,
    FileMoved: file_moved,
    Routed: routed,
    Released: released,
    Tabled: tabled,
    Corrected: corrected,
    Sending: sending,
    Withdrawn: withdrawn,
    Doubted: doubted,
    Recovered: recovered,
    Settled: settled,
    Requeued: requeued,
    Dropped: dropped,
    Stopped: stopped,
    TableRecorded: table_recorded,
    TableProposed: table_proposed,
    ProposalDecided: proposal_decided,
    Activated: activated,
    Acted: acted,
}

_CONTESTED: dict[type, Callable[[Batch, Any], bytes | None]] = {
    Interaction: contested_version,
    Routed: contested,
    Released: contested,
    Corrected: contested,
    Requeued: contested_again,
}


def apply(batch: Batch, change: Change) -> Answered:
    """Gathers the change's rows; its answer is true once the batch is flushed and committed.

    Raises `Bug` for an illegal move and `apsw.ConstraintError` for a key that is taken; `Batch.flush` may, too."""
    return _WRITES[type(change)](batch, change)


def lost_key(batch: Batch, change: Change) -> bytes | None:
    """The key for which the change, now undone, broke a constraint; None when it was for no key."""
    finds = _CONTESTED.get(type(change))
    return finds(batch, change) if finds else None
