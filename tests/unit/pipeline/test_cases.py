"""Scheduled cases: usage is placed by its case, finds its account by it, waits for it, and goes when it is told."""

from __future__ import annotations

import asyncio
from itertools import permutations

import orjson
import pytest

from engine.domain.case import fold_case
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import Fact
from engine.domain.status import DeliveryState, EffectState, MessageState
from engine.explain.story import Storyteller
from engine.pipeline.cases import NOT_KNOWN
from engine.pipeline.digests import Digester
from engine.pipeline.reading import read_message
from engine.pipeline.record import unpack_facts
from engine.pipeline.step import Stepped
from engine.reconcile.alerts import alerts
from tests.unit.pipeline.conftest import RECEIVED
from tests.unit.pipeline.test_sequels import Watch

DAY = 86_400_000_000
CASES = "channels/case-usage.yaml"
WHEN = {CASES: ("when: item.stocked and", "when: case.state == 'scheduled' and item.stocked and")}
BY_PLACE = {
    CASES: (
        "cost_center: {table: cost-centers, by: [facility, department else case.room]}",
        "cost_center: {table: cost-centers, by: [facility, \"'OR-SOUTH'\"]}",
    )
}
NO_ACCOUNT_FROM = {CASES: ("account_from: case ", "no_original: hold ")}


def siu(
    event: str,
    at: str,
    room: str = "",
    *,
    case: str = "C1",
    account: str = "A1",
    status: str = "",
    of: str = "M1",
) -> str:
    return (
        f"MSH|^~\\&|SCHED|SOUTH|S|E|20261120{at}00||SIU^{event}|S{at}|P|2.5.1\r"
        f"SCH||{case}|{'|' * 20}||{status}\rTQ1|1||||||20261120080000\r"
        f"PID|1||{of}^^^SOUTH^MR|||||||||||||||{account}^^^SOUTH^AN\r"
        + (f"RGS|1\rAIS|1|A|27447\rAIL|1|A|ORS^{room}\r" if room else "")
    )


def csu(
    *, case: str = "C1", account: str = "", department: str = "", at: str = "1000", quantity: int = 2
) -> str:
    return (
        f"MSH|^~\\&|OR|SOUTH|S|E|20261120{at}00||CSU^C10|U{at}|P|2.5.1\r"
        f"PID|1||M1^^^SOUTH^MR|||||||||||||||{account}^^^SOUTH^AN\rPV1|1|I|ORS\r"
        f"CSR|{case}\rOBR|1\rCSS|1|20261120093000\r"
        f"OBX|1|XX|USED||CEM-PAL-40^L1^^{quantity}^EA^^^{department}||||||F\r"
    )


async def issued(house) -> list[str]:
    """Cost centers of what is to leave stock."""
    rows = [row for row in await house.documents() if row.effect == "issue"]
    return [line["cost_center"] for row in rows for line in orjson.loads(row.payload)["lines"]]


async def charged(house) -> list[tuple[str, str]]:
    """(account, department) of what is to be charged."""
    rows = [orjson.loads(row.payload) for row in await house.documents() if row.effect == "charge"]
    return [(row["account"], line["department"]) for row in rows for line in row["lines"]]


async def told_of_cases(house, after_us: int = DAY):
    digester = Digester(house.store.hash_key)
    found = await alerts(
        house.store,
        house.stepper.edition.release,
        lambda account: digester.digest("survivor", account.hex()),
        RECEIVED + after_us,
    )
    return [(alert.channel, alert.what, alert.message) for alert in found if not alert.late]


@pytest.fixture
async def watch(house):
    """What follows by itself, told of each message as the stepper tells it."""
    watch = Watch(house)
    await watch.sequels.start()
    await watch.sequels.idle()
    yield watch
    await watch.sequels.stop()
    assert watch.broken == []


async def known(house, watch, text: str) -> None:
    """A message of a case is stepped, and what follows is done."""
    view = await house.tell(text)
    facts = remembered(house, text)
    inbound = Inbound(view.id, "ehr", RECEIVED, text.encode(), None)
    watch.sequels.stepped(inbound, Stepped(view.state, view.reason, remember=facts))
    await asyncio.wait_for(watch.sequels.idle(), 5)


def remembered(house, text: str) -> tuple[Fact, ...]:
    inbound = Inbound(MessageId(0), "ehr", RECEIVED, text.encode(), None)
    return read_message(house.stepper.edition.release, Digester(house.store.hash_key), inbound).remember


async def test_usage_is_placed_by_the_department_and_without_one_by_the_room_of_its_case(house):
    told = await house.tell(siu("S12", "0700", "OR2"))
    assert (told.state, told.reason) == (MessageState.FILTERED, "remembered")
    used = await house.tell(csu(account="A1"))
    assert await issued(house) == ["81020"]
    assert await charged(house) == [("A1", "OR2")]
    ((key, (one,)),) = unpack_facts(await house.store.record(used.id)).cases.items()
    assert len(key) == 16
    assert one.fields["room"] == "OR2"
    await house.tell(csu(account="A1", case="C2", department="OR-SOUTH"))
    assert await issued(house) == ["81020", "81000"]


async def test_a_case_that_moves_later_changes_no_posted_line(house):
    await house.tell(siu("S12", "0700", "OR2"))
    await house.tell(csu(account="A1"))
    await house.deliver()
    await house.tell(siu("S13", "1100", "OR1"))
    assert await house.documents() == []
    assert (await house.correct(1)).planned.told == ()


async def test_usage_that_names_only_its_case_is_of_the_cases_account(house):
    await house.tell(siu("S12", "0700", "OR2"))
    used = await house.tell(csu())
    assert await charged(house) == [("A1", "OR2")]
    digest = Digester(house.store.hash_key).person("account", "SOUTH", "A1")
    assert await house.store.has_line({digest}, "case-usage")
    lanes = {row.lane for row in await house.documents() if row.destination == "billing"}
    await house.tell(csu(account="A1", case="C2", department="OR-SOUTH"))
    assert {row.lane for row in await house.documents() if row.destination == "billing"} == lanes
    assert (await house.view(used.id)).state is MessageState.ROUTED


async def test_an_account_of_a_case_that_was_merged_goes_by_the_number_that_survived(house, texts):
    await house.tell(siu("S12", "0700", "OR2", account="A2"))
    await house.tell(texts.a41("A1", "A2").replace("NORTH", "SOUTH"))
    await house.tell(csu())
    assert await charged(house) == [("A1", "OR2")]


@pytest.mark.parametrize("edits", [NO_ACCOUNT_FROM])
async def test_where_the_channel_does_not_say_so_a_case_lends_no_account(house, edits):
    await house.tell(siu("S12", "0700", "OR2"))
    used = await house.tell(csu())
    assert "MAP020 account is missing" in await house.causes(used.id)


async def test_what_its_case_would_tell_is_waited_for_and_a_release_before_it_changes_nothing(house):
    used = await house.tell(csu(account="A1"))
    assert await house.causes(used.id) == {NOT_KNOWN}
    await house.release(used.id)
    assert await house.causes(used.id) == {NOT_KNOWN}
    await house.tell(siu("S12", "0700"))
    await house.release(used.id)
    assert await house.causes(used.id) == {f"{NOT_KNOWN}: case.room"}
    await house.tell(siu("S14", "0710", "OR2"))
    await house.release(used.id)
    assert await house.causes(used.id) == set()
    assert await issued(house) == ["81020"]


async def test_a_line_that_needs_nothing_of_its_case_does_not_wait(house):
    used = await house.tell(csu(account="A1", department="OR-SOUTH"))
    assert await house.causes(used.id) == set()


async def test_a_line_without_a_case_number_waits_for_none(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1")))
    assert await house.causes(told.id) == set()


@pytest.mark.parametrize("edits", [WHEN])
async def test_a_condition_over_a_case_that_is_not_known_is_waited_for(house, edits):
    used = await house.tell(csu(account="A1", department="OR-SOUTH"))
    assert {effect.name for effect in (await house.effects(used.id)).values() if effect.cause} == {"issue"}
    assert await house.causes(used.id) == {NOT_KNOWN}


async def test_what_waits_goes_by_itself_when_its_case_is_told(house, watch):
    used, other = await house.tell(csu()), await house.tell(csu(case="C2"))
    await known(house, watch, siu("S12", "0700", "OR2"))
    assert (await house.view(used.id)).state is MessageState.ROUTED
    assert await charged(house) == [("A1", "OR2")]
    assert await house.causes(other.id) == {NOT_KNOWN}
    digest = Digester(house.store.hash_key).person("account", "SOUTH", "A1")
    assert await house.store.has_line({digest}, "case-usage"), "whose it is was kept with the release"


async def test_what_a_crash_cut_short_is_found_at_the_start(house):
    used = await house.tell(csu())
    await house.tell(siu("S12", "0700", "OR2"))
    assert (await house.view(used.id)).state is MessageState.HELD
    watch = Watch(house)
    await watch.sequels.start()
    await asyncio.wait_for(watch.sequels.idle(), 5)
    await watch.sequels.stop()
    assert (await house.view(used.id)).state is MessageState.ROUTED


@pytest.mark.parametrize("account", ["", "A1"])
async def test_told_together_the_case_is_known_to_the_usage_after_it(house, account):
    _, used = await house.tell_together(siu("S12", "0700", "OR2"), csu(account=account))
    assert used.state is MessageState.ROUTED


async def test_told_together_what_is_told_of_the_cases_account_is_known_too(house, texts):
    """Nobody knows beforehand that the usage is about the account that is merged."""
    await house.tell(siu("S12", "0700", "OR2", account="A2"))
    await house.tell_together(texts.a41("A1", "A2").replace("NORTH", "SOUTH"), csu())
    assert await charged(house) == [("A1", "OR2")]


@pytest.mark.parametrize("edits", [BY_PLACE])
async def test_a_default_stands_in_for_no_case_that_is_not_known_yet(house, edits):
    used = await house.tell(csu(account="A1"))
    assert await house.causes(used.id) == {NOT_KNOWN}
    assert await house.documents() == []


TOLD = {
    "booked": siu("S12", "0700", "OR1"),
    "moved": siu("S13", "0730", "OR2"),
    "known better": siu("S14", "0740", status="Started"),
    "used": csu(),
}


IN_THE_END = {
    "room": "OR2", "location": "ORS", "procedure": "27447", "status": "Started",
    "account": "A1", "account_authority": "SOUTH", "patient": "M1",
}  # fmt: skip


@pytest.mark.parametrize("order", [list(order) for order in permutations(TOLD)])
async def test_in_whatever_order_it_is_told_usage_that_waited_for_all_of_it_is_placed_the_same(
    house, watch, order
):
    """Usage that comes before its case waits; a person lets it go at the end."""
    for name in order:
        await house.tell(TOLD[name])
        if name == "used" and set(order[: order.index("used")]) >= {"booked", "moved"}:
            assert await issued(house) == ["81020"]
    used = next(
        view.id for view in [await house.view(number) for number in (1, 2, 3, 4)] if view.type == "CSU^C10"
    )
    await house.release(used)
    again = await house.tell(csu(at="1200", quantity=3))
    assert again.state is MessageState.ROUTED
    await house.deliver()
    ((_, entries),) = unpack_facts(await house.store.record(again.id)).cases.items()
    case = fold_case(entries)
    assert (case.state, case.event, {name: text for name, text in case.fields.items() if text}) == (
        "scheduled", "S14", {**IN_THE_END, "scheduled_at": "2026-11-20T14:00:00+00:00"},
    )  # fmt: skip
    last = [orjson.loads(row.payload) for row in house.sent if row.effect == "issue"][-1]
    assert [line["cost_center"] for line in last["lines"]] == ["81020"]


@pytest.mark.parametrize(("event", "word"), [("S15", "cancelled"), ("S17", "deleted"), ("S26", "a no-show")])
@pytest.mark.parametrize("late", [False, True])
async def test_usage_of_a_case_that_does_not_take_place_is_an_alert(house, event, word, late):
    first, off = siu("S12", "0700", "OR2"), siu(event, "0800")
    told = [await house.tell(text) for text in ((first, csu(), off) if late else (first, off, csu()))]
    used = next(view for view in told if view.type == "CSU^C10")
    assert used.state is MessageState.ROUTED
    expected = [("case-usage", f"1 line was used in a case that is {word}", used.id)]
    assert await told_of_cases(house) == expected
    await house.deliver()
    assert await told_of_cases(house) == expected
    await house.tell(csu(at="1100", quantity=0))  # the save that follows has none of it
    await house.deliver()
    assert await told_of_cases(house) == []


async def test_a_cancelled_case_that_is_booked_again_or_used_nothing_is_none(house):
    await house.tell(siu("S12", "0700", "OR2"))
    await house.tell(siu("S15", "0800"))
    await house.tell(siu("S15", "0800", case="C2"))
    assert await told_of_cases(house) == []
    await house.tell(csu())
    await house.tell(siu("S13", "0900", "OR1"))
    assert await told_of_cases(house) == []


async def test_where_a_value_came_from_is_told_by_the_case(house):
    await house.tell(siu("S12", "0700", "OR2"))
    used = await house.tell(csu())
    told = await Storyteller(house.store).postings(used.id)
    steps = {
        field.place: step
        for one in told
        if one.delivery.effect == "charge"
        for field in one.fields
        for step in (field.step.of or (field.step,))
    }
    assert all(one.same for one in told)
    assert steps["account"].rule == "whose its case is"


async def test_effects_that_wait_for_a_case_are_held_and_counted(house):
    used = await house.tell(csu())
    assert {effect.state for effect in await house.store.effects(used.id)} == {EffectState.HELD}
    groups = await house.store.worklist()
    assert {group.cause for group in groups} == {NOT_KNOWN}
    assert DeliveryState.READY not in {row.state for row in await house.documents()}
