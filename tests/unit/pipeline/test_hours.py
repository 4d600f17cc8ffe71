"""What happened when: the hour that happens twice (rules of money, 25), and saves of the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import to_us
from engine.domain.posting import Action
from engine.domain.status import MessageState
from tests.unit.pipeline.conftest import RECEIVED
from tests.unit.pipeline.ledger import books, settle
from tests.unit.pipeline.test_encounters import adt, ever_written
from tests.unit.pipeline.test_saves import CEM, FEM, csu


def came(hour: int, minute: int) -> int:
    """On the night in which clocks go back at 07:00 UTC in Chicago."""
    return to_us(datetime(2026, 11, 1, hour, minute, tzinfo=UTC))


def on_that_night(saved: str, used: dict[str, int]) -> str:
    return csu(saved, used).replace(f"20261120{saved}00", f"20261101{saved}00")


FIRST = (on_that_night("0145", {FEM: 1, CEM: 2}), came(6, 46))
SECOND = (on_that_night("0105", {CEM: 2}), came(7, 6))


@pytest.mark.parametrize("late", [False, True])
async def test_a_save_of_the_second_passing_is_the_newer_one(house, late):
    order = [SECOND, (FIRST[0], came(7, 10))] if late else [FIRST, SECOND]
    for text, received_us in order:
        await house.tell(text, received_us=received_us)
        await settle(house)
    assert books(house) == {"3000140": 2}


async def test_a_discharge_that_is_cancelled_in_the_second_passing_is_taken_back(house):
    await house.tell(adt("A01", "20261031120000"), received_us=came(1, 0))
    await house.tell(adt("A03", "20261101014500"), received_us=came(6, 46))
    await house.deliver()
    await house.tell(adt("A13", "20261101011000"), received_us=came(7, 11))
    assert [action for action, _ in await ever_written(house, "discharge")] == [Action.POST, Action.REVERSE]


async def test_a_save_of_next_year_is_held_and_the_next_one_goes_on(house):
    future = await house.tell(csu("1000", {FEM: 1}).replace("20261120100000", "20271120100000"))
    assert future.state is MessageState.HELD
    assert future.reason.startswith("INT010 the save says that it was saved more than a day after")
    await house.tell(csu("1100", {CEM: 2}))
    await settle(house)
    assert books(house) == {"3000140": 2}
    assert len(await house.store.worklist()) == 1


async def test_a_sender_whose_clock_is_hours_ahead_is_heard(house):
    received_us = RECEIVED - timedelta(hours=20) // timedelta(microseconds=1)
    told = await house.tell(csu("1000", {FEM: 1}), received_us=received_us)
    assert told.state is MessageState.ROUTED
