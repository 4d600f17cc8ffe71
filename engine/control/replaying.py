"""`replay` and `requeue`: messages again from the inbox, as new ones; documents again from the outbox, as they were.

Rules of money, 13 and 31: a replay is stepped with the versions that its message had, unless asked otherwise; what was
applied is a duplicate, what is held is superseded.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from engine.clock import Clock
from engine.codecs.fhir.document import is_fhir
from engine.codecs.fhir.editing import edited
from engine.codecs.hl7v2.header import peek
from engine.control.acts import Answer, audit, known_destination, named, selected
from engine.domain.changes import Conflict, Kept, Received, Requeued, RoutedAs
from engine.domain.message import Inbound, MessageId
from engine.domain.ports import Store
from engine.domain.posting import Priority, Stepped
from engine.domain.status import DeliveryState, MessageState
from engine.domain.views import MessageQuery, MessageView
from engine.errors import MessageError, UsageError
from engine.pipeline.digests import Digester
from engine.pipeline.editions import Edition, Editions
from engine.pipeline.mastering import put_in
from engine.pipeline.prepared import Prepared
from engine.pipeline.reading import read_message
from engine.pipeline.step import step
from engine.pipeline.stepper import Outbox, Stepper, gather
from engine.pipeline.tabling import is_master

MANY = 10_000
"""Documents of one requeue."""

FEW = 500
"""Messages of a replay that are in memory at once."""

NO_MESSAGE = MessageId(0)
"""In whose name a replay is tried."""


class _How(NamedTuple):
    """Of a replay. `then`: with the versions that the message had."""

    then: bool
    to: str | None
    edit: bytes | None


class Replayer:
    """Two verbs."""

    def __init__(self, store: Store, stepper: Stepper, outbox: Outbox, clock: Clock) -> None:
        self._store = store
        self._stepper = stepper
        self._outbox = outbox
        self._clock = clock
        self._editions = Editions(store)
        self._digester = Digester(store.hash_key)

    def verbs(self) -> dict[str, Callable[..., Awaitable[Answer]]]:
        return {"replay": self.replay, "requeue": self.requeue}

    async def replay(
        self,
        *,
        actor: str,
        messages: list[int] | None = None,
        query: dict[str, Any] | None = None,
        reason: str = "",
        dry_run: bool = False,
        tables: str = "then",
        to: str | None = None,
        edit: str | None = None,
        step_from: str = "inbox",
    ) -> Answer:
        """Each message again, as a new one with the same keys: what was applied is a duplicate.

        `to`: for one destination only. `edit`: other bytes (base64) in the place of the one message that is named.
        `step_from`: inbox, read again; outbox, its refused documents as they were.
        """
        ids = await selected(self._store, messages, query)
        if step_from == "outbox":
            return await self._documents(
                ids,
                known_destination(self._stepper.edition.release.destinations, to),
                actor,
                reason,
                dry_run,
                doubtful=messages is not None,
            )
        how = _How(
            tables == "then",
            known_destination(self._stepper.edition.release.destinations, to),
            self._edited(ids, edit),
        )
        tried: list[Answer] = []
        kept: list[MessageId] = []
        for start in range(0, len(ids), FEW):
            changes = [await self._received(message, how, actor) for message in ids[start : start + FEW]]
            if dry_run:
                tried += [await self._tried(change) for change in changes]
            else:
                kept += await self._kept(changes)
        if dry_run:
            return {"would_replay": tried}
        detail = {"messages": len(ids), "tables": tables, "to": to or "all", "edited": int(edit is not None)}
        await audit(self._store, self._clock, actor, "replay", named(ids), reason, detail)
        return {"replayed": {str(message): new for message, new in zip(ids, kept, strict=True)}}

    async def requeue(self, *, actor: str, destination: str | None = None, reason: str = "") -> Answer:
        """Deliveries that were refused are sent again as they are, at the end of their lanes. What may be there is not:
        it is sent again by its message's number only."""
        held = await self._store.held_deliveries(
            known_destination(self._stepper.edition.release.destinations, destination), MANY
        )
        return await self._sent_again(held, destination or "all", actor, reason)

    # From the outbox -----------------------------------------------------------------------------------------

    async def _documents(
        self,
        ids: Sequence[MessageId],
        to: str | None,
        actor: str,
        reason: str,
        dry_run: bool,
        *,
        doubtful: bool,
    ) -> Answer:
        """`doubtful`: also what may be there, since somebody named it."""
        sure = None if doubtful else set(await self._store.held_deliveries(to, MANY))
        held = [
            delivery.id
            for message in ids
            for delivery in await self._store.deliveries(message)
            if delivery.state is DeliveryState.HELD
            and to in (None, delivery.destination)
            and (sure is None or delivery.id in sure)
        ]
        if dry_run:
            return {"would_send": held}
        return await self._sent_again(held, named(list(ids)), actor, reason)

    async def _sent_again(self, held: Sequence[int], target: str, actor: str, reason: str) -> Answer:
        sent = conflicts = 0
        for delivery in held:
            (answer,) = await self._store.submit((Requeued(delivery, self._clock.now_us(), actor, reason),))
            sent += len(answer.deliveries) if isinstance(answer, RoutedAs) else 0
            conflicts += isinstance(answer, Conflict)
        for destination in self._stepper.edition.release.destinations:
            for priority in Priority:
                self._outbox.wake(destination, priority)
        await audit(self._store, self._clock, actor, "requeue", target, reason, {"sent": sent})
        return {"sent": sent, "conflicts": conflicts}

    # From the inbox ------------------------------------------------------------------------------------------

    async def _received(self, message: MessageId, how: _How, actor: str) -> Received:
        (view,) = await self._store.messages(MessageQuery(before=message + 1, limit=1))
        raw = await self._store.raw(message)
        if raw is None or view.id != message:
            raise UsageError("CTL004", f"there is no message {message}", "find it with `suture messages`")
        kind, control = view.type, view.control_id
        if how.edit is not None:
            raw, kind, control = self._edit(raw, how.edit, view)
        edition = view.edition if how.then else None
        if edition is not None:
            await self._editions.release(edition)  # said now, not when it is stepped
        return Received(
            view.feed, self._clock.now_us(), kind, control, raw, view.charset, MessageState.PENDING, "", "", None,
            view.id, actor, edition, how.to,
        )  # fmt: skip

    async def _kept(self, changes: Sequence[Received]) -> list[MessageId]:
        kept: list[MessageId] = []
        for answer in await self._store.submit(changes):
            assert isinstance(answer, Kept)
            inbound = await self._store.inbound(answer.id)
            assert inbound is not None
            self._stepper.arrived(inbound)
            kept.append(answer.id)
        return kept

    async def _tried(self, change: Received) -> Answer:
        """What would come of it now: stepped, and nothing kept."""
        first = await self._store.inbound(change.replays) if change.replays is not None else None
        inbound = Inbound(
            NO_MESSAGE, change.feed, change.received_us, change.raw, change.charset, change.replays, change.edition,
            change.to, *((first.told, first.told_us) if first else ()),
        )  # fmt: skip
        edition = self._stepper.edition
        if inbound.edition is not None:
            edition = Edition(inbound.edition, await self._editions.release(inbound.edition))
        try:
            read = read_message(edition.release, self._digester, inbound)
        except MessageError as error:
            return _outcome(change, Stepped(MessageState.HELD, f"{error.code} {error.what}"))
        if is_master(read):  # tables are those of now, whatever it was stepped with
            now = self._stepper.edition
            read = read_message(now.release, self._digester, inbound)
            return _outcome(change, (await put_in(self._store, self._digester, now, read)).stepped)
        (facts,) = await gather(self._store, self._digester, [Prepared(inbound, edition, read)])
        return _outcome(change, step(edition.release, self._digester, read, facts))

    def _edited(self, ids: Sequence[MessageId], edit: str | None) -> bytes | None:
        if edit is None:
            return None
        if len(ids) != 1:
            raise UsageError("CTL015", "an edited message takes the place of one", "name one message")
        return b64decode(edit)

    def _edit(self, kept: bytes, edit: bytes, view: MessageView) -> tuple[bytes, str, str]:
        """(bytes, type, control id) of the edited message; `UsageError` when it is none."""
        try:
            if is_fhir(kept):
                return edited(kept, edit), view.type, view.control_id
            raw = _segments(edit)
            header = peek(raw, view.charset)
        except MessageError as error:
            what = f"the edited message cannot be read: {error.code} {error.what}"
            raise UsageError("CTL015", what, error.mend) from None
        return raw, header.event, header.control_id


def _segments(edit: bytes) -> bytes:
    """As a sender ends them, however the editor ended its lines."""
    return edit.replace(b"\r\n", b"\r").replace(b"\n", b"\r").strip(b"\r") + b"\r"


def _outcome(change: Received, stepped: Stepped) -> Answer:
    return {
        "message": change.replays,
        "state": stepped.state.word,
        "reason": stepped.reason,
        "lines": dict(Counter(line.state.word for line in stepped.lines)),
        "documents": dict(Counter(f"{document.effect} to {document.destination}" for document in stepped.documents)),
    }  # fmt: skip
