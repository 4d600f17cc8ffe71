"""What changes afterwards of what a step left: held effects released or dropped, and where lines and messages stand.

Lines and messages are restated from their effects, so that rule 24 closes after every such change.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.domain.changes import Dropped, Released, RoutedAs
from engine.domain.message import MessageId
from engine.domain.posting import EffectRow, Stepped
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.errors import Bug, UsageError
from engine.store.apply_step import delivery_of, write_document, write_effects
from engine.store.batch import Batch
from engine.store.rows import ContentKind, decimal_text

NOT_DUE = "not due"
DROPPED = "dropped"

HeldKey = tuple[str, int, str, int]
"""(channel, line number, effect name, action) of a held effect."""


class _Decided(NamedTuple):
    """What of a release counts. `known`: effects that are held, with their ids; `fresh`: effects of lines of which
    none could be told before, with the ids of the lines; `undone`: held effects that are no longer made."""

    known: list[tuple[EffectRow, int]]
    fresh: list[tuple[EffectRow, int]]
    undone: list[int]


def released(batch: Batch, change: Released) -> RoutedAs:
    """A person, or a row of a table, decided. Only held effects move."""
    stepped, message = change.stepped, change.message
    decided = _decide(batch, message, stepped)
    if not any(decided):
        return RoutedAs(())  # nothing of it waits any more
    record = batch.keep(ContentKind.RECORD, stepped.record) if stepped.record else None
    deliveries = _write_documents(batch, change, decided, record)
    for effect, effect_id in decided.known:
        _release_effect(batch, effect, effect_id, deliveries)
    write_effects(batch, message, decided.fresh, deliveries, change.at_us)
    for effect_id in decided.undone:
        batch.do("cancel_effect", NOT_DUE, effect_id)
    batch.do("restep_message", record, change.edition, change.at_us, message)
    restate(batch, message, stepped.reason or NOT_DUE)
    return RoutedAs(tuple(delivery for delivery in deliveries if delivery is not None))


def dropped(batch: Batch, change: Dropped) -> int:
    """Held effects, and effects of held deliveries, are not to be posted. Others are left as they are."""
    found = batch.ask_many("effects_to_drop", change.effects)
    held = [(effect, message) for effect, message, state, _, _ in found if state == EffectState.HELD]
    refused = [
        (effect, message, delivery)
        for effect, message, state, delivery, standing in found
        if state == EffectState.ROUTED and standing == DeliveryState.HELD
    ]
    for delivery in {delivery for _, _, delivery in refused}:
        _drop_delivery(batch, delivery, {effect for effect, _, _ in refused}, change.at_us)
    for effect, _ in held:
        batch.do("cancel_effect", DROPPED, effect)
    messages = {message for _, message in held} | {message for _, message, _ in refused}
    for message in sorted(messages):
        restate(batch, message, DROPPED)
    return len(held) + len(refused)


def restate(batch: Batch, message: MessageId, reason: str) -> None:
    """Lines and message, from where the effects stand now. `reason`: why nothing of them is left to post."""
    moved, waits = False, False
    for line, state, on_its_way, held in batch.ask("lines_by_effects", message):
        moved, waits = moved or on_its_way, waits or held
        if state not in (LineState.POSTED, LineState.HELD):
            continue
        if on_its_way and state == LineState.HELD:
            batch.do("restate_line", LineState.POSTED, "", line)
        elif not on_its_way and not held:
            batch.do("restate_line", LineState.FILTERED, reason, line)
    if moved:
        batch.do("restate_message", MessageState.ROUTED, "", message)
    elif not waits:
        batch.do("restate_message", MessageState.FILTERED, reason, message)


def _decide(batch: Batch, message: MessageId, stepped: Stepped) -> _Decided:
    rows = batch.ask("held_effects", message)
    held: dict[HeldKey, int] = {tuple(row[:4]): row[4] for row in rows}
    told = {row[5] for row in rows}
    untold = {
        (channel, number): line
        for channel, number, line in batch.look("held_lines", message)
        if line not in told
    }
    known, fresh, counted = [], [], set()
    for effect in stepped.effects:
        line = stepped.lines[effect.line]
        effect_id = held.pop((line.channel, line.number, effect.name, effect.action), None)
        untold_line = untold.get((line.channel, line.number))
        if effect_id is not None:
            known.append((effect, effect_id))
        elif untold_line is not None:
            fresh.append((effect, untold_line))
        else:
            continue
        counted.add(effect)
    _refuse_posted(stepped, counted)
    return _Decided(known, fresh, list(held.values()))


def _refuse_posted(stepped: Stepped, counted: set[EffectRow]) -> None:
    """A released document that carries an effect which is no longer held would post it a second time."""
    documents = {effect.document for effect in counted if effect.document is not None}
    if any(effect.document in documents and effect not in counted for effect in stepped.effects):
        raise Bug("STO022 a released document carries an effect that is not held")


def _write_documents(
    batch: Batch, change: Released, decided: _Decided, record: int | None
) -> list[int | None]:
    """Ids of the deliveries by document index; None for documents that nothing which counts is in."""
    wanted = {effect.document for effect, _ in (*decided.known, *decided.fresh)}
    ready = DeliveryState.READY
    return [
        write_document(batch, change.message, document, ready, change.edition, record, change.at_us)
        if index in wanted
        else None
        for index, document in enumerate(change.stepped.documents)
    ]


def _release_effect(batch: Batch, effect: EffectRow, effect_id: int, deliveries: list[int | None]) -> None:
    batch.do(
        "release_effect",
        effect.state,
        delivery_of(effect, deliveries),
        effect.key,
        effect.version,
        effect.owns and effect.state is not EffectState.CANCELLED,
        effect.reverses,
        decimal_text(effect.quantity),
        effect.measure,
        decimal_text(effect.amount),
        effect.currency,
        effect.owner,
        effect.cause,
        effect_id,
    )


def _drop_delivery(batch: Batch, delivery: int, effects: set[int], at_us: int) -> None:
    """A refused document is dropped whole: the rest of it could never be sent again as it was."""
    if not {effect for (effect,) in batch.ask("effects_of_delivery", delivery)} <= effects:
        raise UsageError(
            "STO030", "only some effects of a refused document were named", "drop all effects of the document"
        )
    batch.do("cancel_held_delivery", at_us, delivery)
    batch.do("cancel_effects", DROPPED, delivery)
