"""Messages come in once, in order, and repeats are known."""

from __future__ import annotations

import pytest

from engine.domain.changes import Kept
from engine.domain.message import Inbound
from engine.domain.status import MessageState
from engine.errors import Bug


async def test_a_message_is_pending_with_its_bytes_until_it_is_routed(store, make):
    arrival = make.received(charset="utf-8")
    (kept,) = await store.submit([arrival])
    assert kept == Kept(kept.id, MessageState.PENDING)
    assert await store.pending(0, 10) == [
        Inbound(kept.id, "ehr", arrival.received_us, arrival.raw, "utf-8", None)
    ]
    await store.submit([make.routed(kept.id, make.posting("a"))])
    assert await store.pending(0, 10) == []
    assert await store.raw(kept.id) == arrival.raw


async def test_pending_messages_are_read_in_inbox_order_after_an_id(store, make):
    kept = await store.submit([make.received() for _ in range(5)])
    ids = [answer.id for answer in kept]
    assert ids == sorted(ids)
    assert [inbound.id for inbound in await store.pending(ids[1], 2)] == ids[2:4]


async def test_a_repeat_is_kept_as_a_duplicate_of_the_first_and_knows_its_answer(store, make):
    (first,) = await store.submit([make.received("C1", answered="CA")])
    (repeat,) = await store.submit([make.received("C1", answered="AA")])
    assert repeat == Kept(repeat.id, MessageState.DUPLICATE, (first.id, "CA"))
    view, second = await make.views(store, [first.id, repeat.id])
    assert (second.state, second.relates_to, second.answered) == (MessageState.DUPLICATE, first.id, "AA")
    assert view.state is MessageState.PENDING
    assert [inbound.id for inbound in await store.pending(0, 10)] == [first.id]
    assert (await store.inbound(repeat.id)).replays is None


async def test_repeats_within_one_submission_are_known(store, make):
    first, second, other, third = await store.submit(
        [make.received("C1"), make.received("C1"), make.received("C1", "other"), make.received("C1", "other")]
    )
    assert second.first == (first.id, "AA")
    assert (other.state, other.reused) == (MessageState.PENDING, True)
    assert third.first == (other.id, "AA")


async def test_a_control_id_reused_within_one_submission_is_known(store, make):
    first, second = await store.submit([make.received("C1"), make.received("C1", "other")])
    assert (first.reused, second.reused) == (False, True)
    assert second.state is MessageState.PENDING


async def test_a_reused_control_id_with_another_body_is_processed(store, make):
    await store.submit([make.received("C1")])
    (second,) = await store.submit([make.received("C1", "other")])
    assert second == Kept(second.id, MessageState.PENDING, None, True)


async def test_a_refused_message_is_kept_and_judged_anew_when_it_comes_again(store, make):
    (refused,) = await store.submit(
        [make.received("C1", state=MessageState.REFUSED, reason="INT003", answered="AR")]
    )
    (again,) = await store.submit([make.received("C1")])
    assert refused == Kept(refused.id, MessageState.REFUSED)
    assert again == Kept(again.id, MessageState.PENDING)
    assert await store.raw(refused.id) is not None


async def test_what_would_be_refused_now_but_was_accepted_before_is_a_repeat(store, make):
    (first,) = await store.submit([make.received("C1")])
    (again,) = await store.submit([make.received("C1", state=MessageState.REFUSED, answered="AE")])
    assert again == Kept(again.id, MessageState.DUPLICATE, (first.id, "AA"))


async def test_a_message_without_a_control_id_is_never_a_repeat(store, make):
    first, second = await store.submit([make.received(control_id="", control=None) for _ in range(2)])
    assert (first.state, second.state) == (MessageState.PENDING, MessageState.PENDING)


async def test_a_replay_is_a_new_message_that_names_the_old_one(store, make):
    (first,) = await store.submit([make.received("C1")])
    (replay,) = await store.submit([make.received("C1", replays=first.id, actor="ann")])
    assert replay == Kept(replay.id, MessageState.PENDING)
    assert [inbound.replays for inbound in await store.pending(first.id, 10)] == [first.id]
    (later,) = await store.submit([make.received("C1")])
    assert later.first == (first.id, "AA")


async def test_a_message_cannot_arrive_in_a_state_that_only_a_step_gives(store, make):
    with pytest.raises(Bug, match="STO021"):
        await store.submit([make.received(state=MessageState.ROUTED)])


async def test_ids_and_repeats_go_on_after_a_restart(home, make):
    store = await home.open()
    (first,) = await store.submit([make.received("C1")])
    await home.close()
    store = await home.open()
    (repeat,) = await store.submit([make.received("C1")])
    assert repeat.id > first.id
    assert repeat.first == (first.id, "AA")


async def test_what_does_not_exist_is_none(store):
    assert await store.inbound(77) is None
    assert await store.raw(77) is None
    assert await store.record(77) is None
    assert await store.delivery(77) is None
    assert await store.payload(77) is None
