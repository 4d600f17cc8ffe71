"""Ranges in key cells, and keys with several rows: found as a plain search over all rows would."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SiteError
from engine.reference.ranges import Range, read_range
from engine.reference.spec import TableSpec
from engine.reference.table import Table
from engine.reference.values import ColumnType

TODAY = date(2026, 11, 20)
PRICES = TableSpec(
    name="prices",
    keys=("item", "facility", "quantity"),
    columns={"price": ColumnType.MONEY},
    ranges={"quantity": ColumnType.NUMBER},
)
HEADER = "item,facility,quantity,price,valid_from,valid_to\n"


def prices(rows: str) -> Table:
    return Table.compile(PRICES, (HEADER + rows).encode(), "prices.csv")


def price(table: Table, *key: str, on: date = TODAY) -> Decimal | None:
    row = table.find(key, on)
    return None if row is None else row["price"]


def faults(spec: TableSpec, text: str) -> list[tuple[str, str]]:
    with pytest.raises(SiteError) as raised:
        Table.compile(spec, text.encode(), "t.csv")
    return [(fault.where, fault.code) for fault in raised.value.faults]


def test_a_tier_has_both_its_ends_and_the_last_is_open() -> None:
    table = prices("X,*,1..9,3.00,,\nX,*,10..49,2.50,,\nX,*,50..,2.00,,\n")
    asked = {quantity: price(table, "X", "N", quantity) for quantity in ("1", "9", "10", "49", "50", "9999")}
    assert asked == {
        "1": 3, "9": 3, "10": Decimal("2.50"), "49": Decimal("2.50"), "50": 2, "9999": 2,
    }  # fmt: skip
    assert [price(table, "X", "N", quantity) for quantity in ("0", "9.5", "", "a few")] == [None] * 4


def test_the_more_specific_facility_wins_and_falls_back_where_it_has_no_tier() -> None:
    table = prices("X,*,1..,3.00,,\nX,NORTH,10..,2.00,,\nX,*,*,9.00,,\n")
    assert price(table, "X", "NORTH", "10") == 2
    assert price(table, "X", "NORTH", "9") == 3
    assert price(table, "X", "SOUTH", "0") == 9
    assert price(table, "X", "SOUTH", "") == 9


def test_a_range_of_codes_takes_codes_of_its_length() -> None:
    spec = TableSpec(
        name="t", keys=("code",), columns={"a": ColumnType.TEXT}, ranges={"code": ColumnType.TEXT}
    )
    table = Table.compile(spec, b"code,a\n0270..0279,supplies\n", "t.csv")
    assert [bool(table.find((code,), TODAY)) for code in ("0270", "0279", "0280", "27", "02700")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["9..1", "..", "a..b", "1..2..3", "1-9"])
def test_what_is_no_range_is_told_at_its_cell(cell: str) -> None:
    assert faults(PRICES, f"{HEADER}X,*,{cell},3.00,,\n") == [("t.csv:2:5", "TBL006")]


def test_ranges_that_overlap_on_a_day_are_told_and_others_are_not() -> None:
    assert faults(PRICES, HEADER + "X,*,1..10,3.00,,\nX,*,10..20,2.00,,\n") == [("t.csv:3:1", "TBL009")]
    assert faults(PRICES, HEADER + "X,*,5..,3.00,,\nX,*,7,2.00,,\n") == [("t.csv:3:1", "TBL009")]
    prices("X,*,1..10,3.00,,2026-12-31\nX,*,5..20,2.00,2027-01-01,\n")
    prices("X,N,1..10,3.00,,\nX,*,5..20,2.00,,\n")


def test_numbers_between_two_ranges_are_a_warning_at_the_later_one() -> None:
    holed = prices("X,*,1..9,3.00,,\nX,*,20..,2.00,,\nX,N,1..,2.00,,\n")
    assert [(one.where, one.code, one.severity) for one in holed.warnings] == [
        ("prices.csv:3:5", "TBL015", "warning")
    ]
    assert not prices(
        "X,*,1..9,3.00,,\nX,*,10..,2.00,,\nY,*,20..30,1.00,,2025-12-31\nY,*,1..9,1.00,2026-01-01,\n"
    ).warnings
    codes = TableSpec(
        name="t", keys=("code",), columns={"a": ColumnType.TEXT}, ranges={"code": ColumnType.TEXT}
    )
    assert not Table.compile(
        codes, b"code,a,valid_from,valid_to\n0270..0279,A,,\n0300..0309,B,,\n", "t.csv"
    ).warnings


KITS = TableSpec(
    name="kits",
    keys=("kit",),
    columns={"part": ColumnType.TEXT, "each": ColumnType.NUMBER},
    many=("part",),
)
KIT_HEADER = "kit,part,each,valid_from,valid_to\n"


def test_a_key_may_have_several_rows_told_apart_by_their_columns() -> None:
    table = Table.compile(
        KITS, (KIT_HEADER + "K,A,1,,\nK,B,2,,2026-12-31\nK,C,2,2027-01-01,\n").encode(), "t.csv"
    )
    assert [row["part"] for row in table.find_all(("K",), TODAY)] == ["A", "B"]
    assert [row["part"] for row in table.find_all(("K",), date(2027, 1, 1))] == ["A", "C"]
    assert table.find_all(("L",), TODAY) == ()


def test_the_same_part_twice_on_a_day_is_a_fault_and_so_is_a_part_without_a_name() -> None:
    assert faults(KITS, KIT_HEADER + "K,A,1,,\nK,A,2,,\n") == [("t.csv:3:1", "TBL009")]
    assert faults(KITS, KIT_HEADER + "K,,1,,\n") == [("t.csv:2:3", "TBL007")]


BOUND = st.integers(0, 30)
DAYS = st.integers(0, 20).map(lambda days: TODAY + timedelta(days=days))
ROW = st.tuples(
    st.sampled_from(["A", "B", "*"]),
    st.sampled_from(["N", "*"]),
    st.one_of(st.none(), st.tuples(BOUND, BOUND)),
    DAYS,
    DAYS,
)


@given(st.lists(ROW, max_size=12), st.sampled_from("ABC"), st.sampled_from(["N", "S", ""]), BOUND, DAYS)
def test_a_row_is_found_as_a_search_over_all_of_them_finds_it(rows, item, facility, quantity, day) -> None:
    """Of the rows that match, the one with the fewest `*`, a range before none; two alike are told when compiling."""
    lines = []
    for number, (code, place, span, first, last) in enumerate(rows, start=2):
        low, high = sorted(span) if span else (None, None)
        first, last = sorted((first, last))
        lines.append((code, place, low, high, first, last, number))
    text = "".join(
        f"{code},{place},{'*' if low is None else f'{low}..{high}'},{number}.00,{first},{last}\n"
        for code, place, low, high, first, last, number in lines
    )
    try:
        table = prices(text)
    except SiteError:
        assert any(_rivals(one, other) for one in lines for other in lines if one is not other)
        return
    assert not any(_rivals(one, other) for one in lines for other in lines if one is not other)
    matching = [
        line for line in lines
        if line[0] in (item, "*") and line[1] in (facility or None, "*")
        and (line[2] is None or line[2] <= quantity <= line[3]) and line[4] <= day <= line[5]
    ]  # fmt: skip
    best = min(matching, key=lambda line: _vague(line), default=None)
    assert price(table, item, facility, str(quantity), on=day) == (None if best is None else best[6])


def _vague(line) -> tuple[int, ...]:
    """How much a key leaves open: number of `*`; among equal numbers the range counts less than a value."""
    stars = (line[0] == "*") + (line[1] == "*") + (line[2] is None)
    exact = tuple(position for position, cell in enumerate(line[:2]) if cell != "*")
    return stars, int(line[2] is not None), exact  # type: ignore[return-value]


def _rivals(one, other) -> bool:
    """Two rows of one shape that would both answer some question."""
    if one[:2] != other[:2] or (one[2] is None) != (other[2] is None):
        return False
    days = one[4] <= other[5] and other[4] <= one[5]
    return days and (one[2] is None or (one[2] <= other[3] and other[2] <= one[3]))


@given(BOUND, BOUND, BOUND)
def test_a_range_covers_what_is_between_its_ends(low: int, high: int, asked: int) -> None:
    low, high = sorted((low, high))
    assert read_range(ColumnType.NUMBER, f"{low}..{high}").covers(Decimal(asked)) is (low <= asked <= high)
    assert Range(None, Decimal(high)).covers(Decimal(asked)) is (asked <= high)
    assert Range(Decimal(low), None).covers(Decimal(asked)) is (asked >= low)
