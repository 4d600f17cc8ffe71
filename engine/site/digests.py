"""What each channel of a site is made of, as digests: an edit touches the channels whose digests it changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from engine.site.files import MAPPINGS, SITE_FILE, Site, beside_channels
from engine.site.schema.channel import ChannelFile
from engine.site.schema.mapping import LookupFile
from engine.site.sources import Sources


class Parts(NamedTuple):
    """What a channel is made of. `files`: digest of its file, its maps, how its tables are declared, and the site's own
    file; its tests do not count. `rows`: table that it looks up in → digest of the rows in force."""

    files: str
    rows: dict[str, str]


def channel_parts(site: Site, sources: Sources, tables: Mapping[str, bytes]) -> dict[str, Parts]:
    """Channel → what it is made of. `tables`: the rows in force."""
    found = {}
    for name, source in sources.channels.sources.items():
        looked_up = _looked_up(sources, source.model)
        rows = {table: _digest([tables.get(table, b"")]) for table in looked_up}
        found[name] = Parts(_digest(_files(site, source.model, looked_up)), rows)
    return found


def _files(site: Site, model: ChannelFile, looked_up: list[str]) -> Iterator[bytes]:
    yield site.files.get(SITE_FILE, b"")
    yield model.model_dump_json(exclude={"tests", "about", "expect"}).encode()
    yield site.files.get(beside_channels(model.profile), b"") if model.profile else b""
    yield site.files.get(f"{MAPPINGS}{model.read}.yaml", b"")
    for effect in model.deliver.values():
        for name in (effect.map, effect.undo or ""):
            yield site.files.get(f"{MAPPINGS}{name}.yaml", b"")
    for table in looked_up:
        yield site.files.get(f"{MAPPINGS}tables/{table}.yaml", b"")


def _looked_up(sources: Sources, model: ChannelFile) -> list[str]:
    """The tables of its translations, and of the read map's own look-ups."""
    tables = {translate.table for translate in model.translate.values()}
    read = sources.reads.sources.get(model.read)
    if read is not None:
        tables |= {origin.table for origin in read.model.fields.values() if isinstance(origin, LookupFile)}
    return sorted(tables)


def _digest(parts: Iterable[bytes]) -> str:
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
