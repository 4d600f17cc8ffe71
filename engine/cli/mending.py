"""`release`, `drop`, `reload`, `resume`, `hold`: what people decide, with their name on it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import reader_of, release_held, tell_engine
from engine.cli.output import NUMBER, env_option, guarded, json_option, say, site_option
from engine.errors import UsageError

reason_option = click.option("--reason", default="", help="Why; kept in the audit.")
file_option = click.option(
    "--file", type=NUMBER, help="The messages of this file; `suture files` has its number."
)
numbers_argument = click.argument("numbers", type=NUMBER, nargs=-1, metavar="[MESSAGE]...")


def messages_of(
    folder: Path, environment: str | None, numbers: tuple[int, ...], file: int | None
) -> tuple[int, ...]:
    """Those that were named, and those of the file."""
    if file is None:
        return numbers
    with reader_of(folder, environment) as reader:
        found = asyncio.run(reader.filed_in(file))
    if not found:
        raise UsageError("CTL004", f"there is no file {file}", "find it with `suture files`")
    return (*numbers, *found)


def _words(answer: dict[str, Any]) -> list[str]:
    return [", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in answer.items())]


@click.command()
@numbers_argument
@file_option
@click.option("--all", "everything", is_flag=True, help="Everything that is held.")
@click.option("--owner", help="What this owner's worklist holds.")
@click.option("--cause", help="What is held for this cause, as the worklist words it.")
@click.option(
    "--as-new", is_flag=True, help="Suspected duplicates and changed lines are others: post them too."
)
@reason_option
@site_option
@env_option
@json_option
@guarded
def release(
    numbers: tuple[int, ...],
    file: int | None,
    everything: bool,
    owner: str | None,
    cause: str | None,
    as_new: bool,
    reason: str,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Step held lines again with what is known now; those that can, go out at the end of their lanes."""
    numbers = messages_of(folder, environment, numbers, file)
    if not (numbers or everything or owner or cause):
        raise UsageError(
            "CLI004", "what is to be released is not said", "name messages, --owner, --cause or --all"
        )
    arguments = {
        "owner": owner,
        "cause": cause,
        "messages": list(numbers) or None,
        "as_new": as_new,
        "reason": reason,
    }
    say(release_held(folder, environment, "release", arguments), as_json, _released)


def _released(answer: dict[str, Any]) -> list[str]:
    """Nobody is left guessing whether a name was mistyped."""
    if not answer["messages"]:
        return ["nothing of that is held; `suture worklist` shows what is"]
    return _words({name: answer[name] for name in ("messages", "released", "still_held", "not_due")})


@click.command()
@numbers_argument
@file_option
@reason_option
@site_option
@env_option
@json_option
@guarded
def drop(
    numbers: tuple[int, ...],
    file: int | None,
    reason: str,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Decide that what these messages hold is not to be posted. Needs a reason."""
    chosen = messages_of(folder, environment, numbers, file)
    say(
        tell_engine(folder, environment, "drop", {"messages": list(chosen), "reason": reason}),
        as_json,
        _words,
    )


@click.command()
@click.option("--shrinks", is_flag=True, help="Tables whose files lost most of their rows are to lose them.")
@site_option
@env_option
@json_option
@guarded
def reload(shrinks: bool, folder: Path, environment: str | None, as_json: bool) -> None:
    """Make the site's files the active release, whole, or not at all."""
    answer = tell_engine(folder, environment, "reload", {"shrinks": shrinks})
    warnings = answer["warnings"]
    told = {name: value for name, value in answer.items() if name != "warnings"}
    say(answer, as_json, lambda _: (*_words(told), *warnings))


@click.command()
@click.argument("destination")
@site_option
@env_option
@json_option
@guarded
def resume(destination: str, folder: Path, environment: str | None, as_json: bool) -> None:
    """Let a stopped destination go again, once its credentials or path are mended."""
    say(tell_engine(folder, environment, "resume", {"destination": destination}), as_json, _words)


@click.command()
@click.argument("destination")
@reason_option
@site_option
@env_option
@json_option
@guarded
def hold(destination: str, reason: str, folder: Path, environment: str | None, as_json: bool) -> None:
    """Send nothing to a destination until it is resumed."""
    arguments = {"destination": destination, "reason": reason}
    say(tell_engine(folder, environment, "hold", arguments), as_json, _words)


COMMANDS = (release, drop, reload, resume, hold)
