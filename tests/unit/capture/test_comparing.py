"""What a captured message may say otherwise, and what not."""

from __future__ import annotations

import pytest

from engine.capture.comparing import Likeness

LIKENESS = Likeness(lambda text: text.replace("A88001", "Q41775"), (-7, 14))


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("4200.00", "4200.00"),
        (3, 3),
        ("A88001", "Q41775"),
        ("A88001/1", "Q41775/1"),
        ("2026-11-20", "2026-11-13"),
        ("2026-11-20", "2026-12-04"),
        ("20261120094500", "20261113094500"),
        ("2026-11-05T15:45:00+00:00", "2026-10-29T14:45:00+00:00"),
        ("for Rosalind", "TEXT"),
    ],
)
def test_alike(sent, found):
    assert LIKENESS.alike(sent, found)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("71000", "71050"),
        ("2480.00", "2554.40"),
        ("2026-11-20", "2026-11-21"),
        (3, 4),
        ("A88001", "A88002"),
        (None, "x"),
    ],
)
def test_not_alike(sent, found):
    assert not LIKENESS.alike(sent, found)
