"""A case that is told whole at each save counts once in a preview, as its newest save says."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.preview.comparing import Tally
from engine.preview.running import preview
from engine.site.compile import load_site
from tests.unit.pipeline.conftest import ROOT, edited, house_in
from tests.unit.pipeline.test_saves import FEM, STEM, csu

PRICES = "mappings/tables/contract-prices.csv"
STEM_ROW, DEARER = 'size 12",2480.00', 'size 12",2500.00'


@pytest.fixture
async def house(tmp_path: Path):
    async with house_in(tmp_path, {}) as opened:
        yield opened


async def previewed(tmp_path: Path) -> Tally:
    site = edited(load_site(ROOT), {PRICES: (STEM_ROW, DEARER)})
    return await asyncio.to_thread(preview, tmp_path / "suture.db", site, 1000, None, lambda _: None)


async def test_each_line_counts_once_and_as_the_newest_save_has_it(house, tmp_path):
    await house.tell(csu("1000", {STEM: 1}, control="1"))
    await house.tell(csu("1200", {STEM: 2, FEM: 1}, control="2"))
    await house.tell(csu("1100", {STEM: 5}, control="3"))
    tally = await previewed(tmp_path)
    assert tally.lines == {"changed": 1}
    (money,) = tally.money.values()
    assert (money.before, money.after) == (Decimal(4960), Decimal(5000))


async def test_a_save_that_says_the_same_again_hides_nothing(house, tmp_path):
    await house.tell(csu("1000", {STEM: 1}, control="1"))
    again = await house.tell(csu("1200", {STEM: 1}, control="2"))
    assert again.state.name == "DUPLICATE"
    assert (await previewed(tmp_path)).lines == {"changed": 1}
