"""How a verb reaches the store and the engine: reads beside it, changes through it, or holds the store itself."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from engine.control.socket import ask
from engine.site.compile import compile_environment, load_site
from engine.site.files import Site
from engine.site.release import Environment
from engine.store.sqlite import SqliteReader


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
