"""What becomes of one line: skipped, held, posted. Rules of money, 15 to 19 and 23."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.domain.posting import Measure
from engine.domain.status import EffectState, LineState, MessageState


async def test_a_line_that_the_channel_skips_is_filtered_with_its_reason_and_money(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1", kind="PY", amount="80.00")))
    assert told.state is MessageState.FILTERED
    (line,) = await house.store.lines(told.id)
    assert (line.state, line.reason, line.stated) == (
        LineState.FILTERED,
        "payment or adjustment, no usage",
        Decimal("80.00"),
    )


@pytest.mark.parametrize("quantity", ["0", "0.00"])
async def test_quantity_zero_is_held(house, texts, quantity):
    told = await house.tell(texts.dft(texts.ft1("T1", quantity=quantity)))
    assert await house.causes(told.id) == {"quantity missing or zero"}


async def test_a_quantity_that_is_no_number_is_held_and_not_shown(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1", quantity="SMITH")))
    assert told.state is MessageState.HELD
    assert not any("SMITH" in cause for cause in await house.causes(told.id))


async def test_an_unmapped_code_holds_its_effects_under_the_owner_of_the_table(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1", code="IMP-NEW-01")))
    effects = await house.effects(told.id)
    assert {effect.state for effect in effects.values()} == {EffectState.HELD}
    assert effects[1, "charge"].owner == "revenue-integrity"
    assert effects[1, "issue"].owner == "supply-chain"


async def test_one_unmapped_line_steps_aside_for_the_others(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="NOBODY-MAPPED-IT")))
    assert told.state is MessageState.ROUTED
    effects = await house.effects(told.id)
    assert effects[1, "issue"].state is EffectState.ROUTED
    assert effects[2, "issue"].state is EffectState.HELD


async def test_an_item_known_not_to_be_stocked_is_no_hold(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1", code="ROOM-OR-MIN", quantity="90", amount="")))
    names = {name for _, name in await house.effects(told.id)}
    assert "issue" not in names


async def test_a_consigned_implant_gives_no_issue_but_a_bill_only_order(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1", code="IMP-HIP-STM-12", amount="5200.00")))
    names = {name for _, name in await house.effects(told.id)}
    assert "bill-only" in names
    assert "issue" not in names


async def test_a_line_without_a_price_is_unpriced_and_never_zero(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1", amount="")))
    charge = (await house.effects(told.id))[1, "charge"]
    assert charge.measure is Measure.STATED
    assert charge.amount is None


async def test_a_usage_message_that_no_channel_takes_is_held_as_unclaimed(house, texts):
    told = await house.tell(texts.dft(texts.ft1("T1")).replace("DFT^P03", "DFT^P99"))
    assert (told.state, told.reason) == (MessageState.HELD, "unclaimed: no channel takes it")


async def test_another_type_that_no_channel_takes_is_filtered(house, texts):
    told = await house.tell("MSH|^~\\&|EHR|NORTH|S|E|20261120101500||SIU^S12|1|P|2.5.1\rSCH|1\r")
    assert told.state is MessageState.FILTERED


async def test_money_in_another_currency_is_held_and_never_taken_for_the_site_s(house, texts):
    told = await house.tell(
        texts.dft(texts.ft1("T1", amount="4200.00&EUR"), texts.ft1("T2", amount="4200.00&USD"))
    )
    effects = await house.effects(told.id)
    assert effects[1, "charge"].cause == "stated in another currency"
    assert effects[2, "charge"].amount == 4200


async def test_the_same_line_by_another_feed_of_its_channel_is_suspected(house, texts):
    await house.tell(texts.dft(texts.ft1("")))
    again = await house.tell(texts.dft(texts.ft1(""), control="2"), feed="hl7-http")
    assert await house.causes(again.id) == {"suspected duplicate"}
    credit = await house.tell(
        texts.dft(texts.ft1("", kind="CD", amount="4100.00"), control="3"), feed="hl7-http"
    )
    assert credit.reason == "taken back before it left"


async def test_a_row_that_the_read_map_lacks_is_asked_of_whoever_keeps_its_table(house, texts):
    await house.tell(texts.dft(texts.ft1("T1", code="NOBODY-KNOWS")))
    (group,) = await house.store.worklist()
    assert (group.owner, group.cause, group.effects) == (
        "interface-team",
        "MAP033 feed-units: code=NOBODY-KNOWS",
        4,
    )
