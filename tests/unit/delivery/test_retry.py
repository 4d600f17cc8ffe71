"""What follows each outcome, as a table."""

from __future__ import annotations

import pytest

from engine.delivery.retry import LanePolicy, after_probe, after_send
from engine.domain.outcome import Outcome, Verdict
from engine.domain.status import DeliveryState

NOW = 1_000_000_000
POLICY = LanePolicy(settle=3.0, first=2.0, ceiling=900.0)
AWAY = Outcome(Verdict.NOT_SENT, "connection refused")


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (9, 512), (10, 900), (5000, 900)])
def test_the_wait_doubles_up_to_the_ceiling(attempt, seconds):
    after = after_send(AWAY, attempt, POLICY, NOW)
    assert (after.state, after.next_us) == (DeliveryState.WAITING, NOW + seconds * 1_000_000)


def test_the_receivers_own_wait_wins():
    after = after_send(AWAY._replace(retry_after=60.0), 1, POLICY, NOW)
    assert after.next_us == NOW + 60_000_000


def test_giving_up_is_a_persons_and_frees_no_key():
    after = after_send(AWAY, 3, LanePolicy(settle=1, give_up_after=3), NOW)
    assert (after.state, after.frees) == (DeliveryState.HELD, False)


def test_a_rejection_is_held_and_frees_its_key():
    after = after_send(Outcome(Verdict.REJECTED, "HTTP 422"), 1, POLICY, NOW)
    assert (after.state, after.frees, after.next_us) == (DeliveryState.HELD, True, None)


def test_credentials_stop_the_destination_and_burn_no_attempt():
    after = after_send(Outcome(Verdict.CREDENTIALS, "HTTP 401"), 1, POLICY, NOW)
    assert (after.state, after.stops, after.counts) == (DeliveryState.WAITING, True, False)


def test_an_unknown_waits_for_settle_before_anybody_is_asked():
    after = after_send(Outcome(Verdict.UNKNOWN, "timeout"), 1, POLICY, NOW)
    assert (after.state, after.next_us, after.frees) == (DeliveryState.UNKNOWN, NOW + 3_000_000, False)


def test_an_unknown_that_nobody_can_settle_is_a_persons():
    policy = LanePolicy(settle=3.0, asks=False, repeats=False)
    after = after_send(Outcome(Verdict.UNKNOWN, "timeout"), 1, policy, NOW)
    assert (after.state, after.frees) == (DeliveryState.HELD, False)


def test_absent_once_is_asked_again_and_only_twice_is_believed():
    absent = Outcome(Verdict.ABSENT, "HTTP 404")
    assert after_probe(absent, 1, POLICY, NOW).state is DeliveryState.UNKNOWN
    assert after_probe(absent, 2, POLICY, NOW).state is DeliveryState.WAITING


@pytest.mark.parametrize(
    "told", [None, Outcome(Verdict.UNKNOWN, "timeout"), Outcome(Verdict.NOT_SENT, "refused")]
)
def test_a_question_that_failed_settles_nothing(told):
    assert after_probe(told, 0, POLICY, NOW).state is DeliveryState.UNKNOWN


def test_found_by_reference_is_delivered():
    assert after_probe(Outcome(Verdict.APPLIED, "found"), 0, POLICY, NOW).state is DeliveryState.DELIVERED


def test_a_far_end_that_asks_for_a_year_is_asked_again_within_the_hour():
    outcome = Outcome(Verdict.NOT_SENT, "HTTP 503", retry_after=31_536_000.0)
    after = after_send(outcome, 1, LanePolicy(settle=1.0), 0)
    assert after.next_us == 3_600_000_000
