"""What else must be known, once the first facts are there: the other numbers of merged people, the account of a case,
what was posted of lines that come in changed. Pure; empty for almost all messages.
"""

from __future__ import annotations

from engine.domain.event import Kind
from engine.domain.posting import FactKeys, Facts
from engine.pipeline.cases import known_names
from engine.pipeline.digests import Digester
from engine.pipeline.identity import identify
from engine.pipeline.numbers import alias_keys, other_names, person_digest
from engine.pipeline.reading import ChannelRead, Read


def further_needs(digester: Digester, read: Read, facts: Facts) -> FactKeys:
    """Keys to ask for by what is known now. What they tell may name more."""
    needs = FactKeys(originals=tuple(_changed(read, facts)))
    if not facts.aliases and not facts.cases:
        return needs
    for part in read.reads:
        if part.event.kind is Kind.ENCOUNTER and read.needs.stays:
            others = (
                {**part.header, **names} for names in other_names(digester, part.header, facts, moves=False)
            )
            stays = (person_digest(digester, "account", names) for names in others)
            needs = needs.plus(FactKeys(stays=tuple(digest for digest in stays if digest)))
        if part.identities or part.case is not None:
            needs = needs.plus(_under_other_numbers(digester, read, part, facts))
    return needs


def _under_other_numbers(digester: Digester, read: Read, part: ChannelRead, facts: Facts) -> FactKeys:
    """Rule 4: keys as they would be under each other number."""
    priors: list[bytes] = []
    originals: list[bytes] = []
    encounters: list[bytes] = []
    aliases: list[bytes] = []
    for names in known_names(digester, part.channel, part.header, facts):
        for identity in identify(digester, part.channel, read.inbound.feed, part.event.lines, names):
            priors.append(identity.key)
            originals.extend(digest for way in identity.seeks for digest in way)
            if part.channel.same_line.changed == "correct" or part.channel.reader.tells_whole:
                originals.append(identity.key)
        fields = {**part.header, **names}
        if (account := person_digest(digester, "account", fields)) is not None:
            encounters.append(account)
        aliases += alias_keys(digester, fields)
    return FactKeys(tuple(encounters), tuple(aliases), tuple(priors), tuple(originals))


def _changed(read: Read, facts: Facts) -> list[bytes]:
    """Keys that were posted before, in channels that correct."""
    return [
        identity.key
        for part in read.reads
        if part.channel.same_line.changed == "correct"
        for identity in part.identities
        if identity.strong and facts.priors.get(identity.key)
    ]
