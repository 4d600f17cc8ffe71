"""What changes afterwards of what a step left: held effects are released or dropped, posted ones corrected.

Lines and messages are restated from their effects (`restating`), so that rule 24 closes after every such change.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from engine.domain.changes import Acted, Conflict, Corrected, Dropped, Released, RoutedAs
from engine.domain.message import MessageId
from engine.domain.posting import EffectRow, Stepped
from engine.domain.status import DeliveryState, EffectState, LineState
from engine.errors import Bug, UsageError
from engine.store.apply_originals import NEVER_LEFT, SAVED_ANEW, cancel_unsent, moved_on, withdraw
from engine.store.apply_people import acted
from engine.store.apply_step import delivery_of, write_document, write_effects, write_sightings
from engine.store.batch import Batch
from engine.store.restating import restate
from engine.store.rows import DROPPED, ORIGINAL_DROPPED, ContentKind, decimal_text

NOT_DUE = "not due"

_Place = tuple[str, int, str, int]
"""(channel, line number, effect name, action): what may have several parts."""


class _Decided(NamedTuple):
    """What of a release counts. `known`: effects that are held, with their ids; `fresh`: effects of lines, or of their
    parts, of which none could be told before, with the ids of the lines; `undone`: held effects that are no longer
    made."""

    known: list[tuple[EffectRow, int]]
    fresh: list[tuple[EffectRow, int]]
    undone: list[int]


def released(batch: Batch, change: Released) -> RoutedAs | Conflict:
    """A person, a row of a table, or what it waited for, decided. Only held and waiting effects move."""
    stepped, message = change.stepped, change.message
    moved = moved_on(batch, stepped, message)
    if moved is not None:
        return Conflict(moved)
    decided = _decide(batch, message, stepped)
    if not any(decided):
        return RoutedAs(())  # nothing of it waits any more
    _cancel(batch, stepped, message, change.at_us)
    record = batch.keep(ContentKind.RECORD, stepped.record) if stepped.record else None
    wanted = {effect.document for effect, _ in (*decided.known, *decided.fresh)}
    deliveries = _write_documents(batch, change, wanted, record)
    for effect, effect_id in decided.known:
        _release_effect(batch, effect, effect_id, deliveries, change.at_us)
    write_effects(batch, message, decided.fresh, deliveries, change.at_us)
    for effect_id in decided.undone:
        batch.do("cancel_effect", NOT_DUE, effect_id)
    write_sightings(batch, message, stepped.sightings)
    whose = (stepped.account, stepped.patient)
    batch.do("restep_message", record, change.edition, change.at_us, *whose, message)
    restate(batch, message, stepped.reason or NOT_DUE)
    return RoutedAs(tuple(delivery for delivery in deliveries if delivery is not None))


def corrected(batch: Batch, change: Corrected) -> RoutedAs | Conflict:
    """Posted effects are taken back and posted anew, on the lines that they stand on, with the act of who said so."""
    stepped, message = change.stepped, change.message
    moved = moved_on(batch, stepped, message)
    if moved is not None:
        return Conflict(moved)
    known = {(channel, number): line for channel, number, line in batch.ask("posted_lines", message)}
    lines = [known[line.channel, line.number] for line in stepped.lines]
    _cancel(batch, stepped, message, change.at_us)
    record = batch.keep(ContentKind.RECORD, stepped.record) if stepped.record else None
    deliveries = _write_documents(batch, change, set(range(len(stepped.documents))), record)
    added = ((effect, lines[effect.line]) for effect in stepped.effects)
    write_effects(batch, message, added, deliveries, change.at_us)
    write_sightings(batch, message, stepped.sightings)
    restate(batch, message, NEVER_LEFT)
    posted = sum(effect.reverses is None for effect in stepped.effects)
    detail: dict[str, int | str] = {"posted": posted, "taken back": len(stepped.effects) - posted}
    acted(batch, Acted(change.actor, change.verb, f"message {message}", change.reason, detail, change.at_us))
    return RoutedAs(tuple(delivery for delivery in deliveries if delivery is not None))


def _cancel(batch: Batch, stepped: Stepped, message: MessageId, at_us: int) -> None:
    for other in withdraw(batch, stepped.withdraws):  # first: what is cancelled takes its key back
        restate(batch, other, SAVED_ANEW)
    for other in cancel_unsent(batch, stepped.cancels, at_us):
        if other != message:
            restate(batch, other, NEVER_LEFT)


def dropped(batch: Batch, change: Dropped) -> int:
    """Held effects, effects of held deliveries, and what is held without any, are not to be posted. Others are left as
    they are. Credits that would have taken them back are moot."""
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
    gone = [effect for effect, *_ in (*held, *refused)]
    moot = batch.ask_many("held_credits", gone)
    for effect, _ in moot:
        batch.do("cancel_effect", ORIGINAL_DROPPED, effect)
    messages = {row[1] for row in (*held, *refused, *moot)}
    for message in sorted(messages):
        restate(batch, message, DROPPED)
    return len(held) + len(refused) + sum(_drop_message(batch, message) for message in change.messages)


def _drop_message(batch: Batch, message: MessageId) -> int:
    """Lines, and the message itself, that are held and owe no effect that could be told. 1 when there was any."""
    lines = batch.ask("untold_lines", message)
    for (line,) in lines:
        batch.do("restate_line", LineState.FILTERED, DROPPED, line)
    if lines or batch.ask("held_alone", message):
        restate(batch, message, DROPPED)
        return 1
    return 0


def _decide(batch: Batch, message: MessageId, stepped: Stepped) -> _Decided:
    held: dict[tuple[_Place, str], int] = {}
    whole: dict[_Place, int] = {}  # held, with nothing of it on its way: the line of its parts
    lines = set()
    for *place, part, effect_id, line_id, waits in batch.ask("effects_that_count", message):
        lines.add(line_id)
        where: _Place = tuple(place)
        whole[where] = line_id if waits and whole.get(where, line_id) else 0
        if waits:
            held[where, part] = effect_id
    untold = {
        (channel, number): line
        for channel, number, line in batch.look("held_lines", message)
        if line not in lines
    }
    known, fresh, counted = [], [], set()
    for effect in stepped.effects:
        line = stepped.lines[effect.line]
        place = (line.channel, line.number, effect.name, int(effect.action))
        effect_id = held.pop((place, effect.part), None)
        if effect_id is None and whole.get(place):
            effect_id = held.pop((place, ""), None)  # what was held whole becomes the first of its parts
        fresh_line = untold.get((line.channel, line.number)) or whole.get(place)
        if effect_id is not None:
            known.append((effect, effect_id))
        elif fresh_line:
            fresh.append((effect, fresh_line))
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
    batch: Batch, change: Released | Corrected, wanted: Container[int | None], record: int | None
) -> list[int | None]:
    """Ids of the deliveries by document index; None for documents that nothing which counts is in."""
    deliveries: list[int | None] = []
    for index, document in enumerate(change.stepped.documents):
        if index not in wanted:
            deliveries.append(None)
            continue
        after = None if document.after is None else deliveries[document.after]
        ready = DeliveryState.READY
        deliveries.append(
            write_document(
                batch, change.message, document, ready, change.edition, record, change.at_us, after
            )
        )
    return deliveries


def _release_effect(
    batch: Batch, effect: EffectRow, effect_id: int, deliveries: list[int | None], at_us: int
) -> None:
    batch.do(
        "release_effect",
        effect.state,
        delivery_of(effect, deliveries),
        effect.key,
        effect.version,
        effect.owns,
        effect.reverses,
        decimal_text(effect.quantity),
        effect.measure,
        decimal_text(effect.amount),
        effect.currency,
        effect.owner,
        effect.cause,
        effect.part,
        at_us,
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
