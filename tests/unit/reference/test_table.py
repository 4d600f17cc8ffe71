"""Dated code tables: compiled with every fault, found in by key and day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Fault, SiteError, UsageError
from engine.reference.spec import Row, TableSpec, default_row, spec_faults
from engine.reference.table import Table
from engine.reference.values import ColumnType

TODAY = date(2026, 11, 20)
ITEMS = TableSpec(
    name="items",
    keys=("facility", "code"),
    columns={"number": ColumnType.TEXT, "price": ColumnType.MONEY, "stocked": ColumnType.FLAG},
    owner="supply-chain",
)
HEADER = "facility,code,number,price,stocked,valid_from,valid_to\n"


def items(rows: str) -> Table:
    return Table.compile(ITEMS, (HEADER + rows).encode(), "items.csv")


def faults_of(spec: TableSpec, text: str) -> list[tuple[str, str]]:
    with pytest.raises(SiteError) as raised:
        Table.compile(spec, text.encode(), "items.csv")
    return [(fault.where, fault.code) for fault in raised.value.faults]


def test_a_row_has_keys_and_typed_values_and_knows_its_line() -> None:
    row = items("NORTH,0123,00077,12.5,yes,,\n").find(("NORTH", "0123"), TODAY)
    assert row == {
        "facility": "NORTH",
        "code": "0123",
        "number": "00077",
        "price": Decimal("12.50"),
        "stocked": True,
    }
    assert row is not None
    assert row.line == 2
    assert str(row["price"]) == "12.50"


def test_text_is_never_guessed_at_and_empty_cells_are_missing() -> None:
    row = items("NORTH,NO,1e5,,,,\n").find(("NORTH", "NO"), TODAY)
    assert row is not None
    assert (row["number"], row["price"], row["stocked"]) == ("1e5", None, None)


def test_ratios_numbers_and_dates_are_exact() -> None:
    columns = {"a": ColumnType.RATIO, "b": ColumnType.NUMBER, "c": ColumnType.DATE}
    spec = TableSpec(name="t", keys=("k",), columns=columns)
    row = Table.compile(spec, b"k,a,b,c\nx,1/3,2.50,2026-01-02\n", "t.csv").find(("x",), TODAY)
    assert row == {"k": "x", "a": Fraction(1, 3), "b": Decimal("2.5"), "c": date(2026, 1, 2)}


def test_valid_to_is_the_last_valid_day() -> None:
    table = items("N,X,old,,,2026-01-01,2026-01-31\nN,X,new,,,2026-02-01,\n")
    assert [
        (table.find(("N", "X"), day) or {}).get("number")
        for day in (
            date(2025, 12, 31),
            date(2026, 1, 1),
            date(2026, 1, 31),
            date(2026, 2, 1),
            date(2999, 1, 1),
        )
    ] == [None, "old", "old", "new", "new"]


def test_a_table_may_have_no_dates() -> None:
    spec = TableSpec(name="t", keys=("k",), columns={"value": ColumnType.TEXT})
    assert Table.compile(spec, b"k,value\nx,EA\n", "t.csv").find(("x",), date.min) is not None


def test_the_most_specific_row_wins_then_the_one_with_the_leftmost_key() -> None:
    table = items("*,*,any,,,,\n*,X,code,,,,\nN,*,place,,,,\nN,X,both,,,,\n")
    found = [table.find(key, TODAY) for key in (("N", "X"), ("N", "Y"), ("S", "X"), ("S", "Y"))]
    assert [row and row["number"] for row in found] == ["both", "place", "code", "any"]
    assert items("*,X,code,,,,\nN,*,place,,,,\n").find(("N", "X"), TODAY)["number"] == "place"  # type: ignore[index]


def test_an_ended_row_gives_way_to_a_less_specific_one() -> None:
    table = items("N,X,both,,,,2025-12-31\nN,*,place,,,,\n")
    row = table.find(("N", "X"), TODAY)
    assert row is not None
    assert row["number"] == "place"


def test_a_value_that_was_not_sent_matches_only_a_star() -> None:
    table = items("N,X,both,,,,\nN,*,place,,,,\n")
    assert table.find(("N", ""), TODAY)["number"] == "place"  # type: ignore[index]
    assert table.find(("", "X"), TODAY) is None


def test_all_faults_are_told_with_line_and_column() -> None:
    text = HEADER + (
        "N,,1,,,,\n"  # empty key
        "N,A,1,1;50,maybe,,\n"  # two bad cells
        "N,B,1,,,2026-02-01,2026-01-31\n"  # ends before it begins
        "N,C,1,,,1.2.2026,\n"  # no date
        "N,D,1\n"  # too few cells
        '"N",E,1,,,,\n'
        "N,E,2,,,2026-01-01,\n"  # overlaps
    )
    assert faults_of(ITEMS, text) == [
        ("items.csv:2:3", "TBL007"),
        ("items.csv:3:7", "TBL006"),
        ("items.csv:3:12", "TBL006"),
        ("items.csv:4:20", "TBL008"),
        ("items.csv:5:9", "TBL006"),
        ("items.csv:6:1", "TBL003"),
        ("items.csv:8:1", "TBL009"),
    ]


def test_wrong_columns_are_faults_with_a_hint() -> None:
    with pytest.raises(SiteError) as raised:
        Table.compile(ITEMS, b"facility,code,nmber,price,stocked,vaild_to,code\n", "items.csv")
    assert [(fault.where, fault.code, fault.mend) for fault in raised.value.faults] == [
        ("items.csv:1:1", "TBL005", "add it to the header"),
        ("items.csv:1:15", "TBL004", "did you mean 'number'?"),
        ("items.csv:1:35", "TBL004", "did you mean 'valid_to'?"),
        ("items.csv:1:44", "TBL004", "keep one"),
    ]


def test_an_empty_file_is_one_fault() -> None:
    assert faults_of(ITEMS, "") == [("items.csv:1:1", "TBL005")]
    assert faults_of(ITEMS, '"') == [("items.csv:1:1", "TBL002")]


def test_a_long_row_overlaps_each_of_those_within_it() -> None:
    text = HEADER + "N,X,1,,,2026-01-01,\nN,X,2,,,2026-02-01,2026-02-28\nN,X,3,,,2026-04-01,2026-04-30\n"
    assert faults_of(ITEMS, text) == [("items.csv:3:1", "TBL009"), ("items.csv:4:1", "TBL009")]


def test_a_gap_is_a_warning_at_the_row_behind_it() -> None:
    table = items("N,X,1,,,2026-01-01,2026-01-31\nN,X,2,,,2026-02-02,\n")
    (warning,) = table.warnings
    assert (warning.where, warning.code, warning.severity) == ("items.csv:3:9", "TBL010", "warning")
    assert not items("N,X,1,,,,2026-01-31\nN,X,2,,,2026-02-01,\n").warnings


def test_a_declaration_is_checked_by_its_parts() -> None:
    spec = TableSpec(
        name="t",
        keys=("code", "code"),
        columns={"valid_to": ColumnType.TEXT, "flag": ColumnType.FLAG},
        default={"flag": "perhaps", "flg": "no"},
    )
    found = {(fault.where, fault.code) for fault in spec_faults(spec)}
    assert found == {
        ("keys", "TBL011"),
        ("columns", "TBL011"),
        ("default", "TBL012"),
        ("default.flag", "TBL006"),
        ("default.flg", "TBL013"),
    }
    assert [fault.code for fault in spec_faults(TableSpec(name="t", keys=(), columns={}))] == ["TBL011"]
    with pytest.raises(SiteError):
        Table.compile(spec, b"code,valid_to,flag\n", "t.csv")


def test_a_default_row_has_every_column_and_no_line() -> None:
    spec = TableSpec(
        name="t",
        keys=("k",),
        columns={"a": ColumnType.RATIO, "b": ColumnType.TEXT},
        missing="default",
        default={"a": "1/2"},
    )
    table = Table.compile(spec, b"k,a,b\n", "t.csv")
    assert table.default == {"k": None, "a": Fraction(1, 2), "b": None}
    assert isinstance(table.default, Row)
    assert table.default.line == 0
    assert default_row(spec, {"b": "x"})[0]["b"] == "x"


def test_rows_are_appended_in_canonical_csv() -> None:
    table = Table.compile(
        ITEMS, "\ufeffcode;facility;number;stocked;price\r\nX;N;1;yes;\r\n".encode(), "items.csv"
    )
    written = table.with_rows([{"code": "Y", "facility": "N", "number": "a,b", "valid_from": " 2026-01-01 "}])
    assert written.decode() == HEADER + 'N,X,1,,yes,,\nN,Y,"a,b",,,2026-01-01,\n'
    again = Table.compile(ITEMS, written, "items.csv")
    assert again.find(("N", "Y"), TODAY) is not None
    assert again.with_rows([]) == written


def test_rows_with_a_column_that_the_table_lacks_are_refused() -> None:
    with pytest.raises(UsageError, match="TBL014"):
        items("").with_rows([{"cost": "1"}])


def test_the_repr_shows_no_rows() -> None:
    assert repr(items("N,SECRET,1,,,,\n")) == "Table(items, 1 rows)"


DAYS = st.integers(0, 40).map(lambda number: date(2026, 1, 1) + timedelta(days=number))
PERIODS = st.lists(
    st.tuples(DAYS, st.none() | st.integers(0, 15), st.sampled_from("AB*"), st.sampled_from("X*")), max_size=9
)


def _last(first: date, length: int | None) -> date:
    return date.max if length is None else first + timedelta(days=length)


@given(PERIODS, DAYS, st.sampled_from("ABC"), st.sampled_from("XY"))
def test_find_agrees_with_a_plain_scan_of_all_rows(
    periods: list[tuple[date, int | None, str, str]], on: date, facility: str, code: str
) -> None:
    rows = []
    for first, length, *key in periods:  # drop those that overlap an earlier one of the same key
        last = _last(first, length)
        if all(key != other or last < begin or end < first for begin, end, other in rows):
            rows.append((first, last, key))
    text = "".join(
        f"{key[0]},{key[1]},{number},,,{first},{'' if last == date.max else last}\n"
        for number, (first, last, key) in enumerate(rows)
    )
    found = items(text).find((facility, code), on)

    def matches(key: list[str]) -> bool:
        return key[0] in (facility, "*") and key[1] in (code, "*")

    fitting = [
        (key.count("*"), key[0] == "*", str(number))
        for number, (first, last, key) in enumerate(rows)
        if first <= on <= last and matches(key)
    ]
    assert (found and found["number"]) == (min(fitting)[2] if fitting else None)


@given(PERIODS)
def test_overlaps_are_found_exactly_where_a_plain_scan_finds_them(
    periods: list[tuple[date, int | None, str, str]],
) -> None:
    text = "".join(
        f"{facility},{code},{number},,,{first},{'' if length is None else _last(first, length)}\n"
        for number, (first, length, facility, code) in enumerate(periods)
    )
    overlapping = any(
        one[2:] == other[2:] and one[0] <= _last(*other[:2]) and other[0] <= _last(*one[:2])
        for index, one in enumerate(periods)
        for other in periods[:index]
    )
    with faults_inside() as raised:
        items(text)
    assert {fault.code for fault in raised} == ({"TBL009"} if overlapping else set())


@contextmanager
def faults_inside() -> Iterator[list[Fault]]:
    """The faults of what is done inside, none if it went well."""
    faults: list[Fault] = []
    try:
        yield faults
    except SiteError as error:
        faults.extend(error.faults)


def test_a_title_above_the_columns_is_one_fault() -> None:
    assert faults_of(ITEMS, "Our items,,\n" + HEADER + "N,A,1,,,,\nN,B,1,,,,\n") == [
        ("items.csv:1:1", "TBL005")
    ]


@pytest.mark.parametrize(
    ("first", "second", "mend"),
    [
        (",", ",", "mend the key of one of the two"),
        ("2026-01-01,2026-03-01", "2026-01-01,", "mend the key of one of the two"),
        ("2026-01-01,", "2026-02-01,", "end the older row the day before"),
        (",", "2026-02-01,", "end the older row the day before"),
    ],
)
def test_two_rows_of_one_key_are_mended_by_what_their_days_say(first: str, second: str, mend: str) -> None:
    with pytest.raises(SiteError) as raised:
        Table.compile(ITEMS, (HEADER + f"N,A,1,,,{first}\nN,A,2,,,{second}\n").encode(), "items.csv")
    (fault,) = raised.value.faults
    assert fault.mend.startswith(mend)


def test_a_cell_too_many_is_told_before_what_it_moves() -> None:
    with pytest.raises(SiteError) as raised:
        Table.compile(ITEMS, (HEADER + "N,A,1,2.50,no,yes,,\nN,B,1,,,,,\n").encode(), "items.csv")
    (fault,) = raised.value.faults
    assert (fault.where, fault.code) == ("items.csv:2:1", "TBL003")
    assert "8 cells, the header 7" in fault.what


@pytest.mark.parametrize("code", ["2.78E+07", "3E+11", "1,2e+10"])
def test_a_code_that_a_spreadsheet_shortened_is_warned_of(code: str) -> None:
    table = items(f'N,"{code}",1,,,,\nN,12E5,1,,,,\n')
    assert [(one.where, one.code) for one in table.warnings] == [("items.csv:2:3", "TBL016")]
