"""A code table as the store has it: how it was declared and the rows it had, now or at an earlier moment."""

from __future__ import annotations

from typing import NamedTuple

from engine.domain.ports import Reader
from engine.domain.views import EditionView
from engine.errors import UsageError
from engine.reference.spec import TableSpec
from engine.site.files import Site, unpack_site
from engine.site.maps import table_spec
from engine.site.schema.mapping import TableFile
from engine.site.sources import read_sources


class InForce(NamedTuple):
    """One version of a table, with the declaration of its time."""

    spec: TableSpec
    declared: TableFile
    version: int
    csv: bytes


async def table_in_force(reader: Reader, table: str, edition: EditionView | None = None) -> InForce:
    """As steps run with it, or did in an older edition. Raises `UsageError` when there was no such table."""
    view = edition or await newest_edition(reader)
    if table not in view.tables:
        known = ", ".join(sorted(view.tables))
        raise UsageError("CTL005", f"there is no table '{table}'", f"tables are {known}")
    source = read_sources(await site_of(reader, view)).tables.sources[table]
    version = view.tables[table]
    csv = await reader.table_csv(table, version) or b""
    return InForce(table_spec(source), source.model, version, csv)


async def newest_edition(reader: Reader) -> EditionView:
    editions = await reader.editions(1)
    if not editions:
        raise UsageError("CLI011", "nothing was activated here yet", "see `suture check`")
    return editions[0]


async def site_of(reader: Reader, edition: EditionView) -> Site:
    files = await reader.release_files(edition.release_hash)
    if files is None:
        raise UsageError("CTL016", f"the store has no edition {edition.id}", "see `suture releases`")
    return unpack_site(files)
