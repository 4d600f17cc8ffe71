"""A destination that does not answer is left alone, and tried with one document."""

from __future__ import annotations

from engine.delivery.breaker import FAILURES, Breaker
from engine.domain.outcome import Verdict


def opened() -> Breaker:
    breaker = Breaker(rest=5.0)
    for _ in range(FAILURES):
        assert breaker.allows(100.0)
        breaker.tell(Verdict.NOT_SENT, 100.0)
    return breaker


def test_it_opens_after_failures_in_a_row():
    breaker = opened()
    assert not breaker.allows(104.9)
    assert breaker.word == "open"


def test_a_success_between_keeps_it_closed():
    breaker = Breaker()
    for _ in range(3 * FAILURES):
        breaker.tell(Verdict.UNKNOWN, 1.0)
        breaker.tell(Verdict.REJECTED, 1.0)
    assert breaker.allows(1.0)


def test_after_its_rest_one_try_decides():
    breaker = opened()
    assert breaker.allows(105.0)
    breaker.left()
    assert not breaker.allows(105.0)
    breaker.tell(Verdict.APPLIED, 105.1)
    assert breaker.allows(105.1)
    assert breaker.word == "closed"


def test_a_try_that_fails_opens_it_again_for_its_whole_rest():
    breaker = opened()
    breaker.left()
    breaker.tell(Verdict.NOT_SENT, 106.0)
    assert not breaker.allows(110.9)
    assert breaker.allows(111.0)
