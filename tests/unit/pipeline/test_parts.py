"""One line that a table gives several rows for: kits and exploding charges. Rules of money, 1, 9, 10, 12, 15 and 18."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

from engine.domain.changes import Conflict, Requeued
from engine.domain.outcome import Verdict
from engine.domain.posting import Action
from engine.domain.status import DeliveryState, EffectState, MessageState
from engine.explain.story import Storyteller
from engine.pipeline.changing import What
from tests.unit.pipeline.conftest import RECEIVED

KITS = "mappings/tables/kit-parts.csv"
ITEMS = "mappings/tables/items.csv"
CEMENT = "NORTH,CEM-PAL-40,3000140,Bone cement 40 g,supply,yes,owned,ehr,EA,V120,,\n"
PARTS = {"CEM-PAL-40": "2", "SUT-VIC-30": "3", "GLV-SUR-70": "1"}
ITEM_OF = {"CEM-PAL-40": "3000140", "SUT-VIC-30": "3000330", "GLV-SUR-70": "3000470"}


def kit(texts, source_id: str = "T1", **fields: str) -> str:
    return texts.ft1(source_id, code="KIT-CEM-KNEE", **({"amount": "310.00"} | fields))


async def issues(house, message: int) -> dict[str, tuple[Action, EffectState, str]]:
    """Part → the newest effect that has it."""
    return {
        effect.part: (effect.action, effect.state, str(effect.quantity))
        for effect in await house.store.effects(message)
        if effect.name == "issue"
    }


async def goods(house, action: Action = Action.POST) -> list[dict[str, str]]:
    """Item → quantity, of each document of goods that is ready."""
    return [
        {line["item"]: line["quantity"] for line in orjson.loads(row.payload)["lines"]}
        for row in await house.documents()
        if row.effect == "issue" and row.action is action
    ]


async def test_a_kit_leaves_stock_by_its_parts_and_is_charged_once(house, texts):
    told = await house.tell(texts.dft(kit(texts, quantity="2")))
    assert await issues(house, told.id) == {
        part: (Action.POST, EffectState.ROUTED, str(2 * int(each))) for part, each in PARTS.items()
    }
    assert await goods(house) == [{ITEM_OF[part]: str(2 * int(each)) for part, each in PARTS.items()}]
    charges = [effect for effect in await house.store.effects(told.id) if effect.name == "charge"]
    assert [(charge.part, charge.amount) for charge in charges] == [("", Decimal("310.00"))]


async def test_a_kit_told_twice_leaves_stock_once(house, texts):
    await house.tell(texts.dft(kit(texts)))
    again = await house.tell(texts.dft(kit(texts), control="2"))
    assert again.state is MessageState.DUPLICATE
    assert len(await goods(house)) == 1


async def test_a_credit_gives_back_its_share_of_every_part(house, texts):
    await house.tell(texts.dft(kit(texts, quantity="2")))
    await house.deliver()
    credit = await house.tell(
        texts.dft(kit(texts, "T2", kind="CD", reverses="T1", quantity="1", amount="155.00"))
    )
    assert await goods(house, Action.REVERSE) == [{ITEM_OF[part]: each for part, each in PARTS.items()}]
    assert set(await issues(house, credit.id)) == set(PARTS)


async def test_a_credit_takes_back_what_was_posted_though_the_kit_has_other_parts_now(house, texts):
    await house.tell(texts.dft(kit(texts)))
    await house.deliver()
    await house.adopt({KITS: ("KIT-CEM-KNEE,SUT-VIC-30,3", "KIT-CEM-KNEE,SUT-VIC-40,3")})
    await house.tell(texts.dft(kit(texts, "T2", kind="CD", reverses="T1", amount="310.00")))
    assert await goods(house, Action.REVERSE) == [{ITEM_OF[part]: each for part, each in PARTS.items()}]


async def test_parts_that_never_left_are_cancelled_with_their_credit(house, texts):
    first = await house.tell(texts.dft(kit(texts)))
    await house.tell(texts.dft(kit(texts, "T2", kind="CD", reverses="T1", amount="310.00")))
    assert {state for _, state, _ in (await issues(house, first.id)).values()} == {EffectState.CANCELLED}
    assert await goods(house) == []


async def test_a_part_that_no_table_knows_waits_alone_and_goes_alone(house, texts):
    await house.adopt(
        {ITEMS: (CEMENT, ""), "mappings/tables/kit-parts.yaml": ("refers: {component: items.code}", "")}
    )
    told = await house.tell(texts.dft(kit(texts)))
    held = {
        part for part, (_, state, _) in (await issues(house, told.id)).items() if state is EffectState.HELD
    }
    assert held == {"CEM-PAL-40"}
    assert await goods(house) == [{"3000330": "3", "3000470": "1"}]
    await house.deliver()
    await house.adopt({})
    assert (await house.release(told.id)).released == 1
    assert await goods(house) == [{"3000140": "2"}]


async def test_a_kit_that_was_held_whole_goes_by_the_parts_of_now(house, texts):
    await house.adopt({"mappings/tables/feed-units.csv": ("KIT-CEM-KNEE,EA,,\n", "")})
    told = await house.tell(texts.dft(kit(texts)))
    assert told.state is MessageState.HELD
    assert set(await issues(house, told.id)) == {""}
    await house.adopt({})
    await house.release(told.id)
    assert await goods(house) == [{ITEM_OF[part]: each for part, each in PARTS.items()}]
    assert await issues(house, told.id) == {
        part: (Action.POST, EffectState.ROUTED, each) for part, each in PARTS.items()
    }


async def test_a_correction_changes_only_the_parts_that_differ(house, texts):
    told = await house.tell(texts.dft(kit(texts)))
    await house.deliver()
    await house.adopt({KITS: ("KIT-CEM-KNEE,SUT-VIC-30,3", "KIT-CEM-KNEE,SUT-VIC-40,4")})
    done = await house.correct(told.id)
    assert {(one.part, one.what) for one in done.planned.told} == {
        ("SUT-VIC-30", What.REVERSE),
        ("SUT-VIC-40", What.POST),
    }
    assert await goods(house, Action.REVERSE) == [{"3000330": "3"}]
    assert await goods(house) == [{"3000340": "4"}]
    await house.deliver()
    assert not (await house.correct(told.id)).written


async def test_a_part_whose_count_changes_is_taken_back_and_posted_anew(house, texts):
    told = await house.tell(texts.dft(kit(texts)))
    await house.deliver()
    await house.adopt({KITS: ("KIT-CEM-KNEE,SUT-VIC-30,3", "KIT-CEM-KNEE,SUT-VIC-30,5")})
    done = await house.correct(told.id)
    assert [(one.part, one.what) for one in done.planned.told] == [("SUT-VIC-30", What.REPOST)]
    assert (await goods(house, Action.REVERSE), await goods(house)) == (
        [{"3000330": "3"}],
        [{"3000330": "5"}],
    )


async def test_the_parts_are_those_of_the_day_of_use(house, texts):
    await house.tell(texts.dft(kit(texts, used="20261231235900")))
    await house.tell(texts.dft(kit(texts, "T2", used="20270101000100"), account="A2"))
    (old, new) = await goods(house)
    assert ("3000470" in old, "3000465" in old) == (True, False)
    assert ("3000470" in new, "3000465" in new) == (False, True)


EXPLODING = {
    "channels/ehr-usage.yaml": ("    money: stated\n", "    money: quantity only\n"),
    "mappings/tables/charges.yaml": ("columns:", "many: [charge_code]\ncolumns:"),
    "mappings/tables/charges.csv": (
        "KIT-CEM-KNEE,*,27213300,yes,0272,1,,",
        "KIT-CEM-KNEE,*,27213301,yes,0272,1,,\nKIT-CEM-KNEE,*,27213302,yes,0272,2,,",
    ),
}


@pytest.mark.parametrize("edits", [EXPLODING])
async def test_a_charge_explodes_into_several(house, texts):
    told = await house.tell(texts.dft(kit(texts)))
    charges = [effect for effect in await house.store.effects(told.id) if effect.name == "charge"]
    assert [(one.part, one.quantity) for one in charges] == [("27213301", 1), ("27213302", 2)]
    documents = [orjson.loads(row.payload) for row in await house.documents() if row.effect == "charge"]
    assert [line["code"] for document in documents for line in document["lines"]] == ["27213301", "27213302"]


async def test_each_part_of_a_posting_is_explained_byte_for_byte(house, texts):
    told = await house.tell(texts.dft(kit(texts, quantity="2")))
    issue, charge = sorted(
        await Storyteller(house.store).postings(told.id), key=lambda one: one.delivery.effect
    )[::-1]
    assert (issue.same, charge.same) == (True, True)
    fields = {story.place: story.step for story in issue.fields}
    assert [fields[f"lines[{number}].quantity"].value for number in (1, 2, 3)] == ["4", "6", "2"]
    (counted,) = fields["lines[2].quantity"].of
    each = next(step for step in counted.of if step.name == "part.each")
    assert (each.value, each.where) == ("3", "table kit-parts, version 1, line 3")


async def test_a_refused_kit_is_not_sent_again_beside_what_a_resend_posted_with_other_parts(house, texts):
    await house.tell(texts.dft(kit(texts)))
    for row in await house.documents():
        await house.end(row.id, Verdict.REJECTED, DeliveryState.HELD, frees=True)
    await house.adopt({KITS: ("KIT-CEM-KNEE,SUT-VIC-30,3", "KIT-CEM-KNEE,SUT-VIC-40,3")})
    await house.tell(texts.dft(kit(texts), control="2"))
    (refused, *_) = [one for one in await house.store.deliveries(1) if one.effect == "issue"]
    (answer,) = await house.store.submit((Requeued(refused.id, RECEIVED, "ann", "again"),))
    assert isinstance(answer, Conflict)
