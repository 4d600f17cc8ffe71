"""`doctor`: is everything here that a run needs? Looks, and changes nothing."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from engine.cli.connect import place_of
from engine.cli.output import env_option, guarded, json_option, say, site_option
from engine.control.socket import ask
from engine.site.compile import check
from engine.site.files import Site
from engine.site.release import Environment


class Finding(NamedTuple):
    """One thing looked at. `well` False needs mending."""

    what: str
    well: bool
    said: str


@click.command()
@site_option
@env_option
@json_option
@guarded
def doctor(folder: Path, environment: str | None, as_json: bool) -> None:
    """Look at the site, its store, its ports and its far ends, and say what is amiss."""
    site, place = place_of(folder, environment)
    findings = list(_findings(site, place))
    rows = [dict(finding._asdict()) for finding in findings]
    say(rows, as_json, lambda _: (
        f"{'ok    ' if finding.well else 'amiss '} {finding.what}: {finding.said}" for finding in findings
    ))  # fmt: skip
    sys.exit(0 if all(finding.well for finding in findings) else 1)


def _findings(site: Site, place: Environment) -> Iterator[Finding]:
    yield Finding("python", sys.version_info >= (3, 11), sys.version.split()[0])
    faults = [fault for fault in check(site) if fault.severity == "error"]
    yield Finding("site", not faults, f"{len(faults)} faults, release {site.hash}")
    running = asyncio.run(_running(place))
    yield Finding("engine", True, "runs" if running else "does not run")
    yield Finding(
        "store", True, f"{place.store}" if place.store.exists() else "will be made at the first start"
    )
    for name, spot in place.listeners.items():
        free = running or _free(spot.host, spot.port)
        yield Finding(
            f"listener {name}",
            free,
            f"port {spot.port} is {'ours' if running else 'free' if free else 'taken'}",
        )
    for name, end in place.destinations.items():
        parts = urlsplit(end.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        answers = _answers(parts.hostname or "", port)
        yield Finding(f"destination {name}", answers, "answers" if answers else "nobody listens there")


async def _running(place: Environment) -> bool:
    try:
        await ask(place.control, "status", {}, "doctor")
    except (ConnectionError, FileNotFoundError):
        return False
    return True


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


COMMANDS = (doctor,)
