"""Listeners by their kind: what a site says of a door, and an environment of its place, made to listen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.clock import Clock
from engine.observe.logs import EngineLog
from engine.pipeline.filing import Filing
from engine.pipeline.intake import Intake
from engine.pipeline.resources import ResourceDoor
from engine.site.release import Environment, ListenerPlace, Release
from engine.site.release import Listener as Rules
from engine.site.schema.rate import Rate
from listeners.base import Listener
from listeners.credentials import Credentials
from listeners.fhir import FhirListener
from listeners.folder import FolderListener
from listeners.http import HttpListener
from listeners.looking import Looker
from listeners.mllp import MllpListener
from listeners.throttle import Throttle


def credentials_of(name: str, place: ListenerPlace) -> Credentials | None:
    """What opens a listener of HTTP; None: anyone may send."""
    basic = {place.credentials.user: place.credentials.password} if place.credentials else {}
    if place.bearer is None:
        return Credentials(basic=basic) if basic else None
    from listeners.tokens import TokenGate  # PyJWT is paid for only where it is used

    return Credentials(basic=basic, signed=TokenGate(name, place.bearer))


def listeners_of(
    release: Callable[[], Release],
    place: Environment,
    intake: Intake,
    resources: ResourceDoor,
    clock: Clock,
    log: EngineLog,
) -> list[Listener]:
    """A listener for each that the environment gives a place. `release`: the one in force, whose rates hold; its other
    rules of doors do from the start on."""
    found: list[Listener] = []
    for name, spot in place.listeners.items():
        rules_now = _rules_of(name, release)
        rules = rules_now()
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
            "throttle": Throttle(_rate_of(rules_now), clock.monotonic),
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


def _rate_of(rules: Callable[[], Rules]) -> Callable[[], Rate | None]:
    return lambda: rules().rate
