"""What the channels of a listener refuse at its door (`nak`, `profile`), told from the message. Pure but for time.

Only what the sender must mend belongs here; all else is AA and waits for a person. Whatever cannot be decided, or not
in time, is taken and held (rules of money, 30). A refusal says places, codes and the channel's own words, no values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from math import inf
from typing import NamedTuple

from engine.clock import to_datetime
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import where
from engine.domain.event import Line
from engine.domain.message import Inbound
from engine.errors import MessageError
from engine.mapping.faults import EvaluationFault
from engine.site.release import Channel, Nak, Naks, Release

BYTES_A_SECOND = 10_000_000
"""What is surely taken apart, which nothing interrupts: a message that is longer for its time is not begun."""

MOST_MISFITS = 20
"""Places that one answer names."""

LATE = "INT006 what its channels refuse was not decided in time"
UNDECIDED = "INT007 what its channels refuse cannot be decided"

Names = Mapping[str, object]


class Refusals(NamedTuple):
    """`errors`: one for each rule that holds. `reason`: why the message is refused; without errors, why it is held."""

    errors: tuple[MessageError, ...] = ()
    reason: str = ""


NONE = Refusals()


class _Late(Exception):
    """The time is over."""


def refused_by(release: Release, channels: Iterable[Channel], inbound: Inbound) -> Refusals:
    """What these channels of a release refuse of a message, in whatever time it takes: for tests and previews. Raises
    `MessageError` when the bytes are no HL7 message."""
    refusing = tuple(channel for channel in channels if channel.refuses and inbound.feed in channel.feeds)
    if not refusing:
        return NONE
    default = release.listeners[inbound.feed].default_charset
    naks = Naks(refusing, inf, release.zone, release.currency, release.tables)
    event = Message.parse(inbound.raw, inbound.charset, default=default).header.event
    return refusals(
        naks, inbound.feed, event, inbound.raw, inbound.charset, default, inbound.received_us, lambda: 0.0
    )


def refusals(
    naks: Naks,
    feed: str,
    event: str,
    raw: bytes,
    charset: str | None,
    default: str | None,
    received_us: int,
    seconds: Callable[[], float],
) -> Refusals:
    """`event`: type and trigger of the message. `seconds`: how long it is since the judgement began. Raises
    `MessageError` when the bytes are no HL7 message."""
    channels = [channel for channel in naks.channels if event in channel.reader.triggers]
    if not channels:
        return NONE
    if len(raw) > naks.within * BYTES_A_SECOND:
        return Refusals((), LATE)
    message = Message.parse(raw, charset, default=default)
    errors: list[MessageError] = []
    reason = ""
    try:
        for channel in channels:
            for error in _misfits(naks, channel, message, seconds):
                errors.append(error)
                reason = reason or f"INT008 {channel.name}: {error.what}"
            for nak, line in _holding(naks, channel, message, feed, received_us, seconds):
                errors.append(error := _error(channel, nak, message, line))
                reason = reason or f"INT005 {channel.name}: {error.what}"
    except _Late:
        return Refusals((), LATE)
    except EvaluationFault as fault:
        return Refusals((), f"{UNDECIDED}: {fault.code} {fault.what}")
    return Refusals(tuple(errors), reason)


def _misfits(
    naks: Naks, channel: Channel, message: Message, seconds: Callable[[], float]
) -> Iterator[MessageError]:
    """Where the message does not fit the channel's profile: the first `MOST_MISFITS`."""
    if channel.profile is None or not channel.profile.fits(message):
        return

    def breath() -> None:
        if seconds() > naks.within:
            raise _Late

    for miss in islice(channel.profile.misses(message, breath), MOST_MISFITS):
        yield MessageError("INT008", f"{miss.where} {miss.what}", where=miss.where, hl7_code=miss.code)


def _holding(
    naks: Naks,
    channel: Channel,
    message: Message,
    feed: str,
    received_us: int,
    seconds: Callable[[], float],
) -> Iterator[tuple[Nak, Line | None]]:
    """The rules that hold, each with the first line for which it does; None: of no line."""
    received = to_datetime(received_us)
    today = received.astimezone(naks.zone).date()
    shared: Names = {
        "feed": feed,
        "channel": channel.name,
        "currency": naks.currency,
        "received_at": received,
        "posting_date": today,
    }
    open_rules = [nak for nak in channel.naks if not nak.whole]
    of_whole = [nak for nak in channel.naks if nak.whole]
    lines: list[Names] = []
    for line in channel.reader.each_line(message, naks.zone, naks.tables, today, received):
        if seconds() > naks.within:
            raise _Late
        lines.append({**shared, **line.fields, "number": line.number})
        held = [nak for nak in open_rules if nak.when(lines[-1]) is True]
        yield from ((nak, line) for nak in held)
        open_rules = [nak for nak in open_rules if nak not in held]
        if not open_rules and not of_whole:
            return
    if not lines:
        lines_less = {**shared, **channel.reader.head(message, naks.zone, naks.tables, today, received)}
        of_whole += [nak for nak in open_rules if nak.when.roots <= lines_less.keys()]
    head = lines[0] if lines else lines_less
    for nak in of_whole:
        if nak.when({**head, "lines": lines}) is True:
            yield nak, None
    if seconds() > naks.within:
        raise _Late


def _error(channel: Channel, nak: Nak, message: Message, line: Line | None) -> MessageError:
    """In the words of its rule; where something stands that cannot be read, and so is missing, that is said as well."""
    group = channel.reader.groups(message)[line.number - 1] if line else None
    place = where(nak.where, group)
    unread = [fault.what for fault in (line.faults if line else ()) if fault.where == place]
    because = f"{nak.because} ({unread[0]})" if unread else nak.because
    return MessageError("INT005", because, where=place, hl7_code=nak.code)
