"""One destination's lanes on a real store: order, marks, retries, unknowns, stops. Rules of money, 7, 8, 14, 15, 32."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from engine.domain.changes import Received, Requeued, Routed
from engine.domain.message import MessageId
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Priority, Relied, Stepped
from engine.domain.status import DeliveryState, Fate, MessageState
from engine.errors import StoreUnavailable

REFUSED = Outcome(Verdict.REJECTED, "HTTP 422")
BUSY = Outcome(Verdict.NOT_SENT, "HTTP 503")
LOCKED_OUT = Outcome(Verdict.CREDENTIALS, "HTTP 401")
CUT = Outcome(Verdict.UNKNOWN, "cut")


async def test_documents_of_a_lane_leave_one_after_another_in_order(house):
    references = await house.post(7, 7, 7, 7, 7)
    await house.start()
    await house.delivered(*references)
    assert house.far.booked == references


async def test_a_backlog_of_thousands_is_delivered_in_order_of_its_lanes_with_few_in_memory(house):
    lanes = [number % 50 for number in range(2000)]
    references = await house.post(*lanes)
    dispatcher = await house.start()
    most = 0

    def done() -> bool:
        nonlocal most
        most = max(most, dispatcher.status().in_memory)
        return len(house.far.booked) == 2000

    await house.until(done, 60)
    assert most <= 700
    for lane in range(50):
        mine = [reference for reference, other in zip(references, lanes, strict=True) if other == lane]
        assert [reference for reference in house.far.booked if reference in set(mine)] == mine


async def test_no_more_leave_at_once_than_the_policy_says(house, quick):
    references = await house.post(*range(40))
    await house.start(replace(quick, concurrency=3))
    await house.delivered(*references)
    assert house.far.most_under_way == 3


async def test_no_more_leave_in_a_second_than_the_policy_says(house, quick):
    references = await house.post(*range(6))
    await house.start(replace(quick, rate=50.0))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await house.delivered(*references)
    assert loop.time() - began >= 5 / 50.0


async def test_a_document_is_marked_in_the_store_before_it_leaves(house):
    house.far.gate.clear()
    (reference,) = await house.post(7)
    await house.start()
    await asyncio.wait_for(house.far.seen.wait(), 5)
    assert await house.state(reference) is DeliveryState.SENDING
    house.far.gate.set()
    await house.delivered(reference)


async def test_a_document_that_may_wait_parks_its_lane_and_no_other(house):
    first, behind, other = await house.post(7, 7, 8)
    house.far.moods[first] = [BUSY, BUSY]
    await house.start()
    await house.delivered(first, behind, other)
    assert house.far.tries.index(other) < house.far.tries.index(behind)
    assert house.far.booked.index(first) < house.far.booked.index(behind)
    assert (await house.row(first)).attempts == 3


async def test_a_final_refusal_steps_aside(house):
    first, behind = await house.post(7, 7)
    house.far.moods[first] = [REFUSED]
    await house.start()
    await house.delivered(behind)
    assert await house.state(first) is DeliveryState.HELD


async def test_an_unknown_that_was_applied_is_found_by_asking_and_never_sent_again(house):
    first, behind = await house.post(7, 7)
    house.far.moods[first] = ["lost"]
    await house.start()
    await house.delivered(first, behind)
    assert house.far.tries.count(first) == 1
    assert house.far.booked == [first, behind]


async def test_an_unknown_that_was_not_applied_is_asked_twice_before_it_is_sent_again(house):
    (reference,) = await house.post(7)
    house.far.moods[reference] = [CUT]
    await house.start()
    await house.delivered(reference)
    assert house.far.asked == [reference, reference]
    assert house.far.tries == [reference, reference]


async def test_a_question_that_fails_proves_nothing(house):
    (reference,) = await house.post(7)
    house.far.moods[reference] = ["lost"]
    house.far.probes = [CUT, Outcome(Verdict.ABSENT, "HTTP 404"), CUT]
    await house.start()
    await house.delivered(reference)
    assert house.far.tries == [reference]


async def test_where_nobody_can_be_asked_a_person_decides(house, quick):
    (reference,) = await house.post(7)
    house.far.moods[reference] = ["lost"]
    await house.start(replace(quick, asks=False))
    await house.until(lambda: (reference, DeliveryState.HELD) in house.told.ends)
    assert house.far.tries == [reference]


async def test_where_the_far_end_honours_keys_the_same_document_is_sent_again(house, quick):
    (reference,) = await house.post(7)
    house.far.moods[reference] = [CUT]
    await house.start(replace(quick, asks=False, repeats=True))
    await house.delivered(reference)
    assert house.far.tries == [reference, reference]
    assert house.far.asked == []


async def test_an_adapter_that_breaks_leaves_an_unknown_and_is_told(house):
    (reference,) = await house.post(7)
    house.far.moods[reference] = [ValueError("a bug")]
    await house.start()
    await house.delivered(reference)
    assert [type(error) for error in house.told.faults] == [ValueError]
    assert len(house.far.asked) == 2


async def test_credentials_stop_the_destination_and_burn_no_attempt(house):
    (reference,) = await house.post(7)
    house.far.moods[reference] = [LOCKED_OUT]
    dispatcher = await house.start()
    await house.until(lambda: bool(house.told.ends))
    assert dispatcher.status().state == "stopped: HTTP 401"
    assert (await house.row(reference)).attempts == 0
    assert await house.store.stopped() == {"erp": "HTTP 401"}
    await dispatcher.resume("ann")
    await house.delivered(reference)
    assert await house.store.stopped() == {}


async def test_what_is_ready_waits_while_a_person_holds_the_destination(house):
    dispatcher = await house.start()
    await dispatcher.hold("maintenance", "ann")
    (reference,) = await house.post(7)
    dispatcher.wake(Priority.LIVE)
    assert not dispatcher.reserve(9)
    await dispatcher.stop()
    assert house.far.tries == []
    assert await house.state(reference) is DeliveryState.READY


async def test_a_document_born_sending_leaves_without_another_mark(house):
    dispatcher = await house.start()
    await settle_scan()
    assert dispatcher.reserve(7)
    assert not dispatcher.reserve(7)
    (reference,) = await house.post(7, born=DeliveryState.SENDING)
    (outgoing,) = await house.store.lane("erp", 7, 9)
    dispatcher.offer(outgoing)
    await house.delivered(reference)


async def test_a_released_place_may_be_taken_again(house):
    dispatcher = await house.start()
    await settle_scan()
    assert dispatcher.reserve(7)
    dispatcher.release(7)
    assert dispatcher.reserve(7)
    dispatcher.release(7)


async def test_what_was_leaving_when_the_engine_died_is_asked_about(house):
    house.far.gate.clear()
    applied, absent = await house.post(7, 8)
    await house.start()
    await _seen(house, 2)
    await house.crash()
    house.far.gate.set()
    house.far.booked.append(applied)
    house.far.tries.clear()
    await house.start()
    await house.delivered(applied, absent)
    assert house.far.tries == [absent]


async def test_a_clean_stop_finishes_what_is_under_way_and_makes_no_unknown(house, quick):
    house.far.gate.clear()
    references = await house.post(*range(20))
    dispatcher = await house.start(replace(quick, concurrency=2))
    await _seen(house, 2)
    stopping = asyncio.ensure_future(dispatcher.stop())
    await asyncio.sleep(0)
    house.far.gate.set()
    await stopping
    states = [await house.state(reference) for reference in references]
    assert states.count(DeliveryState.DELIVERED) == 2
    assert states.count(DeliveryState.READY) == 18
    assert house.far.closed


async def test_what_is_cut_after_its_grace_is_asked_about_at_the_next_start(house, quick):
    house.far.gate.clear()
    (reference,) = await house.post(7)
    dispatcher = await house.start(replace(quick, stop_grace=0.01))
    await _seen(house, 1)
    await dispatcher.stop()
    assert await house.state(reference) is DeliveryState.SENDING
    house.far.gate.set()
    await house.start()
    await house.delivered(reference)
    assert len(house.far.asked) == 2


async def test_a_receipt_is_written_however_long_the_store_is_away(house):
    (reference,) = await house.post(7)
    dispatcher = await house.start()
    real, away = house.store.submit, 2

    def submit(changes):
        nonlocal away
        if away and house.far.booked:
            away -= 1
            failed = asyncio.get_running_loop().create_future()
            failed.set_exception(StoreUnavailable("STO010", "the disk is full", "free space"))
            return failed
        return real(changes)

    dispatcher._writer = type("Writer", (), {"submit": staticmethod(submit)})()
    await house.delivered(reference)
    assert house.far.tries == [reference]
    assert away == 0


async def test_live_documents_pass_a_backlog_of_late_ones(house, quick):
    late = await house.post(*range(400), priority=Priority.LATE)
    (live,) = await house.post(1000)
    await house.start(replace(quick, concurrency=1))
    await house.delivered(live)
    assert house.far.booked.index(live) < 20
    await house.delivered(*late)


async def test_the_newest_pass_a_backlog_and_its_lanes_keep_their_order(house, quick):
    references = await house.post(*[number % 300 for number in range(1000)])
    (newest,) = await house.post(5000)
    await house.start(replace(quick, concurrency=1))
    await house.delivered(*references, newest)
    assert house.far.booked.index(newest) < 300
    for lane in range(300):
        mine = references[lane::300]
        assert [reference for reference in house.far.booked if reference in set(mine)] == mine


async def test_a_live_document_does_not_pass_a_late_one_of_its_own_lane(house):
    (late,) = await house.post(7, priority=Priority.LATE)
    (live,) = await house.post(7)
    await house.start()
    await house.delivered(late, live)
    assert house.far.booked == [late, live]


async def test_many_go_in_one_call_when_more_wait_than_may_leave(house, quick):
    references = await house.post(*range(30))
    await house.start(replace(quick, concurrency=1, batch_most=8))
    await house.delivered(*references)
    assert max(house.far.calls) > 1
    assert max(house.far.calls) <= 8


async def test_a_far_end_that_is_away_is_left_alone_and_tried_again(house):
    references = await house.post(*range(12))
    for reference in references:
        house.far.moods[reference] = [BUSY]
    dispatcher = await house.start()
    await house.until(lambda: dispatcher.status().state.startswith("breaker"))
    await house.delivered(*references)
    assert dispatcher.status().state == "open"


async def settle_scan() -> None:
    """The first look into an empty store is over."""
    for _ in range(5):
        await asyncio.sleep(0)


async def _seen(house, tries: int) -> None:
    async with asyncio.timeout(5):
        while len(house.far.tries) < tries:
            house.far.seen.clear()
            await house.far.seen.wait()


async def test_of_a_restored_store_nothing_leaves_before_its_far_end_was_asked(house, tmp_path):
    sent, open_then = await house.post(1, 2)
    await house.restored_while(sent)
    fresh = (await house.post(3))[0]
    dispatcher = await house.start()
    assert not dispatcher.reserve(9)
    await house.delivered(sent, open_then, fresh)
    assert house.far.tries == [open_then, fresh] or house.far.tries == [fresh, open_then]
    assert set(house.far.asked) == {sent, open_then, fresh}


async def test_of_a_restored_store_what_nobody_can_be_asked_about_is_a_persons(house, quick):
    (reference,) = await house.post(1)
    await house.restored_while(reference)
    await house.start(replace(quick, asks=False, repeats=True))
    await house.until(lambda: (reference, DeliveryState.HELD) in house.told.ends)
    assert house.far.tries == []


async def test_when_the_recovery_ends_documents_leave_unasked_again(house):
    (first,) = await house.post(1)
    await house.restored_while()
    dispatcher = await house.start()
    await house.delivered(first)
    dispatcher.recovered()
    (second,) = await house.post(2)
    dispatcher.wake(Priority.LIVE)
    await house.delivered(second)
    assert second not in house.far.asked


async def test_a_restored_backlog_is_asked_about_few_at_a_time(house, quick):
    references = await house.post(*range(300))
    await house.restored_while(*references)
    dispatcher = await house.start(replace(quick, concurrency=4))
    most = 0

    def done() -> bool:
        nonlocal most
        most = max(most, dispatcher.status().parked)
        return len(house.told.ends) >= 300

    await house.until(done, 30)
    assert house.far.tries == []
    assert most <= 130


async def cancel(house, *references: str) -> None:
    """A credit meets what never left: row and effect are cancelled, as the store does it for a step."""
    for reference in references:
        row = await house.row(reference)
        (effect,) = await house.store.effects(row.message_id)
        kept = await house.store.submit([received()])
        relied = Relied(effect.id, Fate.QUEUED, frozenset())
        credit = Stepped(MessageState.FILTERED, "credit", relies=(relied,), cancels=(effect.id,))
        await house.store.submit([Routed(MessageId(kept[0].id), credit, (), 1, 1)])


def received() -> Received:
    return Received("f", 1, "DFT^P03", "1", b"raw", None, MessageState.PENDING, "", "AA", None)


async def test_what_is_cancelled_while_it_is_in_memory_never_leaves_and_its_lane_goes_on(house):
    house.far.gate.clear()
    first, gone, also_gone, behind = await house.post(7, 7, 7, 7)
    (other,) = await house.post(8)
    await house.start()
    await asyncio.wait_for(house.far.seen.wait(), 5)
    await cancel(house, gone, also_gone)
    house.far.gate.set()
    await house.delivered(first, behind, other)
    assert not {gone, also_gone} & set(house.far.tries)
    assert await house.state(gone) is DeliveryState.CANCELLED
    assert house.told.faults == []
    assert house.dispatcher.status().in_memory == 0


async def test_what_is_cancelled_while_it_waits_for_another_try_lets_its_lane_go_on(house):
    first, behind = await house.post(7, 7)
    house.far.moods[first] = [BUSY] * 1000
    await house.start()
    await house.until(lambda: (first, DeliveryState.WAITING) in house.told.ends)
    while await house.state(first) is not DeliveryState.CANCELLED:
        await cancel(house, first)  # a conflict while it is just leaving
    await house.delivered(behind)
    assert house.told.faults == []


async def test_both_lanes_of_a_merged_account_drain_before_the_joined_one_runs(house):
    loser, survivor = await house.post(1, 2)
    house.far.moods[loser] = [BUSY, BUSY]
    (joined,) = await house.post(2, joins=(1,))
    (stranger,) = await house.post(3)
    await house.start()
    await house.delivered(loser, survivor, joined, stranger)
    assert house.far.booked.index(joined) > house.far.booked.index(loser)
    assert house.far.booked.index(stranger) < house.far.booked.index(joined)


async def test_where_a_hold_parks_its_lane_what_comes_after_waits_for_a_person_and_nobody_else_does(
    house, quick, monkeypatch
):
    monkeypatch.setattr("engine.delivery.dispatcher.HELD_PAUSE", 0.02)
    refused, behind, stranger = await house.post(7, 7, 8)
    house.far.moods[refused] = [REFUSED]
    dispatcher = await house.start(replace(quick, parks=True))
    await house.until(lambda: (refused, DeliveryState.HELD) in house.told.ends)
    (later,) = await house.post(8)
    dispatcher.wake(Priority.LIVE)
    await house.delivered(stranger, later)
    assert await house.state(behind) is DeliveryState.READY
    row = await house.row(refused)
    await house.store.submit([Requeued(row.id, 1, "ann", "mended")])
    dispatcher.wake(Priority.LIVE)
    await house.until(lambda: len(house.far.booked) == 4)
    assert house.far.booked[-2:] == [behind, refused]  # what is sent again joins the end of its lane


async def test_nothing_is_born_leaving_where_a_hold_parks_its_lane(house, quick):
    dispatcher = await house.start(replace(quick, parks=True))
    assert not dispatcher.reserve(7)


# What is sent again without being asked about --------------------------------------------------------------


async def test_an_unknown_that_is_sent_again_stays_unknown_until_it_is_answered(house, quick):
    """It may be there: a credit must wait for it, and nobody may cancel it (rules of money, 8 and 10)."""
    (reference,) = await house.post(7)
    house.far.moods[reference] = [CUT, BUSY, BUSY]
    await house.start(replace(quick, asks=False, repeats=True))
    await house.delivered(reference)
    states = [state for told, state in house.told.ends if told == reference]
    assert set(states[:-1]) == {DeliveryState.UNKNOWN}
    assert house.far.booked == [reference]


async def test_what_was_leaving_when_the_engine_died_is_sent_again_where_keys_are_honoured(house, quick):
    references = await house.post(7, 8, born=DeliveryState.SENDING)
    await house.start(replace(quick, asks=False, repeats=True))
    await house.delivered(*references)
    assert house.told.faults == []


async def test_a_refusal_after_an_unknown_frees_no_key(house, quick):
    (reference,) = await house.post(7)
    house.far.moods[reference] = ["lost", REFUSED]
    await house.start(replace(quick, asks=False, repeats=True))
    await house.until(lambda: (reference, DeliveryState.HELD) in house.told.ends)
    row = await house.row(reference)
    assert row.code == "refused after unknown: HTTP 422"
    (carried,) = await house.store.carried_by(row.id)
    assert carried[3], "it owns its key still"
    assert await house.store.held_deliveries("erp", 10) == []


async def test_a_document_that_stands_half_way_is_gone_on_with_and_nobody_takes_it_for_absent(house, quick):
    half = Outcome(Verdict.HALF, "half booked")
    (reference,) = await house.post(7)
    house.far.moods[reference] = [half, BUSY]
    house.far.probes = [half, half]
    await house.start(quick)
    await house.delivered(reference)
    states = [state for told, state in house.told.ends if told == reference]
    assert set(states[:-1]) == {DeliveryState.UNKNOWN}


async def test_each_unknown_is_asked_about_twice_before_anything_is_sent(house, quick):
    (reference,) = await house.post(7)
    house.far.moods[reference] = [CUT, CUT]
    await house.start(quick)
    await house.delivered(reference)
    assert house.far.asked == [reference] * 4


async def test_a_probe_that_breaks_stalls_no_lane(house, quick):
    (reference,) = await house.post(7)
    house.far.moods[reference] = [CUT]
    probe, broken = house.far.probe, [RuntimeError("odd")]

    async def odd(delivery):
        if broken:
            raise broken.pop()
        return await probe(delivery)

    house.far.probe = odd
    await house.start(quick)
    await house.delivered(reference)
    assert len(house.told.faults) == 1


async def test_a_store_that_fails_while_heads_are_marked_stalls_no_lane(house, quick):
    (loser,) = await house.post(1)
    references = await house.post(2, 3, joins=(1,))
    real, failing = house.store.open_before, [StoreUnavailable("STO001", "busy", "wait")]

    async def once(*arguments):
        if failing:
            raise failing.pop()
        return await real(*arguments)

    house.store.open_before = once
    await house.start(quick)
    await house.delivered(loser, *references)
    assert house.dispatcher.status().in_memory == 0
