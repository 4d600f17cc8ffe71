"""Messages that were read, and which of them may be stepped together. Pure.

Facts are those of the committed past: who needs what another one is about to write waits for its commit. Meanwhile
strangers pass; order is owed inside an account, a visit, a patient or a station (rules of money, 14).
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from engine.domain.message import Inbound
from engine.domain.posting import Fact, FactKeys, Stepped
from engine.pipeline.editions import Edition
from engine.pipeline.grouping import MOST_LINES, may_join, size_of
from engine.pipeline.identity import text_of
from engine.pipeline.numbers import PERSONS
from engine.pipeline.reading import Read
from engine.pipeline.tabling import is_master
from engine.site.release import Release

_ORDERED = (*PERSONS, "station")
"""Fields whose values have an order of their own."""


class Prepared(NamedTuple):
    """A message that was read, with what it is stepped with; `failed` when it could not be."""

    inbound: Inbound
    edition: Edition
    read: Read | None
    failed: Stepped | None = None

    @property
    def needs(self) -> FactKeys:
        return self.read.needs if self.read else FactKeys()

    @property
    def alone(self) -> bool:
        """Whether it is stepped by itself: it changes tables, or before its case is known nobody knows whose it is."""
        return self.read is not None and (self.read.by_case or self.master)

    @property
    def master(self) -> bool:
        """Whether it changes tables."""
        return self.failed is None and self.read is not None and is_master(self.read)

    def asks(self) -> set[bytes]:
        """Every key that its step needs."""
        needs = self.needs
        return {
            *needs.encounters,
            *needs.aliases,
            *needs.priors,
            *needs.originals,
            *map(_stay, needs.stays),
            *needs.saves,
            *map(_case, needs.cases),
        }

    def touches(self) -> set[bytes]:
        """Every key that its step may write."""
        if self.read is None:
            return set()
        keys = {identity.key for part in self.read.reads for identity in part.identities}
        keys |= {find for part in self.read.reads for identity in part.identities for find in identity.finds}
        if keys and self.read.account:
            keys.add(_stay(self.read.account))
        return keys | {_remembered(fact) for fact in self.read.remember}

    def named(self) -> set[tuple[str, str]]:
        """Whom and which stations it names: its documents come behind those of earlier messages that name them."""
        return {
            (kind, text_of(fields[kind]))
            for part in (self.read.reads if self.read else ())
            for fields in (part.header, *(line.fields for line in part.event.lines))
            for kind in _ORDERED
            if fields.get(kind)
        }


def independent(waiting: deque[Prepared]) -> list[Prepared]:
    """Takes messages out of `waiting` that are stepped together: the first, and of the others those that need nothing
    that one before them is about to write, and have nothing in common with one that stays. Who is stepped by itself
    lets nobody pass."""
    together: list[Prepared] = []
    stay: list[Prepared] = []
    written: set[bytes] = set()
    kept: set[bytes | tuple[str, str]] = set()
    while waiting and not (waiting[0].alone and (together or stay)):
        prepared = waiting.popleft()
        asks, touches = prepared.asks(), prepared.touches()
        if written.isdisjoint(asks) and (not stay or kept.isdisjoint((*asks, *touches, *prepared.named()))):
            written |= touches
            together.append(prepared)
        else:
            kept.update(asks, touches, prepared.named())
            stay.append(prepared)
        if prepared.alone:
            break
    waiting.extendleft(reversed(stay))
    return together


def together(release: Release, first: Prepared, waiting: deque[Prepared]) -> list[Prepared]:
    """`first`, a master, with those from the left of `waiting` that may be put into the tables with it."""
    group = [first]
    if first.read is None:
        return group
    size = size_of(first.read)
    while waiting and waiting[0].master and waiting[0].read is not None:
        read = waiting[0].read
        size += size_of(read)
        if size > MOST_LINES or not may_join(release, first.read, read):
            break
        group.append(waiting.popleft())
    return group


def _stay(account: bytes) -> bytes:
    """Stands for all that is posted for an account."""
    return b"stay" + account


def _case(case: bytes) -> bytes:
    """Stands for all that is told of a case."""
    return b"case" + case


def _remembered(fact: Fact) -> bytes:
    return _case(fact.key) if fact.kind == "case" else fact.key
