"""A site with some of its channels, and all that these need: maps, tables, samples, listeners, destinations. Pure.

References are followed by the schema, and texts are cut where the parts stand, so that comments and order stay.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from posixpath import join, normpath

from engine.errors import UsageError
from engine.site.compile import check
from engine.site.files import CHANNELS, MAPPINGS, SITE_FILE, Site, beside_channels
from engine.site.hints import did_you_mean
from engine.site.maps import csv_file
from engine.site.schema.channel import ChannelFile
from engine.site.schema.mapping import LookupFile
from engine.site.sources import Sources, read_sources
from engine.site.yaml import Document


def subset(site: Site, channels: Collection[str]) -> Site:
    """The site cut down to `channels`. Raises `UsageError` for a channel that it does not have."""
    sources = read_sources(site)
    for name in channels:
        if name not in sources.channels.sources:
            mend = did_you_mean(name, sources.channels.names)
            raise UsageError("SIT021", f"there is no channel '{name}'", mend)
    kept = [sources.channels.sources[name] for name in sources.channels.sources if name in channels]
    files = {file: site.files[file] for source in kept for file in _needed(site, sources, source.model)}
    feeds = {feed for source in kept for feed in source.model.from_}
    ends = {effect.to for source in kept for effect in source.model.deliver.values()}
    wanted = {"listeners": feeds, "destinations": ends}
    for source in (sources.site, *sources.environments.sources.values()):
        if source is not None:
            files[source.document.file] = _cut(source.document, wanted).encode()
    small = Site(site.folder, {name: files[name] for name in site.files if name in files}, site.environment)
    return _telling_less(small)


def _telling_less(site: Site) -> Site:
    """Destinations that may be told more of a patient than the maps that are left say are told less."""
    lines = site.files[SITE_FILE].decode().splitlines(keepends=True)
    for fault in check(site):
        told = re.fullmatch(r"write (patient_data: \w+)", fault.mend)
        if told is not None and fault.where.startswith(f"{SITE_FILE}:"):
            number = int(fault.where.split(":")[1]) - 1
            lines[number] = lines[number].partition("patient_data")[0] + told[1] + "\n"
    return Site(site.folder, {**site.files, SITE_FILE: "".join(lines).encode()}, site.environment)


def _needed(site: Site, sources: Sources, model: ChannelFile) -> Iterator[str]:
    """The files of one channel: its own, its maps', its tables', its tests'."""
    yield f"{CHANNELS}{model.channel}.yaml"
    maps = {
        model.read,
        *(name for effect in model.deliver.values() for name in (effect.map, effect.undo) if name),
    }
    yield from (f"{MAPPINGS}{name}.yaml" for name in sorted(maps))
    tables = [*(translate.table for translate in model.translate.values()), *model.tables]
    read = sources.reads.sources[model.read]
    tables += [origin.table for origin in read.model.fields.values() if isinstance(origin, LookupFile)]
    for name in tables:  # grows while it is gone through: a table may refer to others
        table = sources.tables.sources[name]
        tables += [
            other for target in table.model.refers.values() if (other := target.split(".")[0]) not in tables
        ]
        yield table.document.file
        yield csv_file(table)
    if model.profile:
        yield beside_channels(model.profile)
    for test in model.tests:
        for name in (test.given, *test.before, *_texts(test.expect)):
            yield normpath(join(CHANNELS, name))


def _texts(tree: object) -> Iterator[str]:
    """File names among expected documents: texts that stand where a document may."""
    for documents in tree.values() if isinstance(tree, dict) else ():
        entries = documents if isinstance(documents, list) else [documents]
        yield from (entry for entry in entries if isinstance(entry, str))


def _cut(document: Document, wanted: dict[str, set[str]]) -> str:
    """The text without the listeners and destinations that are not wanted, and without the comments that lead them."""
    lines = document.text.splitlines(keepends=True)
    gone: set[int] = set()
    starts = sorted(mark.line for path, mark in document.keys.items() if len(path) <= 2)
    for section, names in wanted.items():
        for path, mark in document.keys.items():
            if len(path) == 2 and path[0] == section and path[1] not in names:
                after = next((line for line in starts if line > mark.line), len(lines) + 1)
                gone.update(number for number in range(mark.line, after) if lines[number - 1].strip())
        head = document.keys.get((section,))
        if head is not None and not names:
            lines[head.line - 1] = f"{section}: {{}}\n"
    return "".join(line for number, line in enumerate(lines, 1) if number not in gone)
