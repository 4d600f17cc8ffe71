"""A case folded from what was told of its schedule: the same, in whatever order it was told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.case import Case, fold_case
from engine.domain.told import Told

BOOKED = Told(10, "S12", {"room": "OR1", "location": "ORS", "procedure": "27447", "account": "A1"})
MOVED = Told(20, "S13", {"room": "OR2", "scheduled_at": "2026-11-20T15:15:00+00:00"})
CHANGED = Told(30, "S14", {"surgeon": "1002", "status": "Started"})
CANCELLED = Told(40, "S15", {"status": "Cancelled"})


def case(*told: Told) -> Case:
    found = fold_case(told)
    assert found is not None
    return found


def test_what_a_message_leaves_out_stays_and_a_new_room_says_nothing_of_the_old_ones_place() -> None:
    found = case(BOOKED, MOVED, CHANGED)
    assert found.state == "scheduled"
    assert {name: text for name, text in found.fields.items() if text} == {
        "room": "OR2", "procedure": "27447", "account": "A1", "scheduled_at": "2026-11-20T15:15:00+00:00",
        "surgeon": "1002", "status": "Started",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "state", "since", "off"),
    [
        ((BOOKED,), "scheduled", 10, False),
        ((BOOKED, CANCELLED), "cancelled", 40, True),
        ((BOOKED, CANCELLED, Told(50, "S14", {"room": "OR9"})), "cancelled", 40, True),
        ((BOOKED, CANCELLED, Told(50, "S13", {})), "scheduled", 50, False),
        ((BOOKED, CANCELLED, Told(50, "S15", {})), "cancelled", 40, True),
        ((BOOKED, Told(50, "S17", {})), "deleted", 50, True),
        ((BOOKED, Told(50, "S26", {})), "no-show", 50, True),
        ((CHANGED,), "", 0, False),
        ((Told(10, "S15", {}), Told(10, "S12", {})), "cancelled", 10, True),
    ],
)
def test_where_it_stands_is_what_was_told_last(
    told: tuple[Told, ...], state: str, since: int, off: bool
) -> None:
    found = case(*told)
    assert (found.state, found.state_us, found.off) == (state, since, off)


def test_of_nothing_told_there_is_no_case() -> None:
    assert fold_case(()) is None


TOLD = st.builds(
    Told,
    st.integers(0, 6),
    st.sampled_from(["S12", "S13", "S14", "S15", "S17", "S26"]),
    st.dictionaries(st.sampled_from(["location", "room", "status"]), st.sampled_from(["A", "B"])),
    st.sampled_from(["1", "2"]),
)


@given(st.lists(TOLD, max_size=8).flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_order_in_which_it_is_told_makes_no_difference(orders: tuple[list[Told], list[Told]]) -> None:
    assert fold_case(orders[0]) == fold_case(orders[1])


@given(st.lists(TOLD, min_size=1, max_size=8))
def test_what_is_told_twice_changes_nothing(told: list[Told]) -> None:
    assert fold_case(told) == fold_case([*told, *told])
