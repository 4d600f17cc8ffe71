"""Was this line told before? Rules of money, 2 to 4."""

from __future__ import annotations

import pytest

from engine.domain.status import LineState, MessageState
from tests.unit.pipeline.ledger import books, charged, settle


async def test_the_same_strong_key_with_the_same_content_is_a_duplicate(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    again = await house.tell(texts.dft(texts.ft1("T1"), control="2"))
    assert (first.state, again.state) == (MessageState.ROUTED, MessageState.DUPLICATE)
    assert await house.effects(again.id) == {}


async def test_the_same_strong_key_with_other_content_is_held_and_owns_nothing(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    changed = await house.tell(texts.dft(texts.ft1("T1", amount="4300.00")))
    assert changed.state is MessageState.HELD
    assert await house.causes(changed.id) == {"changed after it was posted"}
    again = await house.tell(texts.dft(texts.ft1("T1")))
    assert again.state is MessageState.DUPLICATE


async def test_two_identical_lines_of_one_message_both_post(house, texts):
    told = await house.tell(texts.dft(texts.ft1(""), texts.ft1("")))
    assert told.state is MessageState.ROUTED
    assert len(await house.effects(told.id)) == 4  # issue and charge of each


async def test_the_same_weak_line_in_another_message_is_a_suspected_duplicate(house, texts):
    await house.tell(texts.dft(texts.ft1("")))
    again = await house.tell(texts.dft(texts.ft1("")))
    assert again.state is MessageState.HELD
    assert await house.causes(again.id) == {"suspected duplicate"}


async def test_a_resend_with_a_line_inserted_changes_nothing_for_the_others(house, texts):
    first, second = texts.ft1("", code="IMP-FEM-06"), texts.ft1("", code="IMP-TIB-04", amount="2800.00")
    await house.tell(texts.dft(first, second))
    inserted = texts.ft1("", code="CEM-PAL-40", amount="118.25")
    resent = await house.tell(texts.dft(inserted, first, second))
    effects = await house.effects(resent.id)
    assert {number for (number, _), effect in effects.items() if effect.cause == "suspected duplicate"} == {
        2,
        3,
    }
    assert {number for (number, _), effect in effects.items() if not effect.cause} == {1}


@pytest.mark.parametrize(("posted", "resent"), [("A1", "A2"), ("A2", "A1")])
async def test_posted_merged_and_resent_under_the_other_number_is_one_effect(house, texts, posted, resent):
    await house.tell(texts.dft(texts.ft1(""), account=posted))
    await house.tell(texts.a41("A2", "A1"))
    again = await house.tell(texts.dft(texts.ft1(""), account=resent))
    assert again.state is MessageState.HELD
    assert await house.causes(again.id) == {"suspected duplicate"}


async def test_an_id_that_was_told_for_another_account_is_held(house, texts):
    """The charge was moved by its sender, or its ids are not unique there: as a duplicate it would be lost."""
    await house.tell(texts.dft(texts.ft1("T1"), account="A1"))
    moved = await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    assert moved.state is MessageState.HELD
    assert await house.causes(moved.id) == {"told before for another account"}
    changed = await house.tell(texts.dft(texts.ft1("T1", amount="4300.00"), account="A2"))
    assert await house.causes(changed.id) == {"changed after it was posted"}
    await house.release(moved.id, as_new=True)
    again = await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    assert again.state is MessageState.DUPLICATE


@pytest.mark.parametrize(("posted", "resent"), [("A1", "A2"), ("A2", "A1")])
async def test_an_id_that_was_told_for_the_account_under_its_other_number_is_a_duplicate(
    house, texts, posted, resent
):
    await house.tell(texts.dft(texts.ft1("T1"), account=posted))
    await house.tell(texts.a41("A2", "A1"))
    again = await house.tell(texts.dft(texts.ft1("T1"), account=resent))
    assert again.state is MessageState.DUPLICATE


@pytest.mark.parametrize(("posted", "resent"), [("A1", ""), ("", "A1")])
async def test_who_names_no_account_says_nothing_else(house, texts, posted, resent):
    for account in (posted, resent):
        told = await house.tell(texts.dft(texts.ft1("T1"), account=account).replace("|V1\r", "\r"))
    assert told.state is MessageState.DUPLICATE


async def test_a_line_that_a_person_takes_as_new_posts_beside_the_first(house, texts):
    await house.tell(texts.dft(texts.ft1("")))
    again = await house.tell(texts.dft(texts.ft1("")))
    tally = await house.release(again.id, as_new=True)
    assert (tally.released, tally.still_held) == (2, 0)
    assert len({row.reference for row in await house.documents()}) == 4


async def test_one_id_twice_in_a_message_is_a_duplicate_of_itself(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T1")))
    assert told.state is MessageState.ROUTED
    assert [line.state for line in await house.store.lines(told.id)] == [
        LineState.POSTED,
        LineState.DUPLICATE,
    ]
    assert {number for number, _ in await house.effects(told.id)} == {1}


async def test_one_id_twice_in_a_message_with_other_content_is_held(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T1", amount="9.00")))
    effects = await house.effects(told.id)
    assert {effect.cause for (number, _), effect in effects.items() if number == 2} == {
        "one id with two contents in a message"
    }
    assert {effect.cause for (number, _), effect in effects.items() if number == 1} == {""}


async def test_one_id_for_a_charge_and_its_credit_in_a_message_is_no_duplicate(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T1", kind="CD")))
    assert LineState.DUPLICATE not in {line.state for line in await house.store.lines(told.id)}


async def test_a_line_that_cannot_be_read_is_held_once_however_often_it_is_told(house, texts):
    """Its unit is in no table: told again, it is the same line, and stops nobody."""
    first = await house.tell(texts.dft(texts.ft1("T1", code="NO-UNIT")))
    again = await house.tell(texts.dft(texts.ft1("T1", code="NO-UNIT"), control="2"))
    other = await house.tell(texts.dft(texts.ft1("T1", code="NO-UNIT", quantity="2"), control="3"))
    weak = [await house.tell(texts.dft(texts.ft1("", code="NO-UNIT"), control=str(n))) for n in (4, 5)]
    twice = await house.tell(
        texts.dft(texts.ft1("T9", code="NO-UNIT"), texts.ft1("T9", code="NO-UNIT"), control="6")
    )
    states = [one.state for one in (first, again, other, *weak, twice)]
    held = MessageState.HELD
    assert states == [held, MessageState.DUPLICATE, held, held, held, held]
    assert await house.causes(other.id) == {"changed after it was posted"}
    assert await house.causes(weak[1].id) == {"suspected duplicate"}


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize(
    "edits", [{}, {"channels/ehr-usage.yaml": ("alike: hold", "alike: new")}], ids=["hold", "new"]
)
async def test_a_replay_of_lines_without_an_id_that_were_applied_is_a_duplicate(house, texts, edits, lines):
    """Rules of money, 31: elsewhere such a line may be a second one, but not in the same message told again."""
    text = texts.dft(*[texts.ft1("")] * lines)
    first, other = await house.tell(text), await house.tell(text)
    if other.state is MessageState.HELD:
        await house.release(other.id, as_new=True)
    await settle(house)
    for message in (first, other):
        again = await house.tell(text, replays=message.id)
        twice = await house.tell(text, replays=again.id)
        assert (again.state, twice.state) == (MessageState.DUPLICATE, MessageState.DUPLICATE)
    await settle(house)
    assert books(house) == {"1000106": 2 * lines}
    third = await house.tell(text)
    assert third.state is (MessageState.ROUTED if edits else MessageState.HELD)


async def test_a_replay_posts_what_was_held_beside_lines_without_an_id_that_were_applied(house, texts):
    text = texts.dft(texts.ft1(""), texts.ft1("", code="IMP-NEW-01"))
    first = await house.tell(text)
    row = "IMP-NEW-01,*,27810990,yes,0278,1,,\nIMP-FEM-06,*,27810106"
    await house.adopt({"mappings/tables/charges.csv": ("IMP-FEM-06,*,27810106", row)})
    again = await house.tell(text, replays=first.id)
    lines = await house.store.lines(again.id)
    assert [line.state for line in lines] == [LineState.DUPLICATE, LineState.POSTED]
    assert (await house.tell(text, replays=again.id)).state is not MessageState.ROUTED
    await settle(house)
    assert charged(house) == {"27810106": 1, "27810990": 1}


@pytest.mark.parametrize(
    "edits", [{"channels/ehr-usage.yaml": ("by: source_id", "by: [account, code, used_on]")}]
)
async def test_a_replay_that_says_something_else_of_a_line_without_an_id_is_held(house, texts, edits):
    first = await house.tell(texts.dft(texts.ft1("")))
    changed = await house.tell(texts.dft(texts.ft1("", amount="4300.00")), replays=first.id)
    assert await house.causes(changed.id) == {"changed after it was posted"}
