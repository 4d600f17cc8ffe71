"""A preview counts the lines that are told otherwise, not those that stand beside them, nor what a person dropped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.domain.changes import Dropped
from engine.domain.message import MessageId
from engine.domain.status import EffectState
from engine.preview.comparing import Tally
from engine.preview.running import preview
from engine.site.compile import load_site
from tests.unit.pipeline.conftest import RECEIVED, ROOT, dft, edited, ft1, house_in

ITEMS = "mappings/tables/items.csv"
FEM_7 = (ITEMS, "IMP-FEM-07,1000107", "IMP-FEM-07,1000106")
CODES = ("IMP-FEM-05", "IMP-FEM-06", "IMP-FEM-07")
CENTERS, PLACES = (f"mappings/tables/{name}.csv" for name in ("cost-centers", "locations"))
NEW_DEPARTMENT = (
    (CENTERS, "NORTH,PACU-NORTH,", "NORTH,NEW,71100,New,,\nNORTH,PACU-NORTH,"),
    (PLACES, "NORTH,PACU-NORTH,", "NORTH,NEW,OR-CORE,,\nNORTH,PACU-NORTH,"),
)


@pytest.fixture
async def house(tmp_path: Path):
    async with house_in(tmp_path, {}) as opened:
        yield opened


async def previewed(tmp_path: Path, *edits: tuple[str, str, str]) -> Tally:
    site = edited(load_site(ROOT), {file: (old, new) for file, old, new in edits})
    return await asyncio.to_thread(preview, tmp_path / "suture.db", site, 1000, None, lambda _: None)


def three() -> str:
    return dft(*(ft1(f"T{number}", code=code) for number, code in enumerate(CODES)))


async def test_an_item_of_one_line_changes_that_line_and_its_document(house, tmp_path):
    await house.tell(three())
    tally = await previewed(tmp_path, FEM_7)
    assert (dict(tally.lines), tally.documents, tally.differing) == ({"changed": 1}, 1, 1)


async def test_a_line_that_is_lost_changes_its_document_and_no_other_line(house, tmp_path):
    await house.tell(three())
    tally = await previewed(tmp_path, (ITEMS, 'size 7",implant,yes,owned', 'size 7",implant,no,owned'))
    assert (dict(tally.lines), tally.documents) == ({"lost": 1}, 1)


async def test_a_map_that_says_something_else_of_every_line_changes_them_all(house, tmp_path):
    await house.tell(three())
    tally = await previewed(
        tmp_path, ("mappings/erp/goods-issue.yaml", "unit: item.stock_unit", "unit: {text: EACH}")
    )
    assert (dict(tally.lines), tally.documents) == ({"changed": 3}, 1)


async def test_what_the_head_of_a_document_says_is_said_of_its_lines(house, tmp_path):
    await house.tell(three())
    row = ("mappings/erp/goods-issue.yaml", "location: place.location", "location: {text: ELSEWHERE}")
    assert dict((await previewed(tmp_path, row)).lines) == {"changed": 3}


async def test_what_was_dropped_would_not_be_posted_by_an_edit(house, tmp_path):
    kept = await house.tell(dft(ft1("T1", department="NEW")))
    gone = await house.tell(dft(ft1("T2", department="NEW"), control="2"))
    before = await previewed(tmp_path, *NEW_DEPARTMENT)
    assert (before.lines["newly mapped"], before.differing) == (2, 2)
    held = [one.id for one in await house.store.effects(MessageId(gone.id)) if one.state is EffectState.HELD]
    await house.store.submit((Dropped(tuple(held), RECEIVED, "ann", "not ours", (gone.id,)),))
    tally = await previewed(tmp_path, *NEW_DEPARTMENT)
    assert (tally.lines["newly mapped"], tally.samples["newly mapped"]) == (1, [kept.id])
