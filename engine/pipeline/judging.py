"""One line at a time: skipped, told before, held, or owing its effects. Pure.

The order of the questions is the order of rules of money 2, 10, 15 to 19: can it be read, is it skipped, is it a
credit, was it told before, do the tables know it, what is due. What is due by the tables is said in `owing`.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from engine.domain.event import Kind, Line
from engine.domain.posting import Action
from engine.domain.status import LineState
from engine.mapping.expression import EvaluationFault
from engine.pipeline.cases import waits_for_account
from engine.pipeline.context import Context
from engine.pipeline.corroborating import told_no_more
from engine.pipeline.crediting import judge_credit, without_taken_back
from engine.pipeline.dues import INTERFACE, Hold, Judged, Owed, judged_by
from engine.pipeline.holding import hold_all, unreadable
from engine.pipeline.identity import Identity, is_credit, is_void
from engine.pipeline.numbers import PERSONS
from engine.pipeline.owing import owed
from engine.pipeline.reading import ChannelRead
from engine.pipeline.repeats import Earlier, key_and_version, told_before
from engine.pipeline.retelling import corrects, hold_told_again, judge_told_again, told_as_ever
from engine.pipeline.whole import judge_whole, newer_save

NEVER_ASKED = "cancels what was never asked for here"
"""The order may stand with whoever took it before: a person must look, as for a credit (rules of money, 10)."""


def judge_lines(context: Context, part: ChannelRead, moving: Collection[int] | None = None) -> list[Judged]:
    """What becomes of each line of an event, in order. `moving`: numbers of those that a release may move; what the
    others take back is among the facts."""
    newer = newer_save(context, part)
    if newer is not None:
        return [Judged(LineState.FILTERED, newer)] * len(part.event.lines)
    earlier = Earlier()
    verdicts = []
    for index, (line, identity) in enumerate(zip(part.event.lines, part.identities, strict=True)):
        if context.channel.reader.tells_whole:
            names = context.base_names(line)
            verdict = judge_whole(context, part, index, names, skipped(context, names), earlier)
        else:
            verdict = judge(context, index, line, identity, earlier)
        moves = moving is None or line.number in moving
        earlier.add(line, identity, verdict, takes=moves)
        verdicts.append(verdict if moves else verdict._replace(takes_back=None))
    return without_taken_back(verdicts)


def judge(context: Context, index: int, line: Line, identity: Identity, earlier: Earlier) -> Judged:
    """What becomes of a line. `index`: its place in the event, for its identity under other account numbers."""
    names = context.base_names(line)
    if merges_nothing(context, line):
        return Judged(LineState.FILTERED, "both numbers are one")
    because = skipped(context, names)
    if because is not None:
        return Judged(LineState.FILTERED, because)
    hold = _unusable(context, line, identity, names)
    if hold is not None:
        return _held_once(context, index, line, identity, hold, earlier)
    if is_credit(line.fields):
        owes = _corroborated(context, line, identity, names)
        if owes is not None:
            return Judged(LineState.FILTERED, owes.why_nothing, sightings=owes.sightings)
        credited = judge_credit(context, index, line, identity, names, earlier)
        return credited or _post(context, index, line, identity, names, earlier, Action.REVERSE)
    if corrects(context, line, identity):
        told = told_as_ever(context, index, line, identity, earlier)
        told = told or judge_told_again(context, index, line, identity, names)
    else:
        told = told_before(context, index, line, identity, Action.POST, earlier)
    if told is not None:
        return told
    if is_void(line.fields):
        if context.channel.reader.kind is Kind.REQUISITION:
            return hold_all(context, line, identity, Hold(INTERFACE, NEVER_ASKED), Action.REVERSE, owns=False)
        gone = told_no_more(context, identity.key)
        return Judged(LineState.FILTERED, "void: nothing of it stands", sightings=gone)
    return _post(context, index, line, identity, names, earlier, Action.POST)


def _unusable(context: Context, line: Line, identity: Identity, names: dict[str, object]) -> Hold | None:
    """Why nothing can be made of the line, whatever was told before."""
    cause = unreadable(context, line) or waits_for_account(context.channel, names)
    if cause is not None:
        return Hold(INTERFACE, cause)
    if is_void(line.fields):
        if is_credit(line.fields):
            return Hold(INTERFACE, "a credit that is void")
        return None if identity.strong else Hold(INTERFACE, "void, and its id is missing")
    quantity = line.fields.get("quantity")
    if not isinstance(quantity, Decimal) or quantity == 0:
        return Hold(INTERFACE, "quantity missing or zero")
    if line.fields.get("credit") is True and quantity < 0:
        return Hold(INTERFACE, "credit with a negative quantity")
    return None


def _held_once(
    context: Context, index: int, line: Line, identity: Identity, hold: Hold, earlier: Earlier
) -> Judged:
    """A line that is told again is the same one, whether it can be used or not: its key is held once."""
    action = Action.REVERSE if is_credit(line.fields) else Action.POST
    if action is Action.POST and corrects(context, line, identity):
        told = told_as_ever(context, index, line, identity, earlier)
        return told or hold_told_again(context, index, line, identity, hold)
    told = told_before(context, index, line, identity, action, earlier)
    if told is not None:
        return told
    key, version = key_and_version(context, index, line, identity, earlier, action)
    return hold_all(context, line, identity._replace(key=key), hold, action, version=version)


def merges_nothing(context: Context, line: Line) -> bool:
    """Whether it is a merge, or a move, of numbers that are equal."""
    if context.channel.reader.kind is not Kind.MERGE:
        return False
    others = (
        (kind, line.fields.get(f"{prefix}_{kind}")) for kind in PERSONS for prefix in ("merged", "from")
    )
    return all(line.fields.get(kind) == other for kind, other in others if other)


def skipped(context: Context, names: dict[str, object]) -> str | None:
    """Why the channel leaves the line out, or None."""
    for skip in context.channel.skips:
        try:
            if skip.when(names) is True:
                return skip.because
        except EvaluationFault:
            continue
    return None


def _corroborated(context: Context, line: Line, identity: Identity, names: dict[str, object]) -> Owed | None:
    """A credit of what only corroborated: it has no original here, and needs none."""
    if all(rule.owned is None for rule in context.channel.effects):
        return None
    owes = owed(context, line, identity.key, 1, dict(names), Action.REVERSE)
    return owes if owes.sightings and not owes.dues else None


def _post(
    context: Context,
    index: int,
    line: Line,
    identity: Identity,
    names: dict[str, object],
    earlier: Earlier,
    action: Action,
) -> Judged:
    """The effects that a new line owes, each due, not due, or held for what its own tables lack."""
    key, version = key_and_version(context, index, line, identity, earlier, action)
    owes = owed(context, line, key, version, names, action)
    judged = judged_by(owes.dues) if owes.dues else Judged(LineState.FILTERED, owes.why_nothing)
    return judged._replace(sightings=owes.sightings)
