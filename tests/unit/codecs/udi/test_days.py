"""Days of barcodes: the last of a month for 00, the century by the day it is asked on, never by the clock."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.udi.days import day_of

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("290131", "YYMMDD", date(2029, 1, 31)),
        ("290200", "YYMMDD", date(2029, 2, 28)),
        ("280200", "YYMMDD", date(2028, 2, 29)),
        ("0129", "MMYY", date(2029, 1, 31)),
        ("013129", "MMDDYY", date(2029, 1, 31)),
        ("29013118", "YYMMDDHH", date(2029, 1, 31)),
        ("29031", "YYJJJ", date(2029, 1, 31)),
        ("28366", "YYJJJ", date(2028, 12, 31)),
        ("2903118", "YYJJJHH", date(2029, 1, 31)),
        ("20290131", "YYYYMMDD", date(2029, 1, 31)),
    ],
)
def test_every_form_of_a_day_is_understood(text, form, day):
    assert day_of(text, form, TODAY) == day


@pytest.mark.parametrize(
    ("text", "form"),
    [("291301", "YYMMDD"), ("290230", "YYMMDD"), ("000000", "YYMMDD"), ("29366", "YYJJJ"), ("29000", "YYJJJ"),
     ("29013124", "YYMMDDHH"), ("00000000", "YYYYMMDD"), ("2901AB", "YYMMDD")],
)  # fmt: skip
def test_what_is_no_day_is_none(text, form):
    assert day_of(text, form, TODAY) is None


@pytest.mark.parametrize(
    ("text", "on", "year"),
    [("760101", 2026, 2076), ("770101", 2026, 1977), ("000101", 1999, 2000), ("490101", 1999, 2049),
     ("500101", 1999, 1950), ("010101", 2051, 2101), ("020101", 2051, 2002)],
)  # fmt: skip
def test_the_century_is_that_of_the_day_it_is_asked_on(text, on, year):
    assert day_of(text, "YYMMDD", date(on, 6, 1)) == date(year, 1, 1)


@given(st.dates(date(1950, 1, 1), date(2150, 12, 31)), st.integers(-49, 50))
def test_a_year_within_fifty_comes_back(on, away):
    there = date(on.year + away, 3, 9)
    assert day_of(there.strftime("%y%m%d"), "YYMMDD", on) == there
