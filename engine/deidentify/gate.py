"""The gate: reads what is about to be written as anybody would, and says where it shows what it must not.

It trusts neither rules nor read maps. In a value that was kept it also looks for the shapes of identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from engine.codecs.hl7v2.lexer import Message
from engine.codecs.udi.carrier import tells_one
from engine.deidentify.kinds import DROPPED, KEPT, Treatment
from engine.deidentify.leaves import Leaf, Place, leaves_of
from engine.deidentify.originals import Originals, bare_of
from engine.deidentify.shifting import moved


class Why(Enum):
    """What a place gives away."""

    REAPPEARS = "stands elsewhere where it identifies somebody"
    SHAPE = "is kept as a code and has the shape of an identifier"
    DATE = "is kept as a code and has the shape of a date"
    DEVICE = "is kept as a code and is the barcode of one device"
    PROSE = "is kept as a code and reads like free text"
    UNMOVED = "is a date that was not moved"
    UNKNOWN = "was not there before"

    @property
    def mend(self) -> str:
        """What an analyst can do about it."""
        extra = "declare the field that reads it under `extra` without `patient_data: false`"
        if self is Why.REAPPEARS:
            return (
                f"{extra}; where it tells of nobody, read the other place as an extra with `patient_data: false`, or "
                "have a row of a table say it; else capture another message"
            )
        if self is Why.DEVICE:
            return "let the read map read it as `udi`: its serial number is then replaced"
        return f"{extra}, or capture another message"


class Leak(NamedTuple):
    place: Place
    why: Why


class Kept(NamedTuple):
    """How a value came to be. `by_map`: a read map said that it may stay."""

    treatment: Treatment
    original: str
    by_map: bool

    def __repr__(self) -> str:
        return f"Kept({self.treatment.name})"


_SHAPES = re.compile(
    r"(?<![0-9])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9])"  # SSN
    r"|(?<![0-9.])(?:\+?1[-. ])?(?:\([0-9]{3}\) ?|[0-9]{3}[-. ])[0-9]{3}[-. ][0-9]{4}(?![0-9.])"  # phone
    r"|[^\s@]+@[^\s@]+\.[A-Za-z]{2,}"
    r"|\b(?:https?|ftp)://|\bwww\."
    r"|(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])"  # IP
    r"|(?i:\b(?:mrn|ssn|dob|acct|csn|har)[ #:._-]*[0-9]{3,})"
)
_DATES = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[0-9]{2}){0,3}(?:[.+-][0-9]+)*"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}.*|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}"
)
_DATES_WITHIN = re.compile(
    r"(?<![0-9])(?:19|20)[0-9]{2}([-/])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
    r"|(?<![0-9])(?:0?[1-9]|[12][0-9]|3[01])([-/.])(?:0?[1-9]|[12][0-9]|3[01])\2(?:19|20)[0-9]{2}(?![0-9])"
)
OID = re.compile(r"[0-2](?:\.[0-9]+){3,}")
_MOST_WORDS = 6


def leaks_of(
    message: Message,
    kept: Mapping[Place, Kept],
    originals: Originals,
    is_known: Callable[[str], bool],
) -> Iterator[Leak]:
    """Every place that gives something away. `message`: as it would be written, read anew; `kept`: how its values came
    to be; `is_known`: whether a text stands in the site's files already, where it says nothing of a patient."""
    for leaf in leaves_of(message):
        how = kept.get(leaf.place)
        why = Why.UNKNOWN if how is None else _why(leaf, how, originals, is_known)
        if why is not None:
            yield Leak(leaf.place, why)


def _why(leaf: Leaf, how: Kept, originals: Originals, is_known: Callable[[str], bool]) -> Why | None:
    moves = how.treatment in (Treatment.MOVE, Treatment.BIRTH) and moved(leaf.meant, 0) is not None
    if moves:
        return Why.UNMOVED if _is_day(how.original) and leaf.meant == how.original else None
    if (how.treatment is Treatment.KEEP and is_known(leaf.meant)) or leaf.meant == DROPPED:
        return None
    if any(originals.shown_by(text, weak=how.by_map) for text in {leaf.meant, leaf.raw}):
        return Why.REAPPEARS
    if how.treatment not in KEPT:
        return None
    shape = shape_of(leaf.meant, dates=how.treatment is not Treatment.SHELF)
    return Why.DEVICE if shape is None and tells_one(leaf.meant) else shape


def shape_of(text: str, *, dates: bool) -> Why | None:
    """What the text looks like, if it looks like nothing that may stay."""
    if _SHAPES.search(text) and not OID.fullmatch(text):
        return Why.SHAPE
    if dates and (_DATES.fullmatch(text.strip()) or _DATES_WITHIN.search(text)):
        return Why.DATE
    return Why.PROSE if len(text.split()) > _MOST_WORDS else None


def _is_day(text: str) -> bool:
    return len(bare_of(text)) > 4
