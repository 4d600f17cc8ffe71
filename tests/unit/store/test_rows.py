"""Decimals in rows."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.store.rows import ContentKind, decimal_of, decimal_text


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_comes_back_equal(number):
    assert decimal_of(decimal_text(number)) == number


def test_digits_are_kept_as_they_are_and_exponents_are_written_out():
    assert decimal_text(Decimal("12.50")) == "12.50"
    assert decimal_text(Decimal("1E+2")) == "100"
    assert decimal_text(Decimal("1E-7")) == "0.0000001"
    assert decimal_text(None) is None
    assert decimal_of(None) is None


def test_kinds_of_content_never_change_their_numbers():
    assert [kind.value for kind in ContentKind] == [1, 2, 3, 4, 5, 6]
