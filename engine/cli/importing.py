"""`tables import`, `tables diff`: the rows of a code table from a file or a far end, and what they would change."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from engine.cli.connect import place_of, reader_of, tell_engine
from engine.cli.in_force import InForce, newest_edition, table_in_force
from engine.cli.mending import reason_option
from engine.cli.output import counted, env_option, guarded, json_option, say, site_option, told_counts
from engine.cli.previewing import money_option, preview_lines, preview_of_rows, preview_tree, side_now
from engine.cli.tables import proposed_line, tables
from engine.errors import SiteError, UsageError
from engine.far_ends import masters_of
from engine.pipeline.editions import Editions
from engine.preview.comparing import Tally
from engine.reference.difference import row_difference
from engine.reference.masters import SHOWN, Updated, with_masters
from engine.reference.sheet import Sheet
from engine.reference.table import Table
from engine.site.origins import origin_of

file_argument = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
sheet_option = click.option("--sheet", help="Of a workbook with several sheets.")
from_option = click.option(
    "--from", "destination", help="Instead of a FILE: the destination that the table names as its source."
)


MOST_BYTES = 48 * 1024 * 1024
"""Of CSV: what a question to the engine has room for."""


class _Rows(NamedTuple):
    """What is to be imported. `base`: the version that it was made from; None: it stands for itself. `told`: people."""

    csv: bytes
    base: int | None = None
    told: tuple[str, ...] = ()


@tables.command("import")
@click.argument("table")
@file_argument
@from_option
@sheet_option
@click.option("--shrinks", is_flag=True, help="Rows that the file lacks are to go.")
@reason_option
@site_option
@env_option
@json_option
@guarded
def import_table(
    table: str,
    file: Path | None,
    destination: str | None,
    sheet: str | None,
    shrinks: bool,
    reason: str,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Replace all rows of a table by those of a CSV file or an Excel workbook: a new version.

    It is used from the next message on. With --from, the columns that the far end says are taken from there.
    """
    rows = _rows(table, file, destination, sheet, folder, environment)
    if len(rows.csv) > MOST_BYTES:
        raise UsageError("XLS005", "the table is too large", "48 MiB of CSV are taken; take it apart")
    arguments = {
        "table": table,
        "csv": rows.csv.decode("utf-8-sig"),
        "reason": reason,
        "shrinks": shrinks,
        "base": rows.base,
    }
    answer = {**tell_engine(folder, environment, "import_table", arguments), "told": list(rows.told)}
    say(answer, as_json, lambda _: _imported(table, answer))


def _imported(table: str, answer: dict[str, Any]) -> Iterator[str]:
    yield from answer["told"]
    if "proposed" in answer:
        yield f"{table}: {told_counts(answer)}"
        yield proposed_line(table, answer["proposed"])
        return
    word = "had already" if answer["same"] else "has"
    yield f"{table}: version {answer['version']} {word} these {answer['rows']} rows: {told_counts(answer)}"


@tables.command()
@click.argument("table")
@file_argument
@from_option
@sheet_option
@money_option
@site_option
@env_option
@json_option
@guarded
def diff(
    table: str,
    file: Path | None,
    destination: str | None,
    sheet: str | None,
    money: bool,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Tell what an import would change: rows that are new, changed (field by field), or gone. Exit 1: something."""
    rows = _rows(table, file, destination, sheet, folder, environment)
    now = _in_force(folder, environment, table)
    Table.compile(now.spec, rows.csv, file.name if file else f"{table}.csv")
    difference = row_difference(now.csv, rows.csv, now.spec.keys)
    tree: dict[str, Any] = {
        "table": table, "version": now.version, **difference.tree(), "told": list(rows.told)
    }  # fmt: skip
    tally = _preview(folder, environment, table, rows.csv) if money else None
    if tally is not None:
        tree["preview"] = preview_tree(tally)
    said = f"against version {now.version}: {told_counts(difference.counts())}"
    say(tree, as_json, lambda _: (
        *rows.told, *difference.lines(), said, *(preview_lines(tally) if tally is not None else ())
    ))  # fmt: skip
    if any(difference):
        sys.exit(1)


def _preview(folder: Path, environment: str | None, table: str, csv: bytes) -> Tally:
    _, place = place_of(folder, environment)
    with reader_of(folder, environment) as reader:
        before = asyncio.run(side_now(reader))
    return preview_of_rows(place.store, before, table, csv)


def _in_force(folder: Path, environment: str | None, table: str) -> InForce:
    with reader_of(folder, environment) as reader:
        return asyncio.run(table_in_force(reader, table))


def _rows(
    table: str,
    file: Path | None,
    destination: str | None,
    sheet: str | None,
    folder: Path,
    environment: str | None,
) -> _Rows:
    """Raises `SiteError` for what is no table, `UsageError` when it is not said where rows are to come from."""
    if (file is None) == (destination is None):
        raise UsageError(
            "MST006", "it is not said where the rows are", "name one: a FILE, or --from DESTINATION"
        )
    if file is None:
        return asyncio.run(_from_masters(table, str(destination), folder, environment))
    data = file.read_bytes()
    if file.suffix.lower() in (".xlsx", ".xlsm", ".xls"):
        from engine.reference.workbook import csv_of_workbook  # a third of a second that others need not pay

        return _Rows(csv_of_workbook(data, file.name, _in_force(folder, environment, table).spec, sheet))
    faults = [fault for fault in Sheet(data, file.name).faults if fault.code == "TBL001"]
    if faults:
        raise SiteError(faults)
    return _Rows(data)


async def _from_masters(table: str, destination: str, folder: Path, environment: str | None) -> _Rows:
    """The version in force, with what the far end says."""
    _, place = place_of(folder, environment)
    with reader_of(folder, environment) as reader:
        now = await table_in_force(reader, table)
        release = await Editions(reader).release((await newest_edition(reader)).id)
    source = now.declared.source
    if source is None or source.destination != destination:
        named = (
            f"its source is {source.destination}" if source else "declare `source:` in its YAML, and reload"
        )
        raise UsageError("MST005", f"table {table} has no source '{destination}'", named)
    records = await masters_of(release.destinations[destination], place.destinations[destination], source)
    today = datetime.now(release.zone).date()
    made = with_masters(now.spec, now.csv, origin_of(now.declared, source), records, today, destination)
    return _Rows(made.csv, now.version, tuple(_told(destination, len(records), made)))


def _told(destination: str, records: int, made: Updated) -> Iterator[str]:
    yield f"{destination} tells {counted(records, 'record')}, and nothing of {counted(made.unlisted, 'row')} here"
    if made.nameless:
        yield f"{counted(made.nameless, 'record')} left out: nothing stands there to be found by"
    if made.left:
        shown = "; ".join(made.left[:SHOWN]) + ("; …" if len(made.left) > SHOWN else "")
        yield (
            f"{counted(len(made.left), 'record')} without a row: {shown}. Not said is {', '.join(made.lacking)}: "
            "add them by hand, or say it under `new_rows`"
        )


COMMANDS: tuple[Any, ...] = ()
"""All of them belong to `tables`."""
