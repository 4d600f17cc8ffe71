"""`messages`, `show`, `worklist`, `reconcile`, `status`: what happened, read from the store beside the engine."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from engine.cli.approving import proposed_for
from engine.cli.connect import place_of, reader_of, tell_engine
from engine.cli.output import (
    NUMBER,
    counted,
    env_option,
    guarded,
    json_option,
    moment,
    say,
    site_option,
    when,
)
from engine.cli.pages import worded
from engine.clock import to_us
from engine.control.causes import nearest
from engine.domain.message import MessageId
from engine.domain.ports import Reader
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.errors import SutureError, UsageError
from engine.pipeline.editions import Editions
from engine.pipeline.record import unpack_posted
from engine.reconcile.account import group_json, report

SHOWN = 20
"""Documents with another amount that are told one by one."""


@click.command()
@site_option
@env_option
@click.option("--feed", help="Only of this feed.")
@click.option(
    "--state", type=click.Choice([state.word for state in MessageState]), help="Only in this state."
)
@click.option("--type", "kind", help="Only of this type, such as DFT^P03.")
@click.option("--control-id", help="By MSH-10.")
@click.option("--document", help="By the far end's document number, or our reference.")
@click.option("--since", help="Received on or after this date.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@guarded
def messages(
    folder: Path,
    environment: str | None,
    feed: str | None,
    state: str | None,
    kind: str | None,
    control_id: str | None,
    document: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Find messages, newest first."""
    query = MessageQuery(
        feed=feed,
        type=kind.upper() if kind else None,
        state=MessageState[state.upper()] if state else None,
        control_id=control_id,
        document=document,
        since_us=to_us(moment(since)) if since else None,
        limit=limit,
    )
    with reader_of(folder, environment) as reader:
        views = asyncio.run(reader.messages(query))
    rows = [
        {
            **view._asdict(),
            "state": view.state.word,
            "reason": worded(view.reason),
            "received": when(view.received_us),
        }
        for view in views
    ]
    say(rows, as_json, lambda _: (
        f"{row['id']:>8}  {row['received']}  {row['feed']:<10} {row['type']:<9} {row['state']:<10} {row['reason']}"
        for row in rows
    ))  # fmt: skip


@click.command()
@click.argument("number", type=NUMBER)
@site_option
@env_option
@click.option("--raw", is_flag=True, help="The message's own bytes, patient data and all.")
@json_option
@guarded
def show(number: int, folder: Path, environment: str | None, raw: bool, as_json: bool) -> None:
    """One message's whole story: lines, effects, deliveries, attempts, receipts."""
    with reader_of(folder, environment) as reader:
        if raw:
            body = asyncio.run(reader.raw(MessageId(number)))
            if body is None:
                raise UsageError("CTL004", f"there is no message {number}", "find it with `suture messages`")
            sys.stdout.buffer.write(body.replace(b"\r", b"\n"))
            return
        story = asyncio.run(_story(reader, MessageId(number)))
    say(story, as_json, _story_lines)


async def _story(reader: Any, number: MessageId) -> dict[str, Any]:
    found = await reader.messages(MessageQuery(before=number + 1, limit=1))
    if not found or found[0].id != number:
        raise UsageError("CTL004", f"there is no message {number}", "find it with `suture messages`")
    view = found[0]
    return {
        "message": {**view._asdict(), "state": view.state.word, "reason": worded(view.reason),
                    "received": when(view.received_us)},
        "file": place._asdict() if (place := await reader.file_of(number)) else None,
        "tables": [table._asdict() for table in await reader.tables_of(number)],
        "lines": [{**line._asdict(), "state": line.state.word} for line in await reader.lines(number)],
        "effects": [
            {**effect._asdict(), "state": effect.state.word, "action": effect.action.name.lower(),
             "measure": effect.measure.word}
            for effect in await reader.effects(number)
        ],
        "deliveries": [
            {**delivery._asdict(), "state": delivery.state.word, "action": delivery.action.name.lower(),
             "settled": when(delivery.settled_us)}
            for delivery in await reader.deliveries(number)
        ],
        "attempts": [{**attempt._asdict(), "at": when(attempt.at_us)} for attempt in await reader.attempts(number)],
        "posted": [
            {"message": original.message_id, "line": original.number, "effect": original.name,
             "destination": original.destination, "fate": original.fate.word, "quantity": original.quantity,
             "remaining": original.remaining, "amount": original.amount, "currency": original.currency,
             "document": original.document}
            for original in await reader.originals(unpack_posted(await reader.record(number)))
        ],
    }  # fmt: skip


def _story_lines(story: dict[str, Any]) -> Iterator[str]:
    message = story["message"]
    yield (
        f"message {message['id']} from {message['feed']}, {message['type']}, received {message['received']}, "
        f"{message['size']} bytes: {message['state']} {message['reason']}".rstrip()
    )
    if (place := story["file"]) is not None:
        yield f"  {place['place']} of {place['messages']} in file {place['file']}, {place['name']}"
    for table in story["tables"]:
        how = f"proposal {table['number']}" if table["proposed"] else f"version {table['number']}"
        waits = ", waits for a second person: see `suture tables pending`" if table["proposed"] else ""
        yield f"  table {table['name']}: {how}, {table['why']}{waits}"
    for line in story["lines"]:
        if line["owner"]:
            yield f"  {_record_line(line)}"
            continue
        stated = "unpriced" if line["stated"] is None else f"{line['stated']} {line['currency']}"
        credit = " credit" if line["credit"] else ""
        where = f"line {line['number']} in {line['channel']}"
        reason = f": {line['reason']}" if line["reason"] else ""
        yield f"  {where}:{credit} {line['state']}, {stated}{reason}"
        for effect in story["effects"]:
            if effect["line_id"] == line["id"]:
                yield f"    {_effect_line(effect)}"
    for delivery in story["deliveries"]:
        yield (
            f"  document {delivery['reference']}: {delivery['action']} {delivery['effect']} at "
            f"{delivery['destination']}: "
            f"{delivery['state']} {delivery['code']} {delivery['document']} {delivery['settled']}".rstrip()
        )
    for attempt in story["attempts"]:
        yield f"  attempt {attempt['at']}: {attempt['code']}"
    for one in story["posted"]:
        money = "" if one["amount"] is None else f", {one['amount']} {one['currency']}"
        left = "" if one["quantity"] is None else f", {one['remaining']} of {one['quantity']} not taken back"
        yield (
            f"  posted for this stay: message {one['message']} line {one['line']}, {one['effect']} at "
            f"{one['destination']}: {one['fate']}{left}{money}"
        )


def _record_line(line: dict[str, Any]) -> str:
    """A record of a master; the number 0 stands for all that it does not name."""
    which = f"record {line['number']}" if line["number"] else "rows that it does not name"
    waits = f" for {line['owner']}" if line["state"] == "held" else ""
    return f"{which} in {line['channel']}: {line['state']}{waits}: {line['reason']}"


def _effect_line(effect: dict[str, Any]) -> str:
    amount = f", {effect['amount']} {effect['currency']}" if effect["amount"] is not None else ""
    wait = f" for {effect['owner']}: {effect['cause']}" if effect["cause"] else ""
    part = f" of {effect['part']}" if effect["part"] else ""
    quantity = "no quantity" if effect["quantity"] is None else f"quantity {effect['quantity']}"
    return (
        f"{effect['action']} {effect['name']}{part} at {effect['destination']}: {effect['state']}{wait}, "
        f"{quantity}{amount}"
    )


@click.command()
@site_option
@env_option
@click.option("--owner", help="Only what this owner mends: supply-chain sees no charge holds.")
@click.option(
    "--all", "everyone", is_flag=True, help="Of all owners, also where the environment says which are yours."
)
@json_option
@guarded
def worklist(folder: Path, environment: str | None, owner: str | None, everyone: bool, as_json: bool) -> None:
    """What is held, by owner and cause, most money first; keys of rows that are spelled almost like a missing one."""
    _, place = place_of(folder, environment)
    mine = frozenset[str]() if owner or everyone else place.owned_by(getpass.getuser())
    with reader_of(folder, environment) as reader:
        groups, near = asyncio.run(_worklist(reader, owner, mine))
    rows = [
        {
            **group,
            "first": when(group["first_us"]),
            "last": when(group["last_us"]),
            "nearest": near.get(group["cause"], []),
        }
        for group in groups
    ]
    say(rows, as_json, _worklist_text)


def _worklist_text(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "nothing is held"
    for row in rows:
        yield from (worklist_line(row), *_details(row))


async def _worklist(
    reader: Reader, owner: str | None, mine: frozenset[str]
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, str]]]]:
    """Its groups, with the proposals that have a row for a cause and wait for another person; and by cause the likest
    keys of the tables in force. `mine`: only of these owners; empty: of all."""
    found = await reader.worklist(owner)
    groups = [group_json(group) for group in found if not mine or group.owner in mine]
    proposed = await proposed_for(reader, [group["cause"] for group in groups])
    groups = [{**group, "proposed": proposed.get(group["cause"], [])} for group in groups]
    editions = await reader.editions(1)
    if not groups or not editions:
        return groups, {}
    try:
        tables = (await Editions(reader).release(editions[0].id)).tables
    except SutureError:  # the list comes without suggestions, too
        return groups, {}
    return groups, nearest((group["cause"] for group in groups), tables)


def _details(group: dict[str, Any]) -> Iterator[str]:
    yield f"    first seen {group['first']}, last {group['last']}; messages {', '.join(map(str, group['samples']))}"
    if group["nearest"]:
        keys = (" ".join(f"{name}={text}" for name, text in cells.items()) for cells in group["nearest"])
        yield f"    spelled almost like it: {'; '.join(keys)}"


def worklist_line(group: dict[str, Any]) -> str:
    """One cause of the worklist as people read it."""
    money = "no stated money" if group["at_stake"] is None else f"{Decimal(group['at_stake']):,.2f} at stake"
    unpriced = f", {group['unpriced']} unpriced" if group["unpriced"] else ""
    applied = f", {group['applied']} applied elsewhere" if group["applied"] else ""
    waits = ", ".join(map(str, group.get("proposed", ())))
    proposed = f", proposed ({waits})" if waits else ""
    messages = counted(group["messages"], "message")
    held = (
        f"{counted(group['lines'], 'line')} in {messages}, {money}"
        if group["lines"]
        else f"{messages}, not read yet"
    )
    return (
        f"{group['owner']:<20} {group['cause']}: {held}{unpriced}{applied}{proposed}; "
        f"see message {group['samples'][0]}"
    )


@click.command()
@site_option
@env_option
@json_option
@guarded
def reconcile(folder: Path, environment: str | None, as_json: bool) -> None:
    """The account: messages by state, effects by destination, money by measure, and what is held."""
    with reader_of(folder, environment) as reader:
        account = asyncio.run(_account(reader))
    say(account, as_json, account_lines)


async def _account(reader: Any) -> dict[str, Any]:
    return report(
        await reader.message_counts(),
        await reader.line_counts(),
        await reader.account(),
        await reader.worklist(),
        await reader.other_amounts(),
    )


def account_lines(account: dict[str, Any]) -> Iterator[str]:
    """The account as people read it."""
    states = ", ".join(f"{count} {state}" for state, count in sorted(account["messages"]["by_state"].items()))
    yield f"messages: {account['messages']['total']} = {states or 'none'}"
    for effect in account["effects"]:
        counts = " + ".join(
            f"{effect[state]} {state}"
            for state in ("delivered", "waiting", "unknown", "held", "cancelled")
            if effect[state]
        )
        unpriced = f", {effect['unpriced']} unpriced" if effect["unpriced"] else ""
        yield (
            f"{effect['destination']} {effect['effect']} ({effect['action']}): "
            f"{effect['expected']} expected = {counts}; "
            f"{Decimal(effect['money']):,.2f} delivered, {effect['measure']}{unpriced}"
        )
    for other in account["other_amounts"][:SHOWN]:
        yield (
            f"{other['destination']} books {Decimal(other['booked']):,.2f} for {other['effect']} {other['document']} "
            f"({other['reference']}), where {Decimal(other['posted']):,.2f} was posted; see message {other['message']}"
        )
    if len(account["other_amounts"]) > SHOWN:
        yield f"and {len(account['other_amounts']) - SHOWN} more with another amount; --json tells them all"
    yield from map(worklist_line, account["worklist"]) if account["worklist"] else ("nothing is held",)


@click.command()
@site_option
@env_option
@json_option
@guarded
def status(folder: Path, environment: str | None, as_json: bool) -> None:
    """Destinations and the release of a running engine."""
    answer = tell_engine(folder, environment, "status", {})
    say(answer, as_json, lambda _: (
        f"release {answer['release']}" + ("" if answer["running"] else "; no engine runs"),
        *_recovery(answer["recovering_since_us"]),
        *(
            f"{end['destination']}: {end['state']}, {end['in_flight']} under way, {end['parked']} lanes parked"
            for end in answer["destinations"]
        ),
        *(
            f"releasing {one['target']}: {one['messages']} of {one['asked']} messages done"
            for one in answer["releases"]
        ),
    ))  # fmt: skip


def _recovery(since_us: int | None) -> Iterator[str]:
    if since_us is not None:
        yield f"recovering since {when(since_us)}: nothing leaves unasked; `suture recovered` ends it"


COMMANDS = (messages, show, worklist, reconcile, status)
