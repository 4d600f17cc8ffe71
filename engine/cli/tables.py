"""`tables`: code tables as the engine has them: list, find, add rows, import, write back to the files."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import place_of, reader_of, tell_engine
from engine.cli.in_force import table_in_force
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
    """Every version of every table, newest first; `*` is in force."""
    with reader_of(folder, environment) as reader:
        views, editions = asyncio.run(reader.table_versions()), asyncio.run(reader.editions(1))
    used = editions[0].tables if editions else {}
    rows = [
        {
            **view._asdict(),
            "recorded": when(view.recorded_us),
            "in_force": used.get(view.name) == view.version,
        }
        for view in views
    ]
    say(rows, as_json, lambda _: (
        f"{'*' if row['in_force'] else ' '} {row['name']:<20} version {row['version']}  {row['recorded']}  "
        f"{row['source']} {row['actor']} {row['reason']}"
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
@click.option(
    "--xlsx",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an Excel workbook there instead: every cell is text, so that codes keep their zeros.",
)
@click.option(
    "--overwrite", is_flag=True, help="Also when the file has rows that no version has: they are lost."
)
@site_option
@env_option
@json_option
@guarded
def export(
    table: str, xlsx: Path | None, overwrite: bool, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Write the version in force back to the site's CSV file, or to a workbook."""
    site, _ = place_of(folder, environment)
    path = f"mappings/tables/{table}.csv"
    if path not in site.files and xlsx is None:
        raise UsageError("CTL005", f"there is no table '{table}'", "see `suture tables list`")
    with reader_of(folder, environment) as reader:
        now = asyncio.run(table_in_force(reader, table))
        known = {view.hash for view in asyncio.run(reader.table_versions(table))}
    if xlsx is None and not overwrite and sha256(site.files[path]).hexdigest() not in known:
        what = f"{path} was edited: it has what no version of the table has, and would be lost"
        mend = "put it in force with `suture reload`; or copy it aside, say --overwrite, and merge your edit into it"
        raise UsageError("CLI016", what, mend)
    if xlsx is not None:
        from engine.reference.workbook import workbook_of_csv  # a third of a second that others need not pay

        xlsx.write_bytes(workbook_of_csv(now.csv, table))
    else:
        (folder / path).write_bytes(now.csv)
    written = {"table": table, "version": now.version, "file": str(xlsx or path)}
    say(written, as_json, lambda _: (f"{written['file']}: version {now.version} written",))


COMMANDS = (tables,)
