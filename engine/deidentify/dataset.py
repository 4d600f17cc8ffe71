"""Messages that belong together, de-identified with one key: equal values stay equal, in all of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from engine.codecs.hl7v2.escape import escape
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.udi.carrier import disguised, serials
from engine.deidentify.gate import Kept, Leak, leaks_of
from engine.deidentify.kinds import DROPPED, KEPT, Treatment
from engine.deidentify.leaves import Leaf, Place, leaves_of, written
from engine.deidentify.originals import Originals
from engine.deidentify.reads import Reading, Uses
from engine.deidentify.rules import layout_of
from engine.deidentify.shifting import born, groups_of, moved, shifts
from engine.deidentify.surrogates import Surrogates
from engine.errors import MessageError, UsageError

_SAME_PERSON = {
    **{("PID", field): "patient" for field in (2, 3, 4)},
    **{("MRG", field): "patient" for field in (1, 2, 4)},
    ("PID", 18): "account",
    ("MRG", 3): "account",
    **{("PV1", field): "visit" for field in (19, 50)},
    **{("MRG", field): "visit" for field in (5, 6)},
}


class Given(NamedTuple):
    """One message. `reading`: how a channel reads it; `default`: character set of its feed; `today`: when it came."""

    message: Message
    reading: Reading | None
    default: str | None
    today: date


class Clean(NamedTuple):
    """One message as it may be written, unless it has `leaks`. `days`: by which its clock moved, and all dates of its
    first patient; `moves`: of each patient."""

    raw: bytes
    days: int
    moves: tuple[int, ...]
    leaks: tuple[Leak, ...]

    def __repr__(self) -> str:
        return f"Clean({len(self.raw)} bytes, {len(self.leaks)} leaks)"


class _Value(NamedTuple):
    leaf: Leaf
    treatment: Treatment
    by_map: bool


class Dataset:
    """The messages of one capture."""

    def __init__(
        self, given: Sequence[Given], key: bytes, is_known: Callable[[str], bool] = lambda text: False
    ) -> None:
        """`key`: random, and to be forgotten. `is_known`: what stands in the site's files already."""
        self._given = given
        self._is_known = is_known
        self._values = [_values(one) for one in given]
        self._originals = Originals()
        for value in (value for values in self._values for value in values):
            _collect(self._originals, value)
        for names in _names(self._values):
            self._originals.add_person(names)
        self._surrogates = Surrogates(key, self.shows)
        self._shifts = shifts(key)
        self._people = _people(self._values)

    @property
    def attempts(self) -> int:
        """How many ways there are to move the dates."""
        return len(self._shifts)

    def shows(self, text: str) -> bool:
        """Whether a text shows what was taken out of any of the messages."""
        return self._originals.shown_by(text, weak=True)

    def says(self, text: str) -> str:
        """`text` with stand-ins in the place of the values it holds: what a document of a clean message may say."""
        known = self._surrogates.known
        longest_first = sorted((value for value in known if len(value) > 1), key=len, reverse=True)
        values = "|".join(map(re.escape, longest_first))
        return re.sub(values, lambda hit: known[hit[0]], text) if values else text

    def clean(self, attempt: int = 0) -> list[Clean]:
        """Each message, in order. `attempt`: which way to move dates, from 0. Raises `UsageError` when one cannot be
        written in its character set, or there are no stand-ins left."""
        return [self._clean(place, attempt) for place in range(len(self._given))]

    def _clean(self, place: int, attempt: int) -> Clean:
        given, people = self._given[place], self._people[place]
        days = [self._shifts[(person + attempt) % len(self._shifts)] for person in people]
        raws: dict[Place, str] = {}
        kept: dict[Place, Kept] = {}
        for value in self._values[place]:
            leaf = value.leaf
            meant = self._instead(value, days[leaf.patient], given.today)
            same = meant is leaf.meant
            raws[leaf.place] = (
                leaf.raw if same else escape(meant, given.message.delimiters, given.message.codec)
            )
            kept[leaf.place] = Kept(value.treatment, leaf.meant, value.by_map)
        text = written(given.message, lambda where, raw: raws.get(where, raw))
        raw, again = _encoded(text, given)
        return Clean(raw, days[0], tuple(days), tuple(leaks_of(again, kept, self._originals, self._is_known)))

    def _instead(self, value: _Value, days: int, today: date) -> str:
        meant = value.leaf.meant
        match value.treatment:
            case Treatment.KEEP | Treatment.SHELF:
                return meant
            case Treatment.DROP:
                return DROPPED
            case Treatment.DEVICE:
                return disguised(meant, self._surrogates.of) or self._surrogates.of(meant)
            case Treatment.MOVE:
                return moved(meant, days) or self._surrogates.of(meant)
            case Treatment.BIRTH:
                return born(meant, days, today) or self._surrogates.of(meant)
            case _:
                return self._surrogates.of(meant)


def _values(given: Given) -> list[_Value]:
    uses = Uses(given.message, given.reading) if given.reading else None
    found = []
    for leaf in leaves_of(given.message):
        place = leaf.place
        by_rule = layout_of(place.segment, place.field, leaf.fields).of(place.component)
        if leaf.stray:
            by_rule = Treatment.DROP
        treatment = uses.treatment(leaf, by_rule) if uses else by_rule
        found.append(_Value(leaf, treatment, by_rule not in KEPT))
    return found


def _collect(originals: Originals, value: _Value) -> None:
    meant = value.leaf.meant
    match value.treatment:
        case Treatment.KEEP | Treatment.SHELF:
            return
        case Treatment.NAME:
            originals.add_name(meant)
        case Treatment.REPLACE:
            originals.add(meant)
        case Treatment.DEVICE:
            for told in serials(meant) if disguised(meant, str) is not None else [meant]:
                originals.add(told)
        case Treatment.MOVE | Treatment.BIRTH if moved(meant, 0) is not None:
            originals.add_day(meant)
        case _:
            originals.add_text(meant)


def _names(messages: Iterable[Iterable[_Value]]) -> Iterable[Sequence[str]]:
    """The names of each person, as one field says them."""
    found: defaultdict[tuple[int, Place], list[str]] = defaultdict(list)
    for number, values in enumerate(messages):
        for value in values:
            if value.treatment is Treatment.NAME:
                field = value.leaf.place._replace(component=1, subcomponent=1)
                found[number, field].append(value.leaf.meant)
    return found.values()


def _people(messages: Sequence[Iterable[_Value]]) -> list[list[int]]:
    """For each message, the person of each of its patients; of one without a patient, somebody."""
    ids: list[set[Hashable]] = []
    counts = []
    for values in messages:
        mine: list[set[Hashable]] = [set()]
        for value in values:
            while value.leaf.patient >= len(mine):
                mine.append(set())
            place = value.leaf.place
            kind = _SAME_PERSON.get((place.segment, place.field))
            if kind and (place.component, place.subcomponent) == (1, 1):
                mine[value.leaf.patient].add((kind, value.leaf.meant))
        ids += mine
        counts.append(len(mine))
    people = iter(groups_of(ids))
    return [[next(people) for _ in range(count)] for count in counts]


def _encoded(text: str, given: Given) -> tuple[bytes, Message]:
    """The bytes, one segment on each line, and what they are read as. UTF-16 becomes UTF-8, which is read alike."""
    codec = given.message.codec or "ascii"
    text = text.replace("\n", " ").replace("\r", "\n") + "\n"
    for name in dict.fromkeys(("utf-8" if codec.startswith("utf-16") else codec, "utf-8")):
        try:
            raw = text.encode(name)
            again = Message.parse(raw, default=given.default)
        except (UnicodeEncodeError, MessageError):
            continue
        if again.text == text.rstrip("\n").replace("\n", "\r"):
            return raw, again
    raise UsageError(
        "CAP007",
        "a kept value cannot be written in the character set that MSH-18 names",
        "let the sender name in MSH-18 what it sends",
    )
