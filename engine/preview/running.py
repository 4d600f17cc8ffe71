"""The preview over a store's history, on every processor: ranges of messages are compared in processes of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from engine.activation import tables_after
from engine.domain.ports import Reader
from engine.domain.posting import FactKeys, Facts, Telling
from engine.domain.views import DroppedView, MessageQuery
from engine.errors import UsageError
from engine.pipeline.digests import Digester
from engine.pipeline.editions import kept_edition
from engine.pipeline.record import unpack_facts
from engine.preview.comparing import Comparer, Tally
from engine.preview.touching import Edit, edit_of
from engine.site.compile import compile_release, unpack_site
from engine.site.digests import channel_parts
from engine.site.files import Site
from engine.site.sources import read_sources
from engine.store.sqlite import SqliteReader

RANGE = 2000
"""Messages that one process takes at once."""


class Side(NamedTuple):
    """A site with the tables in force: what travels to the processes."""

    files: bytes
    tables: Mapping[str, bytes]


class Job(NamedTuple):
    store: Path
    before: Side
    after: Side
    edit: Edit


def preview(store: Path, site: Site, most: int, since_us: int | None, told: Callable[[int], None]) -> Tally:
    """Compares the release in force with the site's files. Raises `SiteError` when the site would not be activated,
    `UsageError` without a history."""
    reader = SqliteReader(store)
    try:
        before, after = asyncio.run(_sides(reader, site))
    finally:
        reader.close()
    return preview_between(store, before, after, most, since_us, told)


def preview_between(
    store: Path, before: Side, after: Side, most: int, since_us: int | None, told: Callable[[int], None]
) -> Tally:
    """Compares two sides over the newest `most` messages, received since then. `told`: with how many are done."""
    reader = SqliteReader(store)
    try:
        first, last = asyncio.run(_range(reader, most, since_us))
    finally:
        reader.close()
    tally, job = Tally(), Job(store, before, after, edit_between(before, after))
    if not job.edit.channels:
        tally.messages = last - first + 1
        return tally
    ranges = [(start, min(start + RANGE - 1, last)) for start in range(first, last + 1, RANGE)]
    context = multiprocessing.get_context("spawn")
    workers = min(len(ranges), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(job,)) as pool:
        for part in pool.map(_compare, ranges):
            tally.merge(part)
            told(tally.messages)
    return tally


async def _sides(reader: SqliteReader, site: Site) -> tuple[Side, Side]:
    editions = await reader.editions(1)
    if not editions:
        raise UsageError(
            "CLI011", "nothing was activated here yet", "preview needs a history: run `suture serve`"
        )
    return await side_of_edition(reader, editions[0].id), await side_of_files(reader, site)


async def side_of_edition(reader: Reader, edition: int) -> Side:
    """What was in force. Raises `UsageError` when the store does not have it."""
    kept = await kept_edition(reader, edition)
    return Side(kept.files, kept.tables)


async def side_of_files(reader: Reader, site: Site) -> Side:
    """What activating the files would put in force. Raises `SiteError` as activating would."""
    compile_release(site)
    return Side(site.pack(), await tables_after(reader, site))


async def _range(reader: SqliteReader, most: int, since_us: int | None) -> tuple[int, int]:
    newest = await reader.messages(MessageQuery(limit=1))
    if not newest:
        raise UsageError("CLI011", "no message came in yet", "preview needs a history")
    last = newest[0].id
    older = await reader.messages(MessageQuery(until_us=since_us, limit=1)) if since_us is not None else []
    return max(1, last - most + 1, older[0].id + 1 if older else 1), last


def edit_between(before: Side, after: Side) -> Edit:
    """What differs, by channels and tables."""
    parts = []
    for side in (before, after):
        site = unpack_site(side.files)
        parts.append(channel_parts(site, read_sources(site), side.tables))
    return edit_of(*parts)


class _Worker:
    """What one process has at hand."""

    def __init__(self, job: Job) -> None:
        self._reader = SqliteReader(job.store)
        before, after = (
            compile_release(unpack_site(side.files), side.tables) for side in (job.before, job.after)
        )
        self._comparer = Comparer(before, after, job.edit, Digester(self._reader.hash_key))

    async def compare(self, first: int, last: int) -> Tally:
        tally = Tally(last - first + 1)
        dropped = defaultdict[int, list[DroppedView]](list)
        for one in await self._reader.dropped(first, last):
            dropped[one.message].append(one)
        for kind, inbound, record in await self._reader.stepped(first, last):
            if self._comparer.takes(inbound.feed, kind):
                facts = await self._as_told_last(unpack_facts(record), self._comparer.retold(kind, inbound))
                found = self._comparer.compare(kind, inbound, facts, dropped[inbound.id])
                if found is not None:
                    tally.add(inbound.id, found)
        return tally

    async def _as_told_last(self, facts: Facts, retold: FactKeys) -> Facts:
        """Also with who told these last: whatever that one says, it is what counts."""
        if retold.saves:
            facts = facts._replace(saves=await self._reader.newest_saves(retold.saves))
        if retold.told:
            newest = await self._reader.newest_tellings(retold.told)
            facts = facts._replace(told={key: (Telling(message, b""),) for key, message in newest.items()})
        return facts


_worker: _Worker | None = None


def _start(job: Job) -> None:
    global _worker
    _worker = _Worker(job)


def _compare(ids: tuple[int, int]) -> Tally:
    assert _worker is not None
    return asyncio.run(_worker.compare(*ids))
