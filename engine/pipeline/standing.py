"""What stands under names that a release no longer has: nobody finds it there, to correct it or to take it back.

A line is known by its key, and its effect by channel, name and destination. Where one of these is called otherwise,
what comes is posted anew under the other name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from engine.clock import to_datetime
from engine.domain.ports import Reader
from engine.errors import Fault
from engine.site.files import Site
from engine.site.sources import read_sources

LOOKED_BACK = timedelta(days=35)
"""How long after it was posted something is still saved anew, corrected or credited, mostly."""


class Place(NamedTuple):
    """Where an effect is posted."""

    channel: str
    effect: str
    destination: str


async def left_standing(reader: Reader, before: Site, after: Site, now_us: int) -> list[Fault]:
    """A warning for each effect that `before` has and `after` lacks, and of which something stands that was posted
    lately."""
    gone = sorted(set(_places(before)) - set(_places(after)))
    since_us = now_us - LOOKED_BACK // timedelta(microseconds=1)
    found = []
    for place in gone:
        message = await reader.newest_standing(*place, since_us)
        if message is None:
            continue
        what = (
            f"channel '{place.channel}' posts no '{place.effect}' to {place.destination} any more: what it posted "
            f"since {to_datetime(since_us):%Y-%m-%d} stands, the newest by message {message}, and what comes "
            "neither finds nor takes it back"
        )
        mend = (
            "if it is only called otherwise, keep the old name; else `suture undo` takes back what is wrong"
        )
        found.append(Fault("", "ACT005", what, mend, "warning"))
    return found


def _places(site: Site) -> Iterator[Place]:
    for source in read_sources(site).channels.sources.values():
        for name, entry in source.model.deliver.items():
            yield Place(source.model.channel, name, entry.to)
