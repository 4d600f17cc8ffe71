"""`correct`, `undo`, `approve`, `acts`: taking back what was posted, who agreed to it, and what people did."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import reader_of, tell_engine
from engine.cli.mending import reason_option
from engine.cli.output import NUMBER, env_option, guarded, json_option, say, site_option, when
from engine.cli.selecting import numbers_argument, selection, selects

dry_option = click.option("--dry-run", is_flag=True, help="Say what would change, in money, and do nothing.")
to_option = click.option("--to", help="At this destination only.")


@click.command()
@selects
@dry_option
@click.option("--force", is_flag=True, help="Also what the tables of now say the same of.")
@to_option
@reason_option
@site_option
@env_option
@json_option
@guarded
def correct(
    folder: Path,
    environment: str | None,
    as_json: bool,
    dry_run: bool,
    force: bool,
    to: str | None,
    reason: str,
    **which: Any,
) -> None:
    """Translate posted lines again with the tables of now; take back what changes, and post it anew."""
    arguments = {**selection(**which), "reason": reason, "dry_run": dry_run, "force": force, "to": to}
    say(tell_engine(folder, environment, "correct", arguments), as_json, corrected_lines)


@click.command()
@numbers_argument
@dry_option
@to_option
@reason_option
@site_option
@env_option
@json_option
@guarded
def undo(
    numbers: tuple[int, ...],
    dry_run: bool,
    to: str | None,
    reason: str,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Take back what these messages posted."""
    arguments = {"messages": list(numbers), "reason": reason, "dry_run": dry_run, "to": to}
    say(tell_engine(folder, environment, "undo", arguments), as_json, corrected_lines)


@click.command()
@click.argument("act", type=NUMBER)
@reason_option
@site_option
@env_option
@json_option
@guarded
def approve(act: int, reason: str, folder: Path, environment: str | None, as_json: bool) -> None:
    """Agree to a correction or an undo that another person asked for: it goes."""
    say(tell_engine(folder, environment, "approve", {"act": act, "reason": reason}), as_json, corrected_lines)


def corrected_lines(answer: dict[str, Any]) -> Iterator[str]:
    """What changes effect by effect, then the money of each, as people read it."""
    if not answer["changes"]:
        yield "nothing changes"
    for one in answer["changes"]:
        because = f": {one['cause']}" if one["cause"] else ""
        part = f" of {one['part']}" if one["part"] else ""
        yield (
            f"message {one['message']} line {one['line']}, {one['effect']}{part} at {one['destination']}: "
            f"{one['what']}{because}{_from_to(one)}"
        )
    for one in answer["money"]:
        unpriced = f", {one['unpriced']} with money that is not known here" if one["unpriced"] else ""
        yield (
            f"{one['destination']} {one['effect']}: {one['changes']} changed, "
            f"{Decimal(one['taken_back']):,.2f} taken back, {Decimal(one['posted']):,.2f} posted, "
            f"difference {Decimal(one['difference']):+,.2f}{unpriced}"
        )
    yield from _ending(answer)


def _from_to(one: dict[str, Any]) -> str:
    if one["what"] == "left":
        return ""
    if not (one["before"] or one["after"]):
        return ""
    posts = one["what"] in ("post", "reverse and repost", "cancel and post")
    after = one["after"] or ("not known here" if posts else "nothing")
    return f", {one['before'] or 'not known here'} → {after}"


def _ending(answer: dict[str, Any]) -> Iterator[str]:
    if answer.get("dry_run"):
        yield "nothing was done: this was a dry run"
    elif "asked" in answer:
        yield f"asked for: another person lets it go with `suture approve {answer['asked']}`"
    for message in answer.get("lost", ()):
        yield f"message {message} was not changed: something it relies on keeps moving; ask again"


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@site_option
@env_option
@json_option
@guarded
def acts(limit: int, folder: Path, environment: str | None, as_json: bool) -> None:
    """What people did, newest first."""
    with reader_of(folder, environment) as reader:
        found = [{**act._asdict(), "at": when(act.at_us)} for act in asyncio.run(reader.acts(limit))]
    say(found, as_json, lambda _: (
        f"{act['id']:>6}  {act['at']}  {act['actor']:<12} {act['verb']} {act['target']}  {act['reason']}".rstrip()
        for act in found
    ))  # fmt: skip


COMMANDS = (correct, undo, approve, acts)
