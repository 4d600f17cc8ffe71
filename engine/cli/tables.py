"""`tables`: code tables as the engine has them: list, look at, add rows, write back to the files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from engine.cli.connect import place_of, reader_of, tell_engine
from engine.cli.output import env_option, guarded, json_option, say, site_option, when
from engine.errors import UsageError


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
    row = {}
    for cell in cells:
        column, sign, value = cell.partition("=")
        if not sign:
            raise UsageError("CLI005", "a cell is not COLUMN=VALUE", "write it as code=IMP-01")
        row[column] = value
    arguments = {"table": table, "rows": [row], "reason": reason}
    answer = tell_engine(folder, environment, "add_row", arguments)
    say(answer, as_json, lambda _: (f"{table}: version {answer['version']} has {answer['rows']} row more",))


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
