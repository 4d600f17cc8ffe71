"""The composition root: names the concrete store and listeners, and `far_ends` the adapters.

`Engine` is started in order and stopped in reverse: doors close first, what is on its way is finished last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine.activation import activate
from engine.clock import Clock, SystemClock
from engine.control.acts import keys_honoured
from engine.control.releases import Releases
from engine.control.socket import ControlServer
from engine.control.verbs import Verbs
from engine.delivery.dispatcher import Dispatcher
from engine.domain.message import Inbound
from engine.domain.outcome import Outcome
from engine.domain.posting import Priority, Stepped
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing
from engine.errors import UsageError
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
from engine.site.release import Environment, ListenerPlace, Release
from engine.site.release import Listener as Rules
from engine.site.sources import read_sources
from engine.store.sqlite import SqliteStore
from listeners.base import Listener
from listeners.credentials import Credentials
from listeners.fhir import FhirListener
from listeners.folder import FolderListener
from listeners.http import HttpListener
from listeners.looking import Looker
from listeners.mllp import MllpListener

S = TypeVar("S", bound=Service)


class Lanes:
    """All destinations of a release, by name."""

    def __init__(self, dispatchers: dict[str, Dispatcher]) -> None:
        self._dispatchers = dispatchers

    async def start(self) -> None:
        for dispatcher in self._dispatchers.values():
            await dispatcher.start()

    async def stop(self) -> None:
        await asyncio.gather(*(dispatcher.stop() for dispatcher in self._dispatchers.values()))

    def reserve(self, destination: str, lane: int) -> bool:
        return self._dispatchers[destination].reserve(lane)

    def release(self, destination: str, lane: int) -> None:
        self._dispatchers[destination].release(lane)

    def offer(self, outgoing: Outgoing) -> None:
        self._dispatchers[outgoing.destination].offer(outgoing)

    def wake(self, destination: str, priority: Priority) -> None:
        self._dispatchers[destination].wake(priority)

    def status(self) -> list[dict[str, object]]:
        return [dict(dispatcher.status()._asdict()) for dispatcher in self._dispatchers.values()]

    async def resume(self, destination: str, actor: str) -> None:
        await self._named(destination).resume(actor)

    def recovered(self) -> None:
        for dispatcher in self._dispatchers.values():
            dispatcher.recovered()

    async def hold(self, destination: str, code: str, actor: str) -> None:
        await self._named(destination).hold(code, actor)

    def _named(self, destination: str) -> Dispatcher:
        if destination not in self._dispatchers:
            known = ", ".join(self._dispatchers)
            raise UsageError(
                "CTL007", f"there is no destination '{destination}'", f"destinations are {known}"
            )
        return self._dispatchers[destination]


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
        release = edition.release
        if before and before[0].release_hash != release.hash:
            await self._tell_left_standing(store, before[0].release_hash, site)
        told = Told(self._log)
        lanes = Lanes(
            {
                name: Dispatcher(
                    name,
                    adapter_of(end, place.destinations[name]),
                    policy_of(
                        end,
                        await keys_honoured(store, keys_target(name, end, place.destinations[name]))
                        is not None,
                    ),
                    store,
                    store,
                    self._clock,
                    told,
                )
                for name, end in release.destinations.items()
            }
        )
        stepper = Stepper(store, store, lanes, self._clock, edition, told)
        sequels = Sequels(store, store, lanes, self._clock, stepper, self._log.broken)
        told.sequels = sequels
        intake = Intake(
            store, lambda: stepper.edition.release.listeners, self._clock, stepper.arrived, self._log
        )
        releases = Releases(store, lanes, self._clock, stepper, sequels.look, self._log.broken)
        verbs = Verbs(
            store, stepper, lanes, lanes, self._clock, self._load, site, releases, opened, sequels.look
        )
        await self._up(lanes)
        await self._up(stepper)
        await self._up(sequels)
        await self._up(releases)
        await self._up(ControlServer(place.control, verbs))
        resources = ResourceDoor(
            intake, store, Digester(store.hash_key), self._clock, lambda: stepper.edition.release
        )
        for listener in listeners_of(release, place, intake, resources, self._log):
            intake.pauses(listener)
            self.listeners.append(await self._up(listener))
        filing = Filing(
            store,
            lambda: stepper.edition.release,
            self._clock,
            stepper.arrived,
            self._log,
            lambda: intake.accepting,
        )
        for folder in folders_of(lambda: stepper.edition.release, place, filing, self._clock, self._log):
            self.folders.append(await self._up(folder))

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


def credentials_of(name: str, place: ListenerPlace) -> Credentials | None:
    """What opens a listener of HTTP; None: anyone may send."""
    basic = {place.credentials.user: place.credentials.password} if place.credentials else {}
    if place.bearer is None:
        return Credentials(basic=basic) if basic else None
    from listeners.tokens import TokenGate  # PyJWT is paid for only where it is used

    return Credentials(basic=basic, signed=TokenGate(name, place.bearer))


def listeners_of(
    release: Release, place: Environment, intake: Intake, resources: ResourceDoor, log: EngineLog
) -> list[Listener]:
    """A listener for each that the environment gives a place."""
    found: list[Listener] = []
    for name, spot in place.listeners.items():
        rules = release.listeners[name]
        if rules.kind == "mllp":
            found.append(
                MllpListener(
                    name,
                    intake,
                    report=log.fault,
                    host=spot.host,
                    port=spot.port,
                    limit=rules.limit_bytes,
                    tolerant=rules.tolerant,
                    allowed_peers=spot.allow,
                    tls=spot.tls,
                )
            )
            continue
        if rules.kind == "folder":
            continue  # it has no port: `folders_of`
        over_http: dict[str, Any] = {
            "report": log.fault,
            "host": spot.host,
            "port": spot.port,
            "limit": rules.limit_bytes,
            "path": rules.path,
            "allowed_peers": spot.allow,
            "tls": spot.tls,
            "credentials": credentials_of(name, spot),
        }
        if rules.kind == "fhir":
            found.append(FhirListener(name, intake, resources, **over_http))
        else:
            found.append(HttpListener(name, intake, **over_http))
    return found


def folders_of(
    release: Callable[[], Release], place: Environment, intake: Filing, clock: Clock, log: EngineLog
) -> list[Looker]:
    """A watched folder for each that the environment gives a place, and what brings files into it. `release`: the one
    in force, whose rules are asked at each look."""
    found: list[Looker] = []
    for name, spot in place.listeners.items():
        if spot.folder is None:
            continue
        files: dict[str, Any] = {
            "report": log.fault, "folder": spot.folder, "rules": _rules_of(name, release),
        }  # fmt: skip
        if spot.fetch is not None:
            from listeners.sftp import SftpFetcher  # SSH is paid for only where it is used

            found.append(SftpFetcher(name, intake, clock, place=spot.fetch, **files))
        found.append(FolderListener(name, intake, clock, fetched=spot.fetch is not None, **files))
    return found


def _rules_of(name: str, release: Callable[[], Release]) -> Callable[[], Rules]:
    return lambda: release().listeners[name]
