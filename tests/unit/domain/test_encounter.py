"""A stay folded from what was told of it: the same, in whatever order it was told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.encounter import Encounter, fold
from engine.domain.told import Told

ADMIT = Told(10, "A01", {"location": "ED", "class": "E"})
TO_ICU = Told(20, "A02", {"location": "ICU", "room": "7"})
INPATIENT = Told(25, "A06", {"class": "I"})
TO_WARD = Told(30, "A02", {"location": "3W"})
HOME = Told(40, "A03", {"location": "3W"})


def stay(*told: Told) -> Encounter:
    found = fold(told)
    assert found is not None
    return found


def test_where_the_patient_was_is_told_as_of_the_moment() -> None:
    found = stay(ADMIT, TO_ICU, INPATIENT, TO_WARD, HOME)
    assert [found.at(at).get("location") for at in (5, 10, 19, 20, 29, 30, 99)] == [
        "ED", "ED", "ED", "ICU", "ICU", "3W", "3W",
    ]  # fmt: skip
    assert (found.at(24)["class"], found.at(25)["class"]) == ("E", "I")
    assert (found.at(25)["room"], found.at(30)["room"]) == ("7", ""), (
        "a new ward says nothing of the old room"
    )
    assert (found.state, found.when("A01"), found.when("A03")) == ("discharged", 10, 40)


@pytest.mark.parametrize(
    ("told", "state", "location"),
    [
        ((ADMIT, TO_ICU, Told(22, "A12", {"location": "ED"})), "admitted", "ED"),
        ((ADMIT, TO_ICU, TO_WARD, Told(31, "A12", {})), "transferred", "ICU"),
        ((ADMIT, HOME, Told(41, "A13", {})), "admitted", "ED"),
        ((ADMIT, HOME, Told(41, "A03", {}), Told(42, "A13", {})), "admitted", "ED"),
        ((ADMIT, HOME, Told(41, "A13", {}), Told(50, "A03", {})), "discharged", "ED"),
        ((ADMIT, Told(11, "A11", {})), "cancelled", ""),
        ((ADMIT, Told(11, "A11", {}), Told(12, "A01", {"location": "2E"})), "admitted", "2E"),
        ((ADMIT, TO_ICU, Told(21, "A23", {})), "cancelled", ""),
        ((Told(5, "A05", {}), Told(6, "A38", {})), "cancelled", ""),
        ((Told(5, "A05", {"location": "OPS"}),), "preadmitted", "OPS"),
        ((Told(5, "A04", {"location": "OPS"}), Told(9, "A08", {"location": "XR"})), "registered", "XR"),
        ((Told(5, "A08", {"location": "XR"}),), "", "XR"),
        ((Told(5, "A13", {}),), "admitted", ""),
        ((Told(5, "A12", {}),), "", ""),
        ((ADMIT, Told(11, "A11", {}), Told(12, "A08", {"location": "XR"})), "cancelled", "XR"),
    ],
)
def test_what_is_taken_back_was_not(told: tuple[Told, ...], state: str, location: str) -> None:
    found = stay(*told)
    assert (found.state, found.at(99).get("location", "")) == (state, location)


EVENTS = st.sampled_from(["A01", "A02", "A03", "A04", "A05", "A06", "A08", "A11", "A12", "A13", "A23", "A38"])
TOLD = st.builds(
    Told,
    st.integers(0, 8),
    EVENTS,
    st.dictionaries(st.sampled_from(["location", "class", "room"]), st.sampled_from(["A", "B"])),
    st.sampled_from(["1", "2"]),
)


@given(st.lists(TOLD, max_size=8).flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_order_in_which_it_is_told_makes_no_difference(orders: tuple[list[Told], list[Told]]) -> None:
    assert fold(orders[0]) == fold(orders[1])


@given(st.lists(TOLD, min_size=1, max_size=8))
def test_what_is_told_twice_changes_nothing_but_for_what_takes_back(told: list[Told]) -> None:
    plain = [one for one in told if one.event in ("A01", "A02", "A04", "A05", "A06", "A08", "A03")]
    once, twice = fold(plain), fold([*plain, *plain])
    if once is None or twice is None:
        assert not plain
        return
    assert (once.state, once.history) == (twice.state, twice.history)
