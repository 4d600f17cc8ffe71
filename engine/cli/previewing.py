"""`preview`: what the edited site would have made of the messages of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import place_of, reader_of
from engine.cli.in_force import newest_edition, site_of
from engine.cli.output import counted, env_option, guarded, json_option, moment, say, site_option
from engine.clock import SystemClock, to_us
from engine.domain.ports import Reader
from engine.pipeline.standing import left_standing
from engine.preview.comparing import CHANGES, Tally
from engine.preview.running import Side, preview_between, side_of_edition
from engine.preview.running import preview as run_preview
from engine.site.files import Site

MOST = 100_000
SHOWN = 20


@click.command()
@site_option
@env_option
@click.option("--since", help="Messages received since this day or moment, such as 2026-11-01.")
@click.option(
    "--last", type=click.IntRange(1), default=MOST, show_default=True, help="At most so many, the newest."
)
@json_option
@guarded
def preview(folder: Path, environment: str | None, since: str | None, last: int, as_json: bool) -> None:
    """Tell what the site's files, as they are now, would change: run over the messages that came in, touching nothing.

    Money that the far end says is not known here; of such effects only the lines are counted.
    """
    site, place = place_of(folder, environment)
    since_us = to_us(moment(since)) if since else None
    with reader_of(folder, environment) as reader:
        warnings = asyncio.run(_left_standing(reader, site))
    tally = run_preview(place.store, site, last, since_us, lambda done: click.echo(f"{done} …", err=True))
    tree = {**preview_tree(tally), "warnings": warnings}
    say(tree, as_json, lambda _: (*preview_lines(tally), *warnings))


async def _left_standing(reader: Reader, site: Site) -> list[str]:
    before = await site_of(reader, await newest_edition(reader))
    return [str(fault) for fault in await left_standing(reader, before, site, SystemClock().now_us())]


money_option = click.option(
    "--money",
    is_flag=True,
    help="Also what it would change in the messages of the past, as `preview` says it.",
)


async def side_now(reader: Reader) -> Side:
    """What is in force."""
    return await side_of_edition(reader, (await newest_edition(reader)).id)


def preview_of_rows(store: Path, before: Side, table: str, csv: bytes) -> Tally:
    """What other rows of one table would change."""
    after = before._replace(tables={**before.tables, table: csv})
    return preview_between(store, before, after, MOST, None, lambda _: None)


def preview_tree(tally: Tally) -> dict[str, Any]:
    """As JSON."""
    return {
        "messages": tally.messages,
        "touched": tally.touched,
        "differing": tally.differing,
        "documents": tally.documents,
        "lines": {change: tally.lines[change] for change in CHANGES},
        "samples": {change: tally.samples[change] for change in CHANGES if tally.samples.get(change)},
        "newly_held": dict(tally.causes.most_common()),
        "money": [
            {**place._asdict(), "before": str(total.before), "after": str(total.after),
             "difference": str(total.after - total.before)}
            for place, total in sorted(tally.money.items())
            if total.before != total.after
        ],
    }  # fmt: skip


def preview_lines(tally: Tally) -> Iterator[str]:
    """As people read it."""
    yield (
        f"{counted(tally.messages, 'message')} looked at, {tally.touched} touched by the edit, {tally.differing} would "
        "be posted otherwise"
    )
    for change in CHANGES:
        if tally.lines[change]:
            samples = ", ".join(map(str, tally.samples[change]))
            yield f"  {change}: {counted(tally.lines[change], 'effect')} of lines; see messages {samples}"
    if tally.documents:
        yield f"  documents that would be other ones: {tally.documents}"
    for cause, lines in tally.causes.most_common(SHOWN):
        yield f"    held for {cause}: {lines}"
    moved = {place: total for place, total in tally.money.items() if total.before != total.after}
    if not moved:
        return
    yield "money that would be posted, before and after:"
    by_size = sorted(moved.items(), key=lambda item: -abs(item[1].after - item[1].before))
    for place, total in by_size[:SHOWN]:
        where = f"{place.effect} at {place.destination}, {place.department or 'no department'}, {place.code}"
        yield f"  {where}: {total.before:,.2f} → {total.after:,.2f} ({total.after - total.before:+,.2f})"
    if len(moved) > SHOWN:
        yield f"  and {len(moved) - SHOWN} more; --json tells all"
    whole = sum((total.after - total.before for total in moved.values()), Decimal(0))
    yield f"  altogether {whole:+,.2f}"


COMMANDS = (preview,)
