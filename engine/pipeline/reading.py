"""The first half of the step: bytes → events, their identities, and the names of the facts they need. Pure.

Nothing is looked up here. What comes out says by key what must be gathered before `writing` can go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, cast

import orjson

from engine.clock import to_datetime, to_us
from engine.codecs.fhir.document import Document, is_fhir, parse
from engine.codecs.hl7v2.lexer import Message
from engine.domain.event import Event, Fields, Kind, Line
from engine.domain.message import Inbound
from engine.domain.posting import Fact, FactKeys, Facts
from engine.pipeline.digests import Digester
from engine.pipeline.identity import Identity, identify, text_of
from engine.site.release import Channel, Release

USAGE_TYPES = frozenset({"DFT", "CSU", "OMS", "OMN", "RDS", "RAS"})
USAGE_SEGMENTS = ("FT1", "RQD", "ZPM", "RXD", "RXA", "ROW")
"""A message of these types, or with these segments, has money in it: unclaimed, it is held and not filtered."""

CANCELS = frozenset({"A11"})
"""Events after which a stay never was."""

GOES_ON = frozenset({"A01", "A04", "A13"})
"""Events after which a cancelled stay is one again."""

REMEMBERED = frozenset({Kind.ENCOUNTER, Kind.MERGE})
"""Kinds of events that later messages know of. They may be delivered as well, and have no money."""

PERSONS = ("account", "visit", "patient")
_REMEMBERED = (
    "location",
    "class",
    "payer_class",
    "facility",
    "department",
    "room",
    "event",
    "visit",
    "account",
)


class ChannelRead(NamedTuple):
    """One channel's understanding of the message. `identities`: of its lines; none of what is only remembered. `case`:
    digest of the case that it tells whole, as of `saved_us`. `left_out`: so many of the last lines are those that it
    leaves out."""

    channel: Channel
    event: Event
    identities: tuple[Identity, ...]
    case: bytes | None = None
    saved_us: int = 0
    left_out: int = 0


class Read(NamedTuple):
    """What a message says, before anything is known of the world."""

    inbound: Inbound
    received: datetime
    today: date  # local day of receipt: the posting date
    reads: tuple[ChannelRead, ...]
    claimed: bool
    usage: bool
    unread: bool  # it has segments of money, and no channel reads a line of it
    needs: FactKeys
    remember: tuple[Fact, ...]
    account: bytes | None
    patient: bytes | None


def read_message(release: Release, digester: Digester, inbound: Inbound) -> Read:
    """Raises `MessageError` when the bytes are no HL7 message; all else is said in the result."""
    message = parsed(release, inbound)
    received = to_datetime(inbound.received_us)
    today = received.astimezone(release.zone).date()
    channels = takers(release, inbound.feed, message)
    reads = []
    for channel in channels:
        event = channel.reader.read(message, release.zone, release.tables, today)
        if event.kind in REMEMBERED and channel.effects:
            event = event._replace(lines=tuple(_once(line) for line in event.lines))
        told = event.kind not in REMEMBERED or channel.effects
        identities = identify(digester, channel, inbound.feed, event.lines) if told else ()
        read = ChannelRead(channel, event, tuple(identities))
        reads.append(_as_save(digester, read, received) if channel.reader.lines == "snapshot" else read)
    people = _first_fields(reads)
    return Read(
        inbound,
        received,
        today,
        tuple(reads),
        bool(channels),
        _moneyed(message),
        not any(part.event.lines for part in reads) and _has_lines(message),
        _needs(digester, reads),
        tuple(_remembered(digester, reads, received, _sent(message, received))),
        person_digest(digester, "account", people),
        person_digest(digester, "patient", people),
    )


def parsed(release: Release, inbound: Inbound) -> Message:
    """HL7 by its header, FHIR by how it is stored. A FHIR document is read by its own maps only, and stands where a
    message stands. Raises `MessageError`."""
    if is_fhir(inbound.raw):
        return cast(Message, parse(inbound.raw))
    listener = release.listeners.get(inbound.feed)
    return Message.parse(inbound.raw, inbound.charset, default=listener.default_charset if listener else None)


def takers(release: Release, feed: str, message: Message) -> tuple[Channel, ...]:
    """The channels that take it."""
    if isinstance(message, Document):
        found = (channel for trigger in message.triggers for channel in release.channels_for(feed, trigger))
        return tuple({channel.name: channel for channel in found}.values())
    return release.channels_for(feed, message.header.event)


def _moneyed(message: Message) -> bool:
    """Whether it has money in it, whoever takes it."""
    if isinstance(message, Document):
        return message.has_money
    return message.header.type in USAGE_TYPES or _has_lines(message)


def _has_lines(message: Message) -> bool:
    """Whether somebody could read lines of money in it; a resource of FHIR has none but itself."""
    return not isinstance(message, Document) and any(message.segments(name) for name in USAGE_SEGMENTS)


def _sent(message: Message, received: datetime) -> str:
    """MSH-7; FHIR is sent when it comes in."""
    return f"{received:%Y%m%d%H%M%S.%f}" if isinstance(message, Document) else message.header.field(7)


def _as_save(digester: Digester, read: ChannelRead, received: datetime) -> ChannelRead:
    """A message that tells a case whole: its lines are found by the case. One without a case number is no save."""
    header = read.event.header
    number, saved_at = text_of(header.get("case")), header.get("saved_at")
    if not number:
        return read
    case = digester.digest("case", read.channel.name, text_of(header.get("facility")), number)
    return read._replace(
        identities=tuple(one._replace(finds=(*one.finds, case)) for one in read.identities),
        case=case,
        saved_us=to_us(saved_at if isinstance(saved_at, datetime) else received),
    )


def _once(line: Line) -> Line:
    """An admission or a merge that is delivered counts as one."""
    return line._replace(fields={**line.fields, "quantity": Decimal(1)})


def person_digest(digester: Digester, kind: str, fields: Mapping[str, object]) -> bytes | None:
    """Digest of the account, visit or patient that `fields` names, or None."""
    identifier = text_of(fields.get(kind))
    return digester.person(kind, authority_of(kind, fields), identifier) if identifier else None


def authority_of(kind: str, fields: Mapping[str, object]) -> str:
    """Who gave the number: its assigning authority where the map reads it, else the facility."""
    return text_of(fields.get(f"{kind}_authority")) or text_of(fields.get("facility"))


def further_needs(digester: Digester, read: Read, facts: Facts) -> FactKeys:
    """Keys under the other numbers of merged accounts (rule 4), and what was posted of lines that come in changed where
    the channel corrects them: empty for almost all."""
    priors: list[bytes] = []
    originals = _changed(read, facts)
    encounters: list[bytes] = []
    stays: list[bytes] = []
    if not facts.aliases:
        return FactKeys(originals=tuple(originals))
    for part in read.reads:
        if part.event.kind is Kind.ENCOUNTER and read.needs.stays:
            header = part.event.lines[0].fields
            others = [{**header, **names} for names in other_names(digester, header, facts)]
            stays += [digest for names in others if (digest := person_digest(digester, "account", names))]
        if not part.identities:
            continue
        for names in other_names(digester, part.event.lines[0].fields, facts):
            for identity in identify(digester, part.channel, read.inbound.feed, part.event.lines, names):
                priors.append(identity.key)
                originals.extend(digest for way in identity.seeks for digest in way)
                if part.channel.same_line.changed == "correct" or part.channel.reader.tells_whole:
                    originals.append(identity.key)
            digest = person_digest(digester, "account", {**part.event.lines[0].fields, **names})
            if digest:
                encounters.append(digest)
    return FactKeys(tuple(encounters), (), tuple(priors), tuple(originals), tuple(stays))


def _changed(read: Read, facts: Facts) -> list[bytes]:
    """Keys that were posted with another content, in channels that correct."""
    return [
        identity.key
        for part in read.reads
        if part.channel.same_line.changed == "correct"
        for identity in part.identities
        if identity.strong
        and any(prior.body != identity.body for prior in facts.priors.get(identity.key, ()))
    ]


def other_names(digester: Digester, fields: Fields, facts: Facts) -> list[Fields]:
    """The other numbers that account, visit and patient go by, as replacements of those fields."""
    names: list[Fields] = []
    for kind in PERSONS:
        digest = person_digest(digester, kind, fields)
        for known in (digest, _reverse_digest(digester, digest)):
            others = facts.aliases.get(known, ()) if known else ()
            names += [{kind: other} for other in others if other != fields.get(kind)]
    return names


def surviving_persons(digester: Digester, names: Mapping[str, object], facts: Facts) -> dict[str, str]:
    """Account, visit and patient of `names` that were merged, each under the number that survived."""
    if not facts.aliases:
        return {}
    found = {}
    for kind in PERSONS:
        digest = person_digest(digester, kind, names)
        numbers = facts.aliases.get(digest) if digest else None
        if numbers:
            found[kind] = numbers[0]
    return found


def _reverse_digest(digester: Digester, digest: bytes | None) -> bytes | None:
    return digester.digest("survivor", digest.hex()) if digest else None


def _first_fields(reads: list[ChannelRead]) -> Fields:
    with_lines = (part.event.lines[0].fields for part in reads if part.event.lines)
    return next(with_lines, next((part.event.header for part in reads if part.event.header), {}))


def _needs(digester: Digester, reads: list[ChannelRead]) -> FactKeys:
    encounters: list[bytes] = []
    aliases: list[bytes] = []
    priors: list[bytes] = []
    originals: list[bytes] = []
    stays: list[bytes] = []
    saves: list[bytes] = []
    for part in reads:
        if part.case is not None:
            originals.append(part.case)
            saves.append(part.case)
        if part.event.kind is Kind.ENCOUNTER:
            account = _stay(digester, part)
            if account is not None:
                aliases += (account, digester.digest("survivor", account.hex()))
                encounters.append(account)
                stays.append(account)
        if not part.identities and part.case is None:
            continue
        header = part.event.lines[0].fields if part.event.lines else part.event.header
        for kind in PERSONS:
            digest = person_digest(digester, kind, header)
            if digest is None:
                continue
            aliases += (digest, digester.digest("survivor", digest.hex()))
            if kind == "account":
                encounters.append(digest)
        for identity in part.identities:
            priors.append(identity.key)
            originals.extend(digest for way in identity.seeks for digest in way)
            if part.channel.reader.tells_whole:
                originals.append(identity.key)
    return FactKeys(
        tuple(encounters), tuple(aliases), tuple(priors), tuple(originals), tuple(stays), tuple(saves)
    )


def _stay(digester: Digester, part: ChannelRead) -> bytes | None:
    """The account whose stay is cancelled or goes on; None for all other events."""
    fields = part.event.lines[0].fields if part.event.lines else {}
    event = fields.get("event")
    return person_digest(digester, "account", fields) if event in CANCELS or event in GOES_ON else None


def _remembered(digester: Digester, reads: list[ChannelRead], received: datetime, sent: str) -> list[Fact]:
    """What encounters and merges leave behind for later messages. `sent`: MSH-7."""
    facts: list[Fact] = []
    for part in reads:
        if part.case is not None:
            facts.append(Fact("save", part.case, part.saved_us, b"{}"))
        for line in part.event.lines:
            if part.event.kind is Kind.ENCOUNTER:
                facts.extend(_encounter_facts(digester, line, received, sent))
            elif part.event.kind is Kind.MERGE:
                facts.extend(_alias_facts(digester, line, received))
    return facts


def _encounter_facts(digester: Digester, line: Line, received: datetime, sent: str) -> list[Fact]:
    digest = person_digest(digester, "account", line.fields)
    if digest is None:
        return []
    value = {name: text_of(line.fields[name]) for name in _REMEMBERED if line.fields.get(name)}
    return [Fact("encounter", digest, _happened_us(line, received), orjson.dumps({**value, "sent": sent}))]


def _alias_facts(digester: Digester, line: Line, received: datetime) -> list[Fact]:
    """Loser → survivor, and survivor → loser, so that each is found from the other."""
    facts = []
    for kind in PERSONS:
        survivor, loser = text_of(line.fields.get(kind)), text_of(line.fields.get(f"merged_{kind}"))
        if not survivor or not loser or survivor == loser:
            continue
        authority = authority_of(kind, line.fields)
        to_key = digester.person(kind, authority, survivor)
        from_key = digester.person(kind, authority, loser)
        at = _happened_us(line, received)
        reverse, below = (digester.digest("survivor", key.hex()) for key in (to_key, from_key))
        on = {"to": survivor, "to_key": to_key.hex(), "back": reverse.hex()}
        back = {"to": loser, "to_key": "", "from_key": from_key.hex(), "back": below.hex()}
        facts.append(Fact("alias", from_key, at, orjson.dumps(on)))
        facts.append(Fact("alias", reverse, at, orjson.dumps(back)))
    return facts


def happened_us(read: Read) -> int:
    """When the event of a message without lines of money happened."""
    line = next(line for part in read.reads for line in part.event.lines)
    return _happened_us(line, read.received)


def _happened_us(line: Line, received: datetime) -> int:
    happened = line.fields.get("occurred_at")
    return to_us(happened if isinstance(happened, datetime) else received)
