"""A case of the operating rooms as it is scheduled, folded from what messages told of it by when they say so. Pure.

Whatever order they came in, the same messages give the same case (HL7 v2.5.1, 10.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.domain.told import Told, changes, place, whole_place

SCHEDULED = "scheduled"
STATES = {"S12": SCHEDULED, "S13": SCHEDULED, "S15": "cancelled", "S17": "deleted", "S26": "no-show"}
"""Events that move a case on, with where it stands after them. All others change only what is known of it."""

OFF = frozenset(event for event, state in STATES.items() if state != SCHEDULED)
"""Events after which a case does not take place."""

PLACES = ("location", "room")


class Case(NamedTuple):
    """`state`: scheduled | cancelled | deleted | no-show, '' when none was told; since `state_us`. `fields`: as they
    are known now. `event`: the last of all that was told."""

    state: str
    state_us: int
    fields: dict[str, str]
    event: str

    @property
    def off(self) -> bool:
        """Whether it does not take place."""
        return self.state not in (SCHEDULED, "")


def fold_case(told: Iterable[Told]) -> Case | None:
    """The case that these messages tell of; None without any."""
    ordered = sorted(told, key=lambda one: place(one, 0 if one.event == "S12" else 1))
    if not ordered:
        return None
    stated = [one for one in ordered if one.event in STATES]
    known = changes((one.at_us, whole_place(one.fields, PLACES)) for one in ordered)
    return Case(
        STATES[stated[-1].event] if stated else "",
        _since(stated),
        {name: value for _, changed in known for name, value in changed.items()},
        ordered[-1].event,
    )


def _since(stated: list[Told]) -> int:
    """When it came to stand where it stands."""
    since = 0
    state = ""
    for one in stated:
        if STATES[one.event] != state:
            state, since = STATES[one.event], one.at_us
    return since
