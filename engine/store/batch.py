"""One batch of changes as rows: gathered change by change, written table by table, in the writer's transaction.

Ids are given here, in memory, by the one writer; a batch that fails gives them back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import apsw
import orjson

from engine.domain.changes import (
    Acted,
    Activated,
    Answered,
    Change,
    Conflict,
    Dropped,
    Kept,
    Received,
    Released,
    Requeued,
    Routed,
    RoutedAs,
    Sending,
    Settled,
    Stopped,
    TableRecorded,
    Withdrawn,
)
from engine.domain.message import MessageId
from engine.domain.posting import Document, EffectRow
from engine.domain.status import DeliveryState, EffectState, MessageState
from engine.errors import Bug
from engine.store.rows import ContentKind, decimal_text

Row = tuple[str | int | float | bytes | None, ...]


Counters = dict[str, int]
"""Highest id given in each of `NUMBERED`."""

NUMBERED = ("message", "content", "line", "effect", "delivery", "attempt")

_INSERT_ORDER = (
    "insert_content",
    "insert_message",
    "insert_control",
    "insert_fact",
    "insert_line",
    "insert_find",
    "insert_effect",
    "insert_delivery",
    "insert_receipt",
    "insert_attempt",
)
_UPDATE_ORDER = ("route_message", "mark_sending", "withdraw", "settle_delivery")
"""Updates whose every row must meet its state: one that meets none is an illegal move."""


class Batch:
    """Rows of some changes. `apply` each change, then `flush`; `counters` are the ids given by then."""

    def __init__(self, connection: apsw.Connection, queries: dict[str, str], counters: Counters) -> None:
        self._connection = connection
        self._queries = queries
        self._ids = dict(counters)
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._controls: dict[tuple[bytes, bytes], tuple[MessageId, str]] = {}

    @property
    def counters(self) -> Counters:
        return self._ids

    def apply(self, change: Change) -> Answered:
        """The change's rows and its answer. Raises `Bug` for an illegal move, `apsw.ConstraintError` for a key that
        is taken (`flush` may, too)."""
        handler: Callable[[Change], Answered] = getattr(self, _HANDLERS[type(change)])
        return handler(change)

    def flush(self) -> None:
        """Writes what was gathered."""
        for name in _INSERT_ORDER:
            rows = self._rows.pop(name, None)
            if rows:
                self._connection.executemany(self._queries[name], rows)
        for name in _UPDATE_ORDER:
            rows = self._rows.pop(name, None)
            if rows:
                self._update(name, rows)
        for name, rows in list(self._rows.items()):
            self._connection.executemany(self._queries[name], rows)
        self._rows.clear()

    def _update(self, name: str, rows: list[Row]) -> None:
        before = self._connection.total_changes()
        self._connection.executemany(self._queries[name], rows)
        if self._connection.total_changes() - before != len(rows):
            raise Bug(f"{name}: a row was not in the state that the move needs")

    def _now(self, name: str, *values: apsw.SQLiteValue) -> apsw.Cursor:
        return self._connection.execute(self._queries[name], values)

    def _next(self, table: str) -> int:
        number = self._ids[table] = self._ids[table] + 1
        return number

    def _content(self, kind: ContentKind, body: bytes) -> int:
        number = self._next("content")
        self._rows["insert_content"].append((number, kind, body))
        return number

    # Inbox ---------------------------------------------------------------------------------------------------

    def _received(self, change: Received) -> Kept:
        state, first, reused = change.state, None, False
        if change.control is not None and change.replays is None:
            first, reused = self._first(change.control)
            if first is not None:
                state = MessageState.DUPLICATE
        message = MessageId(self._next("message"))
        if (
            change.control is not None
            and first is None
            and state is MessageState.PENDING
            and not change.replays
        ):
            self._controls[change.control] = (message, change.answered)
            self._rows["insert_control"].append((*change.control, message))
        self._rows["insert_message"].append(
            (
                message,
                change.feed,
                change.received_us,
                change.type,
                change.control_id,
                state,
                "told before: same MSH-10 and body" if first else change.reason,
                first[1] if first else change.answered,
                change.charset,
                self._content(ContentKind.RAW, change.raw),
                first[0] if first else change.replays,
                change.actor,
            )
        )
        return Kept(message, state, first, reused)

    def _first(self, control: tuple[bytes, bytes]) -> tuple[tuple[MessageId, str] | None, bool]:
        """(the message that was told under this id with this body, whether the id came with another body)."""
        if control in self._controls:
            return self._controls[control], False
        reused = any(key == control[0] for key, _ in self._controls)
        for body, message, answered in self._now("find_control", control[0]):
            if body == control[1]:
                return (MessageId(int(message)), str(answered)), False
            reused = True
        return None, reused

    def _routed(self, change: Routed) -> RoutedAs:
        stepped = change.stepped
        if change.supersedes is not None:
            self._now("supersede_effects", change.supersedes)
            self._now("supersede_message", change.message, change.supersedes)
        deliveries = self._deliveries(
            change.message, stepped.documents, change.born, change.edition, change.at_us
        )
        self._lines(change, deliveries)
        for fact in stepped.remember:
            self._rows["insert_fact"].append((fact.kind, fact.key, fact.at_us, change.message, fact.value))
        self._rows["route_message"].append(
            (
                stepped.state,
                stepped.reason,
                self._content(ContentKind.RECORD, stepped.record) if stepped.record else None,
                change.edition,
                change.at_us,
                stepped.account,
                stepped.patient,
                change.message,
                change.from_state,
            )
        )
        return RoutedAs(deliveries)

    def _deliveries(
        self,
        message: MessageId,
        documents: Sequence[Document],
        born: Sequence[DeliveryState],
        edition: int,
        at_us: int,
    ) -> tuple[int, ...]:
        numbers = []
        for document, state in zip(documents, born, strict=True):
            number = self._next("delivery")
            numbers.append(number)
            self._rows["insert_delivery"].append(
                (
                    number,
                    message,
                    document.channel,
                    document.destination,
                    document.effect,
                    document.action,
                    document.lane,
                    document.priority,
                    document.reference,
                    document.path,
                    self._content(ContentKind.PAYLOAD, document.payload),
                    edition,
                    state,
                    at_us,
                )
            )
        return tuple(numbers)

    def _lines(self, change: Routed, deliveries: Sequence[int]) -> None:
        first = self._ids["line"] + 1
        for line in change.stepped.lines:
            number = self._next("line")
            self._rows["insert_line"].append(
                (
                    number,
                    change.message,
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
                )
            )
            self._rows["insert_find"].extend((key, number) for key in line.finds)
        for effect in change.stepped.effects:
            self._effect(effect, first + effect.line, change.message, deliveries, change.at_us)

    def _effect(
        self, effect: EffectRow, line: int, message: MessageId, deliveries: Sequence[int], at_us: int
    ) -> None:
        self._rows["insert_effect"].append(
            (
                self._next("effect"),
                line,
                message,
                effect.destination,
                effect.name,
                effect.action,
                effect.key,
                effect.version,
                effect.owns,
                effect.state,
                None if effect.document is None else deliveries[effect.document],
                effect.reverses,
                decimal_text(effect.quantity),
                effect.measure,
                decimal_text(effect.amount),
                effect.currency,
                effect.owner,
                effect.cause,
                at_us if effect.state is EffectState.HELD else None,
            )
        )

    # Outbox --------------------------------------------------------------------------------------------------

    def _sending(self, change: Sending) -> None:
        self._rows["mark_sending"].extend((change.at_us, delivery) for delivery in change.deliveries)

    def _withdrawn(self, change: Withdrawn) -> None:
        self._rows["withdraw"].extend((delivery,) for delivery in change.deliveries)

    def _settled(self, change: Settled) -> None:
        outcome = change.outcome
        done = change.state is DeliveryState.DELIVERED
        self._rows["settle_delivery"].append(
            (
                change.state,
                int(change.counts),
                change.next_us,
                None if change.state in (DeliveryState.WAITING, DeliveryState.READY) else change.at_us,
                outcome.code,
                change.delivery,
            )
        )
        if done:
            amount = decimal_text(outcome.amount)
            self._rows["insert_receipt"].append(
                (change.delivery, change.at_us, outcome.code, outcome.document, amount, change.actor)
            )
            return
        reply = self._content(ContentKind.REPLY, outcome.reply) if outcome.reply else None
        self._rows["insert_attempt"].append(
            (self._next("attempt"), change.delivery, change.at_us, outcome.verdict, outcome.code, reply)
        )
        if change.frees:
            self._rows["free_keys"].append((change.delivery,))

    def _requeued(self, change: Requeued) -> RoutedAs:
        row = self._now("requeue_read", change.delivery).fetchone()
        if row is None:
            raise Bug("only a held delivery can be sent again")
        number = self._next("delivery")
        self.flush()
        self._connection.execute(
            self._queries["insert_delivery"],
            (number, *row, DeliveryState.READY, change.at_us),
        )
        self._now("cancel_delivery", change.at_us, change.delivery)
        self._now("move_effects", number, change.delivery)
        return RoutedAs((number,))

    # What people do ------------------------------------------------------------------------------------------

    def _released(self, change: Released) -> RoutedAs:
        """Held effects get their documents; what the step no longer makes is cancelled."""
        stepped = change.stepped
        held = {
            (channel, number, name, action): (effect, line)
            for effect, channel, number, name, action, line in self._now("held_effects", change.message)
        }
        born = (DeliveryState.READY,) * len(stepped.documents)
        deliveries = self._deliveries(change.message, stepped.documents, born, change.edition, change.at_us)
        self.flush()
        for effect in stepped.effects:
            row = stepped.lines[effect.line]
            found = held.pop((row.channel, row.number, effect.name, effect.action), None)
            if found is not None:
                self._release_effect(effect, int(found[0]), int(found[1]), deliveries)
        for effect_id, _ in held.values():
            self._now("cancel_effect", "not due", effect_id)
        self._merge_record(change)
        self._now("message_restate", "not due", change.message)
        return RoutedAs(deliveries)

    def _release_effect(
        self, effect: EffectRow, effect_id: int, line: int, deliveries: Sequence[int]
    ) -> None:
        self._now(
            "release_effect",
            effect.state,
            None if effect.document is None else deliveries[effect.document],
            effect.key,
            effect.version,
            effect.owns,
            effect.reverses,
            decimal_text(effect.quantity),
            effect.measure,
            decimal_text(effect.amount),
            effect.owner,
            effect.cause,
            effect_id,
        )
        if effect.document is not None:
            self._now("post_line", line)

    def _merge_record(self, change: Released) -> None:
        """The record keeps what earlier steps translated beside what this one did."""
        if not change.stepped.record:
            return
        found = self._now("record_of", change.message).fetchone()
        record = orjson.loads(change.stepped.record)
        if found is not None:
            older = orjson.loads(found[0])
            for line, effects in older["lines"].items():
                record["lines"][line] = {**effects, **record["lines"].get(line, {})}
        content = self._next("content")
        self._now("insert_content", content, ContentKind.RECORD, orjson.dumps(record))
        self._now("set_record", content, change.edition, change.message)

    def _dropped(self, change: Dropped) -> int:
        self.flush()
        dropped = 0
        for effect in change.effects:
            before = self._connection.total_changes()
            self._now("drop_effect", f"dropped: {change.reason}", effect)
            dropped += self._connection.total_changes() - before
        numbers = orjson.dumps(change.effects).decode()
        for (message,) in self._now("effect_messages", numbers).fetchall():
            self._now("message_restate", "dropped by a person", message)
        return dropped

    def _stopped(self, change: Stopped) -> None:
        self._now(
            "stop_destination", change.destination, change.stopped, change.code, change.at_us, change.actor
        )

    def _table_recorded(self, change: TableRecorded) -> int:
        latest = self._now("latest_table", change.name).fetchone()
        if latest is not None and latest[1] == change.hash:
            return int(latest[0])
        version = int(latest[0]) + 1 if latest is not None else 1
        content = self._content(ContentKind.TABLE, change.csv)
        self._now(
            "insert_table",
            change.name,
            version,
            change.hash,
            change.source,
            content,
            change.at_us,
            change.actor,
            change.reason,
        )
        return version

    def _activated(self, change: Activated) -> int:
        release = self._now("find_release", change.hash).get
        if release is None:
            content = self._content(ContentKind.SITE, change.files)
            release = self._now("insert_release", change.hash, content, change.at_us).get
        tables = orjson.dumps(change.tables, option=orjson.OPT_SORT_KEYS).decode()
        return int(self._now("insert_edition", release, tables, change.at_us, change.actor).get)

    def _acted(self, change: Acted) -> None:
        detail = orjson.dumps(change.detail).decode()
        self._now("insert_act", change.at_us, change.actor, change.verb, change.target, change.reason, detail)


_HANDLERS: dict[type, str] = {
    Received: "_received",
    Routed: "_routed",
    Released: "_released",
    Sending: "_sending",
    Withdrawn: "_withdrawn",
    Settled: "_settled",
    Requeued: "_requeued",
    Dropped: "_dropped",
    Stopped: "_stopped",
    TableRecorded: "_table_recorded",
    Activated: "_activated",
    Acted: "_acted",
}

CAN_CONFLICT = (Routed, Released, Requeued)


def conflict_of(change: Change) -> Conflict:
    """The answer to a change whose key was taken meanwhile."""
    if isinstance(change, Routed | Released) and change.stepped.effects:
        return Conflict(change.stepped.effects[0].key)
    return Conflict(b"")
