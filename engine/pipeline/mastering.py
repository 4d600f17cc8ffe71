"""Masters beside the store: the rows in force are gathered, and the site is compiled with what a message makes of
them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from engine.domain.ports import Reader
from engine.pipeline.digests import Digester
from engine.pipeline.editions import Edition, kept_edition
from engine.pipeline.grouping import Group
from engine.pipeline.reading import Read
from engine.pipeline.tabling import Made, Place, tabled
from engine.site.compile import compile_release, unpack_site
from engine.site.release import Release


async def put_in_together(
    reader: Reader, digester: Digester, edition: Edition, reads: Sequence[Read]
) -> list[Made] | None:
    """What several messages make of the tables of `edition`, in one version of each: of each message in order. None:
    some of it waits for a person that might not, were they put in one by one."""
    if len(reads) == 1:
        return [await put_in(reader, digester, edition, reads[0])]
    group = Group.of(reads)
    made = await put_in(reader, digester, edition, group.read)
    if made.waits:
        return None
    return [Made(stepped, made.release) for stepped in group.parted(digester, made)]


async def put_in(
    reader: Reader,
    digester: Digester,
    edition: Edition,
    read: Read,
    *,
    only: Collection[Place] | None = None,
    shrinks: bool = False,
) -> Made:
    """What the message makes of the tables of `edition`, which is in force. On a thread: tables are large."""
    kept = await kept_edition(reader, edition.id)
    site = unpack_site(kept.files)

    def compiled(csvs: dict[str, bytes]) -> Release:
        return compile_release(site, {**kept.tables, **csvs}, edition.release.tables)

    def made() -> Made:
        return tabled(edition.release, digester, read, compiled, only=only, shrinks=shrinks)

    return await asyncio.to_thread(made)
