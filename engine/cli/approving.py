"""`tables pending`, `approve`, `reject`: changes of code tables that wait for a second person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from engine.activation import release_with
from engine.cli.connect import place_of, reader_of, release_held, tell_engine
from engine.cli.in_force import newest_edition, site_of
from engine.cli.mending import reason_option
from engine.cli.output import NUMBER, env_option, guarded, json_option, say, site_option, told_counts, when
from engine.cli.previewing import money_option, preview_lines, preview_of_rows, preview_tree, side_now
from engine.cli.tables import tables
from engine.control.causes import lacking
from engine.control.curating import mends
from engine.domain.ports import Reader
from engine.domain.views import ProposalView
from engine.errors import Fault, SiteError
from engine.preview.comparing import Tally
from engine.reference.difference import RowDifference, merged, new_rows, row_difference
from engine.site.files import Site
from engine.site.schema.mapping import TableFile
from engine.site.sources import Source, read_sources

proposal_argument = click.argument("proposal", type=NUMBER)


class _Pending(NamedTuple):
    """A proposal. `version`: in force now; None: the table is gone. `rows`: as they would be in force; None: they
    cannot be. `faults`: why they do not fit. `difference`: from what it was made from."""

    view: ProposalView
    version: int | None
    rows: bytes | None
    difference: RowDifference
    faults: tuple[Fault, ...]


@tables.command()
@click.argument("table", required=False)
@money_option
@site_option
@env_option
@json_option
@guarded
def pending(table: str | None, money: bool, folder: Path, environment: str | None, as_json: bool) -> None:
    """What was proposed and waits for another person: who, when, why, and which rows it changes."""
    _, place = place_of(folder, environment)
    with reader_of(folder, environment) as reader:
        found = asyncio.run(_pending(reader, table))
        before = asyncio.run(side_now(reader)) if found and money else None
    tallies = [
        preview_of_rows(place.store, before, one.view.name, one.rows)
        if before and one.rows is not None
        else None
        for one in found
    ]
    rows = [
        {
            **one.view._asdict(), "proposed": when(one.view.proposed_us), "in_force": one.version,
            "conflicts": one.rows is None, **one.difference.tree(),
            **({} if tally is None else {"preview": preview_tree(tally)}),
        }
        for one, tally in zip(found, tallies, strict=True)
    ]  # fmt: skip
    say(rows, as_json, lambda _: (
        *(line for one, tally in zip(found, tallies, strict=True) for line in _told(one, tally)),
        *(() if found else ("nothing waits for another person",)),
    ))  # fmt: skip


async def _pending(reader: Reader, table: str | None) -> list[_Pending]:
    waiting = await reader.proposals(table)
    if not waiting:
        return []
    edition = await newest_edition(reader)
    site = await site_of(reader, edition)
    declared = read_sources(site).tables.sources
    found = []
    for view in waiting:
        keys = declared[view.name].model.keys if view.name in declared else ()
        was, rows = await _sides(reader, view)
        version = edition.tables.get(view.name)
        now = await reader.table_csv(view.name, version) if version is not None else None
        after = None if now is None else merged(was, rows, now, keys).csv
        faults = await _misfits(reader, site, view.name, after) if after is not None else ()
        difference = row_difference(was, rows, keys)
        found.append(_Pending(view, version, None if faults else after, difference, faults))
    return found


async def _misfits(reader: Reader, site: Site, table: str, csv: bytes) -> tuple[Fault, ...]:
    try:
        await release_with(reader, site, table, csv)
    except SiteError as error:
        return error.faults
    return ()


async def _declared(reader: Reader) -> dict[str, Source[TableFile]]:
    """The tables in force, by name."""
    return read_sources(await site_of(reader, await newest_edition(reader))).tables.sources


async def _sides(reader: Reader, view: ProposalView) -> tuple[bytes, bytes]:
    """(the rows that a proposal was made from, its own)."""
    return await reader.table_csv(view.name, view.base) or b"", await reader.proposal_csv(view.id) or b""


def _told(one: _Pending, tally: Tally | None) -> Iterator[str]:
    view, why = one.view, f": {one.view.reason}" if one.view.reason else ""
    yield f"{view.name} {view.id}  {when(view.proposed_us)}  by {view.actor}{why}"
    if view.cause:
        yield f"  for what is held: {view.cause}"
    if one.version is None:
        yield "  there is no such table any more"
    elif one.version != view.base:
        yield f"  made from version {view.base}; version {one.version} is in force by now"
        if one.rows is None and not one.faults:
            yield "  its rows were changed there, too: it cannot be approved"
    yield from (
        f"  it does not fit what is in force by now: {fault.code} {fault.what}" for fault in one.faults
    )
    yield f"  {told_counts(one.difference.counts())}"
    yield from (f"  {line}" for line in one.difference.lines())
    yield from (f"  {line}" for line in (preview_lines(tally) if tally is not None else ()))


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
    answer = release_held(folder, environment, "approve_table", arguments)
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
    declared = await _declared(reader)
    found: dict[str, list[int]] = {}
    for view in waiting:
        keys = declared[view.name].model.keys if view.name in declared else ()
        rows = new_rows(*await _sides(reader, view))
        for cause in dict.fromkeys(causes):  # it may stand with several owners
            values = lacking(cause, view.name, keys)
            fits = values is not None and any(mends(keys, row, values) for row in rows)
            if cause == view.cause or fits:
                found.setdefault(cause, []).append(view.id)
    return found


COMMANDS: tuple[Any, ...] = ()
"""All of them belong to `tables`."""
