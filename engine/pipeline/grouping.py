"""Masters that are put into tables together: a feed that tells each item by a message of its own makes one version of
a table for many of them, not one for each. Pure.

Their records are put in as those of one message would be, in order, and what became of each is told of its own message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.domain.event import Line
from engine.domain.message import MessageId
from engine.domain.posting import Amendment, LineRow, Stepped
from engine.pipeline.digests import Digester
from engine.pipeline.reading import ChannelRead, Read
from engine.pipeline.tabling import Made, record_key, standing_of, words_of
from engine.site.release import Channel, Release

MOST_LINES = 2_000
"""Records that are put in together."""

_Places = dict[tuple[str, int], tuple[int, int]]
"""(channel, number of a record among all) → (which of the messages, its number there)."""


def may_join(release: Release, first: Read, other: Read) -> bool:
    """Whether `other` may be put in with `first`: neither tells all that there is, nobody has to approve it, nothing is
    read by the tables that they keep, and nothing else is made of them."""
    channels = tuple(part.channel for part in first.reads)
    kept = {keep.table for channel in channels for keep in channel.keeps}
    return (
        channels == tuple(part.channel for part in other.reads)
        and (first.inbound.feed, first.today) == (other.inbound.feed, other.today)
        and all(_keeps_alone(channel, kept) for channel in channels)
        and not any(release.tables[table].spec.second_person for table in kept)
        and not any(_whole(read) for read in (first, other))
    )


def _keeps_alone(channel: Channel, kept: set[str]) -> bool:
    return bool(channel.keeps) and not channel.effects and channel.reader.tables.isdisjoint(kept)


def _whole(read: Read) -> bool:
    return any(line.fields.get("whole") is True for line in _lines(read))


def size_of(read: Read) -> int:
    """Records of it."""
    return sum(1 for _ in _lines(read))


def _lines(read: Read) -> Iterator[Line]:
    return (line for part in read.reads for line in part.event.lines)


class Group(NamedTuple):
    """`reads`: in order. `read`: all of them as one, in the name of the first. `places`: whose its records are."""

    reads: Sequence[Read]
    read: Read
    places: _Places

    @classmethod
    def of(cls, reads: Sequence[Read]) -> Group:
        places: _Places = {}
        parts: list[ChannelRead] = []
        for index, part in enumerate(reads[0].reads):
            lines: list[Line] = []
            for which, read in enumerate(reads):
                for line in read.reads[index].event.lines:
                    number = len(lines) + 1
                    places[part.channel.name, number] = (which, line.number)
                    own: dict[str, Any] = {"number": line.number, "received_at": read.received}
                    lines.append(line._replace(number=number, fields={**line.fields, **own}))
            parts.append(part._replace(event=part.event._replace(lines=tuple(lines))))
        return cls(reads, reads[0]._replace(reads=tuple(parts)), places)

    def parted(self, digester: Digester, made: Made) -> list[Stepped]:
        """What became of each message. What they change together is written with the last that changes anything."""
        stepped = made.stepped
        rows: list[list[LineRow]] = [[] for _ in self.reads]
        for row in stepped.lines:
            which, number = self.places[row.channel, row.number]
            key = record_key(digester, row.channel, self.reads[which].inbound.id, number)
            rows[which].append(row._replace(number=number, key=key))
        told: list[dict[str, Counter[str]]] = [{} for _ in self.reads]
        for place, did in made.did.items():
            for table, word in did:
                told[self.places[place][0]].setdefault(table, Counter())[word] += 1
        carriers = {
            one.table: [which for which, counts in enumerate(told) if one.table in counts]
            for one in stepped.amends
        }
        last = max((which for found in carriers.values() for which in found), default=-1)
        found = []
        for which, lines in enumerate(rows):
            why = [f"{table}: {words_of(counts)}" for table, counts in told[which].items()]
            state, reason = standing_of(lines, why)
            amends = tuple(self._amends(stepped, carriers, last)) if which == last else ()
            found.append(stepped._replace(state=state, reason=reason, lines=tuple(lines), amends=amends))
        return found

    def _amends(self, stepped: Stepped, carriers: dict[str, list[int]], last: int) -> Iterator[Amendment]:
        for one in stepped.amends:
            others = (self.reads[which].inbound.id for which in carriers[one.table] if which != last)
            yield one._replace(beside=tuple(MessageId(other) for other in others))
