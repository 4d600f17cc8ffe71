"""Messages are found by what people know of them."""

from __future__ import annotations

import pytest

from engine.domain.status import DeliveryState, MessageState
from engine.domain.views import MessageQuery


async def ids(store, **query) -> list[int]:
    return [view.id for view in await store.messages(MessageQuery(**query))]


@pytest.fixture
async def shelf(store, make):
    """Five messages: (id by name)."""
    first = await make.message(store, control="C-7", feed="lab", type="ORU^R01", received_us=100)
    routed = make.posting("a", account=make.key("acc"), patient=make.key("pat"))
    second, (delivery,) = await make.post(store, routed, DeliveryState.SENDING)
    await make.end(store, delivery, DeliveryState.DELIVERED, make.applied)
    third, _ = await make.post(store, make.holding("b", account=make.key("acc")))
    fourth, _ = await make.refuse(store, make.posting("c", effects=(make.effect("c", owner="finance"),)))
    fifth = await make.message(store, state=MessageState.REFUSED, received_us=200)
    return first, second, third, fourth, fifth


async def test_messages_come_newest_first_and_page_backwards(store, make, shelf):
    first, second, third, fourth, fifth = shelf
    assert await ids(store) == [fifth, fourth, third, second, first]
    assert await ids(store, limit=2) == [fifth, fourth]
    assert await ids(store, limit=2, before=fourth) == [third, second]


async def test_each_thing_that_may_be_known_finds_its_messages(store, make, shelf):
    first, second, third, fourth, fifth = shelf
    assert await ids(store, control_id="C-7") == [first]
    assert await ids(store, feed="lab") == [first]
    assert await ids(store, type="ORU^R01") == [first]
    assert await ids(store, account=make.key("acc")) == [third, second]
    assert await ids(store, patient=make.key("pat")) == [second]
    assert await ids(store, document="GI-1") == [second]
    assert await ids(store, document="REF-c") == [fourth]
    assert await ids(store, owner="supply-chain") == [third]
    assert await ids(store, cause="erp refused: period_closed") == [fourth]
    assert await ids(store, state=MessageState.PENDING) == [first]
    assert await ids(store, state=MessageState.HELD) == [
        fourth,
        third,
    ]  # one of them routed, and then refused
    assert await ids(store, state=MessageState.REFUSED) == [fifth]
    assert await ids(store, since_us=100, until_us=200) == [first]
    assert await ids(store, since_us=200, until_us=201) == [fifth]


async def test_conditions_all_hold_together(store, make, shelf):
    _, second, third, _, _ = shelf
    both = {"account": make.key("acc"), "feed": "ehr"}
    assert await ids(store, **both, state=MessageState.HELD) == [third]
    assert await ids(store, **both, before=third) == [second]
    assert await ids(store, **both, document="GI-1", patient=make.key("pat")) == [second]
    assert await ids(store, **both, owner="supply-chain", cause="items: code=X") == [third]
    assert await ids(store, **both, owner="finance") == []
    assert await ids(store, state=MessageState.HELD, feed="lab") == []


async def test_a_view_says_what_stands_in_the_inbox(store, make):
    message = await make.message(
        store, control="C9", reason="why", charset="latin-1", actor="ann", received_us=42
    )
    (view,) = await store.messages(MessageQuery(control_id="C9"))
    assert (view.id, view.feed, view.received_us, view.type) == (message, "ehr", 42, "DFT^P03")
    assert (view.reason, view.answered, view.charset, view.actor) == ("why", "AA", "latin-1", "ann")
    assert (view.edition, view.stepped_us, view.relates_to) == (None, None, None)
    assert view.size == len(await store.raw(message))
