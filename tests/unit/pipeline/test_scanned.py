"""A case whose items were scanned: what the barcodes say is posted and explained; what cannot be read is held."""

from __future__ import annotations

import json
from pathlib import Path

from engine.domain.status import EffectState, LineState
from engine.explain.lineage import Step
from engine.explain.story import Storyteller

CASE = (Path(__file__).parents[3] / "channels/samples/csu-barcodes.hl7").read_text().replace("\n", "\r")


def names(step: Step) -> dict[str, str]:
    """Every step below, and where it comes from."""
    found = {step.name: step.value}
    for below in step.of:
        found |= names(below)
    return found


async def test_each_field_of_a_barcode_is_explained_byte_for_byte(house):
    told = await house.tell(CASE)
    postings = {one.delivery.effect: one for one in await Storyteller(house.store).postings(told.id)}
    assert all(posting.same for posting in postings.values())
    fields = {story.place: story.step for story in postings["issue"].fields}
    assert names(fields["lines[1].lot"]) == {
        "lines[1].lot": "L2217",
        "lot": "L2217",
        "OBX[1]-5.2": "",
        "udi_lot": "L2217",
        "OBX[1]-5.1": "(01)00380652100014(17)290131(10)L2217(21)S89",
    }
    assert fields["lines[2].quantity"].value == "10"
    box = names(fields["lines[2].quantity"])
    assert (box["pack.factor"], box["device.unit"], box["udi_di"]) == ("10", "BX", "10380652100028")
    consigned = {story.place: story.step for story in postings["bill-only"].fields}
    assert names(consigned["lines[1].serial"])["udi_serial"] == "SN00127781"


async def test_what_cannot_be_read_holds_its_line_and_says_no_serial_number(house):
    told = await house.tell(CASE)
    held = [effect for effect in await house.store.effects(told.id) if effect.state is EffectState.HELD]
    assert {effect.number for effect in held} == {4, 5}
    causes = await house.causes(told.id)
    assert {cause.partition(" ")[0] for cause in causes} == {"UDI003", "units:"}
    assert "S90" not in str(causes)


async def test_a_case_that_is_saved_again_with_the_same_barcodes_posts_nothing(house):
    await house.tell(CASE)
    before = len(await house.documents())
    again = await house.tell(
        CASE.replace("OR-4713-1", "OR-4713-2").replace("|20261120103000", "|20261120113000")
    )
    assert len(await house.documents()) == before
    lines = await house.store.lines(again.id)
    assert {line.state for line in lines if line.number < 4} == {LineState.DUPLICATE}


async def test_the_wrong_barcode_comes_again_right(house):
    await house.tell(CASE)
    right = CASE.replace("10L44121S90", "10L441\\X1D\\21S90").replace(
        "1^EA^^^OR-SOUTH||||||F\rOBX|5", "1^BX^^^OR-SOUTH||||||F\rOBX|5"
    )
    told = await house.tell(
        right.replace("OR-4713-1", "OR-4713-2").replace("|20261120103000", "|20261120113000")
    )
    assert await house.causes(told.id) == set()
    issues = [json.loads(one.payload) for one in await house.documents() if b"location" in one.payload]
    lots = [line["lot"] for issue in issues for line in issue["lines"]]
    assert sorted(lots) == ["C901", "C902", "L2217", "L441"]
