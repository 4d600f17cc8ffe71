"""Lines that hold their document, or wait alone. Rules of money, 15 and 16."""

from __future__ import annotations

import orjson
import pytest

from engine.domain.changes import Dropped
from engine.domain.status import EffectState

NEW_ITEM = "NORTH,IMP-NEW-01,1000990,Screw,implant,yes,owned,ehr,EA,V110,,\nNORTH,IMP-FEM-06,1000106"
ROW = {"mappings/tables/items.csv": ("NORTH,IMP-FEM-06,1000106", NEW_ITEM)}


async def two(house, texts) -> int:
    """One line that every table knows, one that none does."""
    told = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="IMP-NEW-01")))
    return told.id


async def issues(house) -> list[list[str]]:
    """The items of each goods issue."""
    trees = [orjson.loads(row.payload) for row in await house.documents() if row.effect == "issue"]
    return [[line["item"] for line in tree["lines"]] for tree in trees]


async def test_a_bad_line_waits_alone(house, texts):
    await two(house, texts)
    assert await issues(house) == [["1000106"]]


class TestHoldsDocument:
    @pytest.fixture
    def edits(self):
        return {"channels/ehr-usage.yaml": ("bad_line: waits alone", "bad_line: holds document")}

    async def test_a_bad_line_holds_the_document_and_nothing_else(self, house, texts):
        message = await two(house, texts)
        assert await issues(house) == []
        effects = await house.effects(message)
        assert effects[1, "issue"].cause == "its document waits for another line"
        assert effects[1, "charge"].state is EffectState.ROUTED

    async def test_they_are_released_together_in_one_document(self, house, texts):
        message = await two(house, texts)
        await house.adopt({**ROW, **self.kept()})
        await house.release(message)
        assert await issues(house) == [["1000106", "1000990"]]

    async def test_when_the_bad_line_is_dropped_the_others_go(self, house, texts):
        message = await two(house, texts)
        bad = (await house.effects(message))[2, "issue"].id
        await house.store.submit((Dropped((bad,), 1, "ann", "not ours"),))
        await house.release(message)
        assert await issues(house) == [["1000106"]]

    async def test_a_credit_that_is_held_holds_no_document_of_what_is_used(self, house, texts):
        credit = texts.ft1("T9", kind="CD", reverses="T8")
        await house.tell(texts.dft(texts.ft1("T1"), credit))
        assert await issues(house) == [["1000106"]]

    def kept(self) -> dict:
        return {"channels/ehr-usage.yaml": ("bad_line: waits alone", "bad_line: holds document")}


class TestHoldsDocumentOfEachLine:
    @pytest.fixture
    def edits(self):
        return {
            "channels/ehr-usage.yaml": ("bad_line: waits alone", "bad_line: holds document\n    per: line")
        }

    async def test_a_line_with_a_document_of_its_own_holds_nobody_else(self, house, texts):
        await two(house, texts)
        assert await issues(house) == [["1000106"]]


async def test_after_a_merge_documents_wait_for_the_lanes_of_both_numbers(house, texts):
    await house.tell(texts.dft(texts.ft1("T1"), account="A1"))
    await house.tell(texts.a41("A2", "A1"))
    before = {row.lane for row in await house.documents() if row.effect != "merge"}
    for number, account in ((2, "A2"), (3, "A1")):
        await house.tell(texts.dft(texts.ft1(f"T{number}"), account=account))
    later = [row for row in await house.documents() if row.joins and row.effect != "merge"]
    assert len(later) == 4  # issue and charge of each
    assert len({row.lane for row in later}) == 2  # the survivor's lane at each destination
    assert before == {lane for row in later for lane in row.joins}
