"""What steps run with: the active edition, and older ones, made again from the store for replays.

A replay is stepped with the versions that its message had (rules of money, 13). Few are kept: replays come in bulk and
of one time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from engine.domain.message import Inbound
from engine.domain.ports import Reader
from engine.errors import SutureError, UsageError
from engine.site.compile import compile_release, unpack_site
from engine.site.release import Release

KEPT = 4
"""Releases in memory beside the active one."""


class Edition(NamedTuple):
    """What steps run with: a compiled release and the id under which the store knows it with its tables."""

    id: int
    release: Release


class Editions:
    """Older editions, by the id under which the store knows them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._made: OrderedDict[int, Release] = OrderedDict()

    async def release(self, edition: int) -> Release:
        """Raises `UsageError` when the store no longer has all of it, `SiteError` when this engine cannot read it."""
        found = self._made.get(edition) or await self._make(edition)
        self._made[edition] = found
        self._made.move_to_end(edition)
        while len(self._made) > KEPT:
            self._made.popitem(last=False)
        return found

    async def wanted_by(self, batch: Iterable[Inbound], active: Edition) -> dict[int, Edition | str]:
        """What the replays of a batch are stepped with, or why they cannot be: told as a cause to hold them for."""
        return {
            inbound.edition: await self._or_why(inbound.edition, active)
            for inbound in batch
            if inbound.edition is not None and inbound.edition != active.id
        }

    async def _or_why(self, edition: int, active: Edition) -> Edition | str:
        try:
            release = await self.release(edition)
        except SutureError as error:
            return str(error).partition("\n")[0]
        if not release.destinations.keys() <= active.release.destinations.keys():
            return "CTL010 its release delivers to a destination that is gone"
        return Edition(edition, release)

    async def _make(self, edition: int) -> Release:
        kept = await kept_edition(self._reader, edition)
        return await asyncio.to_thread(compile_release, unpack_site(kept.files), kept.tables)


class KeptEdition(NamedTuple):
    """What the store has of an edition: packed files, the rows of each table, and their versions."""

    release_hash: str
    files: bytes
    tables: dict[str, bytes]
    versions: dict[str, int]


async def kept_edition(reader: Reader, edition: int) -> KeptEdition:
    """Raises `UsageError` when the store no longer has all of it: with other rows it would be another edition."""
    view = await reader.edition(edition)
    files = await reader.release_files(view.release_hash) if view else None
    if view is None or files is None:
        raise UsageError("CTL016", f"the store has no edition {edition}", "see `suture releases`")
    tables: dict[str, bytes] = {}
    for name, version in view.tables.items():
        csv = await reader.table_csv(name, version)
        if csv is None:
            what = f"the store has lost version {version} of table {name}"
            raise UsageError("CTL016", what, "use the tables of now")
        tables[name] = csv
    return KeptEdition(view.release_hash, files, tables, view.tables)
