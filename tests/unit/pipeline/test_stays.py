"""A stay that is cancelled, or goes on: nothing is reversed by itself. Rules of money, 4 and 11."""

from __future__ import annotations

import pytest

from engine.domain.posting import Action
from engine.domain.status import MessageState
from engine.pipeline.record import unpack_posted
from engine.pipeline.stays import TO_DECIDE


def adt(event: str, at: str = "20261120120000", account: str = "A1") -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120120000||ADT^{event}|9|P|2.5.1\rEVN|{event}|{at}\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\rPV1|1|I|OR^R4^1^NORTH\r"
    )


async def test_what_was_posted_is_listed_and_not_reversed(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1")))
    await house.deliver()
    told = await house.tell(adt("A11"))
    assert (told.state, told.reason) == (MessageState.HELD, TO_DECIDE)
    posted = unpack_posted(await house.store.record(told.id))
    assert sorted(posted) == sorted(effect.id for effect in await house.store.effects(first.id))
    assert await house.documents() == []


async def test_a_stay_with_nothing_posted_is_only_remembered(house, texts):
    assert (await house.tell(adt("A11"))).state is MessageState.FILTERED
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.tell(texts.dft(texts.ft1("T2", kind="CD", reverses="T1")))
    assert (await house.tell(adt("A11"))).state is MessageState.FILTERED


async def test_what_arrives_with_the_cancel_is_seen_by_it(house, texts):
    told = await house.tell_together(texts.dft(texts.ft1("T1")), adt("A11"))
    assert told[1].state is MessageState.HELD


@pytest.mark.parametrize("event", ["A13", "A01", "A04"])
async def test_a_stay_that_goes_on_takes_the_entry_off(house, texts, event):
    await house.tell(texts.dft(texts.ft1("T1")))
    cancelled = await house.tell(adt("A11"))
    went_on = await house.tell(adt(event, "20261120130000"))
    view = await house.view(cancelled.id)
    assert view.state is MessageState.FILTERED
    assert f"goes on with message {went_on.id}" in view.reason
    charged = [row for row in await house.documents() if row.effect in ("issue", "charge")]
    assert {row.action for row in charged} == {Action.POST}


async def test_a_cancel_that_is_told_late_lists_nothing(house, texts):
    await house.tell(texts.dft(texts.ft1("T1")))
    await house.tell(adt("A13", "20261120130000"))
    assert (await house.tell(adt("A11", "20261120120000"))).state is MessageState.FILTERED


async def test_what_was_posted_under_a_merged_account_is_listed_too(house, texts):
    first = await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    await house.tell(texts.a41("A1", "A2"), feed="ehr")
    told = await house.tell(adt("A11"))
    assert told.state is MessageState.HELD
    posted = await house.store.originals(unpack_posted(await house.store.record(told.id)))
    assert {original.message_id for original in posted} == {first.id}
