"""Dates move by whole weeks with their precision, and those of one person by as many."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.deidentify.shifting import born, groups_of, moved, shifts


@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("20261120", "20261127"),
        ("202611200945", "202611270945"),
        ("20261228101500.1234-0600", "20270104101500.1234-0600"),
        ("20261120101500+01:00", "20261127101500+01:00"),
        (" 20261120 ", " 20261127 "),
        ("202611", "202612"),
        ("2026", "2026"),
    ],
)
def test_precision_time_and_zone_stay(text, later):
    assert moved(text, 7) == later


@pytest.mark.parametrize(
    "text", ["200104151", "20010415123", "Aug 15, 1942", "00000000", "20261340", "0945", "S", "20260231", ""]
)
def test_what_is_no_date_is_none(text):
    assert moved(text, 7) is None


def test_a_month_never_stays():
    assert [moved("202601", days) for days in (-7, 7, -180, 180)] == ["202512", "202602", "202507", "202607"]


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(1, 4000), st.sampled_from(shifts(b"key")))
def test_intervals_and_weekdays_stay(first, apart, days):
    both = [
        date.fromisoformat(str(moved(f"{day:%Y%m%d}", days))) for day in (first, first + timedelta(apart))
    ]
    assert (both[1] - both[0]).days == apart
    assert both[0].weekday() == first.weekday()
    assert both[0] != first


def test_who_is_very_old_was_born_89_years_ago():
    today = date(2026, 11, 20)
    assert born("19210412", 7, today) == "19370419"
    assert born("1921", 7, today) == "1937"
    assert born("19200222", 7, today) == "19370228"
    assert born("19580412", 7, today) == "19580419"


def test_parts_that_share_a_number_are_of_one_person():
    assert groups_of([{1}, {2}, {1, 3}, set(), {3}]) == [0, 1, 0, 2, 0]
    assert groups_of([{1}, {2}, {1, 2}]) == [0, 0, 0]


def test_only_the_key_knows_the_order_and_no_shift_is_none():
    assert sorted(shifts(b"a")) == sorted(shifts(b"b")) == [7 * week for week in range(-26, 27) if week]
    assert shifts(b"a") != shifts(b"b")
    assert shifts(b"a") == shifts(b"a")
