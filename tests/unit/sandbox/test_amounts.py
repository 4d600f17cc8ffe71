from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.sandbox.amounts import Money, OnHand, Price, Quantity, cents, plain


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.005", "0.01"), ("0.0049", "0.00"), ("-0.005", "-0.01"), ("2.675", "2.68")]
)
def test_half_a_cent_goes_away_from_zero(amount: str, rounded: str) -> None:
    assert str(cents(Decimal(amount))) == rounded


@pytest.mark.parametrize(
    ("quantity", "text"), [("10", "10"), ("10.00", "10"), ("0.50", "0.5"), ("-2.0", "-2"), ("0.0000", "0")]
)
def test_a_quantity_is_written_without_exponent_or_trailing_zeros(quantity: str, text: str) -> None:
    assert plain(Decimal(quantity)) == text


@pytest.mark.parametrize(
    "value",
    [2, 2.0, True, None, "", " 2", "2 ", "+2", "-2", "2.", ".5", "1e3", "NaN", "٢", "1234567890", "0"],
)
def test_a_quantity_is_a_plain_positive_decimal_text(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Quantity).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "good", "too_fine"),
    [
        (Quantity, "0.0001", "0.00001"),
        (OnHand, "0", "0.00001"),
        (Money, "0.01", "0.001"),
        (Price, "0.000001", "0.0000001"),
    ],
)
def test_each_text_has_its_decimals_and_no_more(kind: type, good: str, too_fine: str) -> None:
    assert TypeAdapter(kind).validate_python(good) == Decimal(good)
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(too_fine)
