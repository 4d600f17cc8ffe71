"""`tables`: code tables as the engine has them: list, find, add rows, import, write back to the files."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import place_of, reader_of, tell_engine
from engine.cli.output import env_option, guarded, json_option, moment, say, site_option, told_counts, when
from engine.errors import UsageError
from engine.reference.table import Row
from engine.site.compile import compile_release
from engine.site.release import Release


@click.group()
def tables() -> None:
    """Code tables: versions, rows, additions."""


@tables.command("list")
@site_option
@env_option
@json_option
@guarded
def list_tables(folder: Path, environment: str | None, as_json: bool) -> None:
    """Every version of every table, newest first."""
    with reader_of(folder, environment) as reader:
        views = asyncio.run(reader.table_versions())
    rows = [{**view._asdict(), "recorded": when(view.recorded_us)} for view in views]
    say(rows, as_json, lambda _: (
        f"{row['name']:<20} version {row['version']}  {row['recorded']}  {row['source']} {row['actor']} {row['reason']}"
        for row in rows
    ))  # fmt: skip


@tables.command()
@click.argument("table")
@click.argument("cells", nargs=-1, required=True, metavar="COLUMN=VALUE...")
@click.option("--reason", default="", help="Why; kept with the version.")
@site_option
@env_option
@json_option
@guarded
def add(
    table: str, cells: tuple[str, ...], reason: str, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Add one row to a table: a new version, used from the next message on."""
    arguments = {"table": table, "rows": [cells_of(cells)], "reason": reason}
    answer = tell_engine(folder, environment, "add_row", arguments)
    say(answer, as_json, lambda _: (_added(table, answer),))


def _added(table: str, answer: dict[str, Any]) -> str:
    if "proposed" in answer:
        return proposed_line(table, answer["proposed"])
    return f"{table}: version {answer['version']} has {answer['rows']} row more"


def proposed_line(table: str, proposal: int) -> str:
    """What somebody is told whose change waits for another person."""
    return f"proposed: another person puts it in force with `suture tables approve {table} {proposal}`"


@tables.command("import")
@click.argument("table")
@click.argument("csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", default="", help="Why; kept with the version.")
@click.option("--shrinks", is_flag=True, help="Rows that the file lacks are to go.")
@site_option
@env_option
@json_option
@guarded
def import_table(
    table: str, csv: Path, reason: str, shrinks: bool, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Replace all rows of a table by those of a CSV file: a new version, used from the next message on."""
    arguments = {
        "table": table,
        "csv": csv.read_bytes().decode("utf-8-sig"),
        "reason": reason,
        "shrinks": shrinks,
    }
    answer = tell_engine(folder, environment, "import_table", arguments)
    say(answer, as_json, lambda _: _imported(table, answer))


def _imported(table: str, answer: dict[str, Any]) -> Iterator[str]:
    if "proposed" in answer:
        yield f"{table}: {told_counts(answer)}"
        yield proposed_line(table, answer["proposed"])
        return
    word = "had already" if answer["same"] else "has"
    yield f"{table}: version {answer['version']} {word} these {answer['rows']} rows: {told_counts(answer)}"


@tables.command()
@click.argument("table")
@click.argument("cells", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--on", "day", help="The day that the row is to be valid on.  [default: today]")
@site_option
@env_option
@json_option
@guarded
def find(
    table: str, cells: tuple[str, ...], day: str | None, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Look one key up as a step would, and name keys that are spelled almost like it. Exit 1: there is no row."""
    release = _current(table, folder, environment)
    on = moment(day).date() if day else datetime.now(release.zone).date()
    found = release.tables[table]
    asked = cells_of(cells)
    if set(asked) != set(found.spec.keys):
        raise UsageError(
            "CLI008", f"table {table} has other keys", f"its keys are {', '.join(found.spec.keys)}"
        )
    key = tuple(asked[name] for name in found.spec.keys)
    row = found.find(key, on)
    near = [] if row else [dict(zip(found.spec.keys, cells, strict=True)) for cells in found.nearest(key)]
    say(
        {"row": row, "line": row.line if row else None, "nearest": near},
        as_json,
        lambda _: _told(row, near, on),
    )
    if row is None:
        sys.exit(1)


def _told(row: Row | None, near: list[dict[str, str]], on: date) -> Iterator[str]:
    if row is not None:
        yield f"line {row.line}: " + "  ".join(f"{name}={value}" for name, value in row.items())
        return
    yield f"no row is valid on {on}" + ("; spelled almost like it:" if near else "")
    for keys in near:
        yield "  " + " ".join(f"{name}={value}" for name, value in keys.items())


def _current(table: str, folder: Path, environment: str | None) -> Release:
    """The site with the newest version of each table; `UsageError` when it has no such table."""
    site, _ = place_of(folder, environment)
    with reader_of(folder, environment) as reader:
        views = asyncio.run(reader.table_versions())
        newest = {view.name: view.version for view in reversed(views)}
        if table not in newest:
            raise UsageError(
                "CTL005", f"there is no table '{table}'", f"tables are {', '.join(sorted(newest))}"
            )
        csvs = {name: asyncio.run(reader.table_csv(name, version)) or b"" for name, version in newest.items()}
    return compile_release(site, csvs)


def cells_of(cells: tuple[str, ...]) -> dict[str, str]:
    """Raises `UsageError` for what is not COLUMN=VALUE."""
    row = {}
    for cell in cells:
        column, sign, value = cell.partition("=")
        if not sign:
            raise UsageError("CLI005", "a cell is not COLUMN=VALUE", "write it as code=IMP-01")
        row[column] = value
    return row


@tables.command()
@click.argument("table")
@site_option
@env_option
@guarded
def export(table: str, folder: Path, environment: str | None) -> None:
    """Write the newest version back to the site's CSV file."""
    site, _ = place_of(folder, environment)
    path = f"mappings/tables/{table}.csv"
    if path not in site.files:
        raise UsageError("CTL005", f"there is no table '{table}'", "see `suture tables list`")
    with reader_of(folder, environment) as reader:
        versions = asyncio.run(reader.table_versions(table))
        csv = asyncio.run(reader.table_csv(table, versions[0].version)) if versions else None
    if csv is None:
        raise UsageError("CTL008", "the store has no version of it yet", "start the engine once")
    (folder / path).write_bytes(csv)
    click.echo(f"{path}: version {versions[0].version} written")


COMMANDS = (tables,)
