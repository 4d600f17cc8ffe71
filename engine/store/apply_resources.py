"""What an interaction of FHIR writes: a message for each resource, and the version that it is."""

from __future__ import annotations

from itertools import pairwise

from engine.domain.changes import Conflict, Interaction, Together
from engine.domain.message import MessageId
from engine.domain.resources import Notified
from engine.store.apply_inbox import received
from engine.store.batch import Batch


def interaction(batch: Batch, change: Interaction) -> Together | Conflict:
    """A version that was written meanwhile breaks the constraint of its table."""
    for identifier in change.absent:
        if batch.ask("has_identifier", identifier):
            return Conflict(identifier)
    kept = [received(batch, message) for message in change.messages]
    for message, told, write in zip(change.messages, kept, change.writes, strict=False):
        row = (write.key, write.version, told.id, message.received_us, int(write.deleted))
        batch.put("insert_resource", row)
        if write.version > 1:
            batch.do("forget_identifiers", write.key)
        for identifier in write.identifiers:
            batch.put("insert_resource_identifier", (identifier, write.key))
    if change.notified is not None:
        _notified(batch, change.notified, kept[-1].id if len(kept) > len(change.writes) else MessageId(0))
    return Together(tuple(kept))


def _notified(batch: Batch, told: Notified, message: MessageId) -> None:
    """Remembers the last event, and those that were left out; what was left out before may come now."""
    whose = (told.feed, told.name)
    known = batch.ask("subscription", *whose)
    last = known[0][0] if known else min(told.events, default=(told.total or 0) + 1) - 1
    if told.begins and (told.total or 0) < last:
        last = told.total or 0
        batch.do("forget_all_missed", *whose)
    for event in told.events:
        if event <= last:
            _found(batch, whose, event)
    newest = max(last, told.total or 0, *told.events)
    ends = [last, *sorted(event for event in told.events if event > last), newest + 1]
    for before, after in pairwise(ends):
        if after > before + 1:
            batch.do("insert_missed", *whose, before + 1, after - 1, told.at_us, message)
    batch.do("hear_subscription", *whose, newest, told.at_us)


def _found(batch: Batch, whose: tuple[str, str], event: int) -> None:
    """An event that was missed came after all."""
    for first, last, since_us, message in batch.ask("missed_with", *whose, event):
        batch.do("forget_missed", *whose, first)
        for one, other in ((first, event - 1), (event + 1, last)):
            if one <= other:
                batch.do("insert_missed", *whose, one, other, since_us, message)


def contested(batch: Batch, change: Interaction) -> bytes | None:
    """The first of its versions that is there already."""
    taken = (write.key for write in change.writes if batch.look("resource_version", write.key, write.version))
    return next(taken, None)
