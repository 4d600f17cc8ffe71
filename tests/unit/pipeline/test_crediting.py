"""Credits: found, measured against what remains, built from what was posted. Rules of money, 9 and 10."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random

import orjson
import pytest

from engine.domain.posting import Action
from engine.domain.status import EffectState, MessageState
from engine.domain.views import MessageQuery
from tests.unit.pipeline.ledger import books, closes, explained, settle

CHANNEL = "channels/ehr-usage.yaml"
CEMENT = "NORTH,CEM-PAL-40,3000140,Bone cement 40 g,supply,yes,owned,ehr,EA,V120,,\n"
NEW_ITEM = "NORTH,IMP-NEW-01,1000107,New,implant,yes,owned,ehr,EA,V100,,\n"


def credit(texts, source_id: str, reverses: str, quantity: str = "1", amount: str = "4100.00") -> str:
    return texts.dft(texts.ft1(source_id, kind="CD", reverses=reverses, quantity=quantity, amount=amount))


async def reversals(house, name: str) -> list[dict]:
    rows = [row for row in await house.documents() if row.action is Action.REVERSE and row.effect == name]
    return [orjson.loads(row.payload) for row in rows]


async def test_a_credit_finds_its_original_by_the_id_that_it_names(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    told = await house.tell(credit(texts, "T2", "T1"))
    assert told.state is MessageState.ROUTED
    effects = await house.effects(told.id)
    assert {effect.action for effect in effects.values()} == {Action.REVERSE}
    assert effects[1, "charge"].amount == Decimal("-4100.00")
    assert all(effect.reverses for effect in effects.values())


async def test_a_credit_without_an_id_finds_it_by_account_code_and_day(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    told = await house.tell(texts.dft(texts.ft1("", kind="CD")))
    assert told.state is MessageState.ROUTED


async def test_partial_credits_take_from_what_remains_and_the_last_takes_the_rest(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="100.00")))
    first = await house.tell(credit(texts, "T2", "T1", "1", "33.33"))
    second = await house.tell(credit(texts, "T3", "T1", "1", "33.33"))
    third = await house.tell(credit(texts, "T4", "T1", "1", "33.33"))
    amounts = [(await house.effects(told.id))[1, "charge"].amount for told in (first, second, third)]
    assert sum(amounts) == Decimal("-100.00")


async def test_a_credit_of_more_than_remains_is_held(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
    await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    over = await house.tell(credit(texts, "T3", "T1", "2", "200.00"))
    assert await house.causes(over.id) == {"credit of more than remains"}


@pytest.mark.parametrize("reverses", ["T9", ""])
async def test_a_credit_without_an_original_is_held(house, texts, reverses):
    told = await house.tell(credit(texts, "T2", reverses))
    assert told.state is MessageState.HELD
    assert await house.causes(told.id) == {"credit without its original"}


async def test_a_credit_that_could_mean_two_lines_is_held(house, texts):
    await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2")))
    told = await house.tell(texts.dft(texts.ft1("", kind="CD")))
    assert await house.causes(told.id) == {"credit with several possible originals"}


async def test_a_reversal_is_built_from_what_was_posted_not_translated_anew(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", department="OR-NORTH")))
    await house.deliver()
    (posted,) = [d for d in await house.store.documents("erp", 0, 10) if d.effect == "issue"]
    original = orjson.loads(await house.store.payload(posted.id))
    elsewhere = texts.ft1("T2", kind="CD", reverses="T1", department="NOBODY-KNOWS-IT")
    await house.tell(texts.dft(elsewhere))
    (back,) = await reversals(house, "issue")
    assert back["original"] == posted.reference
    assert back["lines"][0]["item"] == original["lines"][0]["item"]
    assert back["lines"][0]["cost_center"] == original["lines"][0]["cost_center"]


async def test_the_same_credit_twice_is_one(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
    await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    again = await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    assert again.state is MessageState.DUPLICATE


@pytest.mark.parametrize("quantity", ["", "0", "-1"])
async def test_a_credit_whose_quantity_says_nothing_clear_is_held(house, texts, quantity):
    await house.tell(texts.dft(texts.ft1("T1")))
    told = await house.tell(credit(texts, "T2", "T1", quantity or "0"))
    assert told.state is MessageState.HELD


async def test_a_credit_that_names_its_original_takes_back_nothing_else(house, texts):
    """The one that it names may still be on its way to us; another of the same code and day is not it."""
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    told = await house.tell(credit(texts, "T3", "T2"))
    assert await house.causes(told.id) == {"credit without its original"}


@pytest.mark.parametrize("edits", [{CHANNEL: ("changed: hold", "changed: new")}])
async def test_a_credit_that_is_taken_as_new_takes_back_beside_the_first(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00")))
    await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    other = await house.tell(credit(texts, "T2", "T1", "1", "90.00"))
    assert other.state is MessageState.ROUTED
    over = await house.tell(credit(texts, "T2", "T1", "2", "200.00"))
    assert await house.causes(over.id) == {"credit of more than remains"}
    await settle(house)
    assert list(books(house).values()) == [Decimal(1)]
    await closes(house)


async def test_a_changed_credit_that_a_person_takes_as_new_goes(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00")))
    await house.deliver()
    await house.tell(credit(texts, "T2", "T1", "1", "100.00"))
    changed = await house.tell(credit(texts, "T2", "T1", "1", "90.00"))
    assert await house.causes(changed.id) == {"changed after it was posted"}
    await house.release(changed.id, as_new=True)
    await settle(house)
    assert list(books(house).values()) == [Decimal(1)]
    await closes(house)


async def test_what_credits_took_back_counts_once_when_another_of_their_message_is_released(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00")))
    await house.deliver()
    await house.tell(credit(texts, "T2", "T9"))
    backs = [texts.ft1(name, kind="CD", reverses="T1", quantity=n) for name, n in (("T3", "1"), ("T2", "2"))]
    told = await house.tell(texts.dft(*backs, control="2"))
    assert await house.causes(told.id) == {"changed after it was posted"}
    await house.release(told.id, as_new=True)
    await settle(house)
    assert books(house) == {}
    await closes(house)


async def test_the_other_of_two_that_are_alike_is_meant_when_one_was_credited(house, texts):
    await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2")))
    await house.deliver()
    await house.tell(credit(texts, "T3", "T1"))
    told = await house.tell(texts.dft(texts.ft1("", kind="CD")))
    assert told.state is MessageState.ROUTED


async def test_two_lines_of_one_message_do_not_take_back_more_than_remains(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", quantity="2", amount="200.00")))
    await house.deliver()
    back = [
        texts.ft1(name, kind="CD", reverses="T1", quantity=quantity, amount="100.00")
        for name, quantity in (("T2", "1"), ("T3", "2"))
    ]
    told = await house.tell(texts.dft(*back))
    held = {number for (number, _), one in (await house.effects(told.id)).items() if one.cause}
    assert held == {2}


async def test_two_credits_that_arrive_together_do_not_take_back_more_than_remains(house, texts):
    """Of one batch of the stepper: the second is answered with a conflict, and stepped when the first is known."""
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    told = await house.tell_together(credit(texts, "T2", "T1"), credit(texts, "T3", "T1"))
    assert [view.state for view in told] == [MessageState.ROUTED, MessageState.HELD]
    assert await house.causes(told[1].id) == {"credit of more than remains"}


async def test_a_whole_credit_of_what_is_queued_cancels_both(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    told = await house.tell(credit(texts, "T2", "T1"))
    assert await house.documents() == []
    for message in (first.id, told.id):
        view = await house.view(message)
        assert (view.state, view.reason) == (MessageState.FILTERED, "taken back before it left")
        assert {one.state for one in (await house.effects(message)).values()} == {EffectState.CANCELLED}
    assert (await house.tell(texts.dft(texts.ft1("T1")))).state is MessageState.DUPLICATE
    assert (await house.tell(credit(texts, "T2", "T1"))).state is MessageState.DUPLICATE
    over = await house.tell(credit(texts, "T4", "T1"))
    assert await house.causes(over.id) == {"credit of more than remains"}


async def test_a_document_with_other_lines_is_not_cancelled_its_credit_waits(house, texts):
    """The issue carries both lines, each charge is a document of its own."""
    await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="IMP-FEM-07")))
    told = await house.tell(credit(texts, "T3", "T1"))
    assert {name: one.state for (_, name), one in (await house.effects(told.id)).items()} == {
        "issue": EffectState.WAITING,
        "charge": EffectState.CANCELLED,
    }
    assert [row.effect for row in await house.documents()] == ["issue", "charge"]


async def test_credits_of_all_lines_of_a_document_cancel_it(house, texts):
    await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="IMP-FEM-07")))
    back = [texts.ft1(f"C{name}", kind="CD", reverses=name) for name in ("T1", "T2")]
    await house.tell(texts.dft(*back))
    assert await house.documents() == []


async def test_a_credit_waits_for_its_held_original_and_goes_with_it(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1", code="IMP-NEW-01")))
    told = await house.tell(credit(texts, "T2", "T1"))
    assert await house.causes(told.id) == {"waits for its held original"}
    row = "IMP-NEW-01,*,27810990,yes,0278,1,,\nIMP-FEM-06,*,27810106"
    await house.adopt({"mappings/tables/charges.csv": ("IMP-FEM-06,*,27810106", row)})
    await house.release(first.id, told.id)
    charges = [(await house.effects(message))[1, "charge"].state for message in (first.id, told.id)]
    assert charges == [EffectState.CANCELLED, EffectState.CANCELLED]


class TestOfItsOwnMessage:
    """Scanned and scanned back before anything was sent: both lines come at once."""

    async def test_a_whole_credit_cancels_both_and_nothing_leaves(self, house, texts):
        text = texts.dft(texts.ft1("T1"), texts.ft1("T2", kind="CD", reverses="T1"))
        told = await house.tell(text)
        assert (told.state, told.reason) == (MessageState.FILTERED, "taken back before it left")
        assert await house.documents() == []
        effects = await house.effects(told.id)
        assert {one.state for one in effects.values()} == {EffectState.CANCELLED}
        assert [effects[number, "charge"].amount for number in (1, 2)] == [
            Decimal("4100.00"),
            Decimal("-4100.00"),
        ]
        await closes(house)
        assert (await house.tell(text)).state is MessageState.DUPLICATE
        over = await house.tell(credit(texts, "T3", "T1"))
        assert await house.causes(over.id) == {"credit of more than remains"}

    async def test_it_finds_it_by_account_code_and_day_and_leaves_the_others(self, house, texts):
        other = texts.ft1("T2", code="IMP-FEM-07")
        told = await house.tell(texts.dft(texts.ft1("T1"), other, texts.ft1("", kind="CD")))
        states = {number: one.state for (number, _), one in (await house.effects(told.id)).items()}
        assert states == {1: EffectState.CANCELLED, 2: EffectState.ROUTED, 3: EffectState.CANCELLED}
        await closes(house)

    async def test_what_no_table_knows_need_not_be_known(self, house, texts):
        lines = [
            texts.ft1("T1", code="IMP-NEW-01"),
            texts.ft1("T2", code="IMP-NEW-01", kind="CD", reverses="T1"),
        ]
        told = await house.tell(texts.dft(*lines))
        assert told.state is MessageState.FILTERED
        assert {one.cause for one in (await house.effects(told.id)).values()} == {"taken back before it left"}

    async def test_of_two_that_are_alike_nobody_can_tell_which_is_meant(self, house, texts):
        told = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2"), texts.ft1("", kind="CD")))
        assert await house.causes(told.id) == {"credit with several possible originals"}

    async def test_of_one_that_is_posted_and_one_beside_it_nobody_can_tell_which_is_meant(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1")))
        told = await house.tell(texts.dft(texts.ft1("T2"), texts.ft1("", kind="CD")))
        assert "credit with several possible originals" in await house.causes(told.id)

    async def test_one_that_was_credited_already_is_not_meant(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1")))
        await house.deliver()
        await house.tell(credit(texts, "T2", "T1"))
        told = await house.tell(texts.dft(texts.ft1("T3"), texts.ft1("", kind="CD")))
        assert {one.state for one in (await house.effects(told.id)).values()} == {EffectState.CANCELLED}

    async def test_the_same_line_is_taken_back_once(self, house, texts):
        back = [texts.ft1(name, kind="CD", reverses="T1") for name in ("T2", "T3")]
        told = await house.tell(texts.dft(texts.ft1("T1"), *back))
        assert {n: one.state for (n, _), one in (await house.effects(told.id)).items()} == {
            1: EffectState.CANCELLED,
            2: EffectState.CANCELLED,
            3: EffectState.HELD,
        }
        assert await house.causes(told.id) == {"taken back before it left", "credit of more than remains"}

    async def test_a_part_is_held_and_goes_when_it_is_released(self, house, texts):
        part = texts.ft1("T2", kind="CD", reverses="T1", quantity="1", amount="100.00")
        told = await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00"), part))
        assert "credit of a part of a line of its own message" in await house.causes(told.id)
        await house.release(told.id)
        await settle(house)
        effects = await house.effects(told.id)
        assert (effects[2, "charge"].state, effects[2, "charge"].amount) == (
            EffectState.ROUTED,
            Decimal("-100.00"),
        )
        assert list(books(house).values()) == [Decimal(2)]
        await closes(house)

    async def test_more_than_was_told_is_held(self, house, texts):
        more = texts.ft1("T2", kind="CD", reverses="T1", quantity="4", amount="400.00")
        told = await house.tell(texts.dft(texts.ft1("T1", quantity="3", amount="300.00"), more))
        assert "credit of more than remains" in await house.causes(told.id)

    @pytest.mark.parametrize("edits", [{CHANNEL: ("alike: hold", "alike: new")}])
    async def test_lines_without_an_id_that_come_again_are_cancelled_again(self, house, texts):
        for control in ("1", "2"):
            told = await house.tell(texts.dft(texts.ft1(""), texts.ft1("", kind="CD"), control=control))
            assert (told.state, told.reason) == (MessageState.FILTERED, "taken back before it left")
        await closes(house)

    async def test_suspected_duplicates_that_a_person_takes_as_new_are_cancelled(self, house, texts):
        await house.tell(texts.dft(texts.ft1(""), texts.ft1("", kind="CD")))
        again = await house.tell(texts.dft(texts.ft1(""), texts.ft1("", kind="CD"), control="2"))
        await house.release(again.id, as_new=True)
        assert await house.documents() == await house.store.worklist() == []
        await closes(house)

    @pytest.mark.parametrize("edits", [{CHANNEL: ("changed: hold", "changed: correct")}])
    @pytest.mark.parametrize("back", ["1", "2"])
    async def test_what_an_earlier_telling_left_held_is_not_meant(self, house, texts, back):
        await house.tell(texts.dft(texts.ft1("T1", code="NOBODY-KNOWS", quantity="2")))
        credit = texts.ft1("T2", kind="CD", reverses="T1", quantity=back)
        told = await house.tell(texts.dft(texts.ft1("T1", quantity="2"), credit, control="2"))
        cause = (
            "taken back before it left" if back == "2" else "credit of a part of a line of its own message"
        )
        assert await house.causes(told.id) == {cause}
        await house.release(told.id)
        await settle(house)
        assert sum(books(house).values()) == 2 - int(back)
        assert not await house.store.anything_waits()
        await closes(house)

    async def test_what_took_something_else_back_takes_back_nothing_when_another_line_is_released(
        self, house, texts
    ):
        await house.tell(texts.dft(texts.ft1("T1")))
        await house.tell(texts.dft(texts.ft1("T3", code="IMP-FEM-05")))
        told = await house.tell(texts.dft(texts.ft1("T3"), texts.ft1("", kind="CD"), control="2"))
        assert "changed after it was posted" in await house.causes(told.id)
        await house.release(told.id, as_new=True)
        await settle(house)
        assert books(house) == {"1000105": 1, "1000106": 1}
        await closes(house)

    async def test_what_a_replayed_message_left_held_is_not_meant(self, house, texts):
        """It gives way to the replay: nothing would ever come of waiting for it."""
        part = texts.ft1("T2", kind="CD", reverses="T1", code="IMP-NEW-01")
        text = texts.dft(texts.ft1("T1", quantity="3", code="IMP-NEW-01"), part)
        first = await house.tell(text)
        await house.adopt(
            {
                "mappings/tables/items.csv": (CEMENT, f"{CEMENT}{NEW_ITEM}"),
                "mappings/tables/charges.csv": ("IMP-FEM-06", "IMP-NEW-01"),
            }
        )
        replay = await house.tell(text, replays=first.id)
        assert await house.causes(replay.id) == {"credit of a part of a line of its own message"}
        await house.release(replay.id)
        await settle(house)
        assert books(house) == {"1000107": 2}
        assert not await house.store.anything_waits()
        await closes(house)


@pytest.mark.parametrize("seed", range(12))
async def test_lines_told_together_come_to_what_they_come_to_one_by_one(house, texts, seed):
    """Charges, and credits of parts and wholes of them, some before their original."""
    random = Random(seed)
    codes = {"1": "IMP-FEM-06", "2": "IMP-FEM-07", "3": "IMP-FEM-06"}
    lines = []
    for name in codes:
        quantity = left = random.randint(1, 3)
        lines.append((name, "", quantity))
        while left and random.random() < 0.7:
            back = random.randint(1, left)
            lines.append((f"C{name}{left}", name, back))
            left -= back
    random.shuffle(lines)
    for account in ("A1", "A2"):
        told = [_line(texts, account, codes, *line) for line in lines]
        for some in (told,) if account == "A1" else ([line] for line in told):
            await house.tell(texts.dft(*some, account=account))
            await house.release(*[view.id for view in await house.store.messages(MessageQuery(limit=100))])
    await settle(house)
    assert await house.store.worklist() == []
    together, alone = _net(house, "A1"), _net(house, "A2")
    assert together == alone, lines
    await closes(house)
    await explained(house)


def _line(texts, account, codes, name, reverses, quantity):
    what = {"kind": "CD", "reverses": f"{account}-{reverses}"} if reverses else {}
    code = codes[reverses or name]
    return texts.ft1(f"{account}-{name}", code=code, quantity=str(quantity), amount=f"{quantity}.00", **what)


def _net(house, account):
    """Charge code → net quantity that billing has."""
    net = Counter()
    for row in house.sent:
        document = orjson.loads(row.payload)
        if row.effect == "charge" and document["account"] == account:
            for line in document["lines"]:
                net[line["code"]] += Decimal(line["quantity"]) * (1 if row.action is Action.POST else -1)
    return {code: quantity for code, quantity in net.items() if quantity}


class TestPostAlone:
    @pytest.fixture
    def edits(self):
        return {
            "channels/ehr-usage.yaml": ("no_original: hold", "no_original: post alone"),
            "mappings/billing/credit.yaml": ("original: original.reference", "original?: original.reference"),
        }

    async def test_a_credit_without_an_original_is_translated_and_posted(self, house, texts):
        told = await house.tell(credit(texts, "T2", "T9", "2", "200.00"))
        effects = await house.effects(told.id)
        charge = effects[1, "charge"]
        assert (charge.state, charge.action, charge.amount) == (
            EffectState.ROUTED,
            Action.REVERSE,
            Decimal("-200.00"),
        )
        (back,) = await reversals(house, "charge")
        assert ("original" in back, back["lines"][0]["code"], back["lines"][0]["quantity"]) == (
            False,
            "27810106",
            "2",
        )
        assert effects[1, "issue"].cause == "MAP020 original.reference is missing"

    async def test_one_with_an_original_is_still_built_from_it(self, house, texts):
        await house.tell(texts.dft(texts.ft1("T1")))
        await house.deliver()
        told = await house.tell(credit(texts, "T2", "T1"))
        assert all(one.reverses for one in (await house.effects(told.id)).values())


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_credit_that_could_not_be_read_takes_its_original_back_when_it_is_released(
    house, texts, delivered
):
    first = await house.tell(texts.dft(texts.ft1("T1", code="SUT-VIC-30", amount="10.00")))
    if delivered:
        await house.deliver()
    rows = "mappings/tables/feed-units.csv"
    await house.adopt({rows: ("SUT-VIC-30,BX,,\n", "")})
    told = await house.tell(
        texts.dft(texts.ft1("T2", code="SUT-VIC-30", kind="CD", reverses="T1", amount="10.00"))
    )
    assert told.state is MessageState.HELD
    assert {effect.action for effect in await house.store.effects(told.id)} == {Action.REVERSE}
    await house.adopt({})
    await house.release(told.id)
    back = [row for row in await house.documents() if row.action is Action.REVERSE]
    assert bool(back) is delivered
    states = {effect.state for effect in await house.store.effects(first.id)}
    assert states == ({EffectState.ROUTED} if delivered else {EffectState.CANCELLED})
