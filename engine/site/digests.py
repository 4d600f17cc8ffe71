"""What each channel of a site is made of, as a digest: an edit touches the channels whose digests it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from engine.site.files import MAPPINGS, SITE_FILE, Site
from engine.site.schema.channel import ChannelFile
from engine.site.schema.mapping import LookupFile
from engine.site.sources import Sources


def channel_digests(site: Site, sources: Sources, tables: Mapping[str, bytes]) -> dict[str, str]:
    """Channel → digest of its file, its maps, the tables that they look up in, and the site's own file. Its tests do
    not count. `tables`: the rows in force."""
    return {
        name: _digest(_parts(site, sources, tables, source.model))
        for name, source in sources.channels.sources.items()
    }


def _parts(site: Site, sources: Sources, tables: Mapping[str, bytes], model: ChannelFile) -> Iterator[bytes]:
    yield site.files.get(SITE_FILE, b"")
    yield model.model_dump_json(exclude={"tests", "about", "expect"}).encode()
    yield site.files.get(f"{MAPPINGS}{model.read}.yaml", b"")
    for effect in model.deliver.values():
        for name in (effect.map, effect.undo or ""):
            yield site.files.get(f"{MAPPINGS}{name}.yaml", b"")
    looked_up = {translate.table for translate in model.translate.values()}
    read = sources.reads.sources.get(model.read)
    if read is not None:
        looked_up |= {origin.table for origin in read.model.fields.values() if isinstance(origin, LookupFile)}
    for table in sorted(looked_up):
        yield site.files.get(f"{MAPPINGS}tables/{table}.yaml", b"")
        yield tables.get(table, b"")


def _digest(parts: Iterator[bytes]) -> str:
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
