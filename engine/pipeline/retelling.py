"""A line with an id of its own that is told again, in a channel that corrects: what was told last is what holds. Pure.

Rules of money, 1, 2 and 9. What the newest telling says is compared with what was posted; what earlier ones left held
or waiting gives way to it. An earlier one that is released, or replayed, posts nothing any more. What a credit or a
person took back meanwhile is a person's to decide.
"""

from __future__ import annotations

from collections.abc import Collection

from engine.domain.event import Line
from engine.domain.posting import Original, Telling
from engine.domain.status import Fate, LineState
from engine.pipeline.changing import TAKEN_BACK, as_posted, compare, halves, stale_of
from engine.pipeline.context import Context
from engine.pipeline.corroborating import seen_anew
from engine.pipeline.dues import INTERFACE, Hold, Judged, Owed, judged_by
from engine.pipeline.holding import held_anew, hold_all
from engine.pipeline.identity import Identity, adds_account, is_void, says_same
from engine.pipeline.owing import owed
from engine.pipeline.repeats import Earlier


def corrects(context: Context, line: Line, identity: Identity) -> bool:
    """Whether what was posted of a line that is told again otherwise is corrected."""
    decided = (context.channel.name, line.number) in context.decisions
    return identity.strong and not decided and context.channel.same_line.changed == "correct"


def told_as_ever(
    context: Context, index: int, line: Line, identity: Identity, earlier: Earlier
) -> Judged | None:
    """A duplicate of what was told last, a line that was told anew since, or two contents in one message; None: it says
    what nobody said last."""
    for number, body in earlier.posts(identity):
        if body == identity.body:
            return Judged(LineState.DUPLICATE, f"told by line {number}")
        hold = Hold(INTERFACE, "one id with two contents in a message")
        return hold_all(context, line, identity, hold, owns=False)
    newest, mine = _newest(context, identity), context.read.inbound.told
    if newest is None or newest.message == mine:
        return None
    same = any(says_same(newest.body, body) for body in context.bodies(index, identity))
    if not same or adds_account(newest.body, identity.body):  # what was held for want of it can go
        over = newest.message > mine and not is_void(line.fields)  # what is void is so for good
        return Judged(LineState.FILTERED, f"told anew by message {newest.message}") if over else None
    if newest.message > mine or not context.known(index, identity):
        return None
    return Judged(LineState.DUPLICATE, f"told by message {newest.message}")


def judge_told_again(
    context: Context, index: int, line: Line, identity: Identity, names: dict[str, object]
) -> Judged | None:
    """What it changes of what was posted; None: nothing was, nor is to be."""
    known = context.known(index, identity)
    if not known:
        return None
    stale = stale_of(context, known)
    posted = as_posted(known, stale)
    told = context.facts.told.get(identity.key, ())
    tellers = {one.message for one in told}
    if any(_taken_back(original, tellers) for original in posted):
        return hold_all(context, line, identity, Hold(INTERFACE, TAKEN_BACK), owns=False)
    base = dict(names)
    owes = Owed() if is_void(line.fields) else owed(context, line, identity.key, 1, names)
    seen = seen_anew(context, identity.key, owes.sightings)
    changes = compare(context, line, base, posted, owes.dues, again=True)
    dues = tuple(due for change in changes for due in halves(change))
    judged = judged_by(dues) if dues else _unchanged(line, posted, owes)
    return judged._replace(withdraws=(*stale, *_beside(context, identity)), sightings=seen)


def hold_told_again(context: Context, index: int, line: Line, identity: Identity, hold: Hold) -> Judged:
    """A line of which nobody can tell what it changes: it waits in the place of what earlier ones left held."""
    known = context.known(index, identity)
    stale = stale_of(context, known)
    held = held_anew(context, line, identity, hold, as_posted(known, stale))
    return held._replace(withdraws=(*stale, *_beside(context, identity)))


def _unchanged(line: Line, posted: list[Original], owes: Owed) -> Judged:
    stands = next((original for original in posted if original.stands), None)
    if stands is not None:
        told = f"posts what message {stands.message_id}, line {stands.number} posted"
        return Judged(LineState.DUPLICATE, told)
    return Judged(
        LineState.FILTERED, "void: nothing of it stands" if is_void(line.fields) else owes.why_nothing
    )


def _beside(context: Context, identity: Identity) -> tuple[int, ...]:
    """What other tellings, or replays of them, hold beside what owns the key."""
    told = context.facts.told.get(identity.key, ())
    return tuple(effect for one in told if one.message != context.read.inbound.told for effect in one.held)


def _newest(context: Context, identity: Identity) -> Telling | None:
    """The last telling of this message or another; where it names no account, of the account that was named last."""
    told = sorted(context.facts.told.get(identity.key, ()), key=lambda one: one.message, reverse=True)
    same = [one.body for one in told if says_same(one.body, told[0].body)]
    return told[0]._replace(body=max(same, key=len)) if told else None


def _taken_back(original: Original, tellers: Collection[int]) -> bool:
    """Whether somebody else than a later telling took some of it back, or kept it from leaving: a credit, or a person,
    whose acts stand with the message itself."""
    later = {message for message in tellers if message != original.message_id}
    if any(reversal.message_id not in later for reversal in original.reversals):
        return True
    return original.fate is Fate.CANCELLED and later.isdisjoint(original.cancelled_by)
