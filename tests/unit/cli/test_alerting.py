"""What was refused and did not come again is told for a day, in words."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from engine.clock import SystemClock
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.site.compile import compile_environment, load_site
from engine.store.sqlite import SqliteStore

DAY_US = 86_400_000_000


def received(
    control: str, *, feed: str = "ehr", reason: str = "INT003", ago_us: int = 60_000_000
) -> Received:
    state = MessageState.REFUSED if reason else MessageState.FILTERED
    at_us = time.time_ns() // 1000 - ago_us
    return Received(
        feed, at_us, "DFT^P03", control, b"MSH", None, state, reason, "AR" if reason else "AA", None
    )


def keep(desk, *some: Received) -> None:
    async def kept() -> None:
        place = compile_environment(load_site(desk.site))
        store = SqliteStore(place.store, site="north-general", environment="demo", clock=SystemClock())
        await store.start()
        await store.submit(list(some))
        await store.stop()

    asyncio.run(kept())


def told(desk) -> list[tuple[str, str]]:
    result = desk.run("alerts", "--json")
    assert result.exit_code in (0, 1)
    return [(row["channel"], row["what"]) for row in json.loads(result.stdout) if "refused" in row["what"]]


def test_what_was_refused_is_told_by_door_and_reason(desk):
    keep(
        desk,
        received("R1"),
        received("R2"),
        received("R3", feed="cabinet", reason="INT005 cabinet-vends: no cabinet"),
    )
    assert sorted(told(desk)) == [
        ("cabinet", "1 message was refused and did not come again: INT005 cabinet-vends: no cabinet"),
        ("ehr", "2 messages were refused and did not come again: INT003 MSH-12 is no HL7 version 2"),
    ]


@pytest.mark.parametrize(
    "later",
    [
        (received("R1"), received("R1", reason="")),
        (received("R1", ago_us=2 * DAY_US),),
    ],
)
def test_what_came_again_or_is_long_ago_is_told_no_more(desk, later):
    keep(desk, *later)
    assert told(desk) == []


def test_what_has_no_control_id_is_told_whatever_comes_later(desk):
    keep(desk, received("", reason="HL7001"), received("", reason=""))
    assert told(desk) == [
        ("ehr", "1 message was refused and did not come again: HL7001 the message does not begin with MSH")
    ]
