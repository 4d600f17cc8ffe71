"""Random documents, moods of the far end and crashes: order, once, none lost. Rules of money, 7, 8, 14, 15."""

from __future__ import annotations

import os
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Priority

REFUSED = Outcome(Verdict.REJECTED, "HTTP 422")
EXAMPLES = int(os.environ.get("PROVE_EXAMPLES", "25"))
MOODS = [
    [],
    [],
    ["lost"],
    [Outcome(Verdict.UNKNOWN, "cut")],
    [Outcome(Verdict.NOT_SENT, "HTTP 503")],
    [Outcome(Verdict.NOT_SENT, "HTTP 503"), "lost"],
    [REFUSED] * 100,  # as often as it is asked: of a batch that breaks no refusal is heard
    [ValueError("a bug of ours")],
]


@settings(max_examples=EXAMPLES, database=None)
@given(
    lanes=st.lists(st.integers(1, 6), min_size=1, max_size=40),
    concurrency=st.integers(1, 4),
    batch=st.sampled_from([1, 3]),
    crashes=st.integers(0, 3),
    seed=st.integers(0, 2**16),
)
async def test_whatever_the_far_end_does_each_is_booked_once_and_in_order(
    new_house, quick, lanes, concurrency, batch, crashes, seed
):
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        house = new_house(Path(folder) / "suture.db")
        await house.open()
        policy = replace(quick, concurrency=concurrency, batch_most=batch, settle=0.002, first=0.002)
        refused: set[str] = set()
        of_lane: dict[int, list[str]] = {}
        for lane in lanes:
            priority = chance.choice([Priority.LIVE, Priority.LIVE, Priority.LATE])
            (reference,) = await house.post(lane, priority=priority)
            of_lane.setdefault(lane, []).append(reference)
            mood = chance.choice(MOODS)
            house.far.moods[reference] = list(mood)
            if REFUSED in mood:
                refused.add(reference)
        await house.start(policy)
        for _ in range(crashes):
            least = min(len(house.told.ends) + chance.randint(0, 3), len(lanes) // 2)
            await house.until(lambda least=least: len(house.told.ends) >= least)
            await house.crash()
            await house.start(policy)
        await house.drained()
        counts = house.far.booked
        assert sorted(counts) == sorted(set(counts)), "booked twice"
        assert set(counts) == {one for mine in of_lane.values() for one in mine} - refused
        for mine in of_lane.values():
            assert [one for one in counts if one in mine] == [one for one in mine if one not in refused]
        await house.close()
