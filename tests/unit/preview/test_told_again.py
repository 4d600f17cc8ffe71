"""What is told again and again counts once in a preview: a case as its newest save says, and a line as its newest
telling, where the channel corrects."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.status import MessageState
from engine.preview.comparing import Tally
from engine.preview.running import preview
from engine.site.compile import load_site
from tests.unit.pipeline.conftest import ROOT, dft, edited, ft1, house_in
from tests.unit.pipeline.test_saves import FEM, STEM, csu

PRICES = "mappings/tables/contract-prices.csv"
STEM_ROW, DEARER = 'size 12",2480.00', 'size 12",2500.00'

EDIT = {PRICES: (STEM_ROW, DEARER)}


@pytest.fixture
def edits() -> dict[str, tuple[str, str]]:
    return {}


@pytest.fixture
async def house(tmp_path: Path, edits):
    async with house_in(tmp_path, edits) as opened:
        yield opened


async def previewed(tmp_path: Path, edits=EDIT) -> Tally:
    site = edited(load_site(ROOT), edits)
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


async def test_a_replayed_save_counts_once(house, tmp_path):
    await house.tell(csu("1000", {STEM: 1}, control="1"))
    newest = await house.tell(csu("1200", {"NOBODY-KNOWS": 2}, control="2"))
    await house.tell(csu("1200", {STEM: 2}, control="2"), replays=newest.id)
    assert (await house.view(newest.id)).state is MessageState.SUPERSEDED
    tally = await previewed(tmp_path)
    (money,) = tally.money.values()
    assert (tally.lines, money.before) == ({"changed": 1}, Decimal(4960))


CORRECTS = {"channels/ehr-usage.yaml": ("changed: hold", "changed: correct")}
OTHER_CODE = CORRECTS | {"mappings/tables/charges.csv": ("IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810199")}


async def tell(house, quantity: int, control: str, code: str = "IMP-FEM-06", **more):
    line = ft1("T1", code=code, quantity=str(quantity), amount=str(100 * quantity))
    return await house.tell(dft(line, control=control), **more)


@pytest.mark.parametrize("edits", [CORRECTS])
@pytest.mark.parametrize("order", [(1, 2, 3), (1, 2, 1), (2, 1, 1)])
async def test_a_line_that_is_corrected_counts_once_and_as_it_was_told_last(house, tmp_path, order):
    for number, quantity in enumerate(order):
        await tell(house, quantity, str(number))
    tally = await previewed(tmp_path, OTHER_CODE)
    (money,) = (total for place, total in tally.money.items() if place.effect == "charge")
    assert (tally.lines, money.before) == ({"changed": 1}, Decimal(100 * order[-1]))


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_a_replayed_telling_counts_once(house, tmp_path):
    await tell(house, 1, "1")
    newest = await tell(house, 2, "2", code="NOBODY-KNOWS")
    await tell(house, 2, "2", replays=newest.id)
    assert (await house.view(newest.id)).state is MessageState.SUPERSEDED
    assert (await previewed(tmp_path, OTHER_CODE)).lines == {"changed": 1}
