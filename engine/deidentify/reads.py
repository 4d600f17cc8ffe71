"""What a channel's read map says of the values that no rule names: a code, a quantity, or something of the patient's.

The map that reads a local segment knows what stands there (`station: ZPM-3`); what it says is private, or a moment,
is the patient's. A description is free text wherever it stands, and a barcode has a serial number in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from engine.codecs.hl7v2.delimiters import Delimiters
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import Group, HL7Path, Selector, where
from engine.codecs.udi.carrier import looks_scanned
from engine.deidentify.kinds import KEPT, Treatment
from engine.deidentify.leaves import Leaf
from engine.domain.event import FieldType
from engine.mapping.reader import ReadMap
from engine.mapping.sources import Source

_FOUND = re.compile(r"[A-Z0-9]{3}\[([0-9]+)\]")
_PRODUCT_DATES = frozenset({"expiry"})
_FREE_TEXT = frozenset({"description"})
_NAMESPACES = "_authority"


class Reading(NamedTuple):
    """A read map. `private`: its fields that tell of a patient."""

    reader: ReadMap
    private: frozenset[str]


class Use(NamedTuple):
    """One path of the map into one field."""

    path: HL7Path
    name: str
    treatment: Treatment

    def of(self, leaf: Leaf, marks: Delimiters) -> bool:
        """Whether it reads this value: as a barcode only what has the shape of one."""
        if self.treatment is Treatment.DEVICE and not looks_scanned(leaf.meant):
            return False
        place, choice = leaf.place, self.path.repetition
        if (place.component, place.subcomponent) != (self.path.component or 1, self.path.subcomponent or 1):
            return False
        return place.repetition == choice if isinstance(choice, int) else _chosen(choice, leaf, marks)

    def chooses(self, leaf: Leaf) -> bool:
        """Whether the path finds its repetition by this value: `[type=MR]`."""
        choice, place = self.path.repetition, leaf.place
        return (
            isinstance(choice, Selector)
            and (place.component, place.subcomponent) == (choice.component, choice.subcomponent or 1)
            and leaf.meant == choice.value
        )


class Uses:
    """Where in one message the map reads what."""

    def __init__(self, message: Message, reading: Reading) -> None:
        self._marks = message.delimiters
        self._uses: Mapping[tuple[str, int, int], list[Use]] = _uses(message, reading)

    def treatment(self, leaf: Leaf, by_rule: Treatment) -> Treatment:
        """What becomes of a value. `by_rule`: as the rule table says; it leads, but what is private is never kept."""
        place = leaf.place
        uses = self._uses.get((place.segment, place.number, place.field), ())
        mine = [use for use in uses if use.of(leaf, self._marks)]
        private = [use for use in mine if use.treatment not in KEPT]
        if by_rule in KEPT:
            telling = [use for use in private if not use.name.endswith(_NAMESPACES)]
            return telling[0].treatment if telling else by_rule
        if by_rule not in (Treatment.UNNAMED, Treatment.DROP):
            return by_rule
        if private:
            return private[0].treatment
        if leaf.stray:
            return by_rule
        if mine:
            return mine[0].treatment
        return Treatment.KEEP if any(use.chooses(leaf) for use in uses) else by_rule


def _uses(message: Message, reading: Reading) -> Mapping[tuple[str, int, int], list[Use]]:
    found: dict[tuple[str, int, int], list[Use]] = defaultdict(list)
    units = reading.reader.groups(message)
    for source in reading.reader.sources:
        treatment = _treatment(source, reading.private)
        for node in source.paths:
            for number in sorted({_number(node.path, group) for group in units}):
                found[node.path.segment, number, node.path.field].append(
                    Use(node.path, source.name, treatment)
                )
    return found


def _number(path: HL7Path, group: Group | None) -> int:
    """The occurrence of the segment that the path reads in this group."""
    told = _FOUND.match(where(path, group))
    return int(told[1]) if told else path.occurrence or 1


def _treatment(source: Source, private: frozenset[str]) -> Treatment:
    if source.type is FieldType.UDI:
        return Treatment.DEVICE
    if source.type is FieldType.MOMENT:
        return Treatment.MOVE
    if source.type is FieldType.DATE:
        return Treatment.SHELF if source.name in _PRODUCT_DATES else Treatment.MOVE
    if source.name in private:
        return Treatment.REPLACE
    return Treatment.DROP if source.name in _FREE_TEXT else Treatment.KEEP


def _chosen(choice: Selector, leaf: Leaf, marks: Delimiters) -> bool:
    """Whether the path looks for the repetition of this value. What was escaped is not recognised, and replaced."""
    if choice.component > len(leaf.parts):
        return False
    part = leaf.parts[choice.component - 1]
    subparts = part.split(marks.subcomponent)
    if choice.subcomponent is None:
        return choice.value in (part, subparts[0])
    return subparts[choice.subcomponent - 1 : choice.subcomponent] == [choice.value]
