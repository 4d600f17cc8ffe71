"""What encounters, cases and merges leave behind for later messages: facts by keyed digest, with when it was so. Pure.

A fact's value is JSON with nothing in it that its readers do not use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import orjson

from engine.clock import to_us
from engine.domain.encounter import JOINED, LEFT
from engine.domain.event import Fields, Kind, Line
from engine.domain.posting import Fact
from engine.pipeline.digests import Digester
from engine.pipeline.identity import text_of
from engine.pipeline.numbers import (
    INSIDE,
    PERSONS,
    authority_of,
    case_digest,
    inside_digest,
    person_digest,
    reverse_digest,
)

REMEMBERED = frozenset({Kind.ENCOUNTER, Kind.MERGE, Kind.CASE})
"""Kinds of events that later messages know of. They have no money; encounters and merges may be delivered as well."""

_OF_STAYS = (
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
_OF_CASES = (
    "account",
    "account_authority",
    "visit",
    "patient",
    "location",
    "room",
    "procedure",
    "surgeon",
    "scheduled_at",
    "status",
    "event",
)


def facts_of(digester: Digester, kind: Kind, line: Line, received: datetime, sent: str) -> Iterator[Fact]:
    """What one event leaves behind. `sent`: MSH-7."""
    fields, at_us = line.fields, happened_us(line, received)
    match kind:
        case Kind.ENCOUNTER:
            yield from _told(
                "encounter", person_digest(digester, "account", fields), _OF_STAYS, fields, at_us, sent
            )
        case Kind.CASE:
            yield from _told("case", case_digest(digester, fields), _OF_CASES, fields, at_us, sent)
        case Kind.MERGE:
            yield from _aliases(digester, fields, at_us)
            yield from _moves(digester, fields, at_us, sent)


def _told(
    kind: str, digest: bytes | None, names: Iterable[str], fields: Fields, at_us: int, sent: str
) -> Iterator[Fact]:
    if digest is not None:
        value = {name: text_of(fields[name]) for name in names if fields.get(name)}
        yield Fact(kind, digest, at_us, orjson.dumps({**value, "sent": sent}))


def _aliases(digester: Digester, fields: Fields, at_us: int) -> Iterator[Fact]:
    """Loser → survivor, and survivor → loser, so that each is found from the other."""
    for kind in PERSONS:
        survivor, loser = text_of(fields.get(kind)), text_of(fields.get(f"merged_{kind}"))
        if not survivor or not loser or survivor == loser:
            continue
        authority = authority_of(kind, fields)
        to_key = digester.person(kind, authority, survivor)
        from_key = digester.person(kind, authority, loser)
        yield from _ended(digester, (loser, from_key), (survivor, to_key), at_us)


def _moves(digester: Digester, fields: Fields, at_us: int, sent: str) -> Iterator[Fact]:
    """A visit is of another account, an account is another patient's: only as far as it goes, for both have others."""
    for outer, inner in INSIDE.items():
        to, away = text_of(fields.get(outer)), text_of(fields.get(f"from_{outer}"))
        now = text_of(fields.get(inner))
        before = text_of(fields.get(f"merged_{inner}")) or now
        if not (to and away and now) or to == away:
            continue
        numbers = {
            kind: fields.get(kind) for kind in ("facility", f"{outer}_authority", f"{inner}_authority")
        }
        to_key = _inside(digester, {**numbers, outer: to, inner: now}, outer, inner)
        for one in dict.fromkeys((before, now)):
            from_key = _inside(digester, {**numbers, outer: away, inner: one}, outer, inner)
            yield from _ended(digester, (away, from_key), (to, to_key), at_us)
        if outer == "account":
            for account, event, visit in ((away, LEFT, before), (to, JOINED, now)):
                digest = person_digest(digester, "account", {**numbers, "account": account})
                yield from _told(
                    "encounter", digest, ("event", "visit"), {"event": event, "visit": visit}, at_us, sent
                )


def _inside(digester: Digester, fields: Fields, outer: str, inner: str) -> bytes:
    one, other = (
        digester.person(kind, authority_of(kind, fields), text_of(fields[kind])) for kind in (inner, outer)
    )
    return inside_digest(digester, one, other)


def _ended(
    digester: Digester, loser: tuple[str, bytes], survivor: tuple[str, bytes], at_us: int
) -> Iterator[Fact]:
    (ended, from_key), (number, to_key) = loser, survivor
    reverse, below = reverse_digest(digester, to_key), reverse_digest(digester, from_key)
    on = {"to": number, "to_key": to_key.hex(), "back": reverse.hex()}
    back = {"to": ended, "to_key": "", "from_key": from_key.hex(), "back": below.hex()}
    yield Fact("alias", from_key, at_us, orjson.dumps(on))
    yield Fact("alias", reverse, at_us, orjson.dumps(back))


def happened_us(line: Line, received: datetime) -> int:
    """When the event came to be, by its own word."""
    happened = line.fields.get("occurred_at")
    return to_us(happened if isinstance(happened, datetime) else received)
