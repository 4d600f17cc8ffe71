"""A submission is one piece; what is at fault fails alone; many submissions share commits and keep their order."""

from __future__ import annotations

import asyncio

import pytest

from engine.domain.changes import Conflict, Kept, RoutedAs, Sending
from engine.domain.posting import FactKeys
from engine.domain.status import DeliveryState, MessageState
from engine.errors import Bug


async def test_submissions_are_kept_in_call_order(plain, make):
    futures = [plain.submit([make.received()]) for _ in range(1000)]
    assert plain.backlog == 1000
    answers = await asyncio.gather(*futures)
    assert [kept.id for (kept,) in answers] == list(range(1, 1001))
    assert plain.backlog == 0
    assert len(await plain.pending(0, 2000)) == 1000


async def test_a_change_at_fault_undoes_its_whole_submission_and_no_other(store, make):
    first, second = await make.message(store), await make.message(store)
    futures = [
        store.submit([make.received("before")]),
        store.submit(
            [
                make.routed(first, make.posting("a")),
                make.received("inside"),
                make.routed(second, make.posting("b"), from_state=MessageState.HELD),
            ]
        ),
        store.submit([make.received("after")]),
    ]
    before, fault, after = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(before[0], Kept)
    assert isinstance(after[0], Kept)
    assert isinstance(fault, Bug)
    assert await make.state(store, first) is MessageState.PENDING
    assert await store.effects(first) == []
    assert [inbound.id for inbound in await store.pending(second, 10)] == sorted([before[0].id, after[0].id])
    (again,) = await store.submit([make.received("inside")])
    assert again.first is None
    await store.submit([make.routed(first, make.posting("a"))])


async def test_a_change_that_the_store_cannot_take_is_a_bug_without_its_values(store, make):
    secret = make.received(feed=None, control_id="PATIENT-NAME")
    other = store.submit([make.received()])
    with pytest.raises(Bug, match="STO023") as told:
        await store.submit([secret])
    assert "PATIENT" not in str(told.value)
    assert isinstance((await other)[0], Kept)


async def test_two_that_want_one_key_at_the_same_time_are_one_owner_and_one_conflict(store, make):
    first, second = await make.message(store), await make.message(store)
    answers = await asyncio.gather(
        store.submit([make.routed(first, make.posting("a"))]),
        store.submit([make.routed(second, make.posting("a"))]),
    )
    assert sorted(type(answer).__name__ for (answer,) in answers) == ["Conflict", "RoutedAs"]
    (facts,) = await store.gather([FactKeys(priors=(make.key("a"),))])
    assert len(facts.priors[make.key("a")]) == 1


async def test_a_key_freed_in_a_submission_may_be_taken_later_in_it(store, make):
    _, (delivery,) = await make.post(store, make.posting("a"), DeliveryState.SENDING)
    message = await make.message(store)
    refusal = make.settled(delivery, DeliveryState.HELD, make.refused, frees=True)
    taken, _, routed = await store.submit(
        [make.routed(message, make.posting("a")), refusal, make.routed(message, make.posting("a"))]
    )
    assert taken == Conflict(make.key("a"))
    assert isinstance(routed, RoutedAs)


async def test_a_conflict_gathered_with_others_of_its_submission_costs_them_nothing(store, make):
    await make.post(store, make.posting("a"))
    messages = [await make.message(store) for _ in range(3)]
    answers = await store.submit(
        [make.routed(message, make.posting(key)) for message, key in zip(messages, "bac", strict=True)]
    )
    assert [type(answer) for answer in answers] == [RoutedAs, Conflict, RoutedAs]
    assert [await make.state(store, message) for message in messages] == [
        MessageState.ROUTED,
        MessageState.PENDING,
        MessageState.ROUTED,
    ]


async def test_an_empty_submission_is_answered(store):
    assert await store.submit([]) == []


async def test_a_caller_who_gave_up_changes_nothing(plain, make):
    future = plain.submit([make.received()])
    future.cancel()
    await plain.submit([make.received()])
    assert len(await plain.pending(0, 10)) == 2


async def test_what_is_submitted_by_the_time_of_stopping_is_committed(home, make):
    await home.open()
    futures = [home.store.submit([make.received()]) for _ in range(50)]
    await home.close()
    assert all(future.done() for future in futures)
    store = await home.open()
    assert len(await store.pending(0, 100)) == 50


async def test_marks_of_one_submission_are_all_made_or_none(store, make):
    _, (first,) = await make.post(store, make.posting("a"))
    _, (second,) = await make.post(store, make.posting("b"), DeliveryState.SENDING)
    with pytest.raises(Bug):
        await store.submit([Sending((first, second), 1)])
    assert (await store.delivery(first)).state is DeliveryState.READY
