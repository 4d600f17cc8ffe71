"""What an interaction of FHIR writes: a message for each resource, and the version that it is."""

from __future__ import annotations

from engine.domain.changes import Conflict, Interaction, Together
from engine.store.apply_inbox import received
from engine.store.batch import Batch


def interaction(batch: Batch, change: Interaction) -> Together | Conflict:
    """A version that was written meanwhile breaks the constraint of its table."""
    for identifier in change.absent:
        if batch.ask("has_identifier", identifier):
            return Conflict(identifier)
    kept = []
    for message, write in zip(change.messages, change.writes, strict=True):
        told = received(batch, message)
        kept.append(told)
        batch.put("insert_resource", (write.key, write.version, told.id, message.received_us))
        if write.version > 1:
            batch.do("forget_identifiers", write.key)
        for identifier in write.identifiers:
            batch.put("insert_resource_identifier", (identifier, write.key))
    return Together(tuple(kept))


def contested(batch: Batch, change: Interaction) -> bytes | None:
    """The first of its versions that is there already."""
    taken = (write.key for write in change.writes if batch.look("resource_version", write.key, write.version))
    return next(taken, None)
