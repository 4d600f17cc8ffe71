"""What a line is judged in: release, message and facts, frozen. One per channel and message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from engine.clock import to_datetime, to_us
from engine.domain.encounter import JOINED, LEFT, Encounter, fold
from engine.domain.event import Fields, Kind, Line
from engine.domain.posting import Action, Facts, Original, Prior
from engine.domain.status import EffectState
from engine.domain.told import Told
from engine.mapping.translation import Dates
from engine.pipeline.cases import case_of, known_names, names_of_case, persons_of_case
from engine.pipeline.digests import Digester
from engine.pipeline.identity import Identity, as_new, identify, text_of
from engine.pipeline.numbers import PERSONS, other_names, person_digest, surviving_persons
from engine.pipeline.reading import ChannelRead, Read
from engine.site.release import Channel, EffectRule, Release

AS_NEW = "new"
"""A person's decision on a suspected duplicate or a changed line: it is another one, post it."""


@dataclass(frozen=True, slots=True)
class Context:
    """`decisions`: (channel, line number) → what a person decided. `others`: identities of the same lines under
    other numbers of merged accounts (rule 4), and under the account of their case. `numbers`: account, visit and
    patient as they are known and under each other number; empty when nobody was merged. `of_case`: what the channel
    posted of the case that the message tells whole, by the key of the line."""

    release: Release
    digester: Digester
    read: Read
    facts: Facts
    channel: Channel
    others: tuple[tuple[Identity, ...], ...]
    encounter: Encounter | None
    decisions: dict[tuple[str, int], str]
    numbers: tuple[Fields, ...] = ()
    of_case: Mapping[bytes, Sequence[Original]] = field(default_factory=dict)

    def base_names(self, line: Line) -> dict[str, object]:
        """Fields of the line and all that is true of the message, by the names that expressions use."""
        given = persons_of_case(self.digester, self.channel, line.fields, self.facts)
        fields = {**line.fields, **given} if given else line.fields
        return {
            **fields,
            **self._survivors(fields),
            "number": line.number,
            "encounter": self._encounter(line.fields),
            "case": names_of_case(case_of(self.digester, line.fields, self.facts), self.release.zone),
            "feed": self.read.inbound.feed,
            "channel": self.channel.name,
            "currency": self.release.currency,
            "received_at": self.read.received,
            "posting_date": self.read.today,
        }

    def _survivors(self, fields: Fields) -> dict[str, str]:
        """A merge is told with its own numbers, whatever was merged before."""
        if self.channel.reader.kind is Kind.MERGE:
            return {}
        return self._in_force(fields)

    def surviving(self, names: dict[str, object]) -> dict[str, object]:
        """`names` with the numbers that survived every merge."""
        return {**names, **self._in_force(names)}

    def _in_force(self, names: Mapping[str, object]) -> dict[str, str]:
        return surviving_persons(self.digester, names, self.facts, moves=moves_count(self.channel))

    def _encounter(self, fields: Fields) -> dict[str, object] | None:
        """The stay as it was when the line was used; where it stands as it is known now."""
        if self.encounter is None:
            return None
        used_at = fields.get("used_at")
        at_us = to_us(used_at) if isinstance(used_at, datetime) else self.read.inbound.received_us
        return {
            **{name: text for name, text in self.encounter.at(at_us).items() if text},
            "event": self.encounter.event or None,
            "state": self.encounter.state or None,
            "admitted_on": self._day(self.encounter.when("A01", "A04")),
            "discharged_on": self._day(self.encounter.when("A03")),
        }

    def _day(self, at_us: int | None) -> date | None:
        return None if at_us is None else to_datetime(at_us).astimezone(self.release.zone).date()

    def dates(self, fields: Fields) -> Dates:
        """The days that tables are read as of. A line neither used nor ordered on a day has that of receipt."""
        used_on = fields.get("used_on") or fields.get("ordered_on")
        service = used_on if isinstance(used_on, date) else self.read.today
        return Dates(service=service, posting=self.read.today, received=self.read.today)

    def priors(
        self, index: int, identity: Identity, rules: tuple[EffectRule, ...], action: Action
    ) -> list[Prior]:
        """Effects of other messages that own this line's key at this channel's destinations."""
        targets = {(rule.destination, rule.name) for rule in rules}
        keys = [identity.key, *(other[index].key for other in self.others)]
        if self.read.inbound.replays is not None and not identity.strong:
            keys.append(as_new(self.digester, identity, self.read.inbound.told))
        return [
            prior
            for key in keys
            for prior in self.facts.priors.get(key, ())
            if prior.action == action and (prior.destination, prior.name) in targets and not self._own(prior)
        ]

    def bodies(self, index: int, identity: Identity) -> list[bytes]:
        """What the line says, under each number of its account."""
        return [identity.body, *(other[index].body for other in self.others if index < len(other))]

    def originals(self, index: int, identity: Identity, way: int) -> list[Original]:
        """Candidates for a credit by one of its ways."""
        targets = {(rule.destination, rule.name) for rule in self.channel.effects}
        digests = {
            *identity.seeks[way],
            *(digest for other in self.others for digest in other[index].seeks[way]),
        }
        found = {
            original.effect_id: original
            for digest in digests
            for original in self.facts.originals.get(digest, ())
            if (original.destination, original.name) in targets and original.channel == self.channel.name
            if not self._gives_way(original)
        }
        return self._as_others_left(found.values())

    def known(self, index: int, identity: Identity) -> list[Original]:
        """All that other messages have made of the line, under any number of a merged account, at this channel's
        destinations; what waits of this message itself is what it is about to decide."""
        keys = {identity.key, *(other[index].key for other in self.others if index < len(other))}
        targets = {(rule.destination, rule.name) for rule in self.channel.effects}
        told = (self.facts.originals, self.of_case)
        found = (original for key in keys for originals in told for original in originals.get(key, ()))
        mine = self.read.inbound.id
        return self._as_others_left(
            original
            for original in {one.effect_id: one for one in found}.values()
            if original.message_id != mine and original.place[:2] in targets
        )

    def _as_others_left(self, found: Iterable[Original]) -> list[Original]:
        inbound = self.read.inbound
        mine = [original.without(inbound.id, inbound.replays) for original in found]
        return sorted(mine, key=lambda original: original.effect_id)

    def _own(self, prior: Prior) -> bool:
        """A held effect of this message, or of the one it replays, is this line itself."""
        return prior.message_id == self.read.inbound.id or self._gives_way(prior)

    def _gives_way(self, told: Prior | Original) -> bool:
        """Whether it waits, of the message that this one replays."""
        replays = self.read.inbound.replays
        return told.message_id == replays and told.state in (EffectState.HELD, EffectState.WAITING)


def context_of(
    release: Release,
    digester: Digester,
    read: Read,
    part: ChannelRead,
    facts: Facts,
    decisions: dict[tuple[str, int], str],
) -> Context:
    names = known_names(digester, part.channel, part.header, facts, moves=moves_count(part.channel))
    others = tuple(
        tuple(identify(digester, part.channel, read.inbound.feed, part.event.lines, other)) for other in names
    )
    return Context(
        release, digester, read, facts, _only_to(part.channel, read.inbound.to), others,
        _encounter(digester, read, part, facts, names), decisions, _numbers(part.header, names),
        _of_case(part, facts),
    )  # fmt: skip


def _of_case(part: ChannelRead, facts: Facts) -> dict[bytes, list[Original]]:
    found: dict[bytes, list[Original]] = {}
    for original in facts.originals.get(part.case, ()) if part.case is not None else ():
        if original.channel == part.channel.name:
            found.setdefault(original.key, []).append(original)
    return found


def moves_count(channel: Channel) -> bool:
    """A stay is told by its account as sent, whatever visits were moved out of it; all else goes where they went."""
    return channel.reader.kind is not Kind.ENCOUNTER


def _told_of_stay(digester: Digester, header: Fields, facts: Facts, *, moves: bool) -> Iterator[Told]:
    """All that was told of the account in force; of accounts from which its visit was moved, what was told of that."""
    in_force = {**header, **surviving_persons(digester, header, facts, moves=moves)}
    own = _accounts(digester, in_force, other_names(digester, in_force, facts, moves=False))
    for digest in own:
        yield from facts.encounters.get(digest, ())
    others = other_names(digester, header, facts)
    visits = {text_of({**header, **names}.get("visit")) for names in ({}, *others)}
    for digest in _accounts(digester, header, others):
        for one in facts.encounters.get(digest, ()) if digest not in own else ():
            if one.fields.get("visit") in visits and one.event not in (LEFT, JOINED):
                yield one


def _accounts(digester: Digester, header: Fields, others: Iterable[Fields]) -> dict[bytes, None]:
    digests = (person_digest(digester, "account", {**header, **names}) for names in ({}, *others))
    return dict.fromkeys(digest for digest in digests if digest is not None)


def _numbers(header: Fields, names: tuple[Fields, ...]) -> tuple[Fields, ...]:
    if not names:
        return ()
    persons = {kind: header[kind] for kind in PERSONS if header.get(kind)}
    return (persons, *({**persons, **other} for other in names))


def _only_to(channel: Channel, destination: str | None) -> Channel:
    """The channel as far as it delivers to one destination; None: to all."""
    if destination is None:
        return channel
    rules = tuple(rule for rule in channel.effects if rule.destination == destination)
    return replace(channel, effects=rules)


def _encounter(
    digester: Digester, read: Read, part: ChannelRead, facts: Facts, names: tuple[Fields, ...]
) -> Encounter | None:
    """What was told of the account under any of its numbers, and of the visit in accounts from which it was moved; what
    the message itself tells of a stay counts, too."""
    header: Fields = {**part.header, **(names[0] if part.by_case and names else {})}
    told = list(_told_of_stay(digester, header, facts, moves=moves_count(part.channel)))
    if part.event.kind is Kind.ENCOUNTER:
        own = (Told.kept(fact.at_us, fact.value) for fact in read.remember if fact.kind == "encounter")
        told += [one for one in own if one not in told]  # a release finds it kept
    return fold(told)
