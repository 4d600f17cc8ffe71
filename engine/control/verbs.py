"""The verbs of an operator that change something, or ask what only the engine knows. Each gives plain JSON values.

The same object serves a running engine (over its socket) and a stopped one (the command holds the store itself).
Every act of a person has an actor and is written to the audit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from engine.activation import activate, go_back
from engine.clock import Clock
from engine.control.acts import KEYS_TRIED, Answer, audit, named, selected
from engine.control.curating import Curator
from engine.control.mending import Mender
from engine.control.releases import Releases
from engine.control.replaying import Replayer
from engine.domain.changes import Recovered
from engine.domain.ports import Store
from engine.errors import UsageError
from engine.pipeline.standing import left_standing
from engine.pipeline.stepper import Outbox, Stepper
from engine.site.files import Site
from engine.site.opened import Opened


class Lanes(Protocol):
    """The engine's destinations, as far as an operator may touch them."""

    def status(self) -> list[dict[str, object]]: ...

    async def resume(self, destination: str, actor: str) -> None: ...

    async def hold(self, destination: str, code: str, actor: str) -> None: ...

    def recovered(self) -> None: ...


MANY = 1000
"""Editions that are looked through."""


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
        releases: Releases,
        opened: Opened,
        look: Callable[[], None] = lambda: None,
        *,
        running: bool = True,
    ) -> None:
        """`look`: called when what waits for an original may be other than before. `running`: an engine goes on with
        what is done here. `opened`: what it has open; without one, what the next start opens."""
        self._opened = opened
        self._running = running
        self._store = store
        self._stepper = stepper
        self._lanes = lanes
        self._clock = clock
        self._load = load
        self._site = site
        self._releases = releases
        mender = Mender(store, stepper, outbox, clock, releases, look)
        self._verbs: dict[str, Callable[..., Awaitable[Answer]]] = {
            **mender.verbs(),
            **Replayer(store, stepper, outbox, clock).verbs(),
            **Curator(store, stepper, clock, lambda: self._site, mender.release).verbs(),
            "reload": self.reload,
            "capture": self.capture,
            "rollback": self.rollback,
            "status": self.status,
            "resume": self.resume,
            "hold": self.hold,
            "recovered": self.recovered,
            "keys_tried": self.keys_tried,
            "keys_booked_once": self.keys_booked_once,
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

    async def reload(self, *, actor: str, shrinks: bool = False, only: str | None = None) -> Answer:
        """The site's files become the active release, or nothing changes. `shrinks`: tables may lose most rows. `only`:
        the hash of the release that they must be."""
        site = self._load()
        if only not in (None, site.hash):
            what = f"the files changed meanwhile: they are release {site.hash}"
            raise UsageError("CTL023", what, "look at them, and say it again")
        async with self._stepper.lock:
            edition = await activate(
                self._store,
                site,
                self._clock,
                actor,
                asked=True,
                shrinks=shrinks,
                tested=True,
                opened=self._opened if self._running else None,
            )
            warnings = await self._left_standing(self._site, site)
            self._stepper.edition = edition
            self._site = site
        await audit(
            self._store, self._clock, actor, "reload", edition.release.hash, "", {"edition": edition.id}
        )
        return {"release": edition.release.hash, "edition": edition.id, "warnings": warnings}

    async def rollback(self, *, actor: str, edition: int | None = None, reason: str = "") -> Answer:
        """An older edition is in force again, with its tables; None: the one before this one's files. The files in the
        site's folder stay as they are, and out of force until they change or somebody reloads them."""
        if not reason:
            raise UsageError("CTL003", "going back needs a reason", "say why with --reason")
        async with self._stepper.lock:
            left = self._stepper.edition.release
            back = edition if edition is not None else await self._before(left.hash)
            found, site = await go_back(self._store, left, self._opened, back, self._clock, actor, reason)
            warnings = await self._left_standing(self._site, site)
            self._stepper.edition, self._site = found, site
        return {"release": found.release.hash, "edition": found.id, "to": back, "warnings": warnings}

    async def _left_standing(self, before: Site, after: Site) -> list[str]:
        faults = await left_standing(self._store, before, after, self._clock.now_us())
        return [str(fault) for fault in faults]

    async def _before(self, release_hash: str) -> int:
        """The newest edition with other files."""
        for view in await self._store.editions(MANY):
            if view.release_hash != release_hash:
                return view.id
        raise UsageError(
            "CTL016",
            "no edition has other files than this one",
            "to go back to earlier rows of tables name an edition: `suture rollback N`; `suture releases` lists them",
        )

    async def capture(self, *, actor: str, messages: list[int], channel: str) -> Answer:
        """Somebody takes the content of messages for tests: it is written down; all else is done beside the engine."""
        ids = await selected(self._store, messages, None)
        detail = {"messages": len(ids), "channel": channel}
        return {"act": await audit(self._store, self._clock, actor, "capture", named(ids), "", detail)}

    async def status(self, *, actor: str) -> Answer:
        """Destinations, the release in force, and the releases of held lines that are under way."""
        edition = self._stepper.edition
        return {
            "release": edition.release.hash,
            "edition": edition.id,
            "recovering_since_us": await self._store.recovering(),
            "destinations": self._lanes.status(),
            "releases": self._releases.under_way(),
            "backlog": self._store.backlog,
            "running": self._running,
        }

    async def resume(self, *, actor: str, destination: str) -> Answer:
        """A stopped destination goes again."""
        await self._lanes.resume(destination, actor)
        await audit(self._store, self._clock, actor, "resume", destination, "", {})
        return {"destination": destination, "state": "open"}

    async def hold(self, *, actor: str, destination: str, reason: str = "") -> Answer:
        """Nothing is sent to a destination until it is resumed."""
        await self._lanes.hold(destination, "held by a person", actor)
        await audit(self._store, self._clock, actor, "hold", destination, reason, {})
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

    async def keys_tried(
        self, *, actor: str, target: str, honoured: bool, acknowledged: bool, reason: str
    ) -> Answer:
        """What was seen of a far end that was sent one document twice. It counts from the next start on."""
        detail = {"honoured": int(honoured), "acknowledged": int(acknowledged)}
        return {"act": await audit(self._store, self._clock, actor, KEYS_TRIED, target, reason, detail)}

    async def keys_booked_once(self, *, actor: str, target: str, reason: str) -> Answer:
        """Somebody looked there, after both were acknowledged."""
        trials = await self._store.acts_on(KEYS_TRIED, target)
        if not trials or not trials[0].detail.get("acknowledged"):
            mend = "send a document twice first: suture doctor --keys NAME --document FILE"
            raise UsageError("CTL019", "nothing was acknowledged twice there before", mend)
        return await self.keys_tried(
            actor=actor, target=target, honoured=True, acknowledged=True, reason=reason
        )
