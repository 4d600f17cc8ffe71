"""A stay that is cancelled, or goes on after all: what was posted for it is put before a person. Pure.

Rules of money, 11: nothing is reversed by itself. The message that cancels the stay is held and stands on the worklist;
its record lists what was posted. A later admission or cancelled discharge of the same account takes it off again.
"""

from __future__ import annotations

from engine.domain.encounter import fold
from engine.domain.event import Kind
from engine.domain.message import MessageId
from engine.domain.posting import Facts
from engine.domain.status import MessageState
from engine.pipeline.reading import CANCELS, GOES_ON, Read, happened_us

TO_DECIDE = "stay cancelled: somebody decides what was posted for it"

Stayed = tuple[MessageState, str, tuple[MessageId, ...]]


def judge_stay(read: Read, facts: Facts) -> Stayed | None:
    """(state, reason, messages that it closes) of a message that cancels a stay or lets it go on; None: neither."""
    events = {
        line.fields.get("event")
        for part in read.reads
        if part.event.kind is Kind.ENCOUNTER
        for line in part.event.lines
    }
    if events & GOES_ON:
        closes = tuple(sorted({message for stay in facts.stays.values() for message in stay.open}))
        return MessageState.FILTERED, "remembered", closes
    if events & CANCELS and posted_for(facts) and not _told_late(read, facts):
        return MessageState.HELD, TO_DECIDE, ()
    return None


def posted_for(facts: Facts) -> tuple[int, ...]:
    """Ids of the effects that were posted for the stay and not taken back."""
    return tuple(sorted({effect for stay in facts.stays.values() for effect in stay.posted}))


def _told_late(read: Read, facts: Facts) -> bool:
    """Whether the stay is known to have gone on since."""
    happened = happened_us(read)
    stay = fold(told for one in facts.encounters.values() for told in one)
    return stay is not None and stay.at_us > happened and stay.event not in CANCELS
