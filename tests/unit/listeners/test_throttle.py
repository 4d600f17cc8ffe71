"""Buckets of requests: how many pass, when there is room again, and what is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.site.schema.rate import Rate
from listeners.throttle import Buckets, Throttle

RATES = st.builds(Rate, st.integers(1, 200), st.sampled_from([1, 60]))
STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-3_000, 30_000)), max_size=300)


@given(RATES, STEPS, st.integers(0, 1_000_000))
def test_never_more_than_the_rate_and_what_a_full_bucket_holds(rate, steps, start):
    buckets, clock, elapsed = Buckets(rate), start, 0
    passed = {"a": 0, "b": 0}
    for sender, milliseconds in steps:
        clock += milliseconds
        elapsed += max(0, milliseconds)
        passed[sender] += buckets.take(sender, clock / 1000) == 0
        assert all(count <= rate.requests * (1 + elapsed / 1000 / rate.seconds) for count in passed.values())


@given(RATES, STEPS)
def test_who_waits_as_long_as_it_was_told_is_let_in_and_not_sooner_by_more_than_a_second(rate, steps):
    buckets, clock = Buckets(rate), 0
    for sender, milliseconds in steps:
        clock += max(0, milliseconds)
        if wait := buckets.take(sender, clock / 1000):
            assert wait >= 1
            if wait > 1:
                assert buckets.take(sender, clock / 1000 + wait - 1.001) > 0
            clock += wait * 1000
            assert buckets.take(sender, clock / 1000) == 0


@given(RATES, STEPS)
def test_what_one_sender_takes_is_not_the_others(rate, steps):
    together, alone, clock = Buckets(rate), Buckets(rate), 0.0
    for sender, milliseconds in steps:
        clock += max(0, milliseconds) / 1000
        answer = together.take(sender, clock)
        if sender == "a":
            assert answer == alone.take(sender, clock)


def test_a_quiet_sender_may_make_all_at_once_and_then_one_at_a_time():
    buckets = Buckets(Rate(3, 60))
    assert [buckets.take("a", 7.0) for _ in range(5)] == [0, 0, 0, 20, 20]
    assert buckets.take("a", 26.5) == 1
    assert [buckets.take("a", 27.0) for _ in range(2)] == [0, 20]
    assert [buckets.take("a", 1_000.0) for _ in range(4)] == [0, 0, 0, 20]


def test_a_clock_that_is_set_back_gives_nothing_away_and_goes_on_from_there():
    buckets = Buckets(Rate(1, 1))
    assert [buckets.take("a", at) for at in (5_000.0, 1.0, 1.5, 2.0, 2.5)] == [0, 1, 1, 0, 1]


def test_buckets_that_are_full_again_are_forgotten():
    buckets = Buckets(Rate(10, 1))
    for number in range(1_000):
        buckets.take(f"10.0.0.{number}", 50.0)
    buckets.take("a", 51.0)
    assert buckets._full_at.keys() == {"a"}


def test_senders_beyond_those_that_are_remembered_share_one_bucket():
    buckets = Buckets(Rate(2, 1), most=2)
    assert [buckets.take(sender, 1.0) for sender in "abcde"] == [0, 0, 0, 0, 1]
    assert [buckets.take(sender, 1.0) for sender in "ab"] == [0, 0]
    assert [buckets.take(sender, 2.0) for sender in "cde"] == [0, 0, 0]
    assert len(buckets._full_at) <= 3


@pytest.mark.parametrize("then", [Rate(2, 1), Rate(1, 60)])
def test_another_rate_begins_anew_and_none_counts_nobody(then):
    in_force: list[Rate | None] = [Rate(1, 1)]
    throttle = Throttle(lambda: in_force[0], lambda: 0.0)
    assert [throttle.take("a") for _ in range(2)] == [0, 1]
    assert not throttle.open
    in_force[0] = Rate(1, 1)
    assert throttle.take("a") == 1
    in_force[0] = then
    assert throttle.take("a") == 0
    in_force[0] = None
    assert throttle.open
    assert [throttle.take("a") for _ in range(9)] == [0] * 9
