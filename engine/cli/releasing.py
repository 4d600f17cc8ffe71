"""`releases`, `diff`, `rollback`: what was in force, what an edit changes, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import click

from engine.activation import TABLES
from engine.cli.connect import place_of, reader_of, tell_engine
from engine.cli.mending import reason_option
from engine.cli.output import NUMBER, env_option, guarded, json_option, say, site_option, told_counts, when
from engine.cli.previewing import MOST, money_option, preview_lines, preview_tree
from engine.clock import SystemClock
from engine.domain.ports import Reader
from engine.errors import UsageError
from engine.pipeline.standing import left_standing
from engine.preview.running import Side, preview_between, side_of_edition, side_of_files
from engine.reference.difference import row_difference
from engine.site.files import Site, unpack_site
from engine.site.sources import read_sources


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@site_option
@env_option
@json_option
@guarded
def releases(limit: int, folder: Path, environment: str | None, as_json: bool) -> None:
    """What was in force, newest first: editions, each a release (a state of the files) with versions of the tables."""
    with reader_of(folder, environment) as reader:
        views = asyncio.run(reader.editions(limit))
    rows = [{**view._asdict(), "activated": when(view.activated_us)} for view in views]
    say(rows, as_json, lambda _: (
        f"edition {row['id']:<5} {row['activated']}  release {row['release_hash']}  by {row['actor']}" for row in rows
    ))  # fmt: skip


@click.command()
@click.argument("edition", type=NUMBER, required=False)
@reason_option
@site_option
@env_option
@json_option
@guarded
def rollback(edition: int | None, reason: str, folder: Path, environment: str | None, as_json: bool) -> None:
    """Go back to an older edition: its release, with its tables. Without EDITION to the one before. Needs a reason.

    The files of the folder are not touched: mend them, or go back in version control, and `reload`.
    """
    answer = tell_engine(folder, environment, "rollback", {"edition": edition, "reason": reason})
    said = f"release {answer['release']} of edition {answer['to']} is in force again, as edition {answer['edition']}"
    say(answer, as_json, lambda _: (said, *answer["warnings"]))


@click.command()
@click.argument("before", type=NUMBER, required=False)
@click.argument("after", type=NUMBER, required=False)
@money_option
@site_option
@env_option
@json_option
@guarded
def diff(
    before: int | None, after: int | None, money: bool, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Tell how two editions differ: by default the one in force and the site's files as they are now.

    BEFORE, AFTER: numbers of editions, as `suture releases` tells them.
    """
    site, place = place_of(folder, environment)
    with reader_of(folder, environment) as reader:
        newest = asyncio.run(reader.editions(1))
        if not newest:
            raise UsageError("CLI011", "nothing was activated here yet", "see `suture check`")
        old = asyncio.run(side_of_edition(reader, before or newest[0].id))
        new = asyncio.run(side_of_edition(reader, after) if after else side_of_files(reader, site))
        warnings = asyncio.run(_left_standing(reader, old, new))
    changes = list(_changes(old, new))
    tree: dict[str, Any] = {
        "files": [{"file": file, "what": what} for file, what in changes],
        "warnings": warnings,
    }
    tally = preview_between(place.store, old, new, MOST, None, lambda _: None) if money else None
    if tally is not None:
        tree["preview"] = preview_tree(tally)
    say(tree, as_json, lambda _: (
        *(line for file, what in changes for line in (file, *(f"  {one}" for one in what))),
        *(() if changes else ("nothing differs",)),
        *warnings,
        *(preview_lines(tally) if tally is not None else ()),
    ))  # fmt: skip


async def _left_standing(reader: Reader, old: Side, new: Side) -> list[str]:
    sites = unpack_site(old.files), unpack_site(new.files)
    return [str(fault) for fault in await left_standing(reader, *sites, SystemClock().now_us())]


def _changes(old: Side, new: Side) -> Iterator[tuple[str, list[str]]]:
    """(file, what differs in it), rows of tables by their cells."""
    sites = unpack_site(old.files), unpack_site(new.files)
    for file in sorted({*sites[0].files, *sites[1].files}):
        if file.startswith(TABLES) and file.endswith(".csv"):
            continue
        was, now = (site.files.get(file, b"").decode("utf-8", "replace").splitlines() for site in sites)
        lines = [
            line for line in unified_diff(was, now, lineterm="", n=0) if not line.startswith(("---", "+++"))
        ]
        if lines:
            yield file, lines
    keys = {**_keys(sites[0]), **_keys(sites[1])}
    for table in sorted({*old.tables, *new.tables}):
        found = row_difference(old.tables.get(table, b""), new.tables.get(table, b""), keys.get(table, ()))
        if any(found):
            yield f"table {table}", [told_counts(found.counts()), *found.lines()]


def _keys(site: Site) -> dict[str, list[str]]:
    return {name: source.model.keys for name, source in read_sources(site).tables.sources.items()}


COMMANDS = (releases, rollback, diff)
