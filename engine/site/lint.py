"""Rules across channels: what nobody uses, what nobody takes, what two would write. Compiles nothing.

Asked only of a site whose files are each without fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from engine.errors import Fault
from engine.site.due import due_faults
from engine.site.hints import did_you_mean
from engine.site.maps import Maps
from engine.site.names import Privacy, Scope
from engine.site.release import Channel
from engine.site.schema.mapping import LookupFile, ReadFile
from engine.site.sources import Source, Sources


def lint(sources: Sources, maps: Maps, channels: Sequence[Channel]) -> list[Fault]:
    """All warnings that need more than one file."""
    return [
        *_orphans(sources),
        *_idle(sources),
        *_twice(sources, channels),
        *_never_sent(sources, channels),
        *_needless(sources, maps, channels),
        *(
            fault
            for channel in channels
            for fault in due_faults(sources.channels.sources[channel.name], channel, maps.tables)
        ),
    ]


def _orphans(sources: Sources) -> Iterator[Fault]:
    """Mappings that no channel uses."""
    models = [source.model for source in sources.channels.sources.values()]
    reads = {model.read for model in models}
    writes = {
        name for model in models for effect in model.deliver.values() for name in (effect.map, effect.undo)
    }
    tables = {translate.table for model in models for translate in model.translate.values()}
    tables |= {name for model in models for name in model.tables}
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


def _never_sent(sources: Sources, channels: Iterable[Channel]) -> Iterator[Fault]:
    """Message types that a map reads and no listener of its channel sends, where all of them say what they send."""
    if sources.site is None:
        return
    told = set()
    for channel in channels:
        sends = [sources.site.model.listeners[feed].sends for feed in channel.feeds]
        known = {trigger for sent in sends for trigger in sent}
        if not all(sends):
            continue
        source = sources.reads.sources[channel.reader.name]
        for place, trigger in enumerate(source.model.read):
            if trigger not in known and (source.name, trigger) not in told:
                told.add((source.name, trigger))
                what = f"no listener of channel {channel.name} sends {trigger}"
                yield Fault(
                    _place(source, place, trigger), "SIT074", what, did_you_mean(trigger, known), "warning"
                )


def _place(source: Source[ReadFile], place: int, trigger: str) -> str:
    """Of one message type, in a list or in a text with commas."""
    document = source.document
    if ("read", place) in document.values:
        return document.where(("read", place))
    return document.within(("read",), str(document.tree["read"]).find(trigger))


def _needless(sources: Sources, maps: Maps, channels: Iterable[Channel]) -> Iterator[Fault]:
    """Destinations that may be told more of a patient than any write map says."""
    if sources.site is None:
        return
    told: dict[str, Privacy] = {}
    for channel in channels:
        scope = Scope(
            kind=channel.reader.kind,
            reader=channel.reader.name,
            fields=frozenset(channel.reader.fields),
            private=maps.private[channel.reader.name],
            rows={translation.name: None for translation in channel.translations},
            flags=frozenset(),
        )
        for effect in channel.effects:
            maps_of = [effect.write, *([effect.undo] if effect.undo else [])]
            said = [
                scope.privacy(name)
                for one in maps_of
                for leaf in one.leaves
                for name in leaf.expression.names
            ]
            told[effect.destination] = max([told.get(effect.destination, Privacy.REFUSED), *said])
    for name, most in told.items():
        allowed = Privacy[sources.site.model.destinations[name].patient_data.upper()]
        if allowed > most:
            what, mend = (
                f"no write map tells '{name}' that much of a patient",
                f"write patient_data: {most.word}",
            )
            yield sources.site.warning(("destinations", name, "patient_data"), "SIT075", what, mend)
