"""A posting explained: the step of its message is run again as it was, and every field of the payload told.

The payload that comes out is compared with the one that was sent: what is told is then how it came about.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from engine.clock import to_datetime
from engine.codecs.hl7v2.group import Group
from engine.codecs.hl7v2.lexer import Message
from engine.domain.event import Line
from engine.domain.message import Inbound
from engine.domain.posting import Action, Facts, Original
from engine.domain.views import DeliveryView, EffectView
from engine.explain.lineage import Lineage, Step, Told
from engine.mapping.functions import text_of
from engine.mapping.writer import DOCUMENT_NAMES, Leaf, WriteMap
from engine.pipeline.context import Context, context_of
from engine.pipeline.digests import Digester
from engine.pipeline.owing import owed
from engine.pipeline.reading import ChannelRead, parsed, read_message
from engine.pipeline.record import restore
from engine.site.release import EffectRule, Release
from engine.site.sources import Sources
from engine.site.yaml import Path as NodePath


class Edition(NamedTuple):
    """What a document was written with. `versions`: of the tables."""

    release: Release
    sources: Sources
    versions: Mapping[str, int]


class Carried(NamedTuple):
    """One effect that the document carries, the line it stands for, and the original that it takes back."""

    effect: EffectView
    channel: str
    original: Original | None


class FieldStory(NamedTuple):
    """`place`: in the payload (`lines[2].quantity`, from 1). The repr shows no value."""

    place: str
    step: Step


class Explained(NamedTuple):
    """`same`: the payload that came out is the one that was sent, byte for byte. No `fields`: none came out."""

    delivery: DeliveryView
    same: bool
    fields: tuple[FieldStory, ...]


def explain(
    edition: Edition,
    digester: Digester,
    inbound: Inbound,
    facts: Facts,
    delivery: DeliveryView,
    carried: Sequence[Carried],
    payload: bytes,
) -> Explained:
    """Every field of one document of a message. `facts`: those that its step used; `carried`: in the order of lines."""
    release = edition.release
    read = read_message(release, digester, inbound)
    part = next(part for part in read.reads if part.channel.name == delivery.channel)
    context = context_of(release, digester, read, part, facts, {})
    rule = next(one for one in part.channel.effects if one.name == delivery.effect)
    message = parsed(release, inbound)
    write = rule.undo if delivery.action is Action.REVERSE and rule.undo else rule.write
    dates = context.dates(_line(part, carried[0].effect.number).fields)
    lineage = Lineage(release, edition.sources, edition.versions, part.channel, message, dates)
    written = to_datetime(delivery.created_us).astimezone(release.zone).date()

    def as_of(posted_on: date) -> Explained:
        found = [_told(context, part, message, rule, one, posted_on) for one in carried]
        tolds = [told for told in found if told is not None]
        if len(tolds) < len(found):
            return Explained(delivery, False, ())
        head = {**tolds[0].names, "reference": delivery.reference}
        same = write.render(head, [told.names for told in tolds]) == payload
        teller = _Teller(lineage, edition.sources, write, head, tolds)
        return Explained(delivery, same, tuple(teller.fields()))

    received, written = read.today, to_datetime(delivery.created_us).astimezone(release.zone).date()
    explained = as_of(received)
    if explained.same or written == received:
        return explained
    corrected = as_of(written)  # a correction is posted on the day that it is made
    return corrected if corrected.same else explained


def _told(
    context: Context,
    part: ChannelRead,
    message: Message,
    rule: EffectRule,
    carried: Carried,
    posted_on: date,
) -> Told | None:
    """A line as its effect told it, worked out anew; None: it does not come out any more."""
    line = _line(part, carried.effect.number)
    group = _group(part, message, line)
    base = {**context.base_names(line), "posting_date": posted_on}
    original = carried.original
    if original is not None:
        amount = carried.effect.amount
        names: dict[str, object] = {
            **base,
            **restore(original.fields),
            "number": line.number,
            "quantity": carried.effect.quantity,
            "amount": abs(amount) if amount is not None else None,
            "original": {"reference": original.reference, "document": original.document or None},
        }
        return Told(group, rule, names, base, original)
    owes = owed(context, line, b"", 1, base, carried.effect.action)
    mine = (
        due
        for due in owes.dues
        if due.moves and (due.rule.name, due.part) == (rule.name, carried.effect.part)
    )
    due = next(mine, None)
    if due is None:
        return None
    found = {one.name: due.names.get(one.name) for one in part.channel.translations}
    return Told(group, rule, due.names, {**base, **found}, None)


def _line(part: ChannelRead, number: int) -> Line:
    """One of the message; else one that its save leaves out, of which it says whose case it is."""
    left_out = Line(number, part.event.header, ())
    return next((line for line in part.event.lines if line.number == number), left_out)


def _group(part: ChannelRead, message: Message, line: Line) -> Group | None:
    found = part.channel.reader.groups(message)
    return found[line.number - 1] if line.number <= len(found) else None


class _Teller:
    """Walks a write map's tree beside the lines that it was written for."""

    def __init__(
        self,
        lineage: Lineage,
        sources: Sources,
        write: WriteMap,
        head: Mapping[str, object],
        tolds: Sequence[Told],
    ) -> None:
        self._lineage = lineage
        self._source = sources.writes.sources[write.name]
        self._leaves = {leaf.node: leaf for leaf in write.leaves}
        self._head = head
        self._tolds = tolds

    def fields(self) -> Iterator[FieldStory]:
        return self._below(("document",), self._source.model.document, "", None)

    def _below(self, node: NodePath, tree: Any, place: str, told: Told | None) -> Iterator[FieldStory]:
        match tree:
            case {"each": "lines", "give": below}:
                for number, one in enumerate(self._tolds, start=1):
                    yield from self._below((*node, "give"), below, f"{place}[{number}]", one)
            case {"text": text, **rest} if not rest:
                yield FieldStory(place, Step(place, str(text), "always this text", self._place(node)))
            case {"number": str(), **rest} if not rest:
                yield from self._leaf(self._leaves[*node, "number"], place, told)
            case str():
                yield from self._leaf(self._leaves[node], place, told)
            case dict():
                for key, below in tree.items():
                    name = key.removesuffix("?")
                    yield from self._below((*node, key), below, f"{place}.{name}" if place else name, told)
            case list():
                for index, below in enumerate(tree):
                    yield from self._below((*node, index), below, f"{place}[{index + 1}]", told)
            case _:
                yield FieldStory(place, Step(place, str(tree), "always this", self._place(node)))

    def _leaf(self, leaf: Leaf, place: str, told: Told | None) -> Iterator[FieldStory]:
        """Nothing, when it was left out."""
        teller = told or self._tolds[0]
        value = leaf.expression(self._names(told))
        if value is None:
            return
        value = ", ".join(map(str, value)) if isinstance(value, list | tuple) else text_of(value)
        of = self._lineage.of_expression(leaf.expression, teller)
        where = self._source.document.within(leaf.node, 0)
        yield FieldStory(place, Step(place, str(value), leaf.expression.text, where, of))

    def _names(self, told: Told | None) -> Mapping[str, object]:
        if told is None:
            return {**self._head, "lines": [one.names for one in self._tolds]}
        shared = {name: value for name, value in self._head.items() if name in DOCUMENT_NAMES}
        own = {name: value for name, value in told.names.items() if value is not None or name not in shared}
        return ChainMap(own, shared)

    def _place(self, node: NodePath) -> str:
        return self._source.where(*node)
