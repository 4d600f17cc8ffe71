"""`map`: the row that the worklist asks for, and what waited for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.cli.approving import released_line
from engine.cli.connect import release_held
from engine.cli.mending import reason_option
from engine.cli.output import counted, env_option, guarded, json_option, say, site_option
from engine.cli.tables import cells_of, proposed_line


@click.command("map")
@click.argument("cause")
@click.argument("cells", nargs=-1, required=True, metavar="COLUMN=VALUE...")
@click.option(
    "--dry-run", is_flag=True, help="Say which row it would be, and what waits for it. Changes nothing."
)
@reason_option
@site_option
@env_option
@json_option
@guarded
def map_code(
    cause: str,
    cells: tuple[str, ...],
    dry_run: bool,
    reason: str,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Add the row that CAUSE lacks, as the worklist shows it, and release exactly what waited for it.

    The keys stand in the cause; the other columns are given:

    suture map 'charges: code=X payer_class=COM' charge_code=27811420 billable=yes …
    """
    arguments = {"cause": cause, "cells": cells_of(cells), "reason": reason, "dry_run": dry_run}
    answer = release_held(folder, environment, "map_code", arguments)
    say(answer, as_json, lambda _: _lines(answer))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    waiting = answer["waiting"]
    what = (
        f"{counted(waiting['lines'], 'line')}, {counted(waiting['effects'], 'effect')}, "
        f"{waiting['at_stake']} at stake"
    )
    if "row" in answer:
        row = " ".join(f"{name}={value}" for name, value in answer["row"].items())
        yield f"table {answer['table']} would get: {row}"
        yield f"waiting for it: {what}"
        return
    if "proposed" in answer:
        yield proposed_line(answer["table"], answer["proposed"])
        yield f"waiting for it: {what}"
        return
    yield f"{answer['table']}: version {answer['version']} has the row; waiting for it: {what}"
    yield released_line(answer)


COMMANDS = (map_code,)
