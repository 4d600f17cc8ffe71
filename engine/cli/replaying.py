"""`replay` and `requeue`: messages again from the inbox, documents again from the outbox."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import tell_engine
from engine.cli.mending import reason_option
from engine.cli.output import env_option, guarded, json_option, say, site_option
from engine.cli.selecting import selection, selects


@click.command()
@selects
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and do nothing.")
@click.option(
    "--tables",
    type=click.Choice(["then", "now"]),
    default="then",
    show_default=True,
    help="With the release and tables that each message had, or with those of now.",
)
@click.option("--to", help="For this destination only.")
@click.option(
    "--from",
    "step_from",
    type=click.Choice(["inbox", "outbox"]),
    default="inbox",
    show_default=True,
    help="Read again; or its refused documents sent again as they were.",
)
@click.option(
    "--edit",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the message as it should have been; it takes the place of the one that is named.",
)
@reason_option
@site_option
@env_option
@json_option
@guarded
def replay(
    folder: Path,
    environment: str | None,
    as_json: bool,
    dry_run: bool,
    tables: str,
    to: str | None,
    step_from: str,
    edit: Path | None,
    reason: str,
    **which: Any,
) -> None:
    """Take messages again as new ones with the same keys; what was applied is a duplicate."""
    arguments = {
        **selection(**which),
        "reason": reason,
        "dry_run": dry_run,
        "tables": tables,
        "to": to,
        "step_from": step_from,
        "edit": b64encode(edit.read_bytes()).decode() if edit else None,
    }
    say(tell_engine(folder, environment, "replay", arguments), as_json, _replayed)


def _replayed(answer: dict[str, Any]) -> Iterator[str]:
    for one in answer.get("would_replay", ()):
        lines = ", ".join(f"{count} {state}" for state, count in one["lines"].items()) or "no lines"
        documents = ", ".join(f"{count} {name}" for name, count in one["documents"].items()) or "none"
        because = f" ({one['reason']})" if one["reason"] else ""
        yield f"message {one['message']} would be {one['state']}{because}: {lines}; documents: {documents}"
    if "would_send" in answer:
        yield f"{len(answer['would_send'])} documents would be sent again as they were"
    for old, new in answer.get("replayed", {}).items():
        yield f"message {old} again, as message {new}"
    yield from _sent(answer)


def _sent(answer: dict[str, Any]) -> Iterator[str]:
    if "sent" in answer:
        yield f"{answer['sent']} documents are sent again as they were"
    if answer.get("conflicts"):
        yield f"{answer['conflicts']} are not: posted by another message since, or behind one that is not there"


@click.command()
@click.option("--destination", help="Only of this destination.")
@reason_option
@site_option
@env_option
@json_option
@guarded
def requeue(
    destination: str | None, reason: str, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Send refused documents again as they are."""
    arguments = {"destination": destination, "reason": reason}
    say(tell_engine(folder, environment, "requeue", arguments), as_json, _sent)


COMMANDS = (replay, requeue)
