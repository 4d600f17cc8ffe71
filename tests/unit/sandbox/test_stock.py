from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.sandbox.stock import Stock

quantities = st.decimals("0.0001", "500", places=4)


def test_goods_leave_at_the_moving_average() -> None:
    stock = Stock()
    assert stock.open("SCREW", "CORE", Decimal(10), Decimal("12.50")) == Decimal("125.00")
    assert stock.issue("SCREW", "CORE", Decimal(3)) == Decimal("37.50")
    assert stock.tree()["SCREW"]["CORE"] == {"on_hand": "7", "value": "87.50", "average": "12.500000"}


def test_goods_that_come_in_at_another_cost_move_the_average() -> None:
    stock = Stock()
    stock.open("SCREW", "CORE", Decimal(2), Decimal("1.00"))
    stock.receive("SCREW", "CORE", Decimal(1), Decimal("2.00"))
    assert stock.tree()["SCREW"]["CORE"]["average"] == "1.333333"


def test_the_last_unit_takes_the_last_cent() -> None:
    stock = Stock()
    stock.open("GAUZE", "CORE", Decimal(3), Decimal("0.333333"))
    values = [stock.issue("GAUZE", "CORE", Decimal(1)) for _ in range(3)]
    assert sum(values) == Decimal("1.00")
    assert stock.value == 0


def test_a_whole_bin_leaves_at_its_whole_value_however_large() -> None:
    stock = Stock()
    stock.open("GAUZE", "CORE", Decimal(40000), Decimal("1.00"))
    stock.receive("GAUZE", "CORE", Decimal(20000), Decimal("0.00"))
    assert stock.issue("GAUZE", "CORE", Decimal(60000)) == Decimal("40000.00")


def test_the_last_average_holds_while_quantity_or_value_is_not_positive() -> None:
    stock = Stock()
    stock.open("GAUZE", "CORE", Decimal(1), Decimal("0.333333"))
    stock.issue("GAUZE", "CORE", Decimal(2))
    assert stock.tree()["GAUZE"]["CORE"] == {"on_hand": "-1", "value": "-0.34", "average": "0.333333"}
    stock.receive("GAUZE", "CORE", Decimal(3), Decimal("0.00"))
    assert stock.tree()["GAUZE"]["CORE"] == {"on_hand": "2", "value": "-0.34", "average": "0.333333"}


def test_stock_goes_negative_at_the_last_average_and_is_reported() -> None:
    stock = Stock()
    stock.open("SCREW", "CORE", Decimal(1), Decimal("12.50"))
    assert stock.issue("SCREW", "CORE", Decimal(3)) == Decimal("37.50")
    assert stock.negative() == [{"item": "SCREW", "location": "CORE", "on_hand": "-2"}]
    assert stock.tree()["SCREW"]["CORE"] == {"on_hand": "-2", "value": "-25.00", "average": "12.500000"}


def test_a_bin_never_opened_issues_at_no_cost() -> None:
    stock = Stock()
    assert stock.issue("SCREW", "LAB", Decimal(1)) == 0
    assert stock.negative() == [{"item": "SCREW", "location": "LAB", "on_hand": "-1"}]


@given(quantities, st.decimals("0", "99", places=6), st.lists(quantities, max_size=30))
def test_what_left_and_what_stays_is_what_was_there(
    opening: Decimal, cost: Decimal, issues: list[Decimal]
) -> None:
    stock = Stock()
    value = stock.open("SCREW", "CORE", opening, cost)
    left = sum((stock.issue("SCREW", "CORE", quantity) for quantity in issues), Decimal(0))
    assert stock.value + left == value
