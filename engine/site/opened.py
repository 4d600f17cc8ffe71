"""What an engine opens of a site when it starts, and what a release that is put in force beside it may not change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.errors import Fault
from engine.site.files import SITE_FILE, Site
from engine.site.release import Release
from engine.site.sources import read_sources


class Opened(NamedTuple):
    """Kinds of listeners and of destinations, by name."""

    listeners: Mapping[str, str]
    destinations: Mapping[str, str]


def opened_by(site: Site) -> Opened:
    """All that the site names: its environments give each a place."""
    source = read_sources(site).site
    if source is None:
        return Opened({}, {})
    model = source.model
    return Opened(
        {name: listener.kind for name, listener in model.listeners.items()},
        {name: end.kind for name, end in model.destinations.items()},
    )


def unfit(opened: Opened, release: Release, mend: str) -> list[Fault]:
    """Why the release cannot go with what is open: a door without its rules, or documents for an end that is not
    there."""
    return [
        Fault(SITE_FILE, "ACT004", f"{what}, and release {release.hash} {but}", mend)
        for what, but in (*_doors(opened, release), *_ends(opened, release))
    ]


def _doors(opened: Opened, release: Release) -> Iterator[tuple[str, str]]:
    for name, kind in opened.listeners.items():
        rules = release.listeners.get(name)
        if rules is None:
            yield f"listener '{name}' is open", "has no such listener"
        elif rules.kind != kind:
            yield f"listener '{name}' is open as {kind}", f"has it as {rules.kind}"


def _ends(opened: Opened, release: Release) -> Iterator[tuple[str, str]]:
    for name, end in release.destinations.items():
        kind = opened.destinations.get(name)
        if kind is None:
            yield f"destination '{name}' is not open", "delivers to it"
        elif kind != end.kind:
            yield f"destination '{name}' is open as {kind}", f"has it as {end.kind}"
