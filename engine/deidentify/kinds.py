"""What becomes of a value, and of each component of a field of a kind.

Source: the data types of HL7 v2.3 to v2.8.2, chapter 2A (CX, EI, XCN, XPN, XAD, XTN, PL, CWE, FC).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

DROPPED = "TEXT"
"""Stands where free text stood."""


class Treatment(Enum):
    """What becomes of one value."""

    KEEP = auto()  # a code, a quantity, a namespace
    SHELF = auto()  # kept: a product's own date
    NAME = auto()  # replaced; each of its words would identify
    REPLACE = auto()  # replaced; as a whole it would identify
    DEVICE = auto()  # a barcode: its serial number replaced, so that it stays readable
    MOVE = auto()  # a date of the patient's
    BIRTH = auto()  # a date of birth, of which also the year may tell too much
    DROP = auto()  # free text
    UNNAMED = auto()  # nobody says what it is: replaced, unless the read map says


KEPT = frozenset({Treatment.KEEP, Treatment.SHELF})


class Layout(NamedTuple):
    """`parts`: component → treatment; `others`: of all other components."""

    parts: Mapping[int, Treatment]
    others: Treatment

    def of(self, component: int) -> Treatment:
        return self.parts.get(component, self.others)


_KEEP, _NAME, _REPLACE, _DEVICE, _MOVE, _DROP, _UNNAMED = (
    Treatment.KEEP,
    Treatment.NAME,
    Treatment.REPLACE,
    Treatment.DEVICE,
    Treatment.MOVE,
    Treatment.DROP,
    Treatment.UNNAMED,
)


def _each(treatment: Treatment, *components: int) -> dict[int, Treatment]:
    return dict.fromkeys(components, treatment)


UNNAMED = Layout({}, _UNNAMED)

KINDS: dict[str, Layout] = {
    "keep": Layout(_each(_KEEP, 1), _UNNAMED),
    "all": Layout({}, _KEEP),
    "shelf": Layout({}, Treatment.SHELF),
    "code": Layout(_each(_KEEP, 1, 3, 4, 6, 7, 8) | _each(_DROP, 2, 5, 9), _UNNAMED),
    "class": Layout(_each(_KEEP, 1) | _each(_MOVE, 2), _UNNAMED),
    "location": Layout(_each(_KEEP, 1, 4, 6), _UNNAMED),
    "id": Layout(_each(_REPLACE, 1, 2) | _each(_KEEP, 3, 4, 5, 6) | _each(_MOVE, 7, 8), _UNNAMED),
    "device": Layout(_each(_DEVICE, 1) | _each(_KEEP, 2, 3, 4), _UNNAMED),
    "order": Layout(_each(_REPLACE, 1) | _each(_KEEP, 2, 3, 4), _UNNAMED),
    "name": Layout(_each(_NAME, 1, 2, 3) | _each(_MOVE, 12, 13), _UNNAMED),
    "person": Layout(_each(_REPLACE, 1) | _each(_NAME, 2, 3, 4) | _each(_KEEP, 9, 13), _UNNAMED),
    "address": Layout(_each(_UNNAMED, 4, 6, 7), _REPLACE),
    "phone": Layout(_each(_UNNAMED, 2, 3), _REPLACE),
    "replace": Layout({}, _REPLACE),
    "date": Layout({}, _MOVE),
    "birth": Layout({}, Treatment.BIRTH),
    "text": Layout({}, _DROP),
}
"""`keep`: a code of one component; `all`: every component (namespaces, message types, money)."""
