"""From what lines owe to documents: grouped, rendered, referenced, laned. Pure.

Rules of money, 5, 14 and 16. A document's reference derives from the keys and versions of its lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from engine.domain.posting import Action, Document, Priority
from engine.mapping.expression import EvaluationFault
from engine.mapping.writer import MissingField
from engine.pipeline.context import Context
from engine.pipeline.dues import Due, Hold
from engine.pipeline.identity import text_of
from engine.pipeline.reading import authority_of

_LANE_ORDER = ("account", "visit", "patient")


class Placed(NamedTuple):
    """A due and the index of its document in the step, or None while it is held."""

    due: Due
    document: int | None


class Composed(NamedTuple):
    documents: tuple[Document, ...]
    placed: tuple[Placed, ...]


def compose(context: Context, dues: Iterable[Due], first: int) -> Composed:
    """Documents of one channel's dues. `first`: the index that the first document gets in the step."""
    documents: list[Document] = []
    placed: list[Placed] = []
    for group in _groups(_held_together(list(dues))):
        document, written, held = _written(context, group)
        placed.extend(Placed(due, None) for due in held)
        if document is not None:
            placed.extend(Placed(due, first + len(documents)) for due in written)
            documents.append(document)
    return Composed(tuple(documents), tuple(placed))


def _held_together(dues: list[Due]) -> list[Due]:
    """Where one bad line holds its document, the good lines of that effect wait for it (rule 16)."""
    bad = {due.rule.name: due.number for due in dues if due.hold and due.rule.holds_document}
    return [
        _waiting_for(bad[due.rule.name], due) if due.hold is None and due.rule.name in bad else due
        for due in dues
    ]


def _waiting_for(number: int, due: Due) -> Due:
    return replace(due, hold=Hold(due.rule.owner, "its document waits for another line"))


def _groups(dues: list[Due]) -> list[list[Due]]:
    """Dues that share a document: of one effect and action, one line where asked, one original, one head."""
    groups: dict[tuple[object, ...], list[Due]] = {}
    for due in dues:
        number = due.number if due.rule.per == "line" else 0
        original = due.original.reference if due.original else ""
        groups.setdefault((due.rule.name, due.action, number, original, *_head(due)), []).append(due)
    return list(groups.values())


def _head(due: Due) -> tuple[object, ...]:
    """What the document says once for all its lines: lines that differ in it cannot share one."""
    if due.action is Action.REVERSE or due.hold is not None:
        return ()
    return tuple(head(due.names) for head in due.rule.head)


def _written(context: Context, group: list[Due]) -> tuple[Document | None, list[Due], list[Due]]:
    """(document, its dues, dues that are held). A line that lacks a field is held, alone or with its document."""
    held = [due for due in group if due.hold is not None]
    ready = [due for due in group if due.hold is None]
    while ready:
        try:
            return _document(context, ready), ready, held
        except MissingField as missing:
            cause = f"{missing.code} {missing.expression} is missing"
            at_fault = missing.line
        except EvaluationFault as fault:
            cause = f"{fault.code} {fault.what}"
            at_fault = fault.line
        alone = at_fault is not None and not ready[0].rule.holds_document
        bad = [ready[at_fault]] if alone and at_fault is not None else list(ready)
        held += [replace(due, hold=Hold(due.rule.owner, cause)) for due in bad]
        ready = [due for due in ready if due not in bad]
    return None, [], held


def _document(context: Context, dues: Sequence[Due]) -> Document:
    first = dues[0]
    rule, action = first.rule, first.action
    write = rule.undo if action is Action.REVERSE and rule.undo else rule.write
    keys = [(due.key, due.version) for due in dues]
    reference = context.digester.reference(rule.destination, rule.name, action, keys)
    names = {**first.names, "reference": reference}
    return Document(
        channel=context.channel.name,
        destination=rule.destination,
        effect=rule.name,
        action=action,
        lane=_lane(context, rule.destination, first.names),
        priority=Priority.LIVE,
        reference=reference,
        path=write.path,
        payload=write.render(names, [due.names for due in dues]),
    )


def _lane(context: Context, destination: str, names: dict[str, object]) -> int:
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
