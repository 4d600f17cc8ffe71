"""`tables import`, `tables diff`, `tables export`: a code table from and to CSV files and Excel workbooks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import reader_of, tell_engine
from engine.cli.in_force import InForce, table_in_force
from engine.cli.mending import reason_option
from engine.cli.output import env_option, guarded, json_option, say, site_option, told_counts
from engine.cli.tables import proposed_line, tables
from engine.errors import SiteError
from engine.reference.difference import row_difference
from engine.reference.sheet import Sheet
from engine.reference.table import Table

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
sheet_option = click.option("--sheet", help="Of a workbook with several sheets.")


@tables.command("import")
@click.argument("table")
@file_argument
@sheet_option
@click.option("--shrinks", is_flag=True, help="Rows that the file lacks are to go.")
@reason_option
@site_option
@env_option
@json_option
@guarded
def import_table(
    table: str,
    file: Path,
    sheet: str | None,
    shrinks: bool,
    reason: str,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Replace all rows of a table by those of a CSV file or an Excel workbook: a new version.

    It is used from the next message on.
    """
    rows = _rows(file, sheet, lambda: _in_force(folder, environment, table))
    arguments = {"table": table, "csv": rows.decode("utf-8-sig"), "reason": reason, "shrinks": shrinks}
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
@file_argument
@sheet_option
@site_option
@env_option
@json_option
@guarded
def diff(
    table: str, file: Path, sheet: str | None, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Tell what an import would change: rows that are new, changed (field by field), or gone. Exit 1: something."""
    now = _in_force(folder, environment, table)
    rows = _rows(file, sheet, lambda: now)
    Table.compile(now.spec, rows, file.name)
    difference = row_difference(now.csv, rows, now.spec.keys)
    tree = {"table": table, "version": now.version, **difference.tree()}
    say(tree, as_json, lambda _: (
        *difference.lines(), f"against version {now.version}: {told_counts(difference.counts())}"
    ))  # fmt: skip
    if any(difference):
        sys.exit(1)


def _in_force(folder: Path, environment: str | None, table: str) -> InForce:
    with reader_of(folder, environment) as reader:
        return asyncio.run(table_in_force(reader, table))


def _rows(file: Path, sheet: str | None, now: Callable[[], InForce]) -> bytes:
    """The CSV of a file. `now`: asked for only where cells must become text. Raises `SiteError` for what is none."""
    data = file.read_bytes()
    if file.suffix.lower() in (".xlsx", ".xlsm", ".xls"):
        from engine.reference.workbook import csv_of_workbook  # a third of a second that others need not pay

        return csv_of_workbook(data, file.name, now().spec, sheet)
    faults = [fault for fault in Sheet(data, file.name).faults if fault.code == "TBL001"]
    if faults:
        raise SiteError(faults)
    return data


COMMANDS: tuple[Any, ...] = ()
"""All of them belong to `tables`."""
