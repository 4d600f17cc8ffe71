"""From what lines owe to documents: grouped, rendered, referenced, laned. Pure.

Rules of money, 5, 14 and 16. A document's reference derives from the keys and versions of its lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from engine.domain.posting import Action, Document, Priority
from engine.mapping.expression import EvaluationFault, compile_expression
from engine.mapping.writer import MissingField
from engine.pipeline.cases import waits_for
from engine.pipeline.context import Context
from engine.pipeline.dues import Due, Hold
from engine.pipeline.identity import text_of
from engine.pipeline.numbers import authority_of
from engine.site.release import EffectRule

_LANE_ORDER = ("account", "visit", "patient")


class Placed(NamedTuple):
    """A due and the index of its document in the step, or None while it is held."""

    due: Due
    document: int | None


class Composed(NamedTuple):
    documents: tuple[Document, ...]
    placed: tuple[Placed, ...]


WAITS_FOR_LINE = "its document waits for another line"
WAITS_FOR_HALF = "waits for the other half of its correction"


def compose(context: Context, dues: Iterable[Due], first: int) -> Composed:
    """Documents of one channel's dues. `first`: the index that the first document gets in the step."""
    together = _held_together(list(dues))
    while torn := _torn(composed := _composed(context, together, first)):
        causes = {_effect(due): due.hold for due, _ in composed.placed if due.hold is not None}
        together = [
            _with_its_half(due, causes.get(_effect(due))) if _half(due) in torn else due for due in together
        ]
    return composed


def _with_its_half(due: Due, hold: Hold | None) -> Due:
    """Held for its own cause, or since the other half is."""
    held = _held(due, WAITS_FOR_HALF)
    return replace(held, hold=hold) if hold else held


def _effect(due: Due) -> tuple[int, str, Action, str]:
    return due.number, due.rule.name, due.action, due.part


def _composed(context: Context, dues: list[Due], first: int) -> Composed:
    documents: list[Document] = []
    placed = [Placed(due, None) for due in dues if not due.moves]
    backs: dict[tuple[str, str], int] = {}  # (effect, reference of its original) → index of the reversal
    for group in _groups([due for due in dues if due.moves]):
        document, written, held = _written(context, group)
        placed.extend(Placed(due, None) for due in held)
        if document is None:
            continue
        index, corrected = first + len(documents), group[0].corrects
        if group[0].original is not None:
            backs[group[0].rule.name, group[0].original.reference] = index
        elif corrected is not None and (group[0].rule.name, corrected.reference) in backs:
            back = backs[group[0].rule.name, corrected.reference]
            document = document._replace(after=back, lane=documents[back - first].lane)
        placed.extend(Placed(due, index) for due in written)
        documents.append(document)
    return Composed(tuple(documents), tuple(placed))


def _torn(composed: Composed) -> set[tuple[str, int] | None]:
    """Corrections of which one half goes and the other is held: neither may go alone."""
    goes: dict[tuple[str, int], set[bool]] = {}
    for due, _ in composed.placed:
        half = _half(due)
        if half is not None:
            goes.setdefault(half, set()).add(due.hold is None)
    return {half for half, both in goes.items() if len(both) > 1}


def _half(due: Due) -> tuple[str, int] | None:
    """(effect, original) of what takes back or takes the place of one that is corrected; None: it is no correction."""
    return (due.rule.name, due.corrects.effect_id) if due.corrects is not None else None


def _held_together(dues: list[Due]) -> list[Due]:
    """Where one bad line holds its document, the good lines of that document wait for it (rule 16). A line that is
    held cannot say what its document's head is: it holds all of its effect, but for those with a document each."""
    bad = {(due.rule.name, due.action) for due in dues if due.hold and _shares(due.rule)}
    return [
        _held(due, WAITS_FOR_LINE) if due.moves and (due.rule.name, due.action) in bad else due
        for due in dues
    ]


def _shares(rule: EffectRule) -> bool:
    return rule.holds_document and rule.per == "message"


def _held(due: Due, cause: str) -> Due:
    return replace(due, hold=Hold(due.rule.owner, cause), waits=False, cancelled="")


def _groups(dues: list[Due]) -> list[list[Due]]:
    """Dues that share a document: of one effect and action, one line where asked, one original, one head. Reversals
    come first: what takes their place leaves after them."""
    groups: dict[tuple[object, ...], list[Due]] = {}
    for due in sorted(dues, key=lambda due: due.action is Action.POST):
        number = due.number if due.rule.per == "line" else 0
        whose = due.original or due.corrects
        original = whose.reference if whose else ""
        groups.setdefault((due.rule.name, due.action, number, original, *_head(due)), []).append(due)
    return list(groups.values())


def _head(due: Due) -> tuple[object, ...]:
    """What the document says once for all its lines: lines that differ in it cannot share one."""
    if due.original is not None:
        return ()
    return tuple(head(due.names) for head in due.rule.head)


def _written(context: Context, group: list[Due]) -> tuple[Document | None, list[Due], list[Due]]:
    """(document, its dues, dues that are held). A line that lacks a field is held, alone or with its document."""
    held: list[Due] = []
    ready = list(group)
    while ready:
        try:
            return _document(context, ready), ready, held
        except MissingField as missing:
            at_fault = missing.line
            cause = _why_missing(missing, ready[at_fault or 0])
        except EvaluationFault as fault:
            cause = f"{fault.code} {fault.what}"
            at_fault = fault.line
        if at_fault is None or ready[0].rule.holds_document:
            return None, [], [*held, *(_held(due, cause) for due in ready)]
        causes = {id(due): why for due in ready[at_fault + 1 :] if (why := _at_fault(context, due))}
        causes[id(ready[at_fault])] = cause
        held += [_held(due, causes[id(due)]) for due in ready if id(due) in causes]
        ready = [due for due in ready if id(due) not in causes]
    return None, [], held


def _at_fault(context: Context, due: Due) -> str | None:
    """Why a line cannot be written, if it alone is at fault."""
    try:
        _document(context, [due])
    except MissingField as missing:
        return None if missing.line is None else _why_missing(missing, due)
    except EvaluationFault as fault:
        return None if fault.line is None else f"{fault.code} {fault.what}"
    return None


def _why_missing(missing: MissingField, due: Due) -> str:
    asked = (compile_expression(missing.expression),)
    return waits_for(due.names, asked) or f"{missing.code} {missing.expression} is missing"


def _document(context: Context, dues: Sequence[Due]) -> Document:
    first = dues[0]
    rule, action = first.rule, first.action
    write = rule.undo if action is Action.REVERSE and rule.undo else rule.write
    keys = [(context.digester.part(due.key, due.part), due.version) for due in dues]
    reference = context.digester.reference(rule.destination, rule.name, action, keys)
    names = {**first.names, "reference": reference}
    surviving = context.surviving(first.names)
    lane = lane_of(context, rule.destination, surviving)
    return Document(
        channel=context.channel.name,
        destination=rule.destination,
        effect=rule.name,
        action=action,
        lane=lane,
        priority=Priority.LIVE,
        reference=reference,
        path=write.path,
        payload=write.render(names, [due.names for due in dues]),
        joins=_joined(context, rule.destination, surviving, lane),
    )


def _joined(context: Context, destination: str, names: dict[str, object], lane: int) -> tuple[int, ...]:
    """Lanes that documents of the same account went to under its other numbers, or under the one that a merge
    ends or a move leaves: they drain first (rule 14)."""
    others: list[dict[str, object]] = [dict(numbers) for numbers in context.numbers]
    for prefix in ("merged", "from"):
        ended = ((kind, names.get(f"{prefix}_{kind}")) for kind in _LANE_ORDER)
        others += [{kind: number} for kind, number in ended if number]
    lanes = {lane_of(context, destination, {**names, **numbers}) for numbers in others}
    return tuple(sorted(lanes - {lane}))


def lane_of(context: Context, destination: str, names: dict[str, object]) -> int:
    """Destination with account, else visit, else patient, else station and item, else the message alone (rule 14)."""
    lane = context.channel.lane
    order = _LANE_ORDER[_LANE_ORDER.index(lane) :] if lane in _LANE_ORDER else ()
    for kind in order:
        identifier = text_of(names.get(kind))
        if identifier:
            return context.digester.lane(destination, kind, authority_of(kind, names), identifier)
    station = text_of(names.get("station"))
    if station:
        return context.digester.lane(destination, "station", station, text_of(names.get("code")))
    return context.digester.lane(destination, "message", str(context.read.inbound.id))
