"""Cases that are told whole at each save (rules of money, 22): the books come to what the newest save says."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from engine.domain.changes import Dropped
from engine.domain.outcome import Verdict
from engine.domain.posting import Action
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from tests.unit.pipeline.ledger import books, charged, closes, explained, follow, settle

FEM, CEM, STEM, NEW = "IMP-FEM-06", "CEM-PAL-40", "IMP-HIP-STM-12", "NOBODY-KNOWS"
"""Owned, owned, consigned, not in the tables."""
FIRST = "NORTH,IMP-FEM-05,"

Used = dict[str, int | str]


def csu(saved: str, used: Used, *, case: str = "C1", account: str = "A1", control: str = "1") -> str:
    items = "".join(
        f"OBX|{number}|XX|USED||{code}^L{code[-2:]}^^{quantity}^EA^^^OR-SOUTH||||||F\r"
        for number, (code, quantity) in enumerate(used.items(), 1)
    )
    return (
        f"MSH|^~\\&|OR|SOUTH|S|E|20261120{saved}00||CSU^C10|{control}|P|2.5.1\r"
        f"PID|1||M1^^^SOUTH^MR|||||||||||||||{account}^^^SOUTH^AN\rPV1|1|I|ORS^OR2\r"
        f"CSR|{case}\rOBR|1\rCSS|1|20261120093000\r{items}"
    )


async def lines(house, message) -> list[tuple[int, LineState, str]]:
    return [(line.number, line.state, line.reason) for line in await house.store.lines(message.id)]


async def test_a_line_that_a_newer_save_leaves_out_is_taken_back_and_what_it_changes_is_corrected(house):
    await house.tell(csu("1000", {FEM: 1, CEM: 2}))
    await settle(house)
    assert books(house) == {"1000106": 1, "3000140": 2}
    second = await house.tell(csu("1100", {CEM: 3}))
    assert [state for _, state, _ in await lines(house, second)] == [LineState.POSTED, LineState.POSTED]
    await settle(house)
    assert books(house) == {"3000140": 3}


async def test_what_stays_as_it_was_is_not_posted_again(house):
    first = await house.tell(csu("1000", {FEM: 1, CEM: 2}))
    await settle(house)
    sent = len(house.sent)
    again = await house.tell(csu("1100", {CEM: 2, FEM: 1}))
    assert again.state is MessageState.DUPLICATE
    assert await lines(house, again) == [
        (1, LineState.DUPLICATE, f"as message {first.id}, line 2 posted it"),
        (2, LineState.DUPLICATE, f"as message {first.id}, line 1 posted it"),
    ]
    await settle(house)
    assert len(house.sent) == sent


async def test_an_older_save_that_comes_late_is_ignored(house):
    newest = await house.tell(csu("1100", {FEM: 1}))
    late = await house.tell(csu("1000", {FEM: 2, CEM: 1}))
    assert late.state is MessageState.FILTERED
    assert {reason for _, _, reason in await lines(house, late)} == {
        f"an older save than message {newest.id}"
    }
    await settle(house)
    assert books(house) == {"1000106": 1}


async def test_a_save_without_lines_takes_everything_back(house):
    await house.tell(csu("1000", {FEM: 1, CEM: 2}))
    await settle(house)
    await house.tell(csu("1100", {}))
    await settle(house)
    assert books(house) == {}


async def test_a_quantity_of_zero_is_as_if_left_out(house):
    await house.tell(csu("1000", {FEM: 1, CEM: 2}))
    await settle(house)
    await house.tell(csu("1100", {FEM: 0, CEM: 2}))
    await settle(house)
    assert books(house) == {"3000140": 2}


async def test_what_was_left_out_and_comes_again_is_posted_again(house):
    for saved, used in (
        ("0000", {FEM: 1}),
        ("0100", {}),
        ("0200", {FEM: 1}),
        ("0300", {}),
        ("0400", {FEM: 2}),
    ):
        await house.tell(csu(saved, used))
        await settle(house)
    assert books(house) == {"1000106": 2}
    assert len({row.reference for row in house.sent}) == len(house.sent), (
        "each document has its own reference"
    )


async def test_what_never_left_is_replaced(house):
    await house.tell(csu("1000", {FEM: 1}))
    await house.tell(csu("1100", {FEM: 2}))
    await settle(house)
    assert [row.action for row in house.sent if row.effect == "issue"] == [Action.POST]
    assert books(house) == {"1000106": 2}


async def test_one_line_is_held_once_however_often_its_case_is_saved(house):
    saves = [await house.tell(csu(f"1{number}00", {NEW: 1 + number // 2})) for number in range(4)]
    held = [
        (effect.message, effect.quantity) if hasattr(effect, "message") else (save.id, effect.quantity)
        for save in saves
        for effect in await house.store.effects(save.id)
        if effect.state is EffectState.HELD
    ]
    assert {message for message, _ in held} == {saves[-1].id}
    states = [(await house.view(save.id)).state for save in saves]
    assert states == [MessageState.FILTERED] * 3 + [MessageState.HELD]


async def test_a_held_line_that_a_newer_save_leaves_out_is_off_the_worklist(house):
    await house.tell(csu("1000", {NEW: 1, CEM: 1}))
    assert await house.store.worklist()
    await house.tell(csu("1100", {CEM: 1}))
    assert await house.store.worklist() == []


async def test_a_held_line_is_released_with_what_the_newest_save_says(house):
    await house.tell(csu("1000", {NEW: 1}))
    second = await house.tell(csu("1100", {NEW: 3}))
    await house.adopt({
        "mappings/tables/items.csv": (FIRST, f"SOUTH,{NEW},9900001,New,implant,yes,owned,case,EA,V100,,\n{FIRST}"),
        "mappings/tables/charges.csv": ("IMP-FEM-05,*,", f"{NEW},*,27810999,yes,0278,1,,\nIMP-FEM-05,*,"),
    })  # fmt: skip
    await house.release(second.id)
    await settle(house)
    assert books(house) == {"9900001": 3}


async def test_a_change_of_what_is_on_its_way_waits_and_the_newest_save_decides(house):
    await house.tell(csu("1000", {FEM: 1}))
    (issue,) = [row for row in await house.documents() if row.effect == "issue"]
    await house.end(issue.id, Verdict.UNKNOWN, DeliveryState.UNKNOWN)
    await house.tell(csu("1100", {FEM: 2}))
    await house.tell(csu("1200", {}))
    await house.tell(csu("1300", {FEM: 4}))
    house.sent.append(issue)
    from engine.domain.changes import Settled
    from engine.domain.outcome import Outcome

    await house.store.submit(
        (Settled(issue.id, DeliveryState.DELIVERED, Outcome(Verdict.APPLIED, "found"), 9),)
    )
    await follow(house)
    await settle(house)
    assert books(house) == {"1000106": 4}


async def test_two_cases_of_one_patient_are_two(house):
    await house.tell(csu("1000", {FEM: 1}))
    await house.tell(csu("1100", {CEM: 1}, case="C2"))
    await settle(house)
    assert books(house) == {"1000106": 1, "3000140": 1}


async def test_a_case_that_is_saved_under_the_number_that_survived_is_the_same(house, texts):
    await house.tell(csu("1000", {FEM: 1}, account="A2"))
    await settle(house)
    await house.tell(texts.a41("A1", "A2"))
    await house.tell(csu("1100", {FEM: 1, CEM: 1}, account="A1"))
    await settle(house)
    assert books(house) == {"1000106": 1, "3000140": 1}


async def test_a_save_without_its_case_number_is_held(house):
    told = await house.tell(csu("1000", {FEM: 1}, case=""))
    assert (told.state, told.reason) == (MessageState.HELD, "case missing")


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_books_are_those_of_the_last_save_in_whatever_order_they_came(house, order, delivered):
    saves = [{FEM: 1, CEM: 2}, {CEM: 2, STEM: 1}, {FEM: 2, NEW: 1}, {FEM: 2, CEM: 1}]
    for number in order:
        await house.tell(csu(f"1{number}00", saves[number]))
        if delivered:
            await settle(house)
    await settle(house)
    assert books(house) == {"1000106": 2, "3000140": 1}
    assert await house.store.worklist() == []


@pytest.mark.parametrize("seed", range(20))
async def test_a_case_that_is_saved_twelve_times_ends_as_the_last_save_says(house, seed):
    """Saves that add, change, remove and bring back, that come shuffled, are replayed and released; and what is on its
    way meanwhile. The account closes after each, and every posting is explained."""
    random = Random(seed)
    items = {FEM: "1000106", "IMP-FEM-05": "1000105", "IMP-FEM-07": "1000107", CEM: "3000140"}
    saves: list[Used] = [
        {code: random.randint(0, 3) for code in random.sample([*items, NEW], random.randint(0, 4))}
        for _ in range(11)
    ]
    saves.append({code: random.randint(1, 3) for code in random.sample([*items], random.randint(0, 4))})
    order = sorted(range(12), key=lambda number: number + random.uniform(0, random.choice((0, 3, 12))))
    told: dict[int, int] = {}
    for number in order:
        told[number] = (await house.tell(csu(f"{number + 1:02}00", saves[number]))).id
        await closes(house)
        if random.random() < 0.4:
            await house.deliver()
        if random.random() < 0.2:
            again = random.choice([*told])
            await house.tell(csu(f"{again + 1:02}00", saves[again]), replays=told[again])
        if random.random() < 0.2:
            await house.release(random.choice([*told.values()]))
        if random.random() < 0.4:
            await follow(house)
        await closes(house)
    await follow(house)
    await settle(house)
    assert books(house) == {items[code]: quantity for code, quantity in saves[-1].items()}
    assert await house.store.worklist() == []
    assert not await house.store.anything_waits()
    await closes(house)
    await explained(house)


async def test_what_takes_a_left_out_line_back_is_explained_by_what_was_posted(house):
    await house.tell(csu("1000", {FEM: 1, CEM: 2}))
    await settle(house)
    newer = await house.tell(csu("1100", {CEM: 2}))
    assert {one.effect for one in await house.store.deliveries(newer.id)} == {"issue", "charge"}
    await explained(house)


@pytest.mark.parametrize(
    "edits", [{"mappings/hl7/or-case.yaml": ("fields:\n", "fields:\n  void: OBX-11 == 'D'\n")}]
)
async def test_a_line_that_a_save_calls_void_is_taken_back_and_may_come_again(house):
    whole = csu("1000", {FEM: 1, CEM: 2})
    await house.tell(whole)
    await settle(house)
    void = csu("1100", {FEM: 1, CEM: 2}).replace("|F\rOBX|2", "|D\rOBX|2")
    await house.tell(void)
    await settle(house)
    assert books(house) == {"3000140": 2}
    await house.tell(csu("1200", {FEM: 1, CEM: 2}))
    await settle(house)
    assert sorted(books(house).values()) == [1, 2]


@pytest.mark.parametrize("saved", ["1000", ""])
async def test_an_older_save_that_is_replayed_is_an_older_one_still(house, saved):
    """Saved in the same minute, or nobody says when: then the one that came last is the newest."""
    told = [
        csu(saved or "1000", used, control=str(number))
        for number, used in enumerate(({FEM: 1, CEM: 2}, {CEM: 1}))
    ]
    first, second = (text if saved else text.replace("20261120100000", "") for text in told)
    older = await house.tell(first)
    newer = await house.tell(second)
    await settle(house)
    again = await house.tell(first, replays=older.id)
    assert (again.state, again.reason) == (MessageState.FILTERED, f"an older save than message {newer.id}")
    twice = await house.tell(first, replays=again.id)
    assert twice.state is MessageState.FILTERED
    await settle(house)
    assert books(house) == {"3000140": 1}
    newest = await house.tell(second, replays=newer.id)
    assert newest.state is MessageState.DUPLICATE


@pytest.mark.parametrize("last", [2, 0])
async def test_what_a_save_takes_back_is_not_forgotten_with_an_older_save_that_is_dropped(house, last):
    """The second save's credit is refused, the third waits for it; the second is dropped, and the third released."""
    await house.tell(csu("1000", {FEM: 3}))
    await settle(house)
    second = await house.tell(csu("1100", {FEM: 1}))
    (credit,) = [
        row for row in await house.documents() if (row.effect, row.action) == ("charge", Action.REVERSE)
    ]
    await house.end(credit.id, Verdict.REJECTED, DeliveryState.HELD, frees=True)
    await settle(house)
    third = await house.tell(csu("1200", {FEM: last} if last else {}))
    await settle(house)
    waits = tuple(effect.id for effect in await house.store.effects(second.id) if effect.name == "charge")
    await house.store.submit((Dropped(waits, 1, "ann", "a newer save took its place"),))
    await house.release(third.id)
    await settle(house)
    assert await house.store.worklist() == []
    assert charged(house) == ({"27810106": last} if last else {})
