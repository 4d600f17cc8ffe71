"""`backup`, `restore`, `recovered`: the store's copy, and how it comes back without posting anything again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.cli.connect import place_of, tell_engine
from engine.cli.output import counted, env_option, guarded, json_option, say, site_option, when
from engine.clock import SystemClock
from engine.store.backup import Kept, back_up
from engine.store.backup import restore as put_back


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@site_option
@env_option
@json_option
@guarded
def backup(target: Path, folder: Path, environment: str | None, as_json: bool) -> None:
    """Copy the store to a new file, as it stands at one commit; the engine may run meanwhile."""
    _, place = place_of(folder, environment)
    kept = back_up(place.store, target)
    say({"file": str(target), **kept._asdict()}, as_json, lambda _: (f"{target}: {_words(kept)}",))


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@site_option
@env_option
@json_option
@guarded
def restore(source: Path, folder: Path, environment: str | None, as_json: bool) -> None:
    """Put a backup in the store's place; the engine must be stopped. The replaced store is kept beside it.

    The store is recovering from then on: whatever it holds open is asked about at its far end before it is sent, and
    so is what comes in, since both may have been posted after the backup. `suture recovered` ends it.
    """
    _, place = place_of(folder, environment)
    kept = put_back(source, place.store, SystemClock().now_us())
    say({"store": str(place.store), **kept._asdict()}, as_json, lambda _: (
        f"{place.store}: {_words(kept)}",
        "It is recovering: nothing leaves before its far end, or a person, has said that it is not there yet.",
        "Start the engine, ask the feeds to send again from that moment on, and end it with `suture recovered`.",
    ))  # fmt: skip


@click.command()
@click.option("--reason", default="", help="Why; kept in the audit.")
@site_option
@env_option
@json_option
@guarded
def recovered(reason: str, folder: Path, environment: str | None, as_json: bool) -> None:
    """End the recovery of a restored store: what is ready leaves without being asked about first."""
    answer = tell_engine(folder, environment, "recovered", {"reason": reason})
    say(answer, as_json, lambda _: ("the recovery is over: what is ready leaves unasked again",))


def _words(kept: Kept) -> str:
    last: Any = when(kept.last_us) or "none"
    return (
        f"{counted(kept.messages, 'message')}, the last received {last}, "
        f"{counted(kept.open_deliveries, 'document')} not settled"
    )


COMMANDS = (backup, restore, recovered)
