"""One message stepped with two releases, and what differs, line by line. Pure.

Both steps know what the message's own step knew of the stay, and nothing of what was told before or after: what was
posted once is never translated anew, so an edit does not reach credits and duplicates. A case that is told whole each
time counts once, with its newest save, and a line of a channel that corrects with its newest telling: what was told
last decides what the books say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property, partial
from typing import NamedTuple

from engine.domain.message import Inbound
from engine.domain.posting import Action, EffectRow, FactKeys, Facts, LineRow, Stepped, kept_as
from engine.domain.status import EffectState
from engine.domain.views import DroppedView
from engine.errors import MessageError
from engine.mapping.expression import EvaluationFault
from engine.mapping.functions import text_of
from engine.mapping.writer import MissingField
from engine.pipeline.context import context_of
from engine.pipeline.digests import Digester
from engine.pipeline.reading import Read, read_message
from engine.pipeline.record import unpack_lines
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
    """What one line owes at one destination. `payload`: of its document; None while it is held, for `cause`. `alone`:
    what the document would be if it told of nothing but this line."""

    place: Place
    payload: bytes | None
    quantity: Decimal | None
    amount: Decimal | None
    cause: str
    alone: Callable[[], bytes | None]

    def tells_as(self, other: Seen) -> bool:
        """Whether the far end is told the same of the line, whatever else stands in its document."""
        if (self.quantity, self.amount) != (other.quantity, other.amount):
            return False
        return self.payload == other.payload or self.alone() == other.alone()

    def __repr__(self) -> str:
        return f"Seen({self.place.effect} at {self.place.destination}, {'held' if self.payload is None else 'posted'})"


Key = tuple[str, int, str, str, Action, str]
"""(channel, line, destination, effect, action, part)."""


class Difference(NamedTuple):
    """`change`: one of `CHANGES`. `before`, `after`: None where there is nothing."""

    change: str
    before: Seen | None
    after: Seen | None


class Compared(NamedTuple):
    """What an edit changes for one message: effects of lines, in their order, and how many documents are other ones."""

    differences: list[Difference]
    documents: int


@dataclass(slots=True)
class Sum:
    """Money of one place that is delivered, or would be, before and after."""

    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)


@dataclass(slots=True)
class Tally:
    """What was compared so far. `messages`: looked at; `touched`: those that the edit may change, stepped with both;
    `documents`: those that would be other ones; `lines`: change → effects of lines; `samples`: change → first messages;
    `causes`: of what is newly held → lines."""

    messages: int = 0
    touched: int = 0
    differing: int = 0
    documents: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    money: dict[Place, Sum] = field(default_factory=lambda: defaultdict(Sum))

    def add(self, message: int, compared: Compared) -> None:
        """What came of one message."""
        self.touched += 1
        self.differing += bool(compared.differences or compared.documents)
        self.documents += compared.documents
        for difference in compared.differences:
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
        self.documents += other.documents
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
        retold = (
            part.name
            for one in both
            for part in one.channels
            if part.reader.lines == "snapshot" or part.same_line.changed == "correct"
        )
        self._retold = frozenset(routes(both, frozenset(retold)))

    def takes(self, feed: str, kind: str) -> bool:
        """Whether a channel that differs takes such messages."""
        return (feed, kind) in self._routes

    def retold(self, kind: str, inbound: Inbound) -> FactKeys:
        """What of the message others may tell anew, to a channel that differs: cases that it tells whole, and lines.
        `compare` is to know who told them last."""
        if (inbound.feed, kind) not in self._retold:
            return FactKeys()
        before, after = (_needs(one, self._digester, inbound) for one in (self._before, self._after))
        return FactKeys(saves=(*before.saves, *after.saves), told=(*before.told, *after.told))

    def compare(
        self, kind: str, inbound: Inbound, facts: Facts, dropped: Collection[DroppedView] = ()
    ) -> Compared | None:
        """What the edit changes for one message that is taken, but for what a person dropped of it. None: it is not
        touched."""
        if (inbound.feed, kind) in self._remade:
            was = made(self._before, self._digester, inbound, facts)
        else:
            self._watch.met = False
            was = made(self._watch.release, self._digester, inbound, facts)
            if not self._watch.met:
                return None
        now = made(self._after, self._digester, inbound, facts)
        if dropped:
            was, now = _without(was, dropped), _without(now, dropped)
        keys = {**dict.fromkeys(was), **dict.fromkeys(now)}
        found = (_difference(was.get(key), now.get(key)) for key in keys)
        return Compared([one for one in found if one is not None], _other_documents(was, now))


def _without(seen: dict[Key, Seen], dropped: Collection[DroppedView]) -> dict[Key, Seen]:
    """What nobody dropped. A view names a whole effect, else its line, else the message."""
    gone = {tuple(part for part in view[1:] if part is not None) for view in dropped}
    return {key: one for key, one in seen.items() if gone.isdisjoint({(), key[:2], key})}


def _other_documents(before: Mapping[Key, Seen], after: Mapping[Key, Seen]) -> int:
    """How many documents would be other ones: written otherwise, in place of others, more or fewer."""
    was, now = (
        {(one.place[:2], one.payload) for one in seen.values() if one.payload is not None}
        for seen in (before, after)
    )
    return max(len(was - now), len(now - was))


def _needs(release: Release, digester: Digester, inbound: Inbound) -> FactKeys:
    try:
        return read_message(release, digester, inbound).needs
    except MessageError:
        return FactKeys()


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
    alone = _Alone(release, digester, read, facts, stepped)
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
        found[key] = Seen(
            place,
            payload,
            effect.quantity,
            effect.amount,
            refused.reason or effect.cause,
            partial(alone.document, line, effect, payload),
        )
    return found


class _Alone:
    """Documents of a step, written anew for one of their lines."""

    def __init__(
        self, release: Release, digester: Digester, read: Read, facts: Facts, stepped: Stepped
    ) -> None:
        self._release, self._digester, self._read, self._facts = release, digester, read, facts
        self._stepped = stepped

    def document(self, line: LineRow, effect: EffectRow, payload: bytes | None) -> bytes | None:
        """Of what takes back: the whole, since that is written from what was posted."""
        if payload is None or effect.action is not Action.POST:
            return payload
        part = next(one for one in self._read.reads if one.channel.name == line.channel)
        sent = next((one for one in part.event.lines if one.number == line.number), None)
        kept = self._kept.get(f"{line.channel}/{line.number}", {}).get(kept_as(effect.name, effect.part))
        if sent is None or kept is None:
            return payload
        context = context_of(self._release, self._digester, self._read, part, self._facts, {})
        rule = next(
            one
            for one in part.channel.effects
            if (one.destination, one.name) == (effect.destination, effect.name)
        )
        names = {
            **context.base_names(sent),
            **kept,
            "quantity": effect.quantity,
            "amount": effect.amount,
            "reference": effect.key.hex(),
        }
        try:
            return rule.write.render(names, [names])
        except (MissingField, EvaluationFault):
            return payload

    @cached_property
    def _kept(self) -> Mapping[str, Mapping[str, Mapping[str, object]]]:
        return unpack_lines(self._stepped.record)


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
        return None if before.tells_as(after) else Difference("changed", before, after)
    if was:
        return Difference("newly held" if after is not None else "lost", before, after)
    if now:
        return Difference("newly mapped" if before is not None else "added", before, after)
    return None
