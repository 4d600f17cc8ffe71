"""How a verb reaches the store and the engine: reads beside it, changes through it, or holds the store itself."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from engine.clock import SystemClock
from engine.control.socket import ask
from engine.errors import UsageError
from engine.site.compile import compile_environment, load_site
from engine.site.files import Site
from engine.site.release import Environment
from engine.store.sqlite import SqliteReader

FOLLOW = 0.5
"""Seconds between two looks at what the engine goes on with."""


def place_of(folder: Path, environment: str | None) -> tuple[Site, Environment]:
    site = load_site(folder, environment)
    return site, compile_environment(site)


@contextmanager
def reader_of(folder: Path, environment: str | None) -> Iterator[SqliteReader]:
    """Reads the store, whether an engine runs or not."""
    _, place = place_of(folder, environment)
    reader = SqliteReader(place.store)
    try:
        yield reader
    finally:
        reader.close()


def tell_engine(
    folder: Path, environment: str | None, verb: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Asks the running engine; where none runs, does it here, holding the store meanwhile."""
    return asyncio.run(_tell(folder, environment, verb, arguments))


def release_held(
    folder: Path, environment: str | None, verb: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    """`tell_engine` for a verb that releases held lines: many take a while, and are followed to their end. The engine
    goes on with them, also after a restart, when nobody does."""
    answer = tell_engine(folder, environment, verb, arguments)
    if answer.get("done", True):
        return answer
    click.echo(
        f"accepted: {answer['asked']} messages; the engine releases them (act {answer['act']})", err=True
    )
    _, place = place_of(folder, environment)
    try:
        while not answer["done"]:
            time.sleep(FOLLOW)
            asked = ask(place.control, "release_progress", {"act": answer["act"]}, getpass.getuser())
            answer |= asyncio.run(asked)
            if answer.get("left"):
                raise UsageError(
                    "CTL024",
                    f"the engine left release {answer['act']} undone",
                    "see its log; a restart goes on with it",
                )
            click.echo(f"{answer['messages']} of {answer['asked']} …", err=True)
    except (ConnectionError, FileNotFoundError, orjson.JSONDecodeError):
        click.echo("the engine stopped; it goes on with the rest when it starts", err=True)
    return answer


async def _tell(
    folder: Path, environment: str | None, verb: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    _, place = place_of(folder, environment)
    actor = getpass.getuser()
    try:
        return await ask(place.control, verb, arguments, actor)
    except (ConnectionError, FileNotFoundError):
        from engine.offline import offline_verbs

        async with offline_verbs(folder, environment, SystemClock()) as verbs:
            return await verbs.call(verb, arguments, actor)
