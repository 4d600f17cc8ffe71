"""What can be asked of a SQLite store, as the rows of `engine.domain.views`. Reads only what is committed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import apsw
import orjson

from engine.domain.message import Inbound, MessageId
from engine.domain.posting import Action, FactKeys, Facts, Measure, Priority
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.domain.views import (
    AccountRow,
    AttemptView,
    DeliveryView,
    EditionView,
    EffectView,
    HeldGroup,
    LineView,
    MessageQuery,
    MessageView,
    Outgoing,
    ParkedLane,
    TableVersionView,
)
from engine.store.facts import FactReader
from engine.store.rows import decimal_of, from_ten_thousandths

_CONDITIONS = (
    ("feed", "m.feed = ?"),
    ("type", "m.type = ?"),
    ("state", "m.state = ?"),
    ("control_id", "m.control_id = ?"),
    ("account", "m.account = ?"),
    ("patient", "m.patient = ?"),
    ("since_us", "m.received_us >= ?"),
    ("until_us", "m.received_us < ?"),
    ("before", "m.id < ?"),
    ("owner", "m.id IN (SELECT message_id FROM effect WHERE state = 2 AND owner = ?)"),
    ("cause", "m.id IN (SELECT message_id FROM effect WHERE state = 2 AND cause = ?)"),
    (
        "document",
        "m.id IN (SELECT d.message_id FROM receipt r JOIN delivery d ON d.id = r.delivery_id WHERE r.document = ?1001"
        " UNION SELECT message_id FROM delivery WHERE reference = ?1001)",
    ),
)


class SqliteViews:
    """The `Reader` port on one reading connection."""

    _connection: apsw.Connection
    _queries: dict[str, str]
    _facts: FactReader
    _hash_key: bytes

    def _open(self, connection: apsw.Connection, queries: dict[str, str]) -> None:
        self._connection = connection
        self._queries = queries
        self._facts = FactReader(connection, queries)
        self._hash_key = bytes(connection.execute("SELECT value FROM meta WHERE name = 'hash_key'").get)

    def _close(self) -> None:
        self._connection.close()

    def _all(self, name: str, *values: apsw.SQLiteValue) -> list[Any]:
        return self._connection.execute(self._queries[name], values).fetchall()

    def _one(self, name: str, *values: apsw.SQLiteValue) -> Any:
        return self._connection.execute(self._queries[name], values).get

    @property
    def hash_key(self) -> bytes:
        return self._hash_key

    # Inbox ---------------------------------------------------------------------------------------------------

    async def pending(self, after: int, limit: int) -> list[Inbound]:
        return [Inbound(*row) for row in self._all("pending", after, limit)]

    async def inbound(self, message: MessageId) -> Inbound | None:
        rows = self._all("inbound", message)
        return Inbound(*rows[0]) if rows else None

    async def gather(self, keys: Sequence[FactKeys]) -> list[Facts]:
        return self._facts.gather(keys)

    # Outbox --------------------------------------------------------------------------------------------------

    async def ready(self, destination: str, priority: Priority, after: int, limit: int) -> list[Outgoing]:
        return [_outgoing(row) for row in self._all("ready", destination, priority, after, limit)]

    async def lane(self, destination: str, lane: int, limit: int) -> list[Outgoing]:
        return [_outgoing(row) for row in self._all("lane", destination, lane, limit)]

    async def late_lanes(self, destination: str, lanes: Sequence[int]) -> set[int]:
        return {lane for lane in lanes if self._one("late_in_lane", destination, lane) is not None}

    async def parked(self, destination: str) -> list[ParkedLane]:
        return [
            ParkedLane(delivery, lane, DeliveryState(state), next_us, settled_us)
            for delivery, lane, state, next_us, settled_us in self._all("parked", destination)
        ]

    async def stopped(self) -> dict[str, str]:
        return dict(self._all("stopped"))

    # One message ---------------------------------------------------------------------------------------------

    async def messages(self, query: MessageQuery) -> list[MessageView]:
        conditions, values = ["1"], []
        for name, condition in _CONDITIONS:
            wanted = getattr(query, name)
            if wanted is not None:
                conditions.append(condition.replace("?1001", "?"))
                values += [wanted] * condition.count("?")
        statement = " ".join(
            (self._queries["stored"], "WHERE", " AND ".join(conditions), "ORDER BY m.id DESC LIMIT ?")
        )
        rows: list[Any] = self._connection.execute(statement, (*values, query.limit)).fetchall()
        return [_message(row) for row in rows]

    async def raw(self, message: MessageId) -> bytes | None:
        return _bytes(self._one("raw", message))

    async def record(self, message: MessageId) -> bytes | None:
        return _bytes(self._one("record_of", message))

    async def lines(self, message: MessageId) -> list[LineView]:
        return [_line(row) for row in self._all("lines", message)]

    async def effects(self, message: MessageId) -> list[EffectView]:
        return [_effect(row) for row in self._all("effects", message)]

    async def deliveries(self, message: MessageId) -> list[DeliveryView]:
        return [_delivery(row) for row in self._all("deliveries", message)]

    async def delivery(self, delivery: int) -> DeliveryView | None:
        rows = self._all("delivery", delivery)
        return _delivery(rows[0]) if rows else None

    async def attempts(self, message: MessageId) -> list[AttemptView]:
        return [AttemptView(*row) for row in self._all("attempts", message)]

    async def payload(self, delivery: int) -> bytes | None:
        return _bytes(self._one("payload", delivery))

    # The whole -----------------------------------------------------------------------------------------------

    async def worklist(self, owner: str | None = None) -> list[HeldGroup]:
        return [
            HeldGroup(
                owner, cause, effects, lines, messages,
                None if stake is None else from_ten_thousandths(stake),
                unpriced, first_us, last_us, tuple(dict.fromkeys((MessageId(first), MessageId(last)))),
            )
            for owner, cause, effects, lines, messages, stake, unpriced, first_us, last_us, first, last in self._all(
                "worklist", owner
            )
        ]  # fmt: skip

    async def held_messages(
        self, owner: str | None, cause: str | None, after: int, limit: int
    ) -> list[MessageId]:
        return [MessageId(message) for (message,) in self._all("held_messages", owner, cause, after, limit)]

    async def held_deliveries(self, destination: str | None, limit: int) -> list[int]:
        return [delivery for (delivery,) in self._all("held_deliveries", destination, limit)]

    async def message_counts(self) -> dict[tuple[str, str], int]:
        return {(feed, MessageState(state).word): count for feed, state, count in self._all("message_counts")}

    async def line_counts(self) -> dict[tuple[str, str], tuple[int, str]]:
        return {
            (LineState(state).word, reason): (count, str(from_ten_thousandths(money)))
            for state, reason, count, money in self._all("line_counts")
        }

    async def account(self) -> list[AccountRow]:
        told = {tuple(row[:3]): _signed(row[2], row[3]) for row in self._all("far_end_money")}
        return [
            AccountRow(
                destination,
                name,
                Action(action),
                Measure(measure),
                state,
                effects,
                told.get((destination, name, action), Decimal(0))
                if measure == Measure.FAR_END and state == "delivered"
                else from_ten_thousandths(money),
                unpriced,
            )
            for destination, name, action, measure, state, effects, money, unpriced in self._all("account")
        ]

    async def documents(self, destination: str, after: int, limit: int) -> list[DeliveryView]:
        return [_delivery(row) for row in self._all("documents", destination, after, limit)]

    async def editions(self, limit: int) -> list[EditionView]:
        return [
            EditionView(edition, release, orjson.loads(tables), activated_us, actor)
            for edition, release, tables, activated_us, actor in self._all("editions", limit)
        ]

    async def release_files(self, release_hash: str) -> bytes | None:
        return _bytes(self._one("release_files", release_hash))

    async def table_versions(self, name: str | None = None) -> list[TableVersionView]:
        return [TableVersionView(*row) for row in self._all("table_versions", name)]

    async def table_csv(self, name: str, version: int) -> bytes | None:
        return _bytes(self._one("table_csv", name, version))

    async def acts(self, limit: int) -> list[tuple[int, str, str, str, str]]:
        return self._all("acts", limit)


def _signed(action: int, units: int) -> Decimal:
    """What the far end says a document is worth, as money of ours: a reversal takes back."""
    money = from_ten_thousandths(units)
    return -money if action == Action.REVERSE else money


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _outgoing(row: Any) -> Outgoing:
    (
        delivery,
        destination,
        effect,
        action,
        lane,
        priority,
        reference,
        path,
        payload,
        attempts,
        state,
        next_us,
    ) = row
    return Outgoing(
        delivery, destination, effect, Action(action), lane, Priority(priority), reference, path, payload, attempts,
        DeliveryState(state), next_us,
    )  # fmt: skip


def _message(row: Any) -> MessageView:
    values = list(row)
    values[5] = MessageState(values[5])
    return MessageView(*values)


def _line(row: Any) -> LineView:
    line, channel, number, strong, credit, state, reason, stated, currency = row
    return LineView(
        line,
        channel,
        number,
        bool(strong),
        bool(credit),
        LineState(state),
        reason,
        decimal_of(stated),
        currency,
    )


def _effect(row: Any) -> EffectView:
    values = list(row)
    values[5] = Action(values[5])
    values[7] = EffectState(values[7])
    values[10] = decimal_of(values[10])
    values[11] = Measure(values[11])
    values[12] = decimal_of(values[12])
    return EffectView(*values)


def _delivery(row: Any) -> DeliveryView:
    values = list(row)
    values[5] = Action(values[5])
    values[8] = DeliveryState(values[8])
    values[15] = decimal_of(values[15])
    return DeliveryView(*values)
