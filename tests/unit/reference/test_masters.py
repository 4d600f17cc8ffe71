"""What another system says of its masters, put into a table: its columns change, and nothing else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from engine.errors import SiteError
from engine.reference.masters import Origin, Taken, with_masters
from engine.reference.spec import TableSpec
from engine.reference.values import ColumnType

TODAY = date(2026, 11, 20)
SPEC = TableSpec(
    name="items",
    keys=("facility", "code"),
    columns={
        "item": ColumnType.TEXT,
        "unit": ColumnType.TEXT,
        "price": ColumnType.MONEY,
        "stocked": ColumnType.FLAG,
    },
)
HEADER = "facility,code,item,unit,price,stocked,valid_from,valid_to\n"
ORIGIN = Origin(
    {
        "item": Taken(("number",)),
        "unit": Taken(("uom", "symbol")),
        "price": Taken(("price",)),
        "stocked": Taken(("type",), {"goods": "yes", "service": "no"}),
    },
    ("item",),
    {},
)


def record(number="1", symbol="EA", price=Decimal("2.50"), kind="goods"):
    return {"number": number, "uom": {"symbol": symbol}, "price": price, "type": kind}


def updated(rows: str, *records, origin=ORIGIN):
    return with_masters(SPEC, (HEADER + rows).encode(), origin, records, TODAY, "erp")


def rows_of(made) -> list[str]:
    assert made.csv.decode().startswith(HEADER)
    return made.csv.decode().splitlines()[1:]


def faults(*records, origin=ORIGIN) -> list[tuple[str, str]]:
    with pytest.raises(SiteError) as caught:
        updated("N,A,1,EA,2.50,yes,,\n", *records, origin=origin)
    return [(fault.where, fault.code) for fault in caught.value.faults]


def test_columns_that_come_from_there_change_in_every_row_that_is_meant():
    made = updated("N,A,1,BX,2.00,no,,\nS,A,1,BX,2.00,no,,\nN,B,2,EA,3.00,yes,,\n", record())
    assert rows_of(made) == ["N,A,1,EA,2.50,yes,,", "S,A,1,EA,2.50,yes,,", "N,B,2,EA,3.00,yes,,"]
    assert (made.unlisted, made.left, made.lacking) == (1, (), ())


def test_the_same_money_otherwise_written_is_no_change():
    assert rows_of(updated("N,A,1,EA,2.5,yes,,\n", record())) == ["N,A,1,EA,2.5,yes,,"]


def test_rows_that_have_ended_stay_as_they_were():
    rows = ["N,A,1,BX,2.00,no,,2026-11-19", "N,A,1,BX,2.00,no,2026-11-20,2026-11-20"]
    assert rows_of(updated("\n".join(rows), record())) == [rows[0], "N,A,1,EA,2.50,yes,2026-11-20,2026-11-20"]


def test_a_new_record_is_a_row_only_when_all_of_it_is_said():
    made = updated("N,A,1,EA,2.50,yes,,\n", record(), record("9"))
    assert (made.left, made.lacking, len(rows_of(made))) == (("9",), ("code", "facility"), 1)
    whole = ORIGIN._replace(
        columns={**ORIGIN.columns, "code": Taken(("number",))}, new_rows={"facility": "N"}
    )
    made = updated("N,A,1,EA,2.50,yes,,\n", record(), record("9", None, None, None), origin=whole)
    assert rows_of(made) == ["N,A,1,EA,2.50,yes,,", "N,9,9,,,,,"]
    assert made.left == ()


def test_the_keys_of_a_row_that_is_there_never_change():
    moved = ORIGIN._replace(columns={**ORIGIN.columns, "code": Taken(("number",))})
    assert rows_of(updated("N,A,1,EA,2.50,yes,,\n", record(), origin=moved)) == ["N,A,1,EA,2.50,yes,,"]


def test_a_constant_may_be_a_part_of_what_rows_are_matched_by():
    keyed = ORIGIN._replace(match=("facility", "item"), new_rows={"facility": "N"})
    made = updated("N,A,1,BX,2.50,yes,,\nS,A,1,BX,2.50,yes,,\n", record(), origin=keyed)
    assert rows_of(made) == ["N,A,1,EA,2.50,yes,,", "S,A,1,BX,2.50,yes,,"]


def test_what_cannot_be_taken_is_told_by_record_and_nothing_is_made():
    assert faults(record(), record("2", kind="assets")) == [("erp record 2", "MST002")]
    assert faults({**record(), "uom": {"symbol": ["EA"]}}) == [("erp record 1", "MST002")]
    assert faults(record(), record()) == [("erp record 2", "MST003")]
    assert len(faults(*(record(str(number), kind="?") for number in range(50)))) == 10


def test_a_name_that_no_record_has_is_a_slip_and_empties_no_column():
    origin = ORIGIN._replace(columns={**ORIGIN.columns, "unit": Taken(("uom", "symbl"))})
    assert ("erp", "MST002") in faults(record(), origin=origin)


def test_truths_numbers_and_days_are_text_as_a_cell_has_it():
    origin = Origin({"item": Taken(("n",)), "unit": Taken(("d",)), "stocked": Taken(("s",))}, ("item",), {})
    told = {"n": 12, "d": date(2026, 1, 2), "s": False}
    assert rows_of(updated("N,A,12,,1.00,yes,,\n", told, origin=origin)) == ["N,A,12,2026-01-02,1.00,no,,"]


def test_records_without_a_code_are_counted_and_left_out():
    made = updated("N,A,1,EA,2.50,yes,,\n", record(None), record(""), record())
    assert (made.nameless, made.unlisted, rows_of(made)) == (2, 0, ["N,A,1,EA,2.50,yes,,"])


def test_no_records_change_nothing():
    made = updated("N,A,1,EA,2.50,yes,,\n")
    assert (rows_of(made), made.unlisted) == (["N,A,1,EA,2.50,yes,,"], 1)


def test_a_field_that_a_record_leaves_out_says_nothing_and_null_says_that_it_is_empty():
    short = record()
    del short["price"]
    rows = "N,A,1,EA,2.00,yes,,\nN,B,2,EA,3.00,yes,,\nN,C,3,EA,4.00,yes,,\n"
    made = updated(rows, short, record(number="2", price=None), record(number="3"))
    assert rows_of(made) == ["N,A,1,EA,2.00,yes,,", "N,B,2,EA,,yes,,", "N,C,3,EA,2.50,yes,,"]
