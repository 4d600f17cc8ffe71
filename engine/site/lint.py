"""Rules across channels: what nobody uses, what nobody takes, what two would write. Compiles nothing.

Asked only of a site whose files are each without fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from engine.errors import Fault
from engine.site.release import Channel
from engine.site.schema.mapping import LookupFile
from engine.site.sources import Sources


def lint(sources: Sources, channels: Iterable[Channel]) -> list[Fault]:
    """All warnings that need more than one file."""
    return [*_orphans(sources), *_idle(sources), *_twice(sources, channels)]


def _orphans(sources: Sources) -> Iterator[Fault]:
    """Mappings that no channel uses."""
    models = [source.model for source in sources.channels.sources.values()]
    reads = {model.read for model in models}
    writes = {
        name for model in models for effect in model.deliver.values() for name in (effect.map, effect.undo)
    }
    tables = {translate.table for model in models for translate in model.translate.values()}
    for read in sources.reads.sources.values():
        tables |= {field.table for field in read.model.fields.values() if isinstance(field, LookupFile)}
    for sort, key, shelf, used in (
        ("read map", "read", sources.reads, reads),
        ("write map", "write", sources.writes, writes),
        ("table", "table", sources.tables, tables),
    ):
        for name, source in shelf.sources.items():
            if name not in used:
                yield source.warning(
                    (key,), "SIT044", f"no channel uses {sort} '{name}'", "use it or remove it", key=True
                )


def _idle(sources: Sources) -> Iterator[Fault]:
    """Listeners that no channel reads from, destinations that none delivers to."""
    if sources.site is None:
        return
    models = [source.model for source in sources.channels.sources.values()]
    feeds = {feed for model in models for feed in model.from_}
    ends = {effect.to for model in models for effect in model.deliver.values()}
    for name in sources.site.model.listeners:
        if name not in feeds:
            what = f"no channel takes what comes in at '{name}'"
            mend = "its charges and usage will be held as unclaimed: name it in a channel's from:"
            yield sources.site.warning(("listeners", name), "SIT048", what, mend, key=True)
    for name in sources.site.model.destinations:
        if name not in ends:
            what = f"no channel delivers to '{name}'"
            yield sources.site.warning(
                ("destinations", name), "SIT044", what, "use it or remove it", key=True
            )


def _twice(sources: Sources, channels: Iterable[Channel]) -> Iterator[Fault]:
    """The same effect at the same destination, from the same messages, by two channels."""
    writers: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for channel in channels:
        for effect in channel.effects:
            for feed in channel.feeds:
                for trigger in channel.reader.triggers:
                    writers[effect.destination, effect.name, feed, trigger].append(channel.name)
    told = set()
    for (destination, name, feed, trigger), names in writers.items():
        first, *others = names
        for other in others:
            if (other, name) not in told:
                told.add((other, name))
                what = f"channel {first} too writes '{name}' to '{destination}' from {trigger} of '{feed}'"
                mend = "see that each line is skipped by one of the two"
                source = sources.channels.sources[other]
                yield source.warning(("deliver", name), "SIT043", what, mend, key=True)
