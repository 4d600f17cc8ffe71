"""Masters that wait are put into tables together: with the rows, and the words, that they come to one by one."""

from __future__ import annotations

from random import Random

import pytest

from engine.domain.changes import Routed
from engine.domain.message import MessageId
from engine.domain.status import LineState, MessageState
from engine.domain.views import MessageView
from engine.errors import Bug
from tests.unit.pipeline.test_tabling import ITEMS, Masters, item, opened

CODES = [f"20000{number}" for number in range(6)] + ["1000106", "1001420"]


@pytest.fixture
async def house(tmp_path, edits):
    async with opened(tmp_path, edits) as found:
        yield found


def mfn(number: int, *records: str, whole: str = "UPD") -> str:
    head = f"MSH|^~\\&|MATERIALS|NORTH|S|N|20261120060000||MFN^M16|{number}|P|2.8.2\rMFI|INV||{whole}\r"
    return head + "".join(records)


async def tell_together(house: Masters, texts: list[str]) -> list[MessageView]:
    return await house.tell_together(*texts, feed="masters")


async def come_to(house: Masters, texts: list[str], together: int) -> tuple[bytes, list[object]]:
    views = []
    for at in range(0, len(texts), together):
        views += await tell_together(house, texts[at : at + together])
    told = [
        (
            view.state,
            view.reason,
            [(line.number, line.state, line.reason) for line in await house.store.lines(view.id)],
        )
        for view in views
    ]
    return house.stepper.edition.release.tables["items"].csv, told


def record(random: Random) -> str:
    code = random.choice(CODES)
    match random.randint(0, 7):
        case 0:
            return item(code, change="MDL", on=random.choice(["", "20261201"]))
        case 1:
            return item(code, change=random.choice(["", "XXX"]))
        case 2:
            return item("", text="of nothing")
        case _:
            on = random.choice(["", "", "20261215", "20270101", "20260101"])
            return item(
                code,
                text=random.choice(["Screw", "Plate", "Nail"]),
                on=on,
                unit=random.choice(["EA", "BX", ""]),
            )


@pytest.mark.parametrize("seed", range(6))
async def test_a_backlog_of_masters_comes_to_what_its_messages_come_to_one_by_one(tmp_path, seed):
    random = Random(seed)
    texts = [mfn(number, *(record(random) for _ in range(random.randint(1, 3)))) for number in range(30)]
    async with opened(tmp_path / "together", {}) as house:
        together = await come_to(house, texts, 30)
        versions = await house.store.table_versions("items")
    async with opened(tmp_path / "alone", {}) as house:
        assert await come_to(house, texts, 1) == together
        assert len(versions) < len(await house.store.table_versions("items")) / 3


async def test_each_knows_the_version_that_it_made_with_others(house):
    first, same, other = await tell_together(
        house, [mfn(1, item("2000001")), mfn(2, item("2000001")), mfn(3, item("2000002"), item("2000003"))]
    )
    (version,) = [one for one in await house.store.table_versions("items") if one.source == "master"]
    assert (version.actor, version.reason) == (f"messages {first.id} to {other.id}", "3 new")
    told = [
        [(one.name, one.number) for one in await house.store.tables_of(MessageId(one.id))]
        for one in (first, same, other)
    ]
    both = [("items", version.version), ("units", 2)]
    assert told == [both, [], both]
    assert [one.reason for one in (first, same, other)] == [
        "items: 1 new; units: 1 new",
        "the tables say so already",
        "items: 2 new; units: 2 new",
    ]
    assert same.state is MessageState.FILTERED


async def test_many_that_each_end_a_row_are_not_taken_for_one_that_ends_them_all(house):
    """The guard against lists that lack most of their rows is asked of each message."""
    codes = [
        line.split(",")[1]
        for line in house.stepper.edition.release.tables["items"].csv.decode().splitlines()[1:]
    ]
    views = await tell_together(
        house, [mfn(number, item(code, change="MDL")) for number, code in enumerate(codes)]
    )
    assert {view.state for view in views} == {MessageState.ROUTED}


async def test_a_record_at_fault_is_held_and_no_other(house):
    good, bad, last = await tell_together(
        house, [mfn(1, item("2000001")), mfn(2, item("2000002", change="XXX")), mfn(3, item("2000003"))]
    )
    assert [view.state for view in (good, bad, last)] == [
        MessageState.ROUTED,
        MessageState.HELD,
        MessageState.ROUTED,
    ]
    assert {line.state for line in await house.store.lines(MessageId(bad.id))} == {LineState.HELD}


@pytest.mark.parametrize("edits", [{ITEMS: ("table: items\n", "table: items\napproval: second person\n")}])
async def test_what_a_second_person_approves_is_proposed_by_each(house):
    await tell_together(house, [mfn(1, item("2000001")), mfn(2, item("2000002"))])
    assert len(await house.store.proposals("items")) == 2


async def test_a_list_of_all_items_is_put_in_alone(house):
    codes = [
        line.split(",")[1]
        for line in house.stepper.edition.release.tables["items"].csv.decode().splitlines()[1:]
    ]
    everything = mfn(1, *(item(code) for code in codes[1:]), whole="REP")
    views = await tell_together(house, [mfn(2, item("2000001")), everything, mfn(3, item("2000002"))])
    assert [view.state for view in views] == [MessageState.ROUTED] * 3
    assert len([one for one in await house.store.table_versions("items") if one.source == "master"]) == 3


async def test_what_the_store_does_not_take_together_it_takes_one_by_one(house, monkeypatch):
    """Nothing vanishes, nothing is put in twice, and somebody hears of it."""
    submit = house.store.submit

    async def alone(changes):
        if len(changes) > 1 and isinstance(changes[0], Routed):
            raise Bug("STO023 not together")
        return await submit(changes)

    monkeypatch.setattr(house.store, "submit", alone)
    received = [mfn(number, item(f"200000{number}")) for number in range(3)]
    views = await tell_together(house, received)
    monkeypatch.undo()
    assert [view.state for view in views] == [MessageState.ROUTED] * 3
    assert [one.reason for one in await house.store.table_versions("items")][:3] == ["1 new"] * 3
    assert [str(error) for error in house.told.failures] == ["STO023 not together"]
    house.told.failures.clear()
