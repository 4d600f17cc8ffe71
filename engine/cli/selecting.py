"""Which messages a verb is about: named by number, or found as `messages` finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from engine.cli.output import NUMBER, moment
from engine.clock import to_us
from engine.domain.status import MessageState

numbers_argument = click.argument("numbers", type=NUMBER, nargs=-1, metavar="[MESSAGE]...")

_OPTIONS = (
    click.option("--feed", help="Messages of this feed."),
    click.option(
        "--state",
        type=click.Choice([state.word for state in MessageState]),
        help="Messages in this state; held: with anything that waits for a person.",
    ),
    click.option("--type", "kind", help="Messages of this type, such as DFT^P03."),
    click.option("--document", help="The message of this document: its number, or our reference."),
    click.option("--owner", help="Messages that hold something for this owner."),
    click.option("--cause", help="Messages that hold something for this cause."),
    click.option("--since", help="Received on or after this date."),
    click.option("--until", help="Received before this date."),
)


def selects(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the numbers and the options; the command gets them as `selection`'s arguments, by name."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return numbers_argument(command)


def selection(
    numbers: tuple[int, ...],
    feed: str | None,
    state: str | None,
    kind: str | None,
    document: str | None,
    owner: str | None,
    cause: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    """`messages` and `query` for the engine; numbers win."""
    query = {
        "feed": feed,
        "state": state,
        "type": kind,
        "document": document,
        "owner": owner,
        "cause": cause,
        "since_us": to_us(moment(since)) if since else None,
        "until_us": to_us(moment(until)) if until else None,
    }
    asked = {name: value for name, value in query.items() if value is not None}
    return {"messages": list(numbers) or None, "query": asked or None}
