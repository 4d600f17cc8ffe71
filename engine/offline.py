"""The operator's verbs while no engine runs: the store is held here; what becomes ready waits for the next start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.activation import activate
from engine.app import open_store
from engine.clock import Clock
from engine.control.releases import Releases
from engine.control.verbs import Verbs
from engine.domain.changes import Stopped
from engine.domain.ports import Store
from engine.domain.posting import Priority
from engine.domain.views import Outgoing
from engine.observe.logs import EngineLog
from engine.pipeline.editions import Edition, Editions, kept_edition
from engine.pipeline.stepper import Stepper
from engine.site.compile import compile_environment, load_site
from engine.site.files import Site, unpack_site
from engine.site.opened import opened_by


class _NoLanes:
    """Nothing leaves while no engine runs."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def reserve(self, destination: str, lane: int) -> bool:
        return False

    def release(self, destination: str, lane: int) -> None: ...

    def offer(self, outgoing: Outgoing) -> None: ...

    def wake(self, destination: str, priority: Priority) -> None: ...

    def status(self) -> list[dict[str, object]]:
        return []

    def recovered(self) -> None: ...

    async def resume(self, destination: str, actor: str) -> None:
        await self._store.submit((Stopped(destination, False, "", self._clock.now_us(), actor),))

    async def hold(self, destination: str, code: str, actor: str) -> None:
        await self._store.submit((Stopped(destination, True, code, self._clock.now_us(), actor),))


@asynccontextmanager
async def offline_verbs(folder: Path, environment: str | None, clock: Clock) -> AsyncIterator[Verbs]:
    """Raises `StoreError` when an engine, or another command, holds the store."""
    site = load_site(folder, environment)
    store = open_store(site, compile_environment(site), clock)
    await store.start()
    try:
        edition, in_force = await _in_force(store, site, clock)
        lanes = _NoLanes(store, clock)
        log = EngineLog()
        stepper = Stepper(store, store, lanes, clock, edition, log)
        releases = Releases(store, lanes, clock, stepper, lambda: None, log.broken)
        yield Verbs(
            store,
            stepper,
            lanes,
            lanes,
            clock,
            lambda: load_site(folder, environment),
            in_force,
            releases,
            opened_by(site),
            running=False,
        )
    finally:
        await store.stop()


async def _in_force(store: Store, site: Site, clock: Clock) -> tuple[Edition, Site]:
    """What the engine would go on with; edited files are activated by `reload` and `serve` alone."""
    editions = await store.editions(1)
    if not editions:
        return await activate(store, site, clock, "engine"), site
    kept = await kept_edition(store, editions[0].id)
    return Edition(editions[0].id, await Editions(store).release(editions[0].id)), unpack_site(kept.files)
