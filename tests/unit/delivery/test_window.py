"""Documents in memory, lane by lane: order in a lane, one at a time, live before late."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.delivery.window import LANE_WINDOW, Window
from engine.domain.posting import Action, Priority
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing


def row(number: int, lane: int, priority: Priority = Priority.LIVE, state=DeliveryState.READY) -> Outgoing:
    return Outgoing(
        number, "erp", "issue", Action.POST, lane, priority, f"R{number}", "/", b"{}", 0, state, None
    )


def test_a_reserved_lane_starts_with_what_is_offered():
    window = Window()
    window.reserve(7)
    assert window.holds(7)
    assert window.marked == window.size == 1
    assert window.startable == 0
    window.offer(row(1, 7, state=DeliveryState.SENDING))
    assert [head.id for head in window.start(5)] == [1]
    assert window.marked == 0
    assert window.end(row(1, 7)) is False
    assert not window.holds(7)
    assert window.size == 0


def test_a_released_place_leaves_nothing():
    window = Window()
    window.reserve(7)
    window.release(7)
    assert not window.holds(7)
    assert window.size == window.marked == 0


def test_the_second_document_of_a_lane_waits_for_the_end_of_the_first():
    window = Window()
    window.take_in(row(1, 7))
    window.take_in(row(2, 7))
    assert [head.id for head in window.to_mark(9)] == [1]
    assert window.to_mark(9) == []
    window.mark([row(1, 7)])
    (first,) = window.start(9)
    assert window.to_mark(9) == []
    window.end(first)
    assert [head.id for head in window.to_mark(9)] == [2]


def test_a_row_that_came_with_its_lane_is_not_taken_twice():
    window = Window()
    window.pass_by(7)
    window.load(7, [row(1, 7, Priority.LATE), row(2, 7)])
    window.take_in(row(1, 7, Priority.LATE))
    window.take_in(row(2, 7))
    assert window.size == 2


def test_a_long_lane_is_read_on_from_the_store():
    window = Window()
    for number in range(LANE_WINDOW + 3):
        window.take_in(row(number, 7))
    assert window.size == LANE_WINDOW
    for number in range(LANE_WINDOW):
        assert window.end(row(number, 7)) is (number == LANE_WINDOW - 1)


def test_a_parked_lane_is_remembered_by_number_and_loaded_later():
    window = Window()
    window.take_in(row(1, 7))
    window.take_in(row(2, 7))
    window.mark(window.to_mark(1))
    window.start(1)
    window.park(7)
    window.take_in(row(3, 7))
    assert window.size == 0
    assert window.parked == 1
    assert window.holds(7)
    window.unpark(7)
    assert window.load(7, [row(1, 7, state=DeliveryState.WAITING), row(2, 7), row(3, 7)]) is None
    assert [head.id for head in window.to_mark(9)] == [1]


def test_a_head_that_may_be_applied_is_asked_about_first():
    window = Window()
    window.pass_by(7)
    doubtful = window.load(7, [row(1, 7, state=DeliveryState.UNKNOWN), row(2, 7)])
    assert doubtful is not None
    assert doubtful.id == 1
    assert window.unmarked == 0
    assert window.end(doubtful) is True  # the rest is in the store


def test_live_lanes_go_first_and_late_ones_now_and_then():
    window = Window()
    for number in range(40):
        window.take_in(row(number, number, Priority.LATE))
    for number in range(40, 80):
        window.take_in(row(number, number))
    first = window.to_mark(40)
    late = sum(head.priority is Priority.LATE for head in first)
    assert late == 10
    assert len(window.to_mark(80)) == 40


def test_a_head_whose_mark_was_refused_leaves_its_lane_to_the_next():
    window = Window()
    for number in (1, 2):
        window.take_in(row(number, 7))
    (head,) = window.to_mark(9)
    assert not window.lose(head)
    assert (window.marked, window.size) == (0, 1)
    assert [next_one.id for next_one in window.to_mark(9)] == [2]


def test_what_did_not_start_is_withdrawn():
    window = Window()
    window.take_in(row(1, 1))
    window.take_in(row(2, 2))
    window.mark(window.to_mark(2))
    window.start(1)
    assert [head.id for head in window.withdraw()] == [2]
    assert window.marked == 0


@settings(max_examples=80)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(0, 2**16))
def test_every_document_leaves_once_and_each_lane_in_order(lanes, seed):
    """The window over a store of READY rows, with scans, marks, starts and ends in any order."""
    chance = random.Random(seed)
    store = dict(enumerate(lanes, 1))
    window, cursor, left = Window(), 0, []
    under_way: list[Outgoing] = []
    while len(left) < len(lanes):
        match chance.choice(["scan", "mark", "start", "end"]):
            case "scan":
                for number in [number for number in sorted(store) if number > cursor][: chance.randint(1, 9)]:
                    cursor = number
                    window.take_in(row(number, store[number]))
            case "mark":
                window.mark(window.to_mark(chance.randint(1, 3)))
            case "start":
                started = window.start(chance.randint(1, 3))
                assert not {head.lane for head in started} & {head.lane for head in under_way}
                under_way += started
            case "end" if under_way:
                head = under_way.pop(chance.randrange(len(under_way)))
                left.append((head.lane, head.id))
                del store[head.id]
                if window.end(head):
                    rows = [row(n, lane) for n, lane in sorted(store.items()) if lane == head.lane]
                    window.load(head.lane, rows[:LANE_WINDOW])
    assert sorted(number for _, number in left) == list(range(1, len(lanes) + 1))
    for lane in set(lanes):
        mine = [number for other, number in left if other == lane]
        assert mine == sorted(mine)
    assert window.size == 0
