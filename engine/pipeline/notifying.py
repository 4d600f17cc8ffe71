"""Notifications of subscriptions: what they carry is taken as messages, what they leave out is counted.

Every notification is answered with 2xx: whoever is not, sends it for hours. The numbers of events say what never came;
`suture alerts` tells of it. One that begins a subscription, or says that it lives, is remembered; all others are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from engine.clock import Clock
from engine.codecs.fhir.answers import Trouble
from engine.codecs.fhir.body import Entry, Tree
from engine.codecs.fhir.document import PREFIX, Resource, Target, stored
from engine.codecs.fhir.notification import Notification
from engine.domain.changes import Received
from engine.domain.ports import Reader
from engine.domain.resources import Asked, Notified
from engine.domain.status import MessageState
from engine.pipeline.bundling import carried
from engine.pipeline.interactions import Operation, Planner, Sent, requested
from engine.pipeline.storing import Storing

TYPE = f"{PREFIX}notification"

_SILENT = ("handshake", "heartbeat", "query-status")

NOT_CARRIED = "names a resource and does not carry it: let the subscription send full-resource"
NOT_TAKEN = "is of a type that is not taken here"
OLDER = "is older than what is stored"
SAME = "is stored already"
WITHOUT = "FHR028 a notification without content: nothing says what changed; let the subscription send full-resource"


class Notifying:
    """For one request."""

    def __init__(
        self, reader: Reader, storing: Storing, planner: Planner, clock: Clock, form: str, version: str
    ) -> None:
        self._reader = reader
        self._storing = storing
        self._planner = planner
        self._clock = clock
        self._form = form
        self._version = version

    async def take(self, told: Notification, asked: Asked, entries: Sequence[Entry]) -> None:
        """Durable when it returns."""
        now_us = self._clock.now_us()
        total = told.total if told.type in _SILENT else None
        notified = Notified(
            self._planner.feed,
            told.subscription,
            () if told.type in _SILENT else told.events,
            total,
            told.type == "handshake",
            now_us,
        )
        reasons: Counter[str] = Counter()

        async def planned() -> list[Operation]:
            reasons.clear()
            newest: dict[Target, Operation] = {}
            for index, entry in enumerate(entries[1:], 1):
                brought = await self._brought(entry, index)
                if isinstance(brought, str):
                    reasons[brought] += 1
                    continue
                other = newest.get(brought.target)
                reasons[OLDER] += other is not None
                if other is None or not _is_older(brought.resource, other.resource):
                    newest[brought.target] = brought
            return list(newest.values())

        def notification(operations: Sequence[Operation]) -> Received:
            if told.events and len(entries) == 1:
                reasons[NOT_CARRIED] += len(told.events)
            left_out = +reasons
            body = asked.body if left_out else entries[0].body
            raw = self._raw(body, "Bundle" if left_out else str(entries[0].tree["resource"]["resourceType"]))
            return self._received(told, raw, _words(len(operations), left_out), now_us)

        if told.type in _SILENT and not await self._is_behind(notified):
            await self._storing.heard(notified)
            return
        await self._storing.notified(planned, notified, notification)

    async def take_nothing(self) -> None:
        """Of plain R4: a POST that says nothing but that something changed."""
        raw = self._raw(b"", "Bundle")
        await self._storing.kept(self._received(None, raw, WITHOUT, self._clock.now_us()))

    async def _is_behind(self, notified: Notified) -> bool:
        """Whether there were events that never came: then the notification that told is kept."""
        last = await self._reader.subscription(notified.feed, notified.name)
        return last is not None and not notified.begins and (notified.total or 0) > last

    async def _brought(self, entry: Entry, index: int) -> Operation | str:
        """What there is to store of an entry, or why there is nothing."""
        place = f"Bundle.entry[{index}]"
        try:
            if isinstance(entry.tree.get("resource"), dict):
                return await self._updated(Sent.of(entry, f"{place}.resource"))
            return await self._deleted(entry, place)
        except Trouble as trouble:
            return f"cannot be taken: {trouble.code} {trouble.what}"

    async def _updated(self, sent: Sent) -> Operation | str:
        if sent.tree.get("resourceType") not in self._planner.types:
            return NOT_TAKEN
        operation = await carried(self._planner, sent)
        newest = await self._planner.newest(operation.target.type, operation.target.id)
        if newest is not None and not newest.deleted:
            last = await self._planner.stored(newest)
            if last.body == sent.body:
                return SAME
            if _is_older(operation.resource, last):
                return OLDER
        return operation

    async def _deleted(self, entry: Entry, place: str) -> Operation | str:
        request = entry.tree.get("request")
        if not isinstance(request, dict) or request.get("method") != "DELETE":
            return NOT_CARRIED
        _, (kind, name, _) = requested(entry, place)
        if kind not in self._planner.types:
            return NOT_TAKEN
        operation = await self._planner.delete(kind, name, None, place)
        return operation if operation.found is None else SAME

    def _raw(self, body: bytes, kind: str) -> bytes:
        resource = Resource(body, Target(kind, uuid4().hex, 1), "", self._form)
        return stored(self._version, "notification", [resource])

    def _received(self, told: Notification | None, raw: bytes, reason: str, now_us: int) -> Received:
        name = f"{told.subscription} {_span(told.events)}".strip() if told else ""
        return Received(
            self._planner.feed, now_us, TYPE, name, raw, None, MessageState.FILTERED, reason, "200", None
        )


def _words(taken: int, left_out: Counter[str]) -> str:
    parts = [f"{taken} taken" if taken else "", *(f"{many} {reason}" for reason, many in left_out.items())]
    said = "; ".join(part for part in parts if part) or "brought nothing"
    return f"FHR028 a notification: {said}" if left_out else f"a notification: {said}"


def _span(events: Sequence[int]) -> str:
    return f"{events[0]}-{events[-1]}" if len(events) > 1 else "".join(map(str, events))


def _is_older(one: Resource, other: Resource) -> bool:
    """By when the sender last changed them; what says nothing is not older."""
    first, second = _changed(one.tree), _changed(other.tree)
    return first is not None and second is not None and first < second


def _changed(tree: Tree) -> datetime | None:
    meta: Any = tree.get("meta")
    try:
        at = datetime.fromisoformat(str(meta.get("lastUpdated") if isinstance(meta, dict) else ""))
    except ValueError:
        return None
    return at if at.tzinfo else None
