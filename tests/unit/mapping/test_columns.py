"""Columns of rows as places in a message."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from engine.codecs.hl7v2.group import Each, groups
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import where
from engine.codecs.rows import Layout
from engine.domain.event import Kind
from engine.mapping.columns import column_path, date_form
from engine.mapping.reader import From, ReadMap, ReadSpec
from engine.mapping.spec import SpecError

ZONE = ZoneInfo("America/Chicago")
RAW = b'rows CSV usage 2 7\nQty,Used at,Account No,Note\n2,3.11.2026 9:05,A|1,"a\nb"\none,2026/11/03,A|1,\n'
FIELDS = {"account": "row.account", "quantity": "row.qty, else 1", "used_at": "row.used"}


def read_map(columns=None, *, fields=FIELDS, dates=None, kind: str = "CSV usage", **given) -> ReadMap:
    known = {"account": "Account No", "qty": "Qty", "used": "used  AT"} if columns is None else columns
    spec = ReadSpec(
        name="m", triggers=(kind,), kind=Kind.USAGE, each="row", fields={k: From(v) for k, v in fields.items()},
        rows=Layout(kind, known, given.get("together", ())), dates=dates or {},
    )  # fmt: skip
    return ReadMap.compile(spec)


def lines_of(reader: ReadMap, raw: bytes):
    return reader.read(Message.parse(raw), ZONE, {}, date(2026, 11, 21)).lines


def test_each_row_is_a_line_and_its_faults_tell_row_and_column():
    one, two = lines_of(read_map(dates={"used": "DD.MM.YYYY hh:mm"}), RAW)
    assert (one.fields["account"], one.fields["quantity"]) == ("A|1", Decimal(2))
    assert str(one.fields["used_on"]) == "2026-11-03"
    assert one.faults == ()
    assert {(fault.code, fault.where) for fault in two.faults} == {
        ("MAP030", "row 7, column qty"),
        ("MAP031", "row 7, column used"),
    }
    assert two.fields["quantity"] is None


def test_columns_of_fixed_width_are_their_characters():
    reader = read_map({"account": (1, 4), "qty": (5, 7), "used": (8, 15)}, kind="FIXED doses")
    one, two = lines_of(reader, b"rows FIXED doses 1 2\nA^1   220261103\nA2  ")
    assert (one.fields["account"], one.fields["quantity"], one.fields["used_on"]) == (
        "A^1", Decimal(2), date(2026, 11, 3),
    )  # fmt: skip
    assert (two.fields["account"], two.fields["quantity"], two.fields["used_on"]) == ("A2", Decimal(1), None)


def test_a_map_knows_the_persons_and_the_type_of_its_rows():
    reader = read_map()
    assert reader.triggers == {"CSV USAGE"}
    assert reader.persons(Message.parse(RAW)) == {"account": "A|1"}


def test_a_column_is_told_by_row_within_a_group_and_by_name_without():
    message = Message.parse(RAW)
    path = column_path("qty", "Qty")
    assert where(path, groups(message, Each("ROW"))[1]) == "row 7, column qty"
    assert where(path) == "row.qty"
    assert path.read(message) == "2"
    assert column_path("note", "note").read(message) == "a\nb"
    assert column_path("gone", "gone").read(message) is None


@pytest.mark.parametrize(
    ("form", "text", "meant"),
    [
        ("DD.MM.YYYY", "3.11.2026", "20261103"),
        ("MM/DD/YYYY hh:mm:ss", "11/3/2026 9:05:07", "20261103090507"),
        ("YYYY-MM-DD", "2026-11-03", "20261103"),
        ("DD.MM.YYYY", "3/11/2026", "3/11/2026"),
    ],
)
def test_dates_are_read_as_hl7_writes_them(form, text, meant):
    message = Message.parse(f"rows CSV usage 2\nUsed\n{text}\n".encode())
    assert column_path("used", "Used", form).read(message) == meant


@pytest.mark.parametrize("form", ["DD.MM", "YYYY", "DD.DD.MM.YYYY", "yyyy-mm-dd"])
def test_a_form_without_a_day_is_none(form):
    assert date_form(form) is None


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"fields": {"account": "row.acount"}}, "MAP062", ("fields", "account", "from")),
        ({"fields": {"account": "PID-18.1"}}, "MAP062", ("fields", "account", "from")),
        ({"fields": {"account": "nothing"}}, "MAP041", ("fields", "account", "from")),
        ({"together": ("accounts",)}, "MAP062", ("rows", "together", 0)),
        ({"dates": {"usd": "DD.MM.YYYY"}}, "MAP062", ("rows", "dates", "usd")),
        ({"dates": {"used": "tomorrow"}}, "MAP061", ("rows", "dates", "used")),
        ({"kind": "CSV"}, "MAP060", ("read",)),
        ({"kind": "FIXED doses"}, "MAP061", ("rows", "columns", "account")),
    ],
)
def test_what_a_map_of_rows_gets_wrong_is_told_where_it_stands(change, code, path):
    with pytest.raises(SpecError) as caught:
        read_map(**change)
    assert (code, path) in [(fault.code, fault.path) for fault in caught.value.faults]


def test_rows_need_their_columns_and_lines_that_are_rows():
    with pytest.raises(SpecError) as caught:
        ReadMap.compile(ReadSpec(name="m", triggers=("CSV usage",), kind=Kind.USAGE, each="FT1", fields={}))
    assert [fault.code for fault in caught.value.faults] == ["MAP060", "MAP060"]
