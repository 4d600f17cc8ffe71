"""Looking codes up: by day, by key, and what is said when there is no row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from engine.mapping.expression import compile_expression
from engine.mapping.translation import Dates, Miss, Translation
from engine.reference.spec import Row, TableSpec
from engine.reference.table import Table
from engine.reference.values import ColumnType

DATES = Dates(service=date(2026, 1, 15), posting=date(2026, 2, 15), received=date(2026, 3, 15))
ITEMS = Table.compile(
    TableSpec(name="items", keys=("facility", "code"), columns={"number": ColumnType.TEXT}),
    b"facility,code,number,valid_from,valid_to\n"
    b"N,X,jan,2026-01-01,2026-01-31\nN,X,feb,2026-02-01,2026-02-28\nN,X,mar,2026-03-01,\nN,*,any,2026-01-01,\n"
    b"S,2.5,number,,\nS,yes,flag,,\nS,2026-01-15,date,,\n",
    "items.csv",
)


def translation(by: str = "facility, code", **others: object) -> Translation:
    values: dict[str, object] = {
        "as_of": "service",
        "missing": "hold",
        "default": None,
        "owner": "supply-chain",
    }
    expressions = tuple(compile_expression(text.strip()) for text in by.split(","))
    return Translation(name="item", table="items", by=expressions, **(values | others))  # type: ignore[arg-type]


@pytest.mark.parametrize(("as_of", "number"), [("service", "jan"), ("posting", "feb"), ("received", "mar")])
def test_a_row_is_the_one_of_the_day_that_is_asked_for(as_of: str, number: str) -> None:
    found = translation(as_of=as_of).find({"facility": "N", "code": "X"}, {"items": ITEMS}, DATES)
    assert isinstance(found, Row)
    assert found["number"] == number


def test_a_miss_tells_owner_key_and_policy() -> None:
    names = {"facility": "W", "code": None}
    assert translation().find(names, {"items": ITEMS}, DATES) == Miss(
        "supply-chain", "items: facility=W code=(missing)", "hold"
    )
    missed = translation(missing="skip").find(names, {"items": ITEMS}, DATES)
    assert isinstance(missed, Miss)
    assert missed.policy == "skip"


def test_a_missing_key_matches_a_star() -> None:
    found = translation().find({"facility": "N"}, {"items": ITEMS}, DATES)
    assert isinstance(found, Row)
    assert found["number"] == "any"


def test_a_default_never_misses() -> None:
    default = Row({"number": "none"})
    found = translation(missing="default", default=default).find({}, {"items": ITEMS}, DATES)
    assert found is default


@pytest.mark.parametrize(
    ("value", "number"),
    [(Decimal("2.5"), "number"), (True, "flag"), (date(2026, 1, 15), "date"), (Fraction(5, 2), "number")],
)
def test_keys_that_are_no_text_are_looked_up_as_tables_write_them(value: object, number: str) -> None:
    found = translation().find({"facility": "S", "code": value}, {"items": ITEMS}, DATES)
    assert isinstance(found, Row)
    assert found["number"] == number


def test_keys_may_come_from_a_row_found_before_and_be_computed() -> None:
    names = {"facility": "n", "item": Row({"kind": "X"})}
    found = translation("upper(facility), item.kind").find(names, {"items": ITEMS}, DATES)
    assert isinstance(found, Row)
    missed = translation("facility, item.kind").find({"facility": "S", "item": None}, {"items": ITEMS}, DATES)
    assert isinstance(missed, Miss)
    assert missed.cause == "items: facility=S code=(missing)"


def test_a_key_that_cannot_be_worked_out_is_a_hold_without_values() -> None:
    names = {"facility": "SECRET", "code": "X"}
    missed = translation("facility + 1, code", missing="skip").find(names, {"items": ITEMS}, DATES)
    assert isinstance(missed, Miss)
    assert missed.policy == "hold"
    assert missed.cause.startswith("items: MAP010 ")
    assert "SECRET" not in missed.cause
