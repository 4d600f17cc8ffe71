"""The step: message + release + table versions + facts → the same bytes, always (promise 5).

`reading` says what the message means and which facts it needs; `step` takes them and makes lines, effects and
documents. No clock, socket, store or randomness: the stepper, releases, channel tests and previews all call it.
"""

from __future__ import annotations

from engine.domain.event import Kind
from engine.domain.posting import Action, Document, EffectRow, Facts, LineRow, Stepped
from engine.domain.status import EffectState, LineState, MessageState
from engine.pipeline import record
from engine.pipeline.composing import Composed, Placed, compose
from engine.pipeline.context import Context, context_of
from engine.pipeline.crediting import LINE_QUANTITY
from engine.pipeline.digests import Digester
from engine.pipeline.dues import Due, Judged
from engine.pipeline.holding import stated_amount
from engine.pipeline.identity import is_credit
from engine.pipeline.judging import judge_lines
from engine.pipeline.reading import ChannelRead, Read
from engine.site.release import Release

Decisions = dict[tuple[str, int], str]
HeldEffect = tuple[str, int, str, Action]
"""(channel, line number, effect name, action) of an effect that a release may decide."""

_COMPUTED = frozenset(
    {"number", "amount", "original", "reference", "posting_date", "received_at", "feed", "channel"}
)


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
    translated: record.Translated = {}
    for part in read.reads:
        if part.event.kind in (Kind.ENCOUNTER, Kind.MERGE):
            continue
        context = context_of(release, digester, read, part, facts, decisions or {})
        judged = judge_lines(context, part)
        dues = [
            due for verdict in judged for due in verdict.dues if only is None or _of(context, due) in only
        ]
        composed = compose(context, dues, len(documents))
        rows = {line.number: len(lines) + index for index, line in enumerate(part.event.lines)}
        lines += _line_rows(context, part, judged, composed)
        effects += [_effect_row(release, rows, placed) for placed in composed.placed]
        documents += composed.documents
        _keep_translated(context, part, composed, translated)
    state, reason = _conclude(read, lines, effects)
    return Stepped(
        state,
        reason,
        tuple(lines),
        tuple(effects),
        tuple(documents),
        read.remember,
        record.pack(facts, translated),
        read.account,
        read.patient,
    )


def _of(context: Context, due: Due) -> HeldEffect:
    return context.channel.name, due.number, due.rule.name, due.action


def _line_rows(
    context: Context, part: ChannelRead, judged: list[Judged], composed: Composed
) -> list[LineRow]:
    rows = []
    for line, identity, verdict in zip(part.event.lines, part.identities, judged, strict=True):
        state, reason = _standing(verdict, line.number, composed)
        rows.append(
            LineRow(
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
                finds=identity.finds if verdict.dues else (),
            )
        )
    return rows


def _standing(verdict: Judged, number: int, composed: Composed) -> tuple[LineState, str]:
    """As judged; but a line all of whose effects were held while they were written is held, too."""
    mine = [placed for placed in composed.placed if placed.due.number == number]
    if verdict.state is LineState.POSTED and mine and all(placed.document is None for placed in mine):
        return LineState.HELD, next((placed.due.hold.cause for placed in mine if placed.due.hold), "held")
    return verdict.state, verdict.reason


def _effect_row(release: Release, rows: dict[int, int], placed: Placed) -> EffectRow:
    due, document = placed
    return EffectRow(
        line=rows[due.number],
        destination=due.rule.destination,
        name=due.rule.name,
        action=due.action,
        key=due.key,
        version=due.version,
        state=EffectState.HELD if document is None else EffectState.ROUTED,
        document=document,
        reverses=due.original.effect_id if due.original else None,
        quantity=due.quantity,
        measure=due.rule.measure,
        amount=due.amount,
        currency=release.currency,
        owner=due.hold.owner if due.hold else due.rule.owner,
        cause=due.hold.cause if due.hold else "",
        owns=due.owns,
    )


def _keep_translated(
    context: Context, part: ChannelRead, composed: Composed, translated: record.Translated
) -> None:
    """What a later reversal needs of each posted line: the names that its undo map uses (rule 9)."""
    sent = {line.number: line.fields.get("quantity") for line in part.event.lines}
    for due, document in composed.placed:
        if document is None or due.action is not Action.POST or due.rule.undo is None:
            continue
        wanted = (due.rule.undo.roots | due.rule.undo.line_roots) - _COMPUTED
        kept = {name: due.names[name] for name in wanted if due.names.get(name) is not None}
        kept[LINE_QUANTITY] = sent[due.number]
        translated.setdefault(f"{context.channel.name}/{due.number}", {})[due.rule.name] = kept


def _conclude(read: Read, lines: list[LineRow], effects: list[EffectRow]) -> tuple[MessageState, str]:
    """Where the message stands (rule 24), by the furthest of its effects and lines."""
    if any(effect.state is EffectState.ROUTED for effect in effects):
        return MessageState.ROUTED, ""
    if effects or any(line.state is LineState.HELD for line in lines):
        return MessageState.HELD, next((effect.cause for effect in effects), "held")
    if lines and all(line.state is LineState.DUPLICATE for line in lines):
        return MessageState.DUPLICATE, "every line was told before"
    if lines:
        return MessageState.FILTERED, next(
            (line.reason for line in lines if line.state is LineState.FILTERED), ""
        )
    return _without_lines(read)


def _without_lines(read: Read) -> tuple[MessageState, str]:
    if not read.claimed:
        if read.usage:
            return MessageState.HELD, "unclaimed: no channel takes it"
        return MessageState.FILTERED, "no channel takes this type"
    return MessageState.FILTERED, "remembered" if read.remember else "no lines"
