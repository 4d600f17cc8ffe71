"""What a correction, or an undo, of one message would do: effect by effect, with its money. Pure.

Rules of money, 12 and 13: translated again with the tables of now, valid on the event's dates, and with what was known
of the stay when it was posted: a later transfer changes no posted line (rule 20). What is held is left to `release`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from engine.domain.event import Line
from engine.domain.posting import (
    Action,
    Document,
    EffectRow,
    Facts,
    LineRow,
    Measure,
    Original,
    Sighting,
    Stepped,
)
from engine.domain.status import EffectState, Fate, LineState, MessageState
from engine.domain.views import EffectView, LineView
from engine.pipeline import record
from engine.pipeline.changing import Change, What, compare
from engine.pipeline.composing import Placed, compose
from engine.pipeline.context import Context, context_of
from engine.pipeline.corroborating import seen_anew
from engine.pipeline.digests import Digester
from engine.pipeline.dues import Due, Owed
from engine.pipeline.identity import Identity, is_credit
from engine.pipeline.judging import skipped
from engine.pipeline.owing import owed
from engine.pipeline.reading import ChannelRead, Read
from engine.pipeline.reversing import taken_back
from engine.pipeline.step import cancelled_by, effect_row, keep_translated, line_row, relied_on
from engine.site.release import Release

NOT_DUE = "not due"
OTHERWISE = "the message reads otherwise now"


class Order(NamedTuple):
    """What is asked. `undo`: take back, post nothing. `force`: repost also what is translated the same. `to`: at this
    destination only; `lines`: of these lines only, told by channel and number."""

    undo: bool = False
    force: bool = False
    to: str | None = None
    lines: frozenset[tuple[str, int]] | None = None


class Story(NamedTuple):
    """What the store knows of the message: its lines and effects, and the originals that may be taken back."""

    lines: Sequence[LineView]
    effects: Sequence[EffectView]
    posted: Sequence[Original]


class Told(NamedTuple):
    """One effect for people. Money is what remains of it before, and what it is after; None: nothing, or not known
    here. `cause`: why it is left. `part`: of the line, where a table gives it several."""

    channel: str
    number: int
    destination: str
    effect: str
    what: What
    before: Decimal | None
    after: Decimal | None
    cause: str = ""
    part: str = ""


class Planned(NamedTuple):
    """`told`: every effect that changes or is left; `stepped`: what is to be written, None when that is nothing."""

    told: tuple[Told, ...]
    stepped: Stepped | None


def plan(
    release: Release, digester: Digester, read: Read, facts: Facts, story: Story, order: Order, today: date
) -> Planned:
    """`facts`: those that were saved with the message. `today`: the posting date of what is written."""
    told: list[Told] = []
    lines: list[LineRow] = []
    effects: list[EffectRow] = []
    documents: list[Document] = []
    placed: list[Placed] = []
    sightings: list[Sighting] = []
    translated: record.Translated = {}
    for part in read.reads:
        if not part.identities:
            continue
        context = context_of(release, digester, read, part, facts, {})
        changes, seen = _changes(context, part, story, order, today)
        moving = [due for change in changes if change.what is not What.LEFT for due in change.dues]
        composed = compose(context, moving, len(documents))
        held = {_place(one.due): one.due.hold.cause for one in composed.placed if one.due.hold}
        going = [one for one in composed.placed if _place(one.due) not in held]
        rows = {line.number: len(lines) + index for index, line in enumerate(part.event.lines)}
        lines += [
            line_row(context, line, identity, LineState.POSTED, "", False)
            for line, identity in zip(part.event.lines, part.identities, strict=True)
        ]
        effects += [effect_row(release, rows, one) for one in going]
        documents += composed.documents
        placed += going
        translated.update(keep_translated(context, part, composed))
        sightings += [one for number in sorted({one.due.number for one in going}) for one in seen[number]]
        told += [_told(context, change, held) for change in changes if change.what is not What.STAYS]
    if not effects:
        return Planned(tuple(told), None)
    used = {effect.line for effect in effects}
    kept = sorted(used)
    again = {line: index for index, line in enumerate(kept)}
    stepped = Stepped(
        MessageState.ROUTED,
        "",
        tuple(lines[line] for line in kept),
        tuple(effect._replace(line=again[effect.line]) for effect in effects),
        tuple(documents),
        record=record.pack(facts, translated),
        relies=relied_on(placed),
        cancels=cancelled_by(placed),
        sightings=tuple(one for one in sightings if order.to in (None, one.destination)),
    )
    return Planned(tuple(told), stepped)


def _changes(
    context: Context, part: ChannelRead, story: Story, order: Order, today: date
) -> tuple[list[Change], dict[int, tuple[Sighting, ...]]]:
    """Of each line that was posted, or left out for what the tables said then; and what the line now tells of uses that
    other feeds tell of."""
    known = {line.number: line for line in story.lines if line.channel == context.channel.name}
    found: list[Change] = []
    seen: dict[int, tuple[Sighting, ...]] = {}
    for line, identity in zip(part.event.lines, part.identities, strict=True):
        view = known.get(line.number)
        wanted = order.lines is None or (context.channel.name, line.number) in order.lines
        if view is None or not wanted or view.credit or is_credit(line.fields) or line.faults:
            continue
        if view.state in (LineState.POSTED, LineState.FILTERED):
            changes, seen[line.number] = _of_line(context, line, identity, view, story, order, today)
            found += changes
    return [change for change in found if order.to in (None, change.rule.destination)], seen


def _of_line(
    context: Context,
    line: Line,
    identity: Identity,
    view: LineView,
    story: Story,
    order: Order,
    today: date,
) -> tuple[list[Change], tuple[Sighting, ...]]:
    mine = [effect for effect in story.effects if effect.line_id == view.id and effect.action is Action.POST]
    posted = _current(context, line, story.posted)
    settled = {(effect.destination, effect.name, effect.part) for effect in mine if _decided(effect)}
    if not posted and (order.undo or settled):
        return [], ()
    names = {**context.base_names(line), "posting_date": today}
    nothing = order.undo or skipped(context, names) is not None
    key = posted[0].key if posted else identity.key
    owes = Owed() if nothing else owed(context, line, key, 1, dict(names))
    changes = [
        _as_ordered(context, change, order, names)
        for change in compare(context, line, names, posted, owes.dues)
        if change.what is not What.POST or not _settled(change, settled)
    ]
    return changes, seen_anew(context, key, owes.sightings)


def _as_ordered(context: Context, change: Change, order: Order, names: dict[str, object]) -> Change:
    if change.what is What.POST and change.after is not None and change.after.hold is not None:
        return change._replace(what=What.LEFT, cause=change.after.hold.cause)
    if order.force and change.what is What.STAYS and change.after is not None:
        return _forced(context, change, names)
    return change


def _settled(change: Change, settled: set[tuple[str, str, str]]) -> bool:
    """Of a line that was held whole, no part was told yet."""
    part = change.after.part if change.after else ""
    effect = (change.rule.destination, change.rule.name)
    return (*effect, part) in settled or (*effect, "") in settled


def _current(context: Context, line: Line, posted: Sequence[Original]) -> list[Original]:
    """The newest version of each effect of a line that left, or is about to: what is held is no correction's."""
    newest: dict[tuple[str, str, str], Original] = {}
    for original in sorted(posted, key=lambda one: one.version):
        mine = (original.channel, original.number) == (context.channel.name, line.number)
        if mine and original.fate in (Fate.QUEUED, Fate.LEAVING, Fate.THERE):
            newest[original.place] = original
    return list(newest.values())


def _decided(effect: EffectView) -> bool:
    """Held, on its way, or cancelled for another reason than that it was not due: no correction posts it first."""
    return effect.state is not EffectState.CANCELLED or effect.cause != NOT_DUE


def _forced(context: Context, change: Change, names: dict[str, object]) -> Change:
    """Taken back and posted again, though the tables say the same."""
    before, after = change.before, change.after
    if before is None or after is None or before.fate is not Fate.THERE or before.reversals:
        return change
    back = taken_back(context.digester, change.rule, change.number, before, names)
    if back.hold is not None:
        return change
    anew = replace(after, key=before.key, version=before.version + 1, corrects=before)
    return change._replace(what=What.REPOST, after=anew, dues=(back, anew))


def _place(due: Due) -> tuple[int, str, str]:
    return due.number, due.rule.name, due.part


def _told(context: Context, change: Change, held: dict[tuple[int, str, str], str]) -> Told:
    rule, place = change.rule, (change.number, change.rule.name, change.part)
    cause = held.get(place, change.cause)
    what = What.LEFT if place in held else change.what
    posts = change.after is not None and what is not What.LEFT
    return Told(
        context.channel.name,
        change.number,
        rule.destination,
        rule.name,
        what,
        _money(change.before),
        change.after.amount if posts and change.after else None,
        cause,
        change.part,
    )


def _money(original: Original | None) -> Decimal | None:
    """What remains of it: as it was said here, or as the far end told it of a document with nothing else in it."""
    if original is None:
        return None
    if original.measure is Measure.FAR_END:
        alone = original.shares == 1 and not original.reversals
        return original.receipt if alone else None
    return None if original.amount is None else original.amount + original.amount_back
