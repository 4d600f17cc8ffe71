"""What a step writes: the message's end, its lines, effects, documents and facts, in one piece.

A key that another effect owns is met by the unique index, not asked for beforehand: `writer` undoes the change and
answers with `contested`. Neighbour: `apply_release` changes afterwards what was held.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from engine.domain.changes import Conflict, Corrected, Released, Routed, RoutedAs
from engine.domain.message import MessageId
from engine.domain.posting import Document, EffectRow, Sighting, Stepped
from engine.domain.status import DeliveryState, EffectState, MessageState
from engine.errors import Bug
from engine.store.apply_originals import NEVER_LEFT, SAVED_ANEW, cancel_unsent, moved_on, withdraw
from engine.store.apply_tables import amended
from engine.store.batch import Batch
from engine.store.restating import restate
from engine.store.rows import ContentKind, decimal_text

_BORN = (DeliveryState.READY, DeliveryState.SENDING)


def routed(batch: Batch, change: Routed) -> RoutedAs | Conflict:
    stepped = change.stepped
    if len(change.born) != len(stepped.documents) or any(state not in _BORN for state in change.born):
        raise Bug("STO021 each document is born ready or sending")
    moved = moved_on(batch, stepped, change.message, change.supersedes)
    if moved is not None:
        return Conflict(moved)
    if change.supersedes is not None:
        _supersede(batch, change.supersedes, change.message, change.to)
    for message in withdraw(batch, stepped.withdraws):  # first: what is cancelled takes its key back
        restate(batch, message, SAVED_ANEW)
    for message in cancel_unsent(batch, stepped.cancels, change.at_us):
        restate(batch, message, NEVER_LEFT)
    for message in stepped.closes:
        batch.do(
            "close_message", f"{stepped.reason}: the stay goes on with message {change.message}", message
        )
    record = batch.keep(ContentKind.RECORD, stepped.record) if stepped.record else None
    batch.put(
        "route_message",
        (
            stepped.state,
            stepped.reason,
            record,
            change.edition,
            change.at_us,
            stepped.account,
            stepped.patient,
            change.message,
            change.from_state,
        ),
    )
    born = zip(stepped.documents, change.born, strict=True)
    deliveries: list[int] = []
    for document, state in born:
        after = None if document.after is None else deliveries[document.after]
        deliveries.append(
            write_document(
                batch, change.message, document, state, change.edition, record, change.at_us, after
            )
        )
    _write_lines(batch, change.message, stepped, deliveries, change.at_us)
    for fact in stepped.remember:
        batch.put("insert_fact", (fact.kind, fact.key, fact.at_us, change.message, fact.value))
    write_sightings(batch, change.message, stepped.sightings)
    if stepped.relies:
        batch.flush()  # whoever settles an original in this batch must find what waits for it
    edition = amended(batch, change.message, stepped, change.edition, change.at_us)
    return RoutedAs(tuple(deliveries), edition)


def write_sightings(batch: Batch, message: MessageId, sightings: Iterable[Sighting]) -> None:
    """What a message tells of uses that other feeds tell of, too."""
    for one in sightings:
        if one.quantity is None:
            batch.do("forget_sighting", one.key, one.destination, one.name)
            continue
        batch.put(
            "insert_sighting",
            (
                one.key,
                one.destination,
                one.name,
                one.part,
                one.channel,
                one.owned,
                one.place,
                decimal_text(one.quantity),
                one.same,
                message,
            ),
        )


def write_document(
    batch: Batch,
    message: MessageId,
    document: Document,
    state: DeliveryState,
    edition: int,
    record: int | None,
    at_us: int,
    after: int | None = None,
) -> int:
    """The delivery's row and payload; its id. `after`: the delivery that must be there first."""
    batch.ids.delivery = delivery = batch.ids.delivery + 1
    batch.put(
        "insert_delivery",
        (
            delivery,
            message,
            document.channel,
            document.destination,
            document.effect,
            document.action,
            document.lane,
            document.priority,
            document.reference,
            document.path,
            batch.keep(ContentKind.PAYLOAD, document.payload),
            edition,
            record,
            state,
            at_us,
            at_us if state is DeliveryState.SENDING else None,
            after,
            orjson.dumps(document.joins).decode() if document.joins else None,
        ),
    )
    return delivery


def write_effects(
    batch: Batch,
    message: MessageId,
    effects: Iterable[tuple[EffectRow, int]],
    deliveries: Sequence[int | None],
    at_us: int,
) -> None:
    """New effects, each with the id of its line. `deliveries`: by document index."""
    rows, number = batch.rows("insert_effect"), batch.ids.effect
    for effect, line in effects:
        number += 1
        rows.append(
            (
                number,
                line,
                message,
                effect.destination,
                effect.name,
                effect.action,
                effect.key,
                effect.version,
                effect.owns,
                effect.state,
                delivery_of(effect, deliveries),
                effect.reverses,
                decimal_text(effect.quantity),
                effect.measure,
                decimal_text(effect.amount),
                effect.currency,
                effect.owner,
                effect.cause,
                at_us if effect.state is EffectState.HELD else None,
                effect.lane,
                effect.part,
            )
        )
    batch.ids.effect = number


def delivery_of(effect: EffectRow, deliveries: Sequence[int | None]) -> int | None:
    """The delivery that carries the effect. Only what is on its way is carried, and it always is."""
    if (effect.document is not None) is not (effect.state is EffectState.ROUTED):
        raise Bug("STO021 an effect is routed with a document, or is held, waits or is cancelled without one")
    return None if effect.document is None else deliveries[effect.document]


def contested(batch: Batch, change: Routed | Released | Corrected) -> bytes | None:
    """The first key of the change that an effect of another message owns, or None; of a correction, also one that an
    effect of its own message does."""
    for effect in change.stepped.effects:
        claim = (effect.key, effect.destination, effect.name, effect.action, effect.version, effect.part)
        owners = batch.ask("owner_of_key", *claim) if effect.owns else ()
        if any(owner != change.message or isinstance(change, Corrected) for (owner,) in owners):
            return effect.key
    return None


def _write_lines(
    batch: Batch, message: MessageId, stepped: Stepped, deliveries: Sequence[int], at_us: int
) -> None:
    rows, finds, first = batch.rows("insert_line"), batch.rows("insert_find"), batch.ids.line + 1
    for number, line in enumerate(stepped.lines, first):
        rows.append(
            (
                number,
                message,
                line.channel,
                line.number,
                line.key,
                line.strong,
                line.body,
                line.credit,
                line.state,
                line.reason,
                decimal_text(line.stated),
                line.currency,
                line.owner,
            )
        )
        for key in line.finds:
            finds.append((key, number))
    batch.ids.line += len(stepped.lines)
    write_effects(
        batch, message, ((effect, first + effect.line) for effect in stepped.effects), deliveries, at_us
    )


def _supersede(batch: Batch, message: MessageId, replay: MessageId, to: str | None) -> None:
    """A replay takes the place of what still waits; with `to`, of what waits for that destination. What is on its
    way, or there, stays where it is."""
    found = batch.ask("state_of_message", message)
    state = MessageState(found[0][0]) if found else None
    if state not in (MessageState.HELD, MessageState.FILTERED, MessageState.ROUTED):
        return
    batch.do("supersede_effects", message, to)
    whole = not batch.ask("has_expected_effect", message)
    batch.do("supersede_lines", message, whole)
    if whole:
        batch.do("supersede_message", replay, message)
