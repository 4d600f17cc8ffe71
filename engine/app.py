"""The composition root: names the concrete store, `doors` the listeners and `far_ends` the adapters.

`Engine` is started in order and stopped in reverse: doors close first, what is on its way is finished last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.activation import activate
from engine.clock import Clock, SystemClock
from engine.control.acts import keys_honoured
from engine.control.releases import Releases
from engine.control.socket import ControlServer
from engine.control.verbs import Verbs
from engine.delivery.dispatcher import Dispatcher
from engine.delivery.lanes import Lanes
from engine.domain.message import Inbound
from engine.domain.outcome import Outcome
from engine.domain.posting import Stepped
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing
from engine.doors import folders_of, listeners_of
from engine.far_ends import adapter_of, keys_target, policy_of
from engine.observe.logs import EngineLog
from engine.pipeline.digests import Digester
from engine.pipeline.filing import Filing
from engine.pipeline.intake import Intake
from engine.pipeline.resources import ResourceDoor
from engine.pipeline.sequels import Sequels
from engine.pipeline.standing import left_standing
from engine.pipeline.stepper import Stepper
from engine.service import Service
from engine.site.compile import compile_environment, load_site
from engine.site.files import Site, unpack_site
from engine.site.opened import opened_by
from engine.site.release import Environment, Release
from engine.site.sources import read_sources
from engine.store.sqlite import SqliteStore
from listeners.base import Listener
from listeners.looking import Looker

S = TypeVar("S", bound=Service)


class Told:
    """Who is told what stepper and lanes did: the log, and what follows by itself."""

    def __init__(self, log: EngineLog) -> None:
        self._log = log
        self.sequels: Sequels | None = None

    def stepped(self, inbound: Inbound, stepped: Stepped) -> None:
        self._log.stepped(inbound, stepped)
        if self.sequels is not None:
            self.sequels.stepped(inbound, stepped)

    def failed(self, inbound: Inbound, error: Exception) -> None:
        self._log.failed(inbound, error)

    def settled(self, delivery: Outgoing, outcome: Outcome, state: DeliveryState, seconds: float) -> None:
        self._log.settled(delivery, outcome, state, seconds)
        if self.sequels is not None:
            self.sequels.settled(delivery, outcome, state)

    def stopped(self, destination: str, code: str) -> None:
        self._log.stopped(destination, code)

    def broken(self, destination: str, error: Exception) -> None:
        self._log.broken(destination, error)


class Engine:
    """One running engine. Start raises `SiteError`, `StoreError` or `UsageError` and leaves nothing open."""

    def __init__(self, folder: Path, environment: str | None, clock: Clock | None = None) -> None:
        self._load: Callable[[], Site] = lambda: load_site(folder, environment)
        self._clock = clock or SystemClock()
        self._log = EngineLog()
        self._started: list[Service] = []
        self.listeners: list[Listener] = []
        self.folders: list[Looker] = []
        self.recovering = False

    async def start(self) -> None:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        site = self._load()
        place = compile_environment(site)
        store = await self._up(open_store(site, place, self._clock))
        self.recovering = await store.recovering() is not None
        opened = opened_by(site)
        before = await store.editions(1)
        edition = await activate(store, site, self._clock, "engine", tested=True, opened=opened)
        if before and before[0].release_hash != edition.release.hash:
            await self._tell_left_standing(store, before[0].release_hash, site)
        told = Told(self._log)
        lanes = Lanes(await self._dispatchers(edition.release, place, store, told))
        stepper = Stepper(store, store, lanes, self._clock, edition, told)
        sequels = Sequels(store, store, lanes, self._clock, stepper, self._log.broken)
        told.sequels = sequels
        releases = Releases(store, lanes, self._clock, stepper, sequels.look, self._log.broken)
        verbs = Verbs(
            store, stepper, lanes, lanes, self._clock, self._load, site, releases, opened, sequels.look
        )
        for service in (lanes, stepper, sequels, releases, ControlServer(place.control, verbs)):
            await self._up(service)
        await self._open_doors(store, place, stepper)

    async def _open_doors(self, store: SqliteStore, place: Environment, stepper: Stepper) -> None:
        """Last, when all behind them runs."""

        def release() -> Release:
            return stepper.edition.release

        intake = Intake(store, lambda: release().listeners, self._clock, stepper.arrived, self._log)
        resources = ResourceDoor(intake, store, Digester(store.hash_key), self._clock, release)
        for listener in listeners_of(release, place, intake, resources, self._clock, self._log):
            intake.pauses(listener)
            self.listeners.append(await self._up(listener))
        filing = Filing(store, release, self._clock, stepper.arrived, self._log, lambda: intake.accepting)
        for folder in folders_of(release, place, filing, self._clock, self._log):
            self.folders.append(await self._up(folder))

    async def _dispatchers(
        self, release: Release, place: Environment, store: SqliteStore, told: Told
    ) -> dict[str, Dispatcher]:
        """One for each destination."""
        found = {}
        for name, end in release.destinations.items():
            spot = place.destinations[name]
            honoured = await keys_honoured(store, keys_target(name, end, spot)) is not None
            policy = policy_of(end, honoured)
            found[name] = Dispatcher(name, adapter_of(end, spot), policy, store, store, self._clock, told)
        return found

    async def _tell_left_standing(self, store: SqliteStore, before: str, site: Site) -> None:
        files = await store.release_files(before)
        faults = await left_standing(store, unpack_site(files), site, self._clock.now_us()) if files else ()
        for fault in faults:
            self._log.fault(fault)

    async def _up(self, service: S) -> S:
        self._started.append(service)
        await service.start()
        return service

    async def stop(self) -> None:
        """Doors close within two seconds; sends in flight get their grace (rules of money, 32)."""
        doors = [service for service in self._started if isinstance(service, Listener | Looker)]
        await asyncio.gather(*(door.stop() for door in doors))
        for service in reversed([service for service in self._started if service not in doors]):
            await service.stop()
        self._started.clear()


def open_store(site: Site, place: Environment, clock: Clock) -> SqliteStore:
    """The store of this site in this environment, not started."""
    name = site_name(site)
    return SqliteStore(place.store, site=name, environment=place.name, clock=clock)


def site_name(site: Site) -> str:
    """What the site calls itself."""
    source = read_sources(site).site
    return source.model.site if source else ""
