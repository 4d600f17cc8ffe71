"""What may be asked of a SQLite store. Sees what is committed, and writes nothing.

Point reads run on the loop, on a connection of their own: they take microseconds. Reads that grow with the store
(search, worklist, books) run on a thread with another connection, so that none holds up an acknowledgment.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import apsw
import orjson

from engine.domain.filing import FileState
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import Action, FactKeys, Facts, Measure, Original, Priority, Save
from engine.domain.resources import MissedView, ResourceView
from engine.domain.status import DeliveryState, EffectState, LineState
from engine.domain.views import (
    AccountRow,
    AttemptView,
    CaseUse,
    DeliveryView,
    DroppedView,
    EffectView,
    FilePlace,
    FileView,
    HeldGroup,
    HeldView,
    LateEffects,
    LineView,
    MessageQuery,
    MessageView,
    OtherAmount,
    Outgoing,
    ParkedLane,
    RefusedMessages,
    SightingView,
)
from engine.store import books, facts, lateness
from engine.store.faults import unavailable
from engine.store.history import History
from engine.store.queries import snapshot
from engine.store.rows import DROPPED, ORIGINAL_DROPPED, decimal_of
from engine.store.search import find_messages


class SqliteReads(History):
    """The `Reader` port."""

    # Inbox and facts -----------------------------------------------------------------------------------------

    async def pending(self, after: int, limit: int) -> list[Inbound]:
        return [Inbound(*row) for row in self._rows("pending", after, limit)]

    async def inbound(self, message: MessageId) -> Inbound | None:
        rows = self._rows("inbound", message)
        return Inbound(*rows[0]) if rows else None

    async def inbounds(self, messages: Sequence[MessageId]) -> list[Inbound]:
        rows = self._rows("inbounds", apsw.carray(array("q", messages))) if messages else []
        return [Inbound(*row) for row in rows]

    async def stepped(self, first: int, last: int) -> list[tuple[str, Inbound, bytes | None]]:
        return [
            (kind, Inbound(*inbound), record) for kind, record, *inbound in self._rows("stepped", first, last)
        ]

    async def refused_messages(self, since_us: int) -> list[RefusedMessages]:
        return [RefusedMessages(*row) for row in self._rows("refused_messages", since_us)]

    async def dropped(self, first: int, last: int) -> list[DroppedView]:
        return [DroppedView(*row) for row in self._rows("dropped", first, last, DROPPED, ORIGINAL_DROPPED)]

    async def newest_saves(self, cases: Iterable[bytes]) -> dict[bytes, Save]:
        """Of each case the save that counts, of those that `stepped` gives; without the keys of its lines."""
        found = {case: self._rows("newest_posting_save", case) for case in cases}
        return {case: Save(*rows[0]) for case, rows in found.items() if rows}

    async def newest_tellings(self, keys: Iterable[bytes]) -> dict[bytes, MessageId]:
        """Of each line the message that told it last, of those that `stepped` gives."""
        rows = self._rows("newest_posting_tellings", apsw.carray(tuple(keys)))
        return {key: MessageId(message) for key, message in rows}

    async def gather(self, keys: Sequence[FactKeys]) -> list[Facts]:
        try:
            return facts.gather(self._open(), keys)
        except apsw.Error as error:
            raise unavailable(error) from None

    async def resource(self, key: bytes, version: int | None = None) -> ResourceView | None:
        asked = ("resource", key) if version is None else ("resource_version", key, version)
        rows = self._rows(*asked)
        return _resource(rows[0]) if rows else None

    async def resources_with(self, identifier: bytes) -> list[ResourceView]:
        return [_resource(row) for row in self._rows("resources_with", identifier)]

    async def subscription(self, feed: str, name: str) -> int | None:
        rows = self._rows("subscription", feed, name)
        return int(rows[0][0]) if rows else None

    async def missed_events(self, since_us: int) -> list[MissedView]:
        return [MissedView(*row) for row in self._rows("missed_events", since_us)]

    # Outbox --------------------------------------------------------------------------------------------------

    async def ready(self, destination: str, priority: Priority, after: int, limit: int) -> list[Outgoing]:
        return [_outgoing(*row) for row in self._rows("ready", destination, priority, after, limit)]

    async def lane(self, destination: str, lane: int, limit: int) -> list[Outgoing]:
        return [_outgoing(*row) for row in self._rows("lane", destination, lane, limit)]

    async def preceded(self, deliveries: Sequence[int]) -> set[int]:
        if not deliveries:
            return set()
        return {delivery for (delivery,) in self._rows("preceded", apsw.carray(array("q", deliveries)))}

    async def open_before(self, destination: str, lanes: Sequence[int], delivery: int) -> bool:
        return bool(self._rows("open_before", destination, apsw.carray(array("q", lanes)), delivery))

    async def held_before(self, destination: str, lanes: Sequence[int], delivery: int) -> bool:
        return bool(self._rows("held_before", destination, apsw.carray(array("q", lanes)), delivery))

    async def newest(self, destination: str, place: int) -> int:
        return next((delivery for (delivery,) in self._rows("newest", destination, place - 1)), 0)

    async def parked(self, destination: str) -> list[ParkedLane]:
        return [
            ParkedLane(delivery, lane, DeliveryState(state), next_us, sent_us)
            for delivery, lane, state, next_us, sent_us in self._rows("parked", destination)
        ]

    async def recovering(self) -> int | None:
        since = self._body("meta", "recovering_us")
        return None if since is None else int(since)

    async def stopped(self) -> dict[str, str]:
        return dict(self._rows("stopped"))

    async def held_deliveries(self, destination: str | None, limit: int) -> list[int]:
        return [delivery for (delivery,) in self._rows("held_deliveries", destination, limit)]

    # One message ---------------------------------------------------------------------------------------------

    async def files(self, limit: int) -> list[FileView]:
        rows = self._rows("files", limit)
        return [_file(*row) for row in rows]

    async def filed_in(self, file: int) -> list[MessageId]:
        return [MessageId(message) for (message,) in self._rows("filed_in", file)]

    async def file_of(self, message: MessageId) -> FilePlace | None:
        rows = self._rows("file_of", message)
        return FilePlace(*rows[0]) if rows else None

    async def raw(self, message: MessageId) -> bytes | None:
        return self._body("raw", message)

    async def record(self, message: MessageId) -> bytes | None:
        return self._body("record", message)

    async def lines(self, message: MessageId) -> list[LineView]:
        return [_line(*row) for row in self._rows("lines", message)]

    async def effects(self, message: MessageId) -> list[EffectView]:
        return [_effect(*row) for row in self._rows("effects", message)]

    async def deliveries(self, message: MessageId) -> list[DeliveryView]:
        return [_delivery(*row) for row in self._rows("deliveries", message)]

    async def delivery(self, delivery: int) -> DeliveryView | None:
        rows = self._rows("delivery", delivery)
        return _delivery(*rows[0]) if rows else None

    async def attempts(self, message: MessageId) -> list[AttemptView]:
        return [AttemptView(*row) for row in self._rows("attempts", message)]

    async def payload(self, delivery: int) -> bytes | None:
        return self._body("payload", delivery)

    async def originals(self, effects: Sequence[int]) -> list[Original]:
        return list(self._originals(effects).values())

    async def posted_by(self, message: MessageId) -> list[Original]:
        return list(self._originals([effect for (effect,) in self._rows("posted_by", message)]).values())

    def _originals(self, effects: Sequence[int]) -> dict[int, Original]:
        try:
            connection = self._open()
            with snapshot(connection):
                return facts.read_originals(connection, effects)
        except apsw.Error as error:
            raise unavailable(error) from None

    async def carried_by(self, delivery: int) -> list[tuple[MessageId, str, int, bool]]:
        rows = self._rows("carried_by", delivery)
        return [(MessageId(message), channel, number, bool(owns)) for message, channel, number, owns in rows]

    async def anything_waits(self) -> bool:
        return bool(self._rows("anything_waits"))

    async def waiting_for(self, deliveries: Sequence[int] | None) -> list[MessageId]:
        if deliveries is None:
            rows = self._rows("waiting_in_vain")
        else:
            rows = self._rows("waiting_for", apsw.carray(array("q", deliveries))) if deliveries else []
        return [MessageId(message) for (message,) in rows]

    async def waiting_for_cases(self, cases: Sequence[bytes] | None) -> list[MessageId]:
        if cases is None:
            rows = self._rows("waiting_for_any_case")
        else:
            rows = self._rows("waiting_for_cases", apsw.carray(tuple(cases))) if cases else []
        return [MessageId(message) for (message,) in rows]

    # The whole -----------------------------------------------------------------------------------------------

    async def messages(self, query: MessageQuery) -> list[MessageView]:
        return await self._long(find_messages, query)

    async def worklist(self, owner: str | None = None) -> list[HeldGroup]:
        return await self._long(books.worklist, owner)

    async def held_messages(
        self, owner: str | None, cause: str | None, after: int, limit: int
    ) -> list[MessageId]:
        return await self._long(books.held_messages, owner, cause, after, limit)

    async def held_extent(self, owner: str | None, cause: str | None) -> tuple[int, int]:
        return await self._long(books.held_extent, owner, cause)

    async def holding(self, messages: Sequence[MessageId]) -> dict[MessageId, list[HeldView]]:
        found: dict[MessageId, list[HeldView]] = {}
        rows = self._rows("holding", apsw.carray(array("q", messages))) if messages else []
        for message, channel, number, name, action, state, cause, part, gone in rows:
            held = found.setdefault(MessageId(message), [])
            if channel is not None:
                view = HeldView(
                    channel, number, name, Action(action), EffectState(state), cause, part, bool(gone)
                )
                held.append(view)
        return found

    async def message_counts(self) -> dict[tuple[str, str], int]:
        return await self._long(books.message_counts)

    async def line_counts(self) -> dict[tuple[str, str], tuple[int, str]]:
        return await self._long(books.line_counts)

    async def account(self) -> list[AccountRow]:
        return await self._long(books.account)

    async def other_amounts(self) -> list[OtherAmount]:
        return await self._long(books.other_amounts)

    async def sightings(self, since_us: int) -> list[SightingView]:
        return await self._long(lateness.sightings, since_us)

    async def late_effects(self, channel: str, effect: str, before_us: int) -> list[LateEffects]:
        return await self._long(lateness.late_effects, channel, effect, before_us)

    async def accounts_of_type(self, type: str, since_us: int) -> list[tuple[bytes, MessageId]]:
        return await self._long(lateness.accounts_of_type, type, since_us)

    async def merged_with(self, account: bytes, reverse: bytes) -> set[bytes]:
        return await self._long(facts.merged_with, account, reverse)

    async def has_line(self, accounts: Collection[bytes], channel: str) -> bool:
        return await self._long(lateness.has_line, accounts, channel)

    async def cases_told(self, events: Collection[str], since_us: int) -> list[bytes]:
        return await self._long(lateness.cases_told, events, since_us)

    async def used_in_cases(self, cases: Sequence[bytes]) -> list[CaseUse]:
        return await self._long(lateness.used_in_cases, cases)

    async def newest_standing(
        self, channel: str, effect: str, destination: str, since_us: int
    ) -> MessageId | None:
        return await self._long(books.newest_standing, channel, effect, destination, since_us)

    async def documents(self, destination: str, after: int, limit: int) -> list[DeliveryView]:
        rows = await self._long(books.documents, destination, after, limit)
        return [_delivery(*row) for row in rows]


def _outgoing(
    delivery: int,
    destination: str,
    effect: str,
    action: int,
    lane: int,
    priority: int,
    reference: str,
    path: str,
    payload: bytes,
    attempts: int,
    state: int,
    next_us: int | None,
    joins: str | None,
) -> Outgoing:
    return Outgoing(
        delivery,
        destination,
        effect,
        Action(action),
        lane,
        Priority(priority),
        reference,
        path,
        payload,
        attempts,
        DeliveryState(state),
        next_us,
        tuple(orjson.loads(joins)) if joins else (),
    )


def _file(
    number: int, feed: str, name: str, messages: int, held: str, began_us: int, state: int, *counts: int
) -> FileView:
    return FileView(number, feed, name, messages, held, began_us, FileState(state), *counts)


def _line(
    line: int,
    channel: str,
    number: int,
    strong: int,
    credit: int,
    state: int,
    reason: str,
    stated: str | None,
    currency: str,
    owner: str,
) -> LineView:
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
        owner,
    )


def _effect(*row: Any) -> EffectView:
    view = EffectView(*row)
    return view._replace(
        action=Action(view.action),
        state=EffectState(view.state),
        quantity=decimal_of(row[10]),
        measure=Measure(view.measure),
        amount=decimal_of(row[12]),
    )


def _delivery(*row: Any) -> DeliveryView:
    view = DeliveryView(*row)
    return view._replace(
        action=Action(view.action), state=DeliveryState(view.state), amount=decimal_of(row[15])
    )


def _resource(row: tuple[Any, ...]) -> ResourceView:
    key, version, message, at_us, deleted = row
    return ResourceView(key, version, MessageId(message), at_us, bool(deleted))
