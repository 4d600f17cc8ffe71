"""The verbs of an operator that change something, or ask what only the engine knows. Each gives plain JSON values.

The same object serves a running engine (over its socket) and a stopped one (the command holds the store itself).
Every act of a person has an actor and is written to the audit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from engine.activation import activate, current_csv, record_table
from engine.clock import Clock
from engine.domain.changes import Acted, Conflict, Dropped, Kept, Received, Recovered, Requeued, RoutedAs
from engine.domain.message import Inbound, MessageId
from engine.domain.ports import Store
from engine.domain.posting import Priority
from engine.domain.status import EffectState, MessageState
from engine.domain.views import MessageQuery, MessageView
from engine.errors import UsageError
from engine.pipeline.releasing import Releaser, Tally
from engine.pipeline.stepper import Outbox, Stepper
from engine.reference.table import Table
from engine.site.files import Site

PAGE = 500

Answer = dict[str, Any]


class Lanes(Protocol):
    """The engine's destinations, as far as an operator may touch them."""

    def status(self) -> list[dict[str, object]]: ...

    async def resume(self, destination: str, actor: str) -> None: ...

    async def hold(self, destination: str, code: str, actor: str) -> None: ...

    def recovered(self) -> None: ...


class Verbs:
    """Call a verb by name with JSON arguments: `await verbs.call('release', {...}, actor)`."""

    def __init__(
        self,
        store: Store,
        stepper: Stepper,
        outbox: Outbox,
        lanes: Lanes,
        clock: Clock,
        load: Callable[[], Site],
        site: Site,
    ) -> None:
        self._store = store
        self._stepper = stepper
        self._outbox = outbox
        self._lanes = lanes
        self._clock = clock
        self._load = load
        self._site = site
        self._verbs: dict[str, Callable[..., Awaitable[Answer]]] = {
            "release": self.release,
            "drop": self.drop,
            "requeue": self.requeue,
            "replay": self.replay,
            "add_row": self.add_row,
            "import_table": self.import_table,
            "reload": self.reload,
            "status": self.status,
            "resume": self.resume,
            "hold": self.hold,
            "recovered": self.recovered,
        }

    async def call(self, verb: str, arguments: dict[str, Any], actor: str) -> Answer:
        """Raises `UsageError` for a verb or arguments that do not exist."""
        if verb not in self._verbs:
            raise UsageError("CTL001", f"there is no verb '{verb}'", f"use one of {', '.join(self._verbs)}")
        try:
            return await self._verbs[verb](actor=actor, **arguments)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            raise UsageError("CTL002", f"{verb} does not take these arguments") from None

    async def release(
        self,
        *,
        actor: str,
        owner: str | None = None,
        cause: str | None = None,
        messages: list[int] | None = None,
        as_new: bool = False,
        reason: str = "",
    ) -> Answer:
        """Held lines, stepped again with what is known now. `messages` None: all that `owner` and `cause` name."""
        for number in messages or ():
            await self._known(number)
        tally = Tally(0, 0, 0)
        async with self._stepper.lock:
            releaser = Releaser(
                self._store, self._store, self._outbox, self._clock, self._stepper.edition, actor, reason
            )
            for page in await self._held_pages(owner, cause, messages):
                tally = tally.plus(await releaser.release(page, as_new=as_new))
        target = cause or owner or ("messages" if messages else "all")
        await self._audit(actor, "release", target, reason, tally._asdict())
        return dict(tally._asdict())

    async def drop(self, *, actor: str, messages: list[int], reason: str) -> Answer:
        """Held effects of these messages are not to be posted."""
        if not reason:
            raise UsageError("CTL003", "dropping needs a reason", "say why with --reason")
        for number in messages:
            await self._known(number)
        held = [
            effect.id
            for message in messages
            for effect in await self._store.effects(MessageId(message))
            if effect.state is EffectState.HELD or await self._refused(effect.delivery_id)
        ]
        (dropped,) = await self._store.submit((Dropped(tuple(held), self._clock.now_us(), actor, reason),))
        await self._audit(actor, "drop", ",".join(map(str, messages)), reason, {"effects": len(held)})
        return {"dropped": dropped}

    async def requeue(self, *, actor: str, destination: str | None = None, reason: str = "") -> Answer:
        """Deliveries that were refused are sent again as they are, at the end of their lanes."""
        sent = conflicts = 0
        for delivery in await self._store.held_deliveries(destination, 10_000):
            change = Requeued(delivery, self._clock.now_us(), actor, reason)
            (answer,) = await self._store.submit((change,))
            sent += isinstance(answer, RoutedAs)
            conflicts += isinstance(answer, Conflict)
        for status in self._lanes.status():
            for priority in Priority:
                self._outbox.wake(str(status["destination"]), priority)
        await self._audit(actor, "requeue", destination or "all", reason, {"sent": sent})
        return {"sent": sent, "conflicts": conflicts}

    async def replay(
        self, *, actor: str, messages: list[int], reason: str = "", dry_run: bool = False
    ) -> Answer:
        """Each message again, as a new one with the same keys: what was applied is a duplicate."""
        found = [await self._known(number) for number in messages]
        if dry_run:
            return {"would_replay": [view.id for view, _ in found]}
        changes = [
            Received(
                view.feed, self._clock.now_us(), view.type, view.control_id, raw, view.charset,
                MessageState.PENDING, "", "", None, view.id, actor,
            )
            for view, raw in found
        ]  # fmt: skip
        answers = await self._store.submit(changes)
        for change, kept in zip(changes, answers, strict=True):
            assert isinstance(kept, Kept)
            self._stepper.arrived(
                Inbound(kept.id, change.feed, change.received_us, change.raw, change.charset, change.replays)
            )
        await self._audit(actor, "replay", ",".join(map(str, messages)), reason, {"messages": len(messages)})
        return {"replayed": {str(view.id): kept.id for (view, _), kept in zip(found, answers, strict=True)}}  # type: ignore[union-attr]

    async def add_row(
        self, *, actor: str, table: str, rows: list[dict[str, str]], reason: str = ""
    ) -> Answer:
        """Rows for a code table: a new version of it, used from the next message on."""
        csv = await self._csv_of(table)
        spec = self._stepper.edition.release.tables[table].spec
        added = Table.compile(spec, csv, f"{table}.csv").with_rows(rows)
        version = await self._record(table, added, actor, reason, "worklist")
        await self._audit(actor, "tables add", table, reason, {"rows": len(rows)})
        return {"table": table, "version": version, "rows": len(rows)}

    async def import_table(self, *, actor: str, table: str, csv: str, reason: str = "") -> Answer:
        """All rows of a code table: a new version of it, used from the next message on. A table that is what it was
        keeps its version."""
        before = await self._csv_of(table)
        version = await self._record(table, csv.encode(), actor, reason, "import")
        rows = len(self._stepper.edition.release.tables[table].rows)
        await self._audit(actor, "tables import", table, reason, {"rows": rows})
        return {"table": table, "version": version, "rows": rows, "changed": before != csv.encode()}

    async def _csv_of(self, table: str) -> bytes:
        csv = await current_csv(self._store, table)
        if csv is None:
            known = ", ".join(sorted(self._stepper.edition.release.tables))
            raise UsageError("CTL005", f"there is no table '{table}'", f"tables are {known}")
        return csv

    async def _record(self, table: str, csv: bytes, actor: str, reason: str, source: str) -> int:
        """The version that steps run with from here on."""
        async with self._stepper.lock:
            self._stepper.edition = await record_table(
                self._store, self._site, table, csv, self._clock, actor, reason, source
            )
        (view, *_) = await self._store.table_versions(table)
        return view.version

    async def reload(self, *, actor: str) -> Answer:
        """The site's files become the active release, or nothing changes."""
        site = self._load()
        async with self._stepper.lock:
            edition = await activate(self._store, site, self._clock, actor)
            self._stepper.edition = edition
            self._site = site
        await self._audit(actor, "reload", edition.release.hash, "", {"edition": edition.id})
        return {"release": edition.release.hash, "edition": edition.id}

    async def status(self, *, actor: str) -> Answer:
        """Destinations and the release in force."""
        edition = self._stepper.edition
        return {
            "release": edition.release.hash,
            "edition": edition.id,
            "recovering_since_us": await self._store.recovering(),
            "destinations": self._lanes.status(),
            "backlog": self._store.backlog,
        }

    async def resume(self, *, actor: str, destination: str) -> Answer:
        """A stopped destination goes again."""
        await self._lanes.resume(destination, actor)
        await self._audit(actor, "resume", destination, "", {})
        return {"destination": destination, "state": "open"}

    async def hold(self, *, actor: str, destination: str, reason: str = "") -> Answer:
        """Nothing is sent to a destination until it is resumed."""
        await self._lanes.hold(destination, "held by a person", actor)
        await self._audit(actor, "hold", destination, reason, {})
        return {"destination": destination, "state": "stopped"}

    async def recovered(self, *, actor: str, reason: str = "") -> Answer:
        """A restored store's recovery ends: what is ready leaves without being asked about first."""
        if await self._store.recovering() is None:
            raise UsageError("CTL009", "the store is not recovering", "only a restored store is")
        if not reason:
            raise UsageError("CTL003", "ending a recovery needs a reason", "say why with --reason")
        await self._store.submit((Recovered(self._clock.now_us(), actor, reason),))
        self._lanes.recovered()
        return {"recovering": False}

    async def _known(self, number: int) -> tuple[MessageView, bytes]:
        """A message and its bytes; `UsageError` when there is none of that number."""
        views = await self._store.messages(MessageQuery(before=number + 1, limit=1))
        raw = await self._store.raw(MessageId(number))
        if raw is None or not views or views[0].id != number:
            raise UsageError("CTL004", f"there is no message {number}", "find it with `suture messages`")
        return views[0], raw

    async def _held_pages(
        self, owner: str | None, cause: str | None, messages: list[int] | None
    ) -> list[list[MessageId]]:
        if messages is not None:
            return [[MessageId(message) for message in messages]]
        pages, after = [], 0
        while page := await self._store.held_messages(owner, cause, after, PAGE):
            pages.append(page)
            after = page[-1]
        return pages

    async def _refused(self, delivery: int | None) -> bool:
        view = await self._store.delivery(delivery) if delivery is not None else None
        return view is not None and view.state.word == "held"

    async def _audit(self, actor: str, verb: str, target: str, reason: str, detail: dict[str, int]) -> None:
        await self._store.submit((Acted(actor, verb, target, reason, {**detail}, self._clock.now_us()),))
