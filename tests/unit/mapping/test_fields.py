"""What was read for a field as a value of its type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from engine.domain.event import FieldType
from engine.mapping import fields
from engine.mapping.faults import EvaluationFault

CHICAGO = ZoneInfo("America/Chicago")


def test_numbers_and_money_are_read_from_text_or_taken_as_computed() -> None:
    assert str(fields.number("2.00")) == "2"
    assert str(fields.number(Decimal("2.50"))) == "2.5"
    assert fields.number(3) == 3
    assert str(fields.money("100")) == "100.00"
    assert str(fields.money(Decimal("1.125"))) == "1.125"


@pytest.mark.parametrize("value", ["two", "1,5", "", True, date(2026, 1, 1)])
@pytest.mark.parametrize("read", [fields.number, fields.money])
def test_what_is_no_number_is_a_fault_without_the_value(read: object, value: object) -> None:
    with pytest.raises(EvaluationFault) as raised:
        read(value)  # type: ignore[operator]
    assert raised.value.code == "MAP030"
    assert "two" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "flag"), [("Y", True), ("no", False), ("1", True), ("F", False), (True, True)]
)
def test_flags_are_understood_as_they_are_sent(value: object, flag: bool) -> None:
    assert fields.flag(value) is flag


@pytest.mark.parametrize("value", ["CD", "", Decimal(1)])
def test_what_is_no_flag_is_a_fault(value: object) -> None:
    with pytest.raises(EvaluationFault, match="MAP032"):
        fields.flag(value)


def test_a_moment_has_an_instant_and_the_day_in_the_feeds_zone() -> None:
    known = fields.Moments()
    expected = datetime(2026, 11, 21, 3, 30, tzinfo=UTC), date(2026, 11, 20)
    assert fields.moment("202611202130", CHICAGO, known) == expected
    assert fields.moment("20261121033000+0000", CHICAGO, known) == expected
    assert fields.moment(expected[0], CHICAGO, known) == expected
    assert fields.moment("20261120", CHICAGO, known) == (None, date(2026, 11, 20))
    assert fields.moment(date(2026, 11, 20), CHICAGO, known) == (None, date(2026, 11, 20))
    assert known["202611202130"] == expected
    assert fields.moment("202611202130", CHICAGO, known) is known["202611202130"]


def test_a_date_is_the_local_day_of_a_time() -> None:
    assert fields.day("20261120", CHICAGO) == date(2026, 11, 20)
    assert fields.day("20261121033000+0000", CHICAGO) == date(2026, 11, 20)


@pytest.mark.parametrize("value", ["2026", "202611", "00000000", "Nov 20", "20261320", Decimal(1), False])
def test_what_is_no_day_is_a_fault_and_none_is_made_up(value: object) -> None:
    with pytest.raises(EvaluationFault, match="MAP031"):
        fields.day(value, CHICAGO)
    with pytest.raises(EvaluationFault, match="MAP031"):
        fields.moment(value, CHICAGO, fields.Moments())


def test_a_barcode_says_its_parts_as_of_the_day_it_came() -> None:
    text = "(01)00380652100014(17)770100(11)260105(10)L44(21)S88"
    parts = ("00380652100014", "gs1", "L44", "S88")
    made = date(2026, 1, 5)
    assert fields.udi(text, date(2026, 11, 21)) == (text, *parts, date(1977, 1, 31), made)
    assert fields.udi(text, date(2027, 1, 1)) == (text, *parts, date(2077, 1, 31), made)


@pytest.mark.parametrize("value", ["(01)00380652100015(21)S88", "S88", Decimal(1)])
def test_what_is_no_barcode_is_a_fault_without_it(value: object) -> None:
    with pytest.raises(EvaluationFault, match="UDI00") as raised:
        fields.udi(value, date(2026, 11, 21))
    assert "S88" not in f"{raised.value}{raised.value.mend}"


def test_constants_have_their_fields_type() -> None:
    assert fields.constant(FieldType.TEXT, "1.0") == "1.0"
    assert fields.constant(FieldType.NUMBER, "1.0") == 1
    assert str(fields.constant(FieldType.MONEY, "1")) == "1.00"
    assert fields.constant(FieldType.FLAG, "yes") is True
    assert fields.constant(FieldType.DATE, "20261120") == date(2026, 11, 20)
    with pytest.raises(EvaluationFault):
        fields.constant(FieldType.MOMENT, "20261120")
    with pytest.raises(EvaluationFault):
        fields.constant(FieldType.UDI, "00380652100014")
