"""What is late by the times that channels state: effects, and charges of stays that ended."""

from __future__ import annotations

import pytest

from engine.pipeline.digests import Digester
from engine.reconcile.alerts import Alert, alerts, spoken
from tests.unit.pipeline.conftest import RECEIVED

MINUTE, HOUR = 60_000_000, 3_600_000_000
USAGE = "channels/ehr-usage.yaml"
EXPECTS = {
    USAGE: ("expect: {issue", "after_discharge: {within: 24h, when: encounter.class == 'I'}\nexpect: {issue")
}
LEFT = "20261120100000"


def adt(event: str, at: str, *, account: str = "A1", kind: str = "I") -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|{at}||ADT^{event}|1|P|2.5.1\rEVN|{event}|{at}\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\rPV1|1|{kind}|3W\r"
    )


async def late(house, after_us: int) -> list[Alert]:
    """Of the channel that charges."""
    digester = Digester(house.store.hash_key)
    found = await alerts(
        house.store,
        house.stepper.edition.release,
        lambda account: digester.digest("survivor", account.hex()),
        RECEIVED + after_us,
    )
    return [alert for alert in found if alert.channel == "ehr-usage"]


async def test_an_effect_is_late_when_its_time_is_over_and_it_is_not_there(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    assert await late(house, 14 * MINUTE) == []
    found = await late(house, 16 * MINUTE)
    assert [(alert.channel, alert.what) for alert in found] == [
        ("ehr-usage", "1 effect 'issue' not at erp within 15m: 1 on the way"),
        ("ehr-usage", "1 effect 'charge' not at billing within 15m: 1 on the way"),
    ]
    assert {(alert.since_us, alert.message) for alert in found} == {(RECEIVED + 15 * MINUTE, first.id)}
    await house.deliver()
    assert await late(house, 16 * MINUTE) == []


async def test_what_is_held_is_late_as_well(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", code="NOBODY-KNOWS")))
    assert {alert.what for alert in await late(house, 2 * HOUR)} >= {
        "1 effect 'charge' not at billing within 15m: 1 held"
    }


@pytest.mark.parametrize("edits", [EXPECTS])
async def test_a_stay_that_ended_and_brought_nothing_is_told_once_its_time_is_over(house, texts, edits):
    told = await house.tell(adt("A03", LEFT))
    assert await late(house, 23 * HOUR) == []
    (alert,) = await late(house, 25 * HOUR)
    assert (alert.what, alert.message) == (
        "a stay that ended 2026-11-20 10:00 brought nothing within 1d",
        told.id,
    )
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    assert await late(house, 25 * HOUR) == []


@pytest.mark.parametrize("edits", [EXPECTS])
@pytest.mark.parametrize(
    "after",
    [
        pytest.param(adt("A13", "20261120110000"), id="it goes on"),
        pytest.param(adt("A08", "20261120090000", kind="O"), id="told late, changes nothing"),
    ],
)
async def test_a_cancelled_discharge_opens_the_stay_again(house, edits, after):
    await house.tell(adt("A03", LEFT))
    await house.tell(after)
    assert len(await late(house, 25 * HOUR)) == ("A08" in after)


@pytest.mark.parametrize("edits", [EXPECTS])
async def test_only_the_stays_that_are_meant_are_told(house, edits):
    await house.tell(adt("A03", LEFT, kind="O"))
    assert await late(house, 25 * HOUR) == []


@pytest.mark.parametrize("edits", [EXPECTS])
async def test_charges_under_a_number_that_was_merged_count(house, texts, edits):
    await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    await house.deliver()
    await house.tell(adt("A03", LEFT))
    assert len(await late(house, 25 * HOUR)) == 1
    await house.tell(texts.a41("A1", "A2"))
    assert await late(house, 25 * HOUR) == []


@pytest.mark.parametrize("edits", [EXPECTS])
async def test_charges_at_the_far_end_of_a_chain_of_merges_count(house, texts, edits):
    await house.tell(texts.dft(texts.ft1("T1"), account="A3"))
    await house.deliver()
    await house.tell(texts.a41("A2", "A3"))
    await house.tell(adt("A03", LEFT))
    assert len(await late(house, 25 * HOUR)) == 1
    await house.tell(texts.a41("A1", "A2"))
    assert await late(house, 25 * HOUR) == []


def test_times_are_spoken_as_the_site_says_them() -> None:
    assert [spoken(seconds) for seconds in (900, 86_400, 5400, 30, 0.5)] == [
        "15m",
        "1d",
        "90m",
        "30s",
        "0.5s",
    ]
