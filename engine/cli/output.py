"""How verbs speak: plain lines for people, one JSON value with --json; faults on standard error, exit 1 or 2."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from engine.clock import to_datetime
from engine.errors import Fault, SiteError, StoreError, SutureError, UsageError

P = ParamSpec("P")
T = TypeVar("T")

NUMBER = click.IntRange(1, 2**63 - 1)
"""A message's or an act's."""

site_option = click.option(
    "--site",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The site's folder.",
)
env_option = click.option("--env", "environment", help="The environment: a file of config/env/ by its name.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value instead of text.")


def say(value: Any, as_json: bool, plain: Callable[[Any], Iterable[str]]) -> None:
    """Prints `value` as JSON, or as the lines that `plain` makes of it."""
    if as_json:
        click.echo(json.dumps(value, indent=2, default=str))
        return
    for line in plain(value):
        click.echo(line)


def tell(faults: Iterable[Fault]) -> None:
    """Each fault on a line of its own: place, code, what, mend."""
    for line in fault_lines(faults):
        click.echo(line, err=True)


def fault_lines(faults: Iterable[Fault]) -> Iterator[str]:
    for fault in faults:
        word = "" if fault.severity == "error" else " (warning)"
        place = f"{fault.where}: " if fault.where else ""
        yield f"{place}{fault.code}{word} {fault.what}"
        if fault.mend:
            yield f"    mend: {fault.mend}"


def guarded(command: Callable[P, T]) -> Callable[P, T]:
    """Faults are told and not traced. Exit 1: faults found; 2: used wrongly."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except SiteError as error:
            tell(error.faults)
            sys.exit(1)
        except UsageError as error:
            tell((error.fault,))
            sys.exit(2)
        except StoreError as error:
            tell((error.fault,))
            sys.exit(1)
        except SutureError as error:
            tell((Fault("", "BUG001", str(error), "report it with the log of this run"),))
            sys.exit(1)

    return run


def counted(number: int, noun: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def told_counts(counts: Mapping[str, int]) -> str:
    """How many rows of a table differ."""
    return f"{counts['added']} new, {counts['changed']} changed, {counts['gone']} gone"


def when(us: int | None) -> str:
    """A moment of the store for people, UTC."""
    return "" if us is None else f"{to_datetime(us):%Y-%m-%d %H:%M:%S}Z"


def moment(text: str) -> datetime:
    """An ISO date or moment that somebody typed, or copied from what `when` wrote; a date means its midnight. It is UTC
    unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        raise UsageError("CLI001", "a date is not understood", "write it as 2026-11-20") from None
