"""Records of a master in a dated table: from when on, until when, and nothing lost."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reference.amending import Record, Rest, amended, unfit
from engine.reference.difference import Filed
from engine.reference.spec import FROM, TO, TableSpec
from engine.reference.table import Table
from engine.reference.values import ColumnType

SPEC = TableSpec(
    name="items", keys=("facility", "code"), columns={"price": ColumnType.MONEY, "kind": ColumnType.TEXT}
)
HEAD = b"facility,code,price,kind,valid_from,valid_to\n"
TODAY = date(2026, 12, 1)
NEW = {"kind": "supply"}


def rows(csv: bytes) -> list[str]:
    return csv.decode().splitlines()[1:]


def told(
    number: int = 1, code: str = "A", price: str | None = "2.00", on: date | None = None, ends: bool = False
) -> Record:
    return Record(number, {"facility": "N", "code": code, "price": price}, on, ends)


def put(csv: bytes, *records: Record, rest: Rest | None = None):
    return amended(SPEC, HEAD + csv, records, NEW, TODAY, rest)


def test_a_new_key_begins_when_it_is_said_and_is_open_where_nothing_is_said():
    done = put(b"", told(), told(2, "B", on=date(2027, 1, 1)))
    assert rows(done.csv) == ["N,A,2.00,supply,,", "N,B,2.00,supply,2027-01-01,"]
    assert done.new == {1, 2}


def test_what_changes_holds_from_its_day_on_and_the_row_before_ends_the_day_before():
    done = put(b"N,A,1.00,drug,,2027-06-30\nN,Z,9.00,drug,,\n", told(on=date(2027, 1, 1)))
    assert rows(done.csv) == [
        "N,A,1.00,drug,,2026-12-31", "N,A,2.00,drug,2027-01-01,2027-06-30", "N,Z,9.00,drug,,"
    ]  # fmt: skip
    assert (done.changed, done.told_by) == ({1}, {3: 1})
    assert rows(put(b"N,A,1.00,drug,,\n", told()).csv)[1].startswith("N,A,2.00,drug,2026-12-01")
    same_day = put(b"N,A,1.00,drug,2027-01-01,\n", told(on=date(2027, 1, 1)))
    assert rows(same_day.csv) == ["N,A,2.00,drug,2027-01-01,"]


def test_a_change_before_one_that_is_known_already_ends_where_that_one_begins():
    csv = b"N,A,1.00,drug,,2026-12-31\nN,A,3.00,drug,2027-01-01,\n"
    assert rows(put(csv, told(on=date(2026, 12, 15))).csv) == [
        "N,A,1.00,drug,,2026-12-14", "N,A,2.00,drug,2026-12-15,2026-12-31", "N,A,3.00,drug,2027-01-01,"
    ]  # fmt: skip


def test_the_same_value_written_otherwise_changes_nothing():
    done = put(b"N,A,2.00,drug,,\n", told(price="2"))
    assert (done.csv, done.touched) == (HEAD + b"N,A,2.00,drug,,\n", frozenset())


def test_what_is_not_sent_stays_and_what_is_deleted_goes():
    csv = b"N,A,1.00,drug,2026-12-01,\n"
    assert rows(put(csv, told(price=None)).csv) == ["N,A,1.00,drug,2026-12-01,"]
    assert rows(put(csv, told(price="")).csv) == ["N,A,,drug,2026-12-01,"]


@pytest.mark.parametrize(
    ("row", "on", "last"),
    [
        (b"N,A,1.00,drug,,\n", date(2027, 1, 1), "2026-12-31"),
        (b"N,A,1.00,drug,,\n", None, "2026-12-01"),
        (b"N,A,1.00,drug,2026-12-01,\n", date(2026, 12, 1), "2026-12-01"),
    ],
)
def test_an_end_is_the_day_before_and_today_where_no_day_is_said(row, on, last):
    done = put(row, told(on=on, ends=True))
    assert rows(done.csv)[0].endswith(f",{last}")
    assert (done.ended, done.gone) == ({1}, 1)
    again = amended(SPEC, done.csv, [told(on=on, ends=True)], NEW, TODAY)
    assert (again.csv, again.ended) == (done.csv, frozenset())


def test_what_ended_begins_again_as_it_was():
    done = put(b"N,A,1.00,drug,,2026-11-01\n", told(price=None))
    assert rows(done.csv) == ["N,A,1.00,drug,,2026-11-01", "N,A,1.00,drug,2026-12-01,"]


def test_a_row_that_would_hold_again_is_a_persons():
    done = put(b"N,A,1.00,drug,,2026-12-31\nN,A,3.00,drug,2027-01-01,\n", told(ends=True), told(2, "B"))
    assert done.unfit[1].code == "MFN006"
    assert done.new == {2}


def test_a_new_row_that_nobody_says_whole_is_not_made():
    assert put(b"", told(price=None)).unfit[1].code == "MFN004"


def test_a_record_says_its_key_and_cells_that_can_be_read():
    assert unfit(SPEC, told(code="")).code == "MFN002"
    assert unfit(SPEC, told(price="on request")).what.startswith("price: this is no money")
    assert unfit(SPEC, told(price="on request", ends=True)) is None
    ranged = TableSpec(name="p", keys=("n",), columns={}, ranges={"n": ColumnType.NUMBER})
    assert unfit(ranged, Record(1, {"n": "9..1"}, None)).code == "MFN003"


def test_what_a_whole_file_does_not_name_ends_among_rows_that_agree_with_it():
    csv = b"N,A,1.00,drug,,\nN,B,1.00,drug,,\nN,C,1.00,drug,,\nS,A,1.00,drug,,\nN,*,1.00,drug,,\n"
    done = put(csv, told(price=None), rest=Rest(None, ("facility",), {("N", "B")}))
    assert [line for line in rows(done.csv) if line.endswith("2026-12-01")] == ["N,C,1.00,drug,,2026-12-01"]
    assert (done.rest, done.valid) == (1, 5)
    everything = put(csv, told(price=None), rest=Rest(None, (), set()))
    assert everything.rest == 3


def test_a_row_that_cannot_end_keeps_no_other_from_ending():
    csv = b"N,B,1.00,drug,,2026-12-31\nN,B,2.00,drug,2027-01-01,\nN,C,1.00,drug,,\n"
    done = put(csv, told(), rest=Rest(None, (), set()))
    assert [line for line in rows(done.csv) if line.endswith("2026-12-01")] == ["N,C,1.00,drug,,2026-12-01"]
    assert (done.rest, done.unfit_rest.code) == (1, "MFN006")
    assert done.unfit_rest.what.startswith("facility=N code=B: another row of it begins on 2027-01-01")


def test_a_kit_has_a_row_for_each_part():
    kit = TableSpec(
        name="kits",
        keys=("code",),
        columns={"part": ColumnType.TEXT, "each": ColumnType.NUMBER},
        many=("part",),
    )
    records = [
        Record(number, {"code": "K", "part": part, "each": "1"}, None) for number, part in enumerate("PQ", 1)
    ]
    done = amended(kit, b"code,part,each,valid_from,valid_to\nK,P,2,,\n", records, {}, TODAY)
    assert rows(done.csv) == ["K,P,2,,2026-11-30", "K,P,1,2026-12-01,", "K,Q,1,,"]


days = st.none() | st.integers(0, 20).map(lambda number: TODAY + timedelta(days=number - 10))
records = st.builds(
    told,
    st.integers(1, 1000),
    st.sampled_from("ABC"),
    st.sampled_from(["1.00", "2.00", "3.00"]),
    days,
    st.booleans(),
)


@given(st.lists(records, max_size=12))
def test_whatever_is_told_the_table_holds_together_and_said_again_stays(some):
    csv = HEAD + b"N,A,1.00,drug,,\nN,B,1.00,drug,2026-11-25,2026-12-05\n"
    places: set[tuple[str, ...]] = {("N", "A"), ("N", "B")}
    for record in some:
        done = amended(SPEC, csv, [record], NEW, TODAY)
        table = Table.compile(SPEC, done.csv, "items.csv")
        on = record.on or TODAY
        found = table.find(("N", str(record.cells["code"])), on)
        if record.number not in done.unfit and not record.ends:
            assert str(found["price"]) == record.cells["price"]
            assert amended(SPEC, done.csv, [record], NEW, TODAY).csv == done.csv
        kept = {(row["facility"], row["code"]) for row in Filed(done.csv, ()).rows}
        assert places <= kept
        places, csv = kept, done.csv
        assert all(row.get(FROM, "") <= row.get(TO, "9") for row in Filed(csv, ()).rows)


def test_a_table_that_nothing_changes_stays_byte_for_byte():
    csv = b"valid_to;code;facility;kind;price;valid_from\n;A;N;drug;2.00;\n"
    assert amended(SPEC, csv, [told()], NEW, TODAY).csv == csv
