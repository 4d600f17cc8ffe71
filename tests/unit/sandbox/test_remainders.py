from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sandbox.books import Kind, Line, Refused, Register
from engine.sandbox.remainders import Remainders, Wanted

ISSUE = Kind("goods-issue", "GI", "item")
AT = datetime(2026, 11, 20, tzinfo=UTC)


def line(what: str, quantity: str, value: str, **fields: str) -> Line:
    return Line(number=1, what=what, quantity=Decimal(quantity), value=Decimal(value), **fields)


def opened(*lines: Line) -> Remainders:
    remainders = Remainders()
    remainders.open(Register().book(ISSUE, "R1", lines, AT))
    return remainders


def draw(remainders: Remainders, *wanted: Wanted) -> list[tuple[str, str]]:
    lines = remainders.draw(ISSUE, "R1", wanted)
    return [(str(drawn.quantity), str(drawn.value)) for drawn in lines]


def test_parts_come_back_at_their_share_and_the_last_takes_the_last_cent() -> None:
    remainders = opened(line("SCREW", "3", "10.00"))
    one = Wanted(1, "SCREW", Decimal(1))
    assert [draw(remainders, one) for _ in range(3)] == [[("1", "3.33")], [("1", "3.34")], [("1", "3.33")]]


def test_two_lines_of_a_return_share_one_remainder() -> None:
    remainders = opened(line("SCREW", "3", "10.00"))
    with pytest.raises(Refused, match="more than remains") as refused:
        draw(remainders, Wanted(1, "SCREW", Decimal(2)), Wanted(7, "SCREW", Decimal(2)))
    assert (refused.value.code, refused.value.line) == ("more_than_remains", 7)


def test_a_refused_draw_leaves_everything() -> None:
    remainders = opened(line("SCREW", "3", "10.00"))
    with pytest.raises(Refused):
        draw(remainders, Wanted(1, "SCREW", Decimal(2)), Wanted(2, "GAUZE", Decimal(1)))
    assert draw(remainders) == [("3", "10.00")]


def test_lot_serial_and_cost_center_choose_among_equal_items() -> None:
    remainders = opened(
        line("SCREW", "1", "1.00", lot="L1", cost_center="4100"),
        line("SCREW", "1", "2.00", lot="L2", cost_center="4100"),
        line("SCREW", "1", "4.00", lot="L2", cost_center="4200", serial="S3"),
    )
    assert draw(remainders, Wanted(1, "SCREW", Decimal(1), serial="S3")) == [("1", "4.00")]
    assert draw(remainders, Wanted(1, "SCREW", Decimal(1), lot="L2")) == [("1", "2.00")]
    with pytest.raises(Refused) as refused:
        draw(remainders, Wanted(1, "SCREW", Decimal(1), cost_center="4300"))
    assert refused.value.code == "not_on_original"


def test_a_return_runs_over_several_lines_of_the_original() -> None:
    remainders = opened(line("SCREW", "1", "1.00"), line("SCREW", "2", "4.00"))
    assert draw(remainders, Wanted(1, "SCREW", Decimal(2))) == [("1", "1.00"), ("1", "2.00")]


def test_nothing_wanted_draws_all_that_is_left_but_not_twice() -> None:
    remainders = opened(line("SCREW", "3", "9.00"), line("GAUZE", "1", "0.10"))
    draw(remainders, Wanted(1, "SCREW", Decimal(1)))
    assert draw(remainders) == [("2", "6.00"), ("1", "0.10")]
    with pytest.raises(Refused) as refused:
        draw(remainders)
    assert refused.value.code == "more_than_remains"


def test_an_original_never_booked_is_unknown() -> None:
    with pytest.raises(Refused) as refused:
        Remainders().draw(ISSUE, "R9", ())
    assert refused.value.code == "unknown_original"


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.decimals("0", "9999", places=2))
def test_however_it_is_parted_exactly_the_booked_value_comes_back(parts: list[int], value: Decimal) -> None:
    remainders = opened(line("SCREW", str(sum(parts)), str(value)))
    drawn = [remainders.draw(ISSUE, "R1", [Wanted(1, "SCREW", Decimal(part))])[0].value for part in parts]
    assert sum(drawn) == value
    assert all(part >= 0 for part in drawn)
