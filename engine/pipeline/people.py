"""Whom a message is about, read without its lines. Pure.

What may overtake what is decided by it: order is owed inside an account, a visit or a patient, never between strangers
(rules of money, 14).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.clock import to_datetime
from engine.domain.event import Fields, Kind
from engine.domain.message import Inbound
from engine.errors import MessageError
from engine.pipeline.identity import text_of
from engine.pipeline.numbers import PERSONS
from engine.pipeline.reading import parsed, takers
from engine.site.release import Release

Person = int
"""Stands for one number of one kind, in this process."""

ANYBODY = hash(("anybody",))
"""A message that may be about anybody lets nobody pass."""


class People(NamedTuple):
    """`named`: all whom the message speaks of. `lanes`: those of them whose later messages must come after it."""

    named: tuple[Person, ...]
    lanes: tuple[Person, ...]


NOBODY = People((), ())
UNKNOWN = People((), (ANYBODY,))


def people_of(release: Release, inbound: Inbound) -> People:
    """As the read maps of its channels say. A message that cannot be read, or that names nobody, is about nobody. Where
    the case alone says whose a line is, nobody knows that here."""
    try:
        message = parsed(release, inbound)
        channels = takers(release, inbound.feed, message)
    except MessageError:
        return NOBODY
    named: dict[Person, None] = {}
    lanes: dict[Person, None] = {}
    for channel in channels:
        kind, fields = channel.reader.kind, channel.reader.persons(message)
        case, found = fields.get("case_id"), list(_persons(fields))
        if channel.account_from and case and not fields.get("account"):
            return UNKNOWN
        booked = [hash(("case", text_of(case)))] if case else []
        told: list[Person] = []
        if kind in _BY_LINE:
            today = to_datetime(inbound.received_us).date()
            event = channel.reader.read(message, release.zone, release.tables, today)
            told = [person for line in event.lines for person in _BY_LINE[event.kind](line.fields)]
        named.update(dict.fromkeys((*found, *booked, *told)))
        lanes.update(dict.fromkeys((*found[:1], *(booked if kind is Kind.CASE else ()), *told)))
    return People(tuple(named), tuple(lanes))


def _persons(fields: Fields) -> Iterable[Person]:
    """In the order in which they make a lane."""
    return (hash((kind, text_of(fields[kind]))) for kind in PERSONS if fields.get(kind))


def _merged(fields: Fields) -> Iterable[Person]:
    """Survivors and those who end, or from whom something is moved."""
    yield from _persons(fields)
    for prefix in ("merged", "from"):
        yield from _persons({kind: fields.get(f"{prefix}_{kind}") for kind in PERSONS})


def _asked(fields: Fields) -> Iterable[Person]:
    """A requisition is somebody, too: its cancellation names it, and perhaps no patient."""
    if fields.get("requisition"):
        yield hash(("requisition", text_of(fields["requisition"])))


_BY_LINE = {Kind.MERGE: _merged, Kind.REQUISITION: _asked}
"""Of whom each line of a kind of event speaks."""
