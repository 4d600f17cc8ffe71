"""What was posted, against what is owed now: what stays, what is taken back, what is posted anew. Pure.

Serves `correct` (rules of money, 12), lines that are told again where the channel corrects, and what is told whole. A
reversal is built from what was posted; what takes its place has the next version of the same key, and leaves after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from engine.domain.event import Line
from engine.domain.posting import Measure, Original
from engine.domain.status import EffectState, Fate
from engine.pipeline.context import Context
from engine.pipeline.dues import Due, Hold
from engine.pipeline.numbers import PERSONS
from engine.pipeline.pairing import cancelled
from engine.pipeline.record import restore
from engine.pipeline.reversing import WAITS_FOR_REFUSED, taken_back
from engine.site.release import EffectRule

TAKEN_BACK = "changed after some of it was taken back"
ON_ITS_WAY = "still on its way"
OPEN = (EffectState.HELD, EffectState.WAITING)


class What(StrEnum):
    """What becomes of one posted effect."""

    STAYS = "stays"
    POST = "post"
    REVERSE = "reverse"
    REPOST = "reverse and repost"
    REPLACE = "cancel and post"  # the original never left
    CANCEL = "cancel"
    LEFT = "left"  # a person, or time, must settle something first: see `cause`


class Change(NamedTuple):
    """One effect of one line, or of a part of it. `dues`: the reversal, then what takes its place; with LEFT, what they
    would be."""

    rule: EffectRule
    number: int
    what: What
    before: Original | None = None
    after: Due | None = None
    dues: tuple[Due, ...] = ()
    cause: str = ""

    @property
    def part(self) -> str:
        return self.before.part if self.before else self.after.part if self.after else ""


def stale_of(context: Context, known: Iterable[Original]) -> tuple[int, ...]:
    """Effects that older messages left held or waiting, without a document: this message takes their place."""
    mine = context.read.inbound.id
    found = []
    for original in known:
        if original.delivery_id is None and original.state in OPEN:
            found.append(original.effect_id)
        found += [
            reversal.effect_id
            for reversal in (*original.held, *original.reversals)
            if reversal.state in OPEN and reversal.message_id != mine
        ]
    return tuple(found)


def as_posted(known: Iterable[Original], stale: Sequence[int]) -> list[Original]:
    """The newest of each effect and part that is, or was, on its way, as it is without what is stale."""
    newest: dict[tuple[str, str, str], Original] = {}
    for original in sorted(known, key=lambda one: (one.owns, one.version)):
        if original.effect_id not in stale:
            left = tuple(one for one in original.reversals if one.effect_id not in stale)
            newest[original.place] = original._replace(reversals=left, held=())
    return sorted(newest.values(), key=lambda original: original.effect_id)


def compare(
    context: Context,
    line: Line,
    names: dict[str, object],
    posted: Sequence[Original],
    owes: Sequence[Due],
    *,
    again: bool = False,
) -> list[Change]:
    """What was posted of a line against what it owes. `names`: of the line, before anything was looked up. `again`:
    what was taken back whole is posted again where it is owed."""
    after = {(due.rule.destination, due.rule.name, due.part): due for due in owes}
    before = {original.place: original for original in posted}
    return [
        _change(context, rule, line.number, before.get(place), after.get(place), names, again)
        for rule in context.channel.effects
        for place in _places(rule, [*before, *after])
    ]


def _places(rule: EffectRule, places: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Of one effect: each part that was posted, or is owed; the line itself, when nothing was and is."""
    mine = dict.fromkeys(place for place in places if place[:2] == (rule.destination, rule.name))
    return list(mine) or [(rule.destination, rule.name, "")]


def same(context: Context, rule: EffectRule, original: Original, due: Due) -> bool:
    """Whether the far end would be told the same of the line. What was posted under a number that ended since stays."""
    if due.hold is not None or due.quantity != original.quantity:
        return False
    if rule.measure in (Measure.STATED, Measure.PRICED_HERE) and due.amount != original.amount:
        return False
    kept = restore(original.fields)
    return all(
        _value(kept, name) == _value(due.names, name) or _one_person(context, name, kept, due.names)
        for name in rule.says
    )


def _one_person(context: Context, name: str, kept: dict[str, object], names: dict[str, object]) -> bool:
    """Whether two numbers are of one account, visit or patient."""
    numbers = {known[name] for known in context.numbers if name in PERSONS and name in known}
    return kept.get(name) in numbers and names.get(name) in numbers


def _change(
    context: Context,
    rule: EffectRule,
    number: int,
    before: Original | None,
    after: Due | None,
    names: dict[str, object],
    again: bool,
) -> Change:
    if before is None:
        return Change(
            rule, number, What.POST if after else What.STAYS, None, after, (after,) if after else ()
        )
    anew = replace(after, key=before.key, version=before.version + 1, corrects=before) if after else None
    if not before.stands:
        if not again or anew is None:
            return Change(rule, number, What.STAYS, before)
        return Change(rule, number, What.POST, before, anew, (replace(anew, corrects=None),))
    if after is not None and same(context, rule, before, after):
        return Change(rule, number, What.STAYS, before, after)
    back = taken_back(context.digester, rule, number, before, names)
    left = Change(rule, number, What.LEFT, before, anew, (back, anew) if anew else (back,))
    if before.reversals:
        return left._replace(cause=TAKEN_BACK)
    if anew is not None and anew.hold is not None:
        return left._replace(cause=anew.hold.cause)
    what = What.REPOST if anew else What.REVERSE
    if _never_left(before):
        back, what = cancelled(back), What.REPLACE if anew else What.CANCEL
    elif before.fate is Fate.HELD:
        return left._replace(cause=WAITS_FOR_REFUSED)
    elif before.fate is not Fate.THERE:
        return left._replace(cause=ON_ITS_WAY)
    elif back.hold is not None:
        return left._replace(cause=back.hold.cause)
    return Change(rule, number, what, before, anew, (back, anew) if anew else (back,))


def _never_left(original: Original) -> bool:
    """Certainly not applied, and alone in its document."""
    if original.delivery_id is None:
        return original.fate is Fate.HELD
    if original.fate is Fate.HELD:
        return not original.owns and original.shares == 1
    return original.fate is Fate.QUEUED and original.shares == 1


def halves(change: Change) -> tuple[Due, ...]:
    """What a changed line owes. Both halves of a correction wait, or are held, together."""
    if change.what is not What.LEFT:
        return change.dues
    waits = change.cause == ON_ITS_WAY
    hold = None if waits else Hold(change.rule.owner, change.cause)
    if change.after is not None and change.after.hold is not None:
        hold = change.after.hold
    return tuple(replace(half, hold=hold, waits=hold is None) for half in change.dues)


def _value(names: object, dotted: str) -> object:
    for part in dotted.split("."):
        if not isinstance(names, dict):
            return None
        names = names.get(part)
    return Decimal(names) if isinstance(names, int) and not isinstance(names, bool) else names
