"""Text of a cell as an exact value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reference import values


@pytest.mark.parametrize(
    ("text", "shown"),
    [("3", "3"), ("3.00", "3"), ("007", "7"), (" 2.50 ", "2.5"), ("-0", "0"), ("+4", "4"), ("100", "100")],
)
def test_a_number_loses_needless_zeros_and_nothing_else(text: str, shown: str) -> None:
    assert str(values.number(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("12.5", "12.50"), ("12", "12.00"), ("12.500", "12.50"), ("0.125", "0.125"), ("-1.5", "-1.50")],
)
def test_money_has_two_decimals_or_more_where_they_say_something(text: str, shown: str) -> None:
    assert str(values.money(text)) == shown


def test_money_of_thirty_digits_keeps_them_all() -> None:
    assert str(values.money("123456789012345678901234567890")) == "123456789012345678901234567890.00"


@pytest.mark.parametrize(
    "text", ["", "1,5", "1e5", "NaN", "Infinity", "12 USD", "--1", "1_000", "٣", "1" * 31]
)
@pytest.mark.parametrize("read", [values.number, values.money])
def test_what_is_no_decimal_number_is_refused_without_its_text(read: object, text: str) -> None:
    with pytest.raises(ValueError) as raised:
        read(text)  # type: ignore[operator]
    assert not text or text not in str(raised.value)


def test_ratios_are_exact() -> None:
    assert values.ratio("1/50") == Fraction(1, 50)
    assert values.ratio("12") == 12
    assert values.ratio("0.1") == Fraction(1, 10)


@pytest.mark.parametrize("text", ["0", "0/5", "5/0", "-1", "1/-5", "1.5/2", "1e3", "1_0", "a"])
def test_a_ratio_is_above_zero_and_plainly_written(text: str) -> None:
    with pytest.raises(ValueError):
        values.ratio(text)


def test_flags_are_yes_and_no() -> None:
    assert values.flag("YES") is True
    assert values.flag("no") is False
    with pytest.raises(ValueError):
        values.flag("1")


@pytest.mark.parametrize("text", ["11/20/2026", "20261120", "2026-W47-5", "2026-02-30", "2026-1-1"])
def test_dates_are_written_in_full(text: str) -> None:
    with pytest.raises(ValueError):
        values.day(text)


def test_a_date_in_full_is_read() -> None:
    assert values.day("2026-11-20") == date(2026, 11, 20)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_numbers_and_money_keep_their_value(number: Decimal) -> None:
    text = format(number, "f")
    assert values.number(text) == number
    assert values.money(text) == number
