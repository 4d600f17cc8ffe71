"""`completeness`: what one feed saw of a use, and the feed that counts did not tell."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from engine.cli.connect import reader_of
from engine.cli.output import counted, env_option, guarded, json_option, moment, say, site_option
from engine.clock import to_us
from engine.domain.money import plain
from engine.reconcile.completeness import Compared, completeness


@click.command("completeness")
@click.option("--since", help="Messages received since this day or moment, such as 2026-11-01.")
@click.option("--all", "everything", is_flag=True, help="Also where the feeds agree.")
@site_option
@env_option
@json_option
@guarded
def show_completeness(
    since: str | None, everything: bool, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Compare feeds that tell of the same use (`owned:` of an effect). Exit 1: the one that counts lacks something."""
    since_us = to_us(moment(since)) if since else 0
    with reader_of(folder, environment) as reader:
        found = completeness(asyncio.run(reader.sightings(since_us)))
    gaps = [one for one in found if one.gap]
    shown = found if everything else gaps
    say([_tree(one) for one in shown], as_json, lambda _: (
        *map(_line, shown),
        *_end(len(gaps), len(found)),
    ))  # fmt: skip
    sys.exit(1 if gaps else 0)


def _tree(one: Compared) -> dict[str, object]:
    told = {channel: str(quantity) for channel, quantity in one.corroborated.items()}
    return {
        **one._asdict(),
        "counts": str(one.counts),
        "corroborated": told,
        "missing": str(one.missing),
        "gap": one.gap,
    }


def _line(one: Compared) -> str:
    told = ", ".join(f"{channel} {plain(quantity)}" for channel, quantity in one.corroborated.items())
    unmatched = (
        f"; {counted(one.unmatched, 'line')} by a shared id that it never told" if one.unmatched else ""
    )
    return (
        f"{one.destination} {one.effect}  {one.place}: {plain(one.counts)} counted; seen by {told or 'no other feed'}"
        f"{unmatched}; see message {one.message}"
    )


def _end(gaps: int, places: int) -> Iterator[str]:
    if not places:
        yield "no two feeds tell of the same use"
    elif not gaps:
        yield f"complete: {counted(places, 'place')} compared"
    else:
        yield f"gaps at {gaps} of {counted(places, 'place')}"


COMMANDS = (show_completeness,)
