"""One message stepped with two releases, and what differs, line by line. Pure.

Both steps know what the message's own step knew of the stay, and nothing of what was told before or after: what was
posted once is never translated anew, so an edit does not reach credits and duplicates. A case that is told whole each
time counts once, with its newest save: that one decides what the books say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from engine.domain.message import Inbound
from engine.domain.posting import Action, Facts
from engine.domain.status import EffectState
from engine.errors import MessageError
from engine.mapping.functions import text_of
from engine.pipeline.digests import Digester
from engine.pipeline.reading import Read, read_message
from engine.pipeline.refusing import refused_by
from engine.pipeline.step import step
from engine.preview.touching import Edit, Watch, routes
from engine.site.release import Release

CHANGES = ("changed", "added", "lost", "newly held", "newly mapped")
SAMPLES = 5


class Place(NamedTuple):
    """What money is told by."""

    destination: str
    effect: str
    department: str
    code: str


class Seen(NamedTuple):
    """What one line owes at one destination. `payload`: of its document; None while it is held, for `cause`."""

    place: Place
    payload: bytes | None
    quantity: Decimal | None
    amount: Decimal | None
    cause: str

    def __repr__(self) -> str:
        return f"Seen({self.place.effect} at {self.place.destination}, {'held' if self.payload is None else 'posted'})"


Key = tuple[str, int, str, str, Action, str]
"""(channel, line, destination, effect, action, part)."""


class Difference(NamedTuple):
    """`change`: one of `CHANGES`. `before`, `after`: None where there is nothing."""

    change: str
    before: Seen | None
    after: Seen | None


@dataclass(slots=True)
class Sum:
    """Money of one place that is delivered, or would be, before and after."""

    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)


@dataclass(slots=True)
class Tally:
    """What was compared so far. `messages`: looked at; `touched`: those that the edit may change, stepped with both;
    `lines`: change → effects of lines; `samples`: change → first messages; `causes`: of what is newly held → lines."""

    messages: int = 0
    touched: int = 0
    differing: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    money: dict[Place, Sum] = field(default_factory=lambda: defaultdict(Sum))

    def add(self, message: int, differences: list[Difference]) -> None:
        """What came of one message."""
        self.touched += 1
        self.differing += bool(differences)
        for difference in differences:
            self.lines[difference.change] += 1
            samples = self.samples[difference.change]
            if len(samples) < SAMPLES and message not in samples:
                samples.append(message)
            if difference.change == "newly held" and difference.after is not None:
                self.causes[difference.after.cause] += 1
            self._money(difference)

    def _money(self, difference: Difference) -> None:
        for side, seen in (("before", difference.before), ("after", difference.after)):
            if seen is not None and seen.payload is not None and seen.amount is not None:
                total = self.money[seen.place]
                setattr(total, side, getattr(total, side) + seen.amount)

    def merge(self, other: Tally) -> None:
        """Adds what another one counted, of later messages."""
        self.messages += other.messages
        self.touched += other.touched
        self.differing += other.differing
        self.lines.update(other.lines)
        self.causes.update(other.causes)
        for change, samples in other.samples.items():
            self.samples[change] = (self.samples[change] + samples)[:SAMPLES]
        for place, total in other.money.items():
            self.money[place].before += total.before
            self.money[place].after += total.after


class Comparer:
    """Two releases, as far as an edit touches them: a channel that is the same in both is not stepped."""

    def __init__(self, before: Release, after: Release, edit: Edit, digester: Digester) -> None:
        self._before, self._after = (
            replace(one, channels=tuple(part for part in one.channels if part.name in edit.channels))
            for one in (before, after)
        )
        self._digester = digester
        self._watch = Watch(self._before, self._after, edit.tables)
        both = (self._before, self._after)
        self._routes, self._remade = (
            frozenset(routes(both, names)) for names in (edit.channels, edit.remade)
        )
        whole = (part.name for one in both for part in one.channels if part.reader.lines == "snapshot")
        self._whole = frozenset(routes(both, frozenset(whole)))

    def takes(self, feed: str, kind: str) -> bool:
        """Whether a channel that differs takes such messages."""
        return (feed, kind) in self._routes

    def cases(self, kind: str, inbound: Inbound) -> frozenset[bytes]:
        """Digests of the cases that the message tells whole, to a channel that differs: `compare` is to know their
        newest saves."""
        if (inbound.feed, kind) not in self._whole:
            return frozenset()
        return frozenset().union(
            *(_cases(one, self._digester, inbound) for one in (self._before, self._after))
        )

    def compare(self, kind: str, inbound: Inbound, facts: Facts) -> list[Difference] | None:
        """What the edit changes for one message that is taken, in the order of its lines. None: it is not touched."""
        if (inbound.feed, kind) in self._remade:
            was = made(self._before, self._digester, inbound, facts)
        else:
            self._watch.met = False
            was = made(self._watch.release, self._digester, inbound, facts)
            if not self._watch.met:
                return None
        now = made(self._after, self._digester, inbound, facts)
        keys = {**dict.fromkeys(was), **dict.fromkeys(now)}
        found = (_difference(was.get(key), now.get(key)) for key in keys)
        return [difference for difference in found if difference is not None]


def _cases(release: Release, digester: Digester, inbound: Inbound) -> frozenset[bytes]:
    try:
        read = read_message(release, digester, inbound)
    except MessageError:
        return frozenset()
    return frozenset(part.case for part in read.reads if part.case is not None)


def made(release: Release, digester: Digester, inbound: Inbound, facts: Facts) -> dict[Key, Seen]:
    """What a release makes of a message. Nothing for what it cannot read, or refuses; what it cannot decide to refuse
    is held, and so is what comes in a file and would be refused."""
    try:
        read = read_message(release, digester, inbound)
        refused = refused_by(release, release.channels, inbound)
    except MessageError:
        return {}
    if refused.errors and release.listeners[inbound.feed].kind != "folder":
        return {}
    stepped = step(release, digester, read, facts)
    told = _told(read)
    found: dict[Key, Seen] = {}
    for effect in stepped.effects:
        line = stepped.lines[effect.line]
        if effect.state not in (EffectState.ROUTED, EffectState.HELD):
            continue
        department, code = told.get((line.channel, line.number), ("", ""))
        posted = effect.document is not None and not refused.reason
        payload = stepped.documents[effect.document or 0].payload if posted else None
        key = (line.channel, line.number, effect.destination, effect.name, effect.action, effect.part)
        place = Place(effect.destination, effect.name, department, code)
        found[key] = Seen(place, payload, effect.quantity, effect.amount, refused.reason or effect.cause)
    return found


def _told(read: Read) -> Mapping[tuple[str, int], tuple[str, str]]:
    """(channel, line) → department and code, as sent."""
    return {
        (part.channel.name, line.number): (
            text_of(line.fields.get("department")) or text_of(line.fields.get("station")) or "",
            text_of(line.fields.get("code")) or "",
        )
        for part in read.reads
        for line in part.event.lines
    }


def _difference(before: Seen | None, after: Seen | None) -> Difference | None:
    was, now = (
        before is not None and before.payload is not None,
        after is not None and after.payload is not None,
    )
    if was and now:
        assert before is not None
        assert after is not None
        same = (before.payload, before.quantity, before.amount) == (
            after.payload,
            after.quantity,
            after.amount,
        )
        return None if same else Difference("changed", before, after)
    if was:
        return Difference("newly held" if after is not None else "lost", before, after)
    if now:
        return Difference("newly mapped" if before is not None else "added", before, after)
    return None
