"""The step: message + release + table versions + facts → the same bytes, always (promise 5).

`reading` says what the message means and which facts it needs; `step` takes them and makes lines, effects and
documents. No clock, socket, store or randomness: the stepper, releases, channel tests and previews all call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.domain.event import Fields, Line
from engine.domain.message import MessageId
from engine.domain.posting import (
    Action,
    Document,
    EffectRow,
    Facts,
    LineRow,
    Relied,
    Sighting,
    Stepped,
    kept_as,
)
from engine.domain.status import EffectState, LineState, MessageState
from engine.pipeline import record
from engine.pipeline.cases import persons_of_case
from engine.pipeline.composing import Composed, Placed, compose, lane_of
from engine.pipeline.context import Context, context_of
from engine.pipeline.crediting import LINE_QUANTITY
from engine.pipeline.digests import Digester
from engine.pipeline.dues import Due, Judged
from engine.pipeline.holding import stated_amount
from engine.pipeline.identity import Identity, is_credit
from engine.pipeline.judging import judge_lines
from engine.pipeline.numbers import person_digest
from engine.pipeline.pairing import NEVER_LEFT, pair
from engine.pipeline.reading import ChannelRead, Read
from engine.pipeline.remembering import REMEMBERED
from engine.pipeline.stays import judge_stay, posted_for
from engine.pipeline.whole import unseen, with_left_out
from engine.site.release import Release

Decisions = dict[tuple[str, int], str]
HeldEffect = tuple[str, int, str, Action, str | None]
"""(channel, line number, effect name, action, part) of an effect that a release may decide; part None: all of them."""

WAITS = "waits for its original"


def step(
    release: Release,
    digester: Digester,
    read: Read,
    facts: Facts,
    *,
    decisions: Decisions | None = None,
    only: frozenset[HeldEffect] | None = None,
) -> Stepped:
    """All that a message does. `decisions`: what a person said of suspected lines. `only`: with a release, the held
    effects that may move; everything else is left as it stands."""
    lines: list[LineRow] = []
    effects: list[EffectRow] = []
    documents: list[Document] = []
    placed: list[Placed] = []
    translated: record.Translated = {}
    withdraws: list[int] = []
    sightings: list[Sighting] = []
    whose: Fields = {}
    for part in read.reads:
        if not part.identities and part.case is None:
            continue
        context = context_of(release, digester, read, part, facts, decisions or {})
        if given := persons_of_case(digester, part.channel, part.header, facts):
            whose = {**part.header, **given}
        part = with_left_out(context, part)
        moving = _moving(part, only)
        judged = judge_lines(context, part, moving)
        dues = pair([
            due for verdict in judged for due in verdict.dues if only is None or _among(context, due, only)
        ])  # fmt: skip
        composed = compose(context, dues, len(documents))
        kept = [index for index, verdict in enumerate(judged) if _counts(part, verdict)]
        rows = {part.event.lines[index].number: len(lines) + row for row, index in enumerate(kept)}
        of_line = _by_line(composed)
        lines += [_line_row(context, part, index, judged[index], of_line) for index in kept]
        told = {line.number: line for line in part.event.lines}
        effects += [effect_row(release, rows, one, _lane(context, told, one)) for one in composed.placed]
        documents += composed.documents
        placed += composed.placed
        translated.update(keep_translated(context, part, composed))
        decided = _decided(part, judged, moving)
        sightings += [sighting for verdict in decided for sighting in verdict.sightings]
        sightings += unseen(context, part)
        withdraws += [effect for verdict in decided for effect in verdict.withdraws]
    state, reason, closes = _conclude(read, facts, lines, effects)
    return Stepped(
        state,
        reason,
        tuple(lines),
        tuple(effects),
        tuple(documents),
        read.remember,
        record.pack(facts, translated, posted_for(facts) if state is MessageState.HELD and not lines else ()),
        read.account or person_digest(digester, "account", whose),
        read.patient or person_digest(digester, "patient", whose),
        relied_on(placed),
        cancelled_by(placed),
        closes,
        tuple(withdraws),
        tuple(sightings),
    )


def _moving(part: ChannelRead, only: frozenset[HeldEffect] | None) -> set[int] | None:
    """With a release, the numbers of the lines of which something may move; None: all."""
    return None if only is None else {number for channel, number, *_ in only if channel == part.channel.name}


def _decided(part: ChannelRead, judged: Sequence[Judged], moving: set[int] | None) -> list[Judged]:
    """What is said of the lines that move."""
    return [
        verdict
        for line, verdict in zip(part.event.lines, judged, strict=True)
        if moving is None or line.number in moving
    ]


def _counts(part: ChannelRead, verdict: Judged) -> bool:
    """Whether a line is kept: all lines of money are, but not each admission that a channel has no effect for."""
    return part.event.kind not in REMEMBERED or verdict.state is not LineState.FILTERED


def relied_on(placed: Iterable[Placed]) -> tuple[Relied, ...]:
    """What is known of originals, and decided the step."""
    originals = (due.original or due.corrects for due, _ in placed)
    known = {original.effect_id: original for original in originals if original is not None}
    return tuple(
        Relied(effect, original.fate, frozenset(r.effect_id for r in original.reversals if r.effect_id))
        for effect, original in known.items()
    )


def cancelled_by(placed: Iterable[Placed]) -> tuple[int, ...]:
    """Effects that are cancelled before they left."""
    return tuple(due.original.effect_id for due, _ in placed if due.cancelled and due.original)


def _among(context: Context, due: Due, only: frozenset[HeldEffect]) -> bool:
    effect = (context.channel.name, due.number, due.rule.name, due.action)
    return (*effect, due.part) in only or (*effect, None) in only


def _line_row(
    context: Context,
    part: ChannelRead,
    index: int,
    verdict: Judged,
    placed: Mapping[int, Sequence[Placed]],
) -> LineRow:
    line = part.event.lines[index]
    standing = _standing(verdict, placed.get(line.number, ()))
    tells = any(one.quantity is not None for one in verdict.sightings)
    return line_row(context, line, part.identities[index], *standing, bool(verdict.dues or tells))


def line_row(
    context: Context, line: Line, identity: Identity, state: LineState, reason: str, owes: bool
) -> LineRow:
    """A line as it is kept. `owes`: a credit may look for it."""
    return LineRow(
        channel=context.channel.name,
        number=line.number,
        key=identity.key,
        strong=identity.strong,
        body=identity.body,
        credit=is_credit(line.fields),
        state=state,
        reason=reason,
        stated=stated_amount(line.fields),
        currency=context.release.currency,
        finds=identity.finds if owes else (),
    )


def _by_line(composed: Composed) -> dict[int, list[Placed]]:
    """What is placed, by the number of its line."""
    found: dict[int, list[Placed]] = {}
    for placed in composed.placed:
        found.setdefault(placed.due.number, []).append(placed)
    return found


def _standing(verdict: Judged, mine: Sequence[Placed]) -> tuple[LineState, str]:
    """As judged; but a line all of whose effects (`mine`) were held while they were written is held, too."""
    if verdict.state is not LineState.POSTED or not mine:
        return verdict.state, verdict.reason
    if any(placed.document is not None or placed.due.waits for placed in mine):
        return verdict.state, verdict.reason
    held = next((placed.due.hold.cause for placed in mine if placed.due.hold), None)
    return (LineState.FILTERED, NEVER_LEFT) if held is None else (LineState.HELD, held)


def _lane(context: Context, lines: Mapping[int, Line], placed: Placed) -> int | None:
    """While it is held: the lane of its document, which it may keep waiting (rules of money, 15)."""
    if placed.due.hold is None:
        return None
    return lane_of(context, placed.due.rule.destination, context.base_names(lines[placed.due.number]))


def effect_row(release: Release, rows: dict[int, int], placed: Placed, lane: int | None = None) -> EffectRow:
    """`rows`: line number → index of the line in the step."""
    due, document = placed
    return EffectRow(
        line=rows[due.number],
        destination=due.rule.destination,
        name=due.rule.name,
        action=due.action,
        key=due.key,
        version=due.version,
        state=_state(placed),
        document=document,
        reverses=due.original.effect_id if due.original else None,
        quantity=due.quantity,
        measure=due.rule.measure,
        amount=due.amount,
        currency=release.currency,
        owner=due.hold.owner if due.hold else due.rule.owner,
        cause=due.hold.cause if due.hold else due.cancelled or (WAITS if due.waits else ""),
        owns=due.owns,
        lane=lane,
        part=due.part,
    )


def _state(placed: Placed) -> EffectState:
    due, document = placed
    if document is not None:
        return EffectState.ROUTED
    if due.cancelled:
        return EffectState.CANCELLED
    return EffectState.WAITING if due.waits else EffectState.HELD


def keep_translated(context: Context, part: ChannelRead, composed: Composed) -> record.Translated:
    """What a later reversal or correction needs of each posted line: the names that its documents use (rule 9)."""
    sent = {line.number: line.fields.get("quantity") for line in part.event.lines}
    translated: record.Translated = {}
    for due, document in composed.placed:
        if document is None or due.action is not Action.POST:
            continue
        kept = {name: due.names[name] for name in due.rule.keeps if due.names.get(name) is not None}
        kept[LINE_QUANTITY] = sent[due.number]
        line = translated.setdefault(f"{context.channel.name}/{due.number}", {})
        line[kept_as(due.rule.name, due.part)] = kept
    return translated


def _conclude(
    read: Read, facts: Facts, lines: list[LineRow], effects: list[EffectRow]
) -> tuple[MessageState, str, tuple[MessageId, ...]]:
    """Where the message stands (rule 24), by the furthest of its effects and lines; and what it closes."""
    stayed = judge_stay(read, facts)
    if lines:  # a discharge that is cancelled may be delivered, and lets the stay go on as well
        return *_by_lines(lines, effects), stayed[2] if stayed else ()
    return stayed or (*_without_lines(read), ())


def _by_lines(lines: list[LineRow], effects: list[EffectRow]) -> tuple[MessageState, str]:
    if any(effect.state in (EffectState.ROUTED, EffectState.WAITING) for effect in effects):
        return MessageState.ROUTED, ""
    held = [effect.cause for effect in effects if effect.state is EffectState.HELD]
    if held or any(line.state is LineState.HELD for line in lines):
        return MessageState.HELD, next(iter(held), "held")
    if all(line.state is LineState.DUPLICATE for line in lines):
        return MessageState.DUPLICATE, "every line was told before"
    return MessageState.FILTERED, next(
        (line.reason for line in lines if line.state is LineState.FILTERED), ""
    )


def _without_lines(read: Read) -> tuple[MessageState, str]:
    if not read.claimed:
        if read.usage:
            return MessageState.HELD, "unclaimed: no channel takes it"
        return MessageState.FILTERED, "no channel takes this type"
    if read.unread:
        return MessageState.HELD, "unclaimed: no channel reads its lines"
    if read.remember:
        return MessageState.FILTERED, "remembered"
    stays = any(part.event.kind in REMEMBERED for part in read.reads)
    return MessageState.FILTERED, "nothing to remember in it" if stays else "no lines"
