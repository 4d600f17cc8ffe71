"""A stay, folded from what encounter messages told of it, by when it happened and not by when it was told. Pure.

Messages come late and out of order: whatever order they came in, the same ones give the same stay (HL7 v2.5.1, 3.3).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engine.domain.told import Told, changes, place, whole_place

OPENS = {"A01": "admitted", "A04": "registered", "A05": "preadmitted"}
ENDS = {"A03": "discharged"}
MILESTONES = {**OPENS, "A02": "transferred", **ENDS}
"""Events that move a stay on, with where it stands after them."""

UNDOES = {
    "A11": frozenset(OPENS),
    "A38": frozenset({"A05"}),
    "A12": frozenset({"A02"}),
    "A13": frozenset({"A03"}),
    "A23": frozenset(MILESTONES),
}
"""Event → those of which it takes back the last one before it; A23 takes back all, and A13 all since the stay was
opened: a discharge that is told again moves the one that was told before."""

ENDS_IT = frozenset({"A11", "A23", "A38"})
"""Events after which a stay never was."""

REOPENS = frozenset({"A13"})
"""Events after which a stay that was over is open again."""

LEFT, JOINED = "left", "joined"
"""A visit was moved out of the account, or into it: no events of their own, but of what moved it."""

CANCELLED = "cancelled"
PLACES = ("location", "department", "room")

_ORDER = {event: rank for rank, event in enumerate(("A05", "A04", "A01", "A02", "A06", "A07", "A08"))}
_LAST = len(_ORDER) + 1
_AFTER = {"A03": 1, "A12": 2, "A13": 2, "A38": 2, "A11": 3, "A23": 4}
"""What comes first of two events of one moment."""


class Encounter(NamedTuple):
    """`milestones`: (moment, event) that still stand, and what took others back. `history`: (moment, fields that
    changed then). `event`, `at_us`: the last of all that was told."""

    milestones: tuple[tuple[int, str], ...]
    history: tuple[tuple[int, dict[str, str]], ...]
    event: str
    at_us: int

    @property
    def state(self) -> str:
        """preadmitted | registered | admitted | transferred | discharged | cancelled; '' when none was told."""
        state, opened = "", False
        for _, event in self.milestones:
            opened = opened or event in OPENS
            if event in MILESTONES:
                state = MILESTONES[event]
            elif event in ENDS_IT and not opened:
                state = CANCELLED
            elif event in REOPENS and not state:
                state = OPENS["A01"]
        return state

    def when(self, *events: str) -> int | None:
        """The last of these milestones that stands."""
        return next((at_us for at_us, event in reversed(self.milestones) if event in events), None)

    def at(self, at_us: int) -> dict[str, str]:
        """Its fields as they were then. Before the first that is known: as they were at first."""
        known = max(1, bisect_right(self.history, at_us, key=lambda entry: entry[0]))
        return {name: value for _, changed in self.history[:known] for name, value in changed.items()}


def fold(told: Iterable[Told]) -> Encounter | None:
    """The stay that these messages tell of; None without any."""
    ordered = _of_the_account(sorted(told, key=_place))
    if not ordered:
        return None
    standing: list[Told] = []
    for one in ordered:
        for undone in _undone(standing, one.event):
            standing.remove(undone)
        standing.append(one)
    milestones = [
        (one.at_us, one.event) for one in standing if one.event in MILESTONES or one.event in UNDOES
    ]
    last = ordered[-1]
    return Encounter(tuple(milestones), tuple(changes(_entries(standing))), last.event, last.at_us)


def _of_the_account(ordered: Iterable[Told]) -> list[Told]:
    """Without what was told of visits that were moved to other accounts."""
    ordered = list(ordered)
    last = {one.fields.get("visit"): one.event for one in ordered if one.event in (LEFT, JOINED)}
    return [
        one
        for one in ordered
        if one.event not in (LEFT, JOINED) and last.get(one.fields.get("visit")) != LEFT
    ]


def _undone(standing: list[Told], event: str) -> list[Told]:
    undoes = UNDOES.get(event)
    if not undoes:
        return []
    if event in REOPENS:
        opened = max((place for place, one in enumerate(standing) if one.event in OPENS), default=0)
        standing = standing[opened:]
    found = [one for one in standing if one.event in undoes]
    return found if event == "A23" or event in REOPENS else found[-1:]


def _entries(standing: Iterable[Told]) -> Iterable[tuple[int, Mapping[str, str]]]:
    for at_us, event, fields, _ in standing:
        yield at_us, whole_place(fields, PLACES) if event in MILESTONES else fields


def _place(one: Told) -> tuple[int, int, str, str, str]:
    rank = _LAST + _AFTER[one.event] if one.event in _AFTER else _ORDER.get(one.event, _LAST)
    return place(one, rank)
