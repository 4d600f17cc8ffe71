"""`tables pending`, `approve`, `reject`: changes of code tables that wait for a second person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import reader_of, tell_engine
from engine.cli.in_force import newest_edition, site_of, table_in_force
from engine.cli.mending import reason_option
from engine.cli.output import NUMBER, env_option, guarded, json_option, say, site_option, told_counts, when
from engine.cli.tables import tables
from engine.control.curating import lacking, mends
from engine.domain.ports import Reader
from engine.domain.views import ProposalView
from engine.reference.difference import Filed, RowDifference, row_difference
from engine.site.sources import read_sources

proposal_argument = click.argument("proposal", type=NUMBER)


@tables.command()
@click.argument("table", required=False)
@site_option
@env_option
@json_option
@guarded
def pending(table: str | None, folder: Path, environment: str | None, as_json: bool) -> None:
    """What was proposed and waits for another person: who, when, why, and which rows it changes."""
    with reader_of(folder, environment) as reader:
        found = asyncio.run(_pending(reader, table))
    rows = [
        {**view._asdict(), "proposed": when(view.proposed_us), "in_force": version, **difference.tree()}
        for view, version, difference in found
    ]
    say(rows, as_json, lambda _: (
        *(line for one in found for line in _told(*one)),
        *(() if found else ("nothing waits for another person",)),
    ))  # fmt: skip


async def _pending(reader: Reader, table: str | None) -> list[tuple[ProposalView, int, RowDifference]]:
    """Each with the version in force and what it changes of the one that it was made from."""
    found = []
    for view in await reader.proposals(table):
        now = await table_in_force(reader, view.name)
        was = await reader.table_csv(view.name, view.base) or b""
        rows = await reader.proposal_csv(view.id) or b""
        found.append((view, now.version, row_difference(was, rows, now.spec.keys)))
    return found


def _told(view: ProposalView, version: int, difference: RowDifference) -> Iterator[str]:
    why = f": {view.reason}" if view.reason else ""
    yield f"{view.name} {view.id}  {when(view.proposed_us)}  by {view.actor}{why}"
    if view.cause:
        yield f"  for what is held: {view.cause}"
    if version != view.base:
        yield f"  made from version {view.base}; version {version} is in force by now"
    yield f"  {told_counts(difference.counts())}"
    yield from (f"  {line}" for line in difference.lines())


@tables.command()
@click.argument("table")
@proposal_argument
@reason_option
@site_option
@env_option
@json_option
@guarded
def approve(
    table: str, proposal: int, reason: str, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Put in force what another person proposed, and release what waited for it."""
    arguments = {"table": table, "proposal": proposal, "reason": reason}
    answer = tell_engine(folder, environment, "approve_table", arguments)
    say(answer, as_json, lambda _: _approved(answer))


def _approved(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['table']}: version {answer['version']} is in force: {told_counts(answer)}"
    if "released" in answer:
        yield released_line(answer)


def released_line(answer: dict[str, Any]) -> str:
    """What came of what waited for a row."""
    return f"released: {answer['released']}, still held: {answer['still_held']}, not due: {answer['not_due']}"


@tables.command()
@click.argument("table")
@proposal_argument
@reason_option
@site_option
@env_option
@json_option
@guarded
def reject(
    table: str, proposal: int, reason: str, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Decide that a proposal is not to be. Needs a reason; who proposed it may take it back so."""
    arguments = {"table": table, "proposal": proposal, "reason": reason}
    answer = tell_engine(folder, environment, "reject_table", arguments)
    say(answer, as_json, lambda _: (f"{table}: proposal {proposal} is rejected",))


async def proposed_for(reader: Reader, causes: Sequence[str]) -> dict[str, list[int]]:
    """Cause of the worklist → proposals that have a row for it."""
    waiting = await reader.proposals()
    if not waiting:
        return {}
    declared = read_sources(await site_of(reader, await newest_edition(reader))).tables.sources
    found: dict[str, list[int]] = {}
    for view in waiting:
        keys = declared[view.name].model.keys if view.name in declared else []
        was = await reader.table_csv(view.name, view.base) or b""
        rows = _new_rows(was, await reader.proposal_csv(view.id) or b"", keys)
        for cause in dict.fromkeys(causes):  # it may stand with several owners
            table, values = lacking(cause) or ("", ())
            fits = table == view.name and len(values) == len(keys)
            if fits and any(mends(keys, row, values) for row in rows):
                found.setdefault(cause, []).append(view.id)
    return found


def _new_rows(before: bytes, after: bytes, keys: Sequence[str]) -> list[dict[str, str]]:
    known = Filed(before, keys).rows
    seen = {frozenset(row.items()) for row in known}
    return [row for row in Filed(after, keys).rows if frozenset(row.items()) not in seen]


COMMANDS: tuple[Any, ...] = ()
"""All of them belong to `tables`."""
