"""`tables find`, `tables history`: one key of a code table, on a day, as it was known at a moment, and through time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from engine.activation import ROLLBACK
from engine.cli.connect import reader_of
from engine.cli.in_force import newest_edition, table_in_force
from engine.cli.output import env_option, guarded, json_option, moment, say, site_option, when
from engine.cli.tables import cells_of, tables
from engine.clock import to_us
from engine.domain.ports import Reader
from engine.domain.views import EditionView, TableVersionView
from engine.errors import UsageError
from engine.pipeline.editions import Editions
from engine.reference.difference import RowDifference, row_difference
from engine.reference.sheet import Sheet, write_sheet
from engine.reference.spec import Row
from engine.reference.table import Table

EVER = 2**62
"""Editions of a history: all."""


@tables.command()
@click.argument("table")
@click.argument("cells", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--on", "day", help="The day that the row is to be valid on.  [default: today]")
@click.option(
    "--as-recorded", "at", metavar="MOMENT", help="With the rows that the engine had then.  [default: now]"
)
@site_option
@env_option
@json_option
@guarded
def find(
    table: str,
    cells: tuple[str, ...],
    day: str | None,
    at: str | None,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Look one key up as a step would, or would have, and name keys that are spelled almost like it. Exit 1: there is
    no row."""
    with reader_of(folder, environment) as reader:
        found, edition, today = asyncio.run(_table(reader, table, at))
    on = moment(day).date() if day else today
    asked = cells_of(cells)
    if set(asked) != set(found.spec.keys):
        raise _other_keys(table, found.spec.keys)
    key = tuple(asked[name] for name in found.spec.keys)
    rows = found.find_all(key, on)
    near = [] if rows else [dict(zip(found.spec.keys, one, strict=True)) for one in found.nearest(key)]
    version = edition.tables[table]
    say(
        {
            "rows": [{"line": row.line, "row": row} for row in rows],
            "nearest": near,
            "version": version,
        },
        as_json,
        lambda _: _told(rows, near, on, version),
    )
    if not rows:
        sys.exit(1)


async def _table(reader: Reader, table: str, at: str | None) -> tuple[Table, EditionView, date]:
    """The table as it was in force, the edition, and today where the site stands."""
    edition = await (newest_edition(reader) if at is None else _edition_at(reader, at))
    release = await Editions(reader).release(edition.id)
    if table not in release.tables:
        known = ", ".join(sorted(release.tables))
        raise UsageError("CTL005", f"there is no table '{table}'", f"tables are {known}")
    return release.tables[table], edition, datetime.now(release.zone).date()


async def _edition_at(reader: Reader, at: str) -> EditionView:
    then = moment(at)
    second = (
        0 if then.microsecond else 999_999
    )  # moments are shown without their fraction: the whole second counts
    edition = await reader.edition_at(to_us(then) + second)
    if edition is None:
        raise UsageError("CLI011", "nothing was activated here by then", "see `suture releases`")
    return edition


def _other_keys(table: str, keys: tuple[str, ...]) -> UsageError:
    return UsageError("CLI008", f"table {table} has other keys", f"its keys are {', '.join(keys)}")


def _told(rows: Sequence[Row], near: list[dict[str, str]], on: date, version: int) -> Iterator[str]:
    for row in rows:
        cells = "  ".join(f"{name}={_shown(value)}" for name, value in row.items())
        yield f"line {row.line} of version {version}: {cells}"
    if rows:
        return
    yield f"no row is valid on {on} in version {version}" + ("; spelled almost like it:" if near else "")
    for keys in near:
        yield "  " + " ".join(f"{name}={value}" for name, value in keys.items())


def _shown(value: object) -> object:
    """As a person writes it in the table."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else "" if value is None else value


class _Turn(NamedTuple):
    """A moment from which on another version of a table was in force."""

    version: int
    at_us: int
    source: str
    actor: str
    reason: str


@tables.command()
@click.argument("table")
@click.argument("cells", nargs=-1, required=True, metavar="KEY=VALUE...")
@site_option
@env_option
@json_option
@guarded
def history(table: str, cells: tuple[str, ...], folder: Path, environment: str | None, as_json: bool) -> None:
    """Every change of the rows of a key: when it was recorded, by whom, why, and what they said before.

    Some of the keys are enough.
    """
    with reader_of(folder, environment) as reader:
        found = asyncio.run(_history(reader, table, cells_of(cells)))
    rows = [
        {**turn._asdict(), "recorded": when(turn.at_us), **difference.tree()} for turn, difference in found
    ]
    say(rows, as_json, lambda _: (
        *(line for turn, difference in found for line in _turn_lines(turn, difference)),
        *(() if found else ("no version has a row of that key",)),
    ))  # fmt: skip
    if not found:
        sys.exit(1)


async def _history(reader: Reader, table: str, asked: dict[str, str]) -> list[tuple[_Turn, RowDifference]]:
    """Oldest first."""
    now = await table_in_force(reader, table)
    if not set(asked) <= set(now.spec.keys):
        raise _other_keys(table, now.spec.keys)
    found, before = [], b""
    for turn in await _turns(reader, table):
        rows = _rows_of(await reader.table_csv(table, turn.version) or b"", asked)
        difference = row_difference(before, rows, now.spec.keys)
        if any(difference):
            found.append((turn, difference))
        before = rows
    return found


async def _turns(reader: Reader, table: str) -> list[_Turn]:
    """Each moment from which on another version was in force: recorded then, or gone back to."""
    recorded = {view.version: view for view in await reader.table_versions(table)}
    turns: list[_Turn] = []
    last: EditionView | None = None
    for edition in reversed(await reader.editions(EVER)):
        version = edition.tables.get(table)
        if version is not None and version != (turns[-1].version if turns else None):
            known = any(turn.version == version for turn in turns)
            turns.append(await _back_to(reader, version, edition, last) if known else _new(recorded[version]))
        last = edition
    return turns


def _new(view: TableVersionView) -> _Turn:
    return _Turn(view.version, view.recorded_us, view.source, view.actor, view.reason)


async def _back_to(reader: Reader, version: int, edition: EditionView, left: EditionView | None) -> _Turn:
    """The act of a rollback says why; it has the moment of the edition."""
    acts = await reader.acts_on(ROLLBACK, left.release_hash) if left else []
    why = next((act.reason for act in acts if act.at_us == edition.activated_us), "")
    return _Turn(version, edition.activated_us, "rollback" if why else "activation", edition.actor, why)


def _rows_of(csv: bytes, asked: dict[str, str]) -> bytes:
    sheet = Sheet(csv, "")
    wanted = [(sheet.header.index(name), value) for name, value in asked.items() if name in sheet.header]
    rows = [one.cells for one in sheet.records if all(one.cells[index] == value for index, value in wanted)]
    return write_sheet(sheet.header, rows if len(wanted) == len(asked) else [])


def _turn_lines(turn: _Turn, difference: RowDifference) -> Iterator[str]:
    why = f": {turn.reason}" if turn.reason else ""
    yield f"version {turn.version}  {when(turn.at_us)}  {turn.source} by {turn.actor}{why}"
    yield from (f"  {line}" for line in difference.lines())


COMMANDS: tuple[Any, ...] = ()
"""All of them belong to `tables`."""
