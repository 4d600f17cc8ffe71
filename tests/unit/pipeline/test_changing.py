"""Corrections: what stays, what is taken back, what is posted anew. Rules of money, 1, 2, 12 and 20."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

from engine.domain.changes import Dropped
from engine.domain.outcome import Verdict
from engine.domain.posting import Action
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.explain.story import Storyteller
from engine.pipeline.changing import What
from tests.unit.pipeline.ledger import explained, settle

ITEMS, CHARGES = "mappings/tables/items.csv", "mappings/tables/charges.csv"
WRONG_ITEM = {ITEMS: ("NORTH,IMP-FEM-06,1000106", "NORTH,IMP-FEM-06,1000105")}
WRONG_CHARGE = {CHARGES: ("IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810105")}
CORRECTS = {"channels/ehr-usage.yaml": ("changed: hold", "changed: correct")}


def told(done) -> dict[str, str]:
    return {one.effect: one.what for one in done.planned.told}


async def written(house) -> list[tuple[Action, str, dict]]:
    return [(row.action, row.effect, orjson.loads(row.payload)) for row in await house.documents()]


async def test_only_the_effect_that_changes_is_reversed_and_reposted(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    await house.adopt(WRONG_ITEM)
    done = await house.correct(first.id)
    assert (done.written, told(done)) == (True, {"issue": What.REPOST})
    (back, anew) = await written(house)
    assert (back[0], back[2]["lines"][0]["item"]) == (Action.REVERSE, "1000106")
    assert (anew[0], anew[2]["lines"][0]["item"]) == (Action.POST, "1000105")
    assert [(effect.name, effect.action, effect.version) for effect in await house.store.effects(first.id)][
        2:
    ] == [
        ("issue", Action.REVERSE, 1),
        ("issue", Action.POST, 2),
    ]


async def test_what_the_tables_still_say_is_left_alone_unless_forced(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    assert not (await house.correct(first.id)).written
    forced = await house.correct(first.id, force=True, to="billing")
    assert told(forced) == {"charge": What.REPOST}
    assert {effect for _, effect, _ in await written(house)} == {"charge"}


async def test_what_never_left_is_cancelled_and_posted_right(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.adopt(WRONG_CHARGE)
    assert told(await house.correct(first.id)) == {"charge": What.REPLACE}
    (charge,) = [tree for action, effect, tree in await written(house) if effect == "charge"]
    assert charge["lines"][0]["code"] == "27810105"
    states = [effect.state for effect in await house.store.effects(first.id) if effect.name == "charge"]
    assert states == [EffectState.CANCELLED, EffectState.CANCELLED, EffectState.ROUTED]


async def test_what_is_not_due_any_more_is_taken_back_and_what_cannot_be_priced_is_left(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    owned = 'size 6",implant,yes,owned'
    await house.adopt({ITEMS: (owned, owned.replace("owned", "consigned"))})
    done = await house.correct(first.id)
    assert told(done) == {
        "issue": What.REVERSE,
        "bill-only": What.LEFT,
    }  # no contract price: nothing else changes
    assert [action for action, _, _ in await written(house)] == [Action.REVERSE]


async def test_a_line_on_its_way_or_partly_credited_is_left_and_said(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
    (charge,) = [row for row in await house.documents() if row.effect == "charge"]
    await house.end(charge.id, Verdict.UNKNOWN, DeliveryState.UNKNOWN, next_us=1)
    await house.adopt(WRONG_CHARGE)
    left = await house.correct(first.id)
    assert [(one.what, one.cause) for one in left.planned.told] == [(What.LEFT, "still on its way")]
    await house.end(charge.id, Verdict.APPLIED, DeliveryState.DELIVERED)
    await house.deliver()
    await house.tell(texts.dft(texts.ft1("T2", kind="CD", reverses="T1", quantity="1", amount="100.00")))
    left = await house.correct(first.id)
    causes = {one.effect: one.cause for one in left.planned.told}
    assert causes == {"charge": "changed after some of it was taken back"}


async def test_a_correction_that_cannot_be_translated_changes_nothing(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    await house.adopt({CHARGES: ("IMP-FEM-06,*,27810106", "IMP-FEM-XX,*,27810106")})
    done = await house.correct(first.id)
    assert not done.written
    assert {(one.effect, one.what) for one in done.planned.told} == {("charge", What.LEFT)}
    assert "code=IMP-FEM-06" in done.planned.told[0].cause


async def test_a_second_correction_takes_back_what_the_first_posted(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    for edits in (WRONG_CHARGE, {}):
        await house.adopt(edits)
        assert (await house.correct(first.id)).written
        await house.deliver()
        await house.deliver()
    posts = [
        effect.version
        for effect in await house.store.effects(first.id)
        if effect.name == "charge" and effect.action is Action.POST
    ]
    assert posts == [1, 2, 3]
    assert not (await house.correct(first.id)).written


async def test_what_a_person_dropped_is_not_posted_by_a_correction(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1", code="IMP-NEW-01")))
    ids = tuple(effect.id for effect in await house.store.effects(first.id))
    await house.store.submit((Dropped(ids, 1, "ann", "not ours"),))
    row = "IMP-NEW-01,*,27810990,yes,0278,1,,\nIMP-FEM-06,*,27810106"
    await house.adopt({CHARGES: ("IMP-FEM-06,*,27810106", row)})
    assert (await house.correct(first.id)).planned.told == ()


async def test_a_line_that_was_not_billable_by_mistake_is_charged(house, texts):
    await house.adopt({CHARGES: ("IMP-FEM-06,*,27810106,yes", "IMP-FEM-06,*,27810106,no")})
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    await house.adopt({})
    assert told(await house.correct(first.id)) == {"charge": What.POST}


async def test_an_undo_takes_back_what_is_there_and_leaves_what_is_held(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="IMP-NEW-01")))
    await house.deliver()
    done = await house.correct(first.id, undo=True)
    assert {(one.number, one.effect, one.what) for one in done.planned.told} == {
        (1, "issue", What.REVERSE),
        (1, "charge", What.REVERSE),
    }
    assert {action for action, _, _ in await written(house)} == {Action.REVERSE}


# A line that comes in changed ------------------------------------------------------------------------------------


class TestCorrects:
    @pytest.fixture
    def edits(self):
        return CORRECTS

    async def test_what_posts_the_same_is_a_duplicate(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1")))
        await house.deliver()
        again = await house.tell(texts.dft(texts.ft1("T1", used="20261120101500")))
        assert again.state is MessageState.DUPLICATE

    async def test_a_changed_quantity_is_taken_back_and_posted_with_the_next_version(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00")))
        await house.deliver()
        again = await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
        assert again.state is MessageState.ROUTED
        effects = await house.store.effects(again.id)
        charges = [(one.action, one.version, one.amount) for one in effects if one.name == "charge"]
        assert sorted(charges) == [
            (Action.POST, 2, Decimal("200.00")),
            (Action.REVERSE, 1, Decimal("-300.00")),
        ]

    async def test_what_is_on_its_way_is_waited_for_with_both_halves(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00")))
        documents = await house.documents()
        for row in documents:
            await house.end(row.id, Verdict.UNKNOWN, DeliveryState.UNKNOWN, next_us=1)
        again = await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
        states = [effect.state for effect in await house.store.effects(again.id)]
        assert states == [EffectState.WAITING] * 4
        assert again.state is MessageState.ROUTED
        for row in documents:
            await house.end(row.id, Verdict.APPLIED, DeliveryState.DELIVERED)
        await house.release(again.id)
        assert {effect.state for effect in await house.store.effects(again.id)} == {EffectState.ROUTED}
        assert [action for action, effect, _ in await written(house) if effect == "charge"] == [
            Action.REVERSE,
            Action.POST,
        ]

    async def test_what_cannot_be_translated_leaves_what_was_posted(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1")))
        await house.deliver()
        again = await house.tell(texts.dft(texts.ft1("T1", code="IMP-NEW-01")))
        assert again.state is MessageState.HELD
        assert await written(house) == []
        (line,) = await house.store.lines(again.id)
        assert line.state is LineState.HELD

    async def test_neither_half_goes_when_the_other_cannot_be_written(self, house, texts):
        """Without its department the new charge lacks a field: the old one is not taken back either."""
        await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
        await house.deliver()
        again = await house.tell(texts.dft(texts.ft1("T1", amount="100.00", department="")))
        charges = [one for one in await house.store.effects(again.id) if one.name == "charge"]
        assert {(one.action, one.state, one.cause) for one in charges} == {
            (Action.POST, EffectState.HELD, "MAP020 department else case.room is missing"),
            (Action.REVERSE, EffectState.HELD, "waits for the other half of its correction"),
        }
        assert await written(house) == []

    async def test_a_change_of_what_was_credited_is_a_persons(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
        await house.deliver()
        await house.tell(texts.dft(texts.ft1("T2", kind="CD", reverses="T1", quantity="1", amount="100.00")))
        again = await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00")))
        assert await house.causes(again.id) == {"changed after some of it was taken back"}


@pytest.mark.parametrize("edits", [CORRECTS])
@pytest.mark.parametrize("delivered", [True, False])
async def test_the_held_half_of_a_correction_goes_when_its_row_is_there(house, texts, edits, delivered):
    """The charge is corrected at once, the issue waits for its item; released, it is corrected as well, once."""
    await house.tell(texts.dft(texts.ft1("T1")))
    if delivered:
        await house.deliver()
    row = 'NORTH,IMP-FEM-06,1000106,"Femoral component, cemented, size 6",implant,yes,owned,ehr,EA,V100,,\n'
    await house.adopt({**CORRECTS, ITEMS: (row, "")})
    changed = await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="8200.00"), control="2"))
    await house.adopt(CORRECTS)
    await house.release(changed.id)
    issued = [
        (row.action, orjson.loads(row.payload)["lines"][0]["quantity"])
        for row in await house.documents()
        if row.effect == "issue"
    ]
    assert issued == ([(Action.REVERSE, "1"), (Action.POST, "2")] if delivered else [(Action.POST, "2")])
    assert not [one for one in await house.store.effects(changed.id) if one.state is EffectState.HELD]


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_where_every_line_of_a_queued_document_changes_it_is_replaced_at_once(house, texts, edits):
    first = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="IMP-FEM-05")))
    await house.tell(
        texts.dft(texts.ft1("T1", quantity="2"), texts.ft1("T2", code="IMP-FEM-05", quantity="3"))
    )
    assert {one.state for one in await house.store.effects(first.id)} == {EffectState.CANCELLED}
    (issue,) = [row for row in await house.documents() if row.effect == "issue"]
    assert [line["quantity"] for line in orjson.loads(issue.payload)["lines"]] == ["2", "3"]


async def test_what_is_corrected_on_a_later_day_is_explained(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2")))
    await house.deliver()
    await house.adopt(WRONG_ITEM)
    await house.correct(first.id)
    await settle(house)
    await house.correct(first.id, undo=True)
    await settle(house)
    posted_on = {orjson.loads(row.payload)["posting_date"] for row in house.sent if row.effect == "issue"}
    assert len(posted_on) == 2
    await explained(house)
    stories = await Storyteller(house.store).postings(first.id)
    said = {story.step.of[0].rule for one in stories for story in one.fields if story.place == "posting_date"}
    assert said == {
        "day of receipt in America/Chicago",
        "day on which it was corrected, in America/Chicago",
    }
