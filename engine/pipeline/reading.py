"""The first half of the step: bytes → events, their identities, and the names of the facts they need. Pure.

Nothing is looked up here. What comes out says by key what must be gathered before `writing` can go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, cast

from engine.clock import to_datetime, to_us
from engine.codecs.fhir.document import Document, is_fhir, parse
from engine.codecs.hl7v2.lexer import Message
from engine.domain.event import Event, Fields, Kind, Line
from engine.domain.message import Inbound
from engine.domain.posting import Fact, FactKeys
from engine.errors import MessageError
from engine.pipeline.digests import Digester
from engine.pipeline.identity import Identity, as_new, identify, is_credit, text_of
from engine.pipeline.numbers import alias_keys, case_digest, person_digest
from engine.pipeline.remembering import REMEMBERED, facts_of
from engine.pipeline.remembering import happened_us as happened
from engine.site.release import Channel, Release

USAGE_TYPES = frozenset({"DFT", "CSU", "OMS", "OMN", "RDS", "RAS"})
USAGE_SEGMENTS = ("FT1", "RQD", "ZPM", "RXD", "RXA", "ROW")
"""A message of these types, or with these segments, has money in it: unclaimed, it is held and not filtered."""

CANCELS = frozenset({"A11"})
"""Events after which a stay never was."""

GOES_ON = frozenset({"A01", "A04", "A13"})
"""Events after which a cancelled stay is one again."""


MOST_LINES = 2_000
"""Of a message, all its channels together: a step is one piece, and whoever sends live waits for its end."""


AHEAD = timedelta(days=1)
"""How long after its receipt a save may say it was saved: by one of next year all that come after it would be old."""


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

    @property
    def header(self) -> Fields:
        """What is said of the message as a whole, as its first line has it."""
        return self.event.lines[0].fields if self.event.lines else self.event.header

    @property
    def by_case(self) -> bool:
        """Whether the case alone says whose it is."""
        fields = self.header
        return bool(self.channel.account_from and not fields.get("account") and fields.get("case_id"))


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

    @property
    def by_case(self) -> bool:
        """Whether it is not known before its case is whose it is."""
        return any(part.by_case for part in self.reads)


def read_message(release: Release, digester: Digester, inbound: Inbound) -> Read:
    """Raises `MessageError` when the bytes are no HL7 message, or one that is not stepped; all else is in it."""
    message = parsed(release, inbound)
    received, first = to_datetime(inbound.received_us), to_datetime(inbound.told_us)
    today = received.astimezone(release.zone).date()
    channels = takers(release, inbound.feed, message)
    reads = []
    lines = 0
    for channel in channels:
        event = channel.reader.read(message, release.zone, release.tables, today, first)
        if event.kind is not Kind.MASTER:
            lines += len(event.lines)
            _check_length(lines)
        if event.kind in REMEMBERED and channel.effects:
            event = event._replace(lines=tuple(_once(line) for line in event.lines))
        told = (event.kind not in REMEMBERED or channel.effects) and event.kind is not Kind.MASTER
        identities = identify(digester, channel, inbound.feed, event.lines) if told else ()
        read = ChannelRead(channel, event, _with_cases(digester, event.lines, identities))
        reads.append(_as_save(digester, read, first) if channel.reader.lines == "snapshot" else read)
    people = _first_fields(reads)
    return Read(
        inbound,
        received,
        today,
        tuple(reads),
        bool(channels),
        _moneyed(message),
        not any(part.event.lines for part in reads) and _has_lines(message),
        _needs(digester, inbound, reads),
        tuple(_remembered(digester, message, reads, first, again=inbound.told != inbound.id)),
        person_digest(digester, "account", people),
        person_digest(digester, "patient", people),
    )


def _check_length(lines: int) -> None:
    if lines > MOST_LINES:
        what = f"more than {MOST_LINES} lines are read of one message"
        raise MessageError("INT009", what, mend="ask the sender to send it in parts, then drop this one")


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


def _with_cases(
    digester: Digester, lines: Sequence[Line], identities: Sequence[Identity]
) -> tuple[Identity, ...]:
    """Lines are found by their case, too: when it becomes known, or is cancelled."""
    cases = [case_digest(digester, line.fields) for line in lines]
    return tuple(
        one if case is None else one._replace(finds=(*one.finds, case))
        for one, case in zip(identities, cases[: len(identities)], strict=True)
    )


def _as_save(digester: Digester, read: ChannelRead, told: datetime) -> ChannelRead:
    """A message that tells a case whole: its lines are found by the case. One without a case number is no save. Raises
    `MessageError` for one that nobody can have saved yet."""
    header = read.event.header
    number, saved_at = text_of(header.get("case_id")), header.get("saved_at")
    if not number:
        return read
    if isinstance(saved_at, datetime) and saved_at - told > AHEAD:
        what = "the save says that it was saved more than a day after it came in"
        mend = "ask the sender to mend its clock, and drop it: later saves of the case go on"
        raise MessageError("INT010", what, where="saved_at", mend=mend)
    case = digester.digest("case", read.channel.name, text_of(header.get("facility")), number)
    return read._replace(
        identities=tuple(one._replace(finds=(*one.finds, case)) for one in read.identities),
        case=case,
        saved_us=to_us(saved_at if isinstance(saved_at, datetime) else told),
    )


def _once(line: Line) -> Line:
    """An admission or a merge that is delivered counts as one."""
    return line._replace(fields={**line.fields, "quantity": Decimal(1)})


def _first_fields(reads: list[ChannelRead]) -> Fields:
    with_lines = (part.header for part in reads if part.event.lines)
    return next(with_lines, next((part.event.header for part in reads if part.event.header), {}))


def _needs(digester: Digester, inbound: Inbound, reads: list[ChannelRead]) -> FactKeys:
    encounters: list[bytes] = []
    aliases: list[bytes] = []
    priors: list[bytes] = []
    originals: list[bytes] = []
    stays: list[bytes] = []
    saves: list[bytes] = []
    cases: list[bytes] = []
    told: list[bytes] = []
    for part in reads:
        told += _corrected(part)
        if part.case is not None:
            originals.append(part.case)
            saves.append(part.case)
        if part.event.kind is Kind.ENCOUNTER:
            account = _stay(digester, part)
            if account is not None:
                aliases += alias_keys(digester, part.header)
                encounters.append(account)
                stays.append(account)
        if not part.identities and part.case is None:
            continue
        for fields in (part.header, *(line.fields for line in part.event.lines)):
            if (case := case_digest(digester, fields)) is not None and case not in cases:
                cases.append(case)
        aliases += alias_keys(digester, part.header)
        if (account := person_digest(digester, "account", part.header)) is not None:
            encounters.append(account)
        for identity in part.identities:
            priors.append(identity.key)
            if inbound.replays is not None and not identity.strong:
                priors.append(as_new(digester, identity, inbound.told))
            originals.extend(digest for way in identity.seeks for digest in way)
            if part.channel.reader.tells_whole:
                originals.append(identity.key)
    return FactKeys(
        tuple(encounters),
        tuple(aliases),
        tuple(priors),
        tuple(originals),
        tuple(stays),
        tuple(saves),
        tuple(cases),
        tuple(told),
    )


def _corrected(part: ChannelRead) -> dict[bytes, bytes]:
    """Lines of which the newest telling counts, those with an id of their own, where the channel corrects: what each
    says. Of two contents of one id nobody knows which was told: whatever is told next is news."""
    found: dict[bytes, bytes] = {}
    if part.channel.same_line.changed != "correct" or part.channel.reader.tells_whole:
        return found
    for line, identity in zip(part.event.lines, part.identities, strict=True):
        if identity.strong and not is_credit(line.fields):
            alike = found.get(identity.key, identity.body) == identity.body
            found[identity.key] = identity.body if alike else b""
    return found


def _stay(digester: Digester, part: ChannelRead) -> bytes | None:
    """The account whose stay is cancelled or goes on; None for all other events."""
    fields = part.event.lines[0].fields if part.event.lines else {}
    event = fields.get("event")
    return person_digest(digester, "account", fields) if event in CANCELS or event in GOES_ON else None


def _remembered(
    digester: Digester, message: Message, reads: list[ChannelRead], told: datetime, *, again: bool
) -> list[Fact]:
    """What later messages are to know of it. `again`: it is told again by a replay, and is no newer."""
    facts: list[Fact] = []
    for part in reads:
        if part.case is not None and not again:
            facts.append(Fact("save", part.case, part.saved_us, b"{}"))
        if not again:
            facts += [Fact("told", key, to_us(told), body) for key, body in _corrected(part).items()]
        if part.event.kind in REMEMBERED:
            sent = _sent(message, told)
            for line in part.event.lines:
                facts.extend(facts_of(digester, part.event.kind, line, told, sent))
    return facts


def happened_us(read: Read) -> int:
    """When the event of a message without lines of money happened."""
    line = next(line for part in read.reads for line in part.event.lines)
    return happened(line, to_datetime(read.inbound.told_us))
