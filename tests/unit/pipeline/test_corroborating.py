"""The same use told by several feeds (rules of money, 21): one of them counts, and the others show its gaps."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest

from engine.domain.status import LineState, MessageState
from engine.reconcile.completeness import completeness
from tests.unit.pipeline.test_saves import csu

SAME = {
    "channels/ehr-usage.yaml": ("by: [facility, item.item]}", "by: [facility, item.item], same: [serial]}"),
    "channels/case-usage.yaml": ("same: [case_id, serial]", "same: [serial]"),
}
"""Both tell of serials; a case number only one of them has."""
CASE = csu("1000", {"IMP-FEM-06": 1}).replace("SOUTH", "NORTH")
"""A case of NORTH, where the EHR's charges count."""


async def places(house) -> dict[str, tuple[Decimal, dict[str, Decimal], bool]]:
    """Of the issues: place → (counted, seen by others, whether it is a gap)."""
    found = completeness(await house.store.sightings(0))
    return {one.place: (one.counts, one.corroborated, one.gap) for one in found if one.effect == "issue"}


FIRST = "NORTH,IMP-FEM-05,"
NEW = "NORTH,IMP-NEW-01,1000106,New,implant,yes,owned,ehr,EA,V100,,\n"
PLACE = "2026-11-20  facility=NORTH  item.item=1000106"


@pytest.mark.parametrize("first", [False, True])
async def test_a_use_that_two_feeds_tell_of_has_one_effect_in_either_order(house, texts, first):
    twins = [texts.dft(texts.ft1("T1")), CASE]
    told = [await house.tell(text) for text in (twins[::-1] if first else twins)]
    case = told[0 if first else 1]
    (line,) = await house.store.lines(case.id)
    assert (case.state, line.state, line.reason) == (
        MessageState.FILTERED,
        LineState.FILTERED,
        "corroborates",
    )
    assert [row.effect for row in await house.documents() if row.effect in ("issue", "charge")] == [
        "issue",
        "charge",
    ]
    assert await places(house) == {PLACE: (1, {"case-usage": 1}, False)}


async def test_what_only_another_feed_saw_is_a_gap_until_the_one_that_counts_tells_it(house, texts):
    await house.tell(CASE)
    assert await places(house) == {PLACE: (0, {"case-usage": 1}, True)}
    await house.tell(texts.dft(texts.ft1("T1")))
    assert await places(house) == {PLACE: (1, {"case-usage": 1}, False)}


async def test_told_again_it_is_seen_once_and_a_save_that_leaves_it_out_takes_it_off(house):
    await house.tell(CASE)
    await house.tell(csu("1100", {"IMP-FEM-06": 3}).replace("SOUTH", "NORTH"))
    assert await places(house) == {PLACE: (0, {"case-usage": 3}, True)}
    await house.tell(csu("1200", {}).replace("SOUTH", "NORTH"))
    assert await places(house) == {}


CORRECTS = {"channels/ehr-usage.yaml": ("changed: hold", "changed: correct")}


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_a_line_that_turns_out_to_be_time_is_seen_as_an_item_no_more(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    assert await places(house) == {PLACE: (1, {}, False)}
    await house.tell(texts.dft(texts.ft1("T1", code="ROOM-OR-MIN"), control="2"))
    assert await places(house) == {}


async def test_a_save_that_tells_time_in_the_place_of_an_item_tells_of_that_item_no_more(house):
    await house.tell(CASE)
    save = csu("1100", {"ROOM-OR-MIN": 1}).replace("SOUTH", "NORTH").replace("^LIN^", "^L06^")
    await house.tell(save)
    assert await places(house) == {}


async def test_a_credit_of_what_corroborates_posts_nothing_and_is_not_held(house, texts):
    south = {"account": "A9"}
    charged = await house.tell(
        texts.dft(texts.ft1("T1", department="OR-SOUTH"), **south).replace("NORTH", "SOUTH")
    )
    back = await house.tell(
        texts.dft(
            texts.ft1("T2", department="OR-SOUTH", kind="CD", reverses="T1"), **south, control="2"
        ).replace("NORTH", "SOUTH")
    )
    assert [one.state for one in (charged, back)] == [MessageState.FILTERED] * 2
    assert await house.documents() == []
    (told,) = (await places(house)).values()
    assert told == (0, {"ehr-usage": 0}, False)


async def test_what_counts_once_its_row_is_there_is_seen_when_it_is_released(house, texts):
    held = await house.tell(texts.dft(texts.ft1("T1", code="IMP-NEW-01")))
    assert await places(house) == {}
    await house.adopt({"mappings/tables/items.csv": (FIRST, f"{NEW}{FIRST}")})
    await house.release(held.id)
    assert await places(house) == {PLACE: (1, {}, False)}


OTHER_ITEM = {"mappings/tables/items.csv": ("NORTH,IMP-FEM-06,1000106,", "NORTH,IMP-FEM-06,1000107,")}


@pytest.mark.parametrize("delivered", [False, True])
async def test_what_is_corrected_is_seen_as_what_it_was_corrected_to(house, texts, delivered):
    told = await house.tell(texts.dft(texts.ft1("T1")))
    if delivered:
        await house.deliver()
    await house.adopt(OTHER_ITEM)
    await house.correct(told.id, to="billing")
    assert await places(house) == {PLACE: (1, {}, False)}
    await house.correct(told.id)
    assert await places(house) == {PLACE.replace("1000106", "1000107"): (1, {}, False)}
    await house.correct(told.id, undo=True)
    assert await places(house) == {}


@pytest.mark.parametrize("edits", [SAME])
@pytest.mark.parametrize(("serial", "unmatched"), [("S-2", 0), ("S-3", 1)])
@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_shared_id_tells_which_thing_is_missing_where_sums_hide_it(
    house, texts, edits, order, serial, unmatched
):
    def dft(serial: str, source_id: str) -> str:
        device = "|" * 17 + serial
        return texts.dft(texts.ft1(source_id) + f"PRT|1|UC|{device}\r", control=source_id)

    told = [dft("S-1", "T1"), dft("S-2", "T2"), CASE.replace("^^1^EA", f"^{serial}^1^EA")]
    for number in order:
        await house.tell(told[number])
    (found,) = [one for one in completeness(await house.store.sightings(0)) if one.effect == "issue"]
    assert (found.counts, found.corroborated) == (2, {"case-usage": 1})
    assert (found.unmatched, found.gap) == (unmatched, bool(unmatched))
