"""Deliveries move legally, in order, and what became of each try is kept."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.domain.changes import Conflict, RoutedAs, Sending, Stopped, Withdrawn
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import FactKeys, Priority
from engine.domain.status import DELIVERY_MOVES, DeliveryState, EffectState, MessageState
from engine.domain.views import AttemptView, Outgoing, ParkedLane
from engine.errors import Bug

LIVE, LATE = Priority
READY, SENDING, WAITING, UNKNOWN, DELIVERED, HELD, CANCELLED = DeliveryState
ENDS = {
    DELIVERED: Outcome(Verdict.APPLIED, "HTTP 201"),
    WAITING: Outcome(Verdict.NOT_SENT, "HTTP 503"),
    UNKNOWN: Outcome(Verdict.UNKNOWN, "timeout"),
    HELD: Outcome(Verdict.REJECTED, "refused: no"),
    CANCELLED: Outcome(Verdict.NOT_SENT, "credited"),
}


async def drive(store, make, delivery: int, state: DeliveryState) -> None:
    """Brings a READY delivery to `state` by legal moves."""
    if state is READY:
        return
    if state is CANCELLED:
        await make.end(store, delivery, CANCELLED, ENDS[CANCELLED])
        return
    await store.submit([Sending((delivery,), 3_000_000)])
    if state is not SENDING:
        await make.end(store, delivery, state, ENDS[state])


async def test_ready_documents_are_read_in_order_with_their_payloads(store, make):
    made = [await make.post(store, make.posting(name)) for name in "abc"]
    ids = [delivery for _, (delivery,) in made]
    ready = await store.ready("erp", LIVE, ids[0], 1)
    document = make.document("b")
    assert ready == [
        Outgoing(
            ids[1],
            "erp",
            "issue",
            document.action,
            5,
            0,
            "REF-b",
            "/issues",
            document.payload,
            0,
            READY,
            None,
        )
    ]
    assert await store.ready("billing", LIVE, 0, 10) == []


async def test_a_lane_shows_its_open_documents_in_order(store, make):
    other = make.posting("z", documents=(make.document("z", lane=6),))
    await make.post(store, other)
    ids = [(await make.post(store, make.posting(name)))[1][0] for name in "abcd"]
    await drive(store, make, ids[0], DELIVERED)
    await drive(store, make, ids[1], WAITING)
    await drive(store, make, ids[2], HELD)
    assert [(outgoing.id, outgoing.state) for outgoing in await store.lane("erp", 5, 10)] == [
        (ids[1], WAITING),
        (ids[3], READY),
    ]


async def test_live_and_late_documents_are_read_apart(store, make):
    made = {}
    for name, priority in (("a", LATE), ("b", LIVE), ("c", LATE)):
        document = make.document(name, lane=ord(name))._replace(priority=priority)
        _, (made[name],) = await make.post(store, make.posting(name, documents=(document,)))
    assert [row.id for row in await store.ready("erp", LIVE, 0, 10)] == [made["b"]]
    assert [row.id for row in await store.ready("erp", LATE, 0, 10)] == [made["a"], made["c"]]


async def test_documents_that_another_precedes_in_their_lane_are_told(store, make):
    made = []
    for name, lane in (("a", 5), ("b", 5), ("c", 6), ("d", 7), ("e", 7)):
        document = make.document(name, lane=lane)
        _, (delivery,) = await make.post(store, make.posting(name, documents=(document,)))
        made.append(delivery)
    await drive(store, make, made[3], HELD)
    assert await store.preceded(made) == {made[1]}
    assert await store.preceded([]) == set()


async def test_the_place_from_the_newest_counts_live_ready_documents(store, make):
    assert await store.newest("erp", 1) == 0
    made = [(await make.post(store, make.posting(name)))[1][0] for name in "abc"]
    late = make.document("z", lane=9)._replace(priority=LATE)
    await make.post(store, make.posting("z", documents=(late,)))
    await drive(store, make, made[1], DELIVERED)
    assert [await store.newest("erp", place) for place in (1, 2, 3)] == [made[2], made[0], 0]


async def test_what_was_marked_and_did_not_leave_is_ready_again(store, make):
    _, (delivery,) = await make.post(store, make.posting("a"), SENDING)
    await store.submit([Withdrawn((delivery,))])
    assert [row.id for row in await store.ready("erp", LIVE, 0, 10)] == [delivery]
    with pytest.raises(Bug):
        await store.submit([Withdrawn((delivery,))])


async def test_what_parks_a_lane_is_told_with_when_it_left(store, make):
    ids = [(await make.post(store, make.posting(name)))[1][0] for name in "abc"]
    _, (born,) = await make.post(store, make.posting("d"), SENDING)
    await store.submit([Sending((ids[0], ids[1]), 3_000_000)])
    await make.end(store, ids[1], WAITING, make.not_sent, next_us=9_000_000)
    assert await store.parked("erp") == [
        ParkedLane(ids[0], 5, SENDING, None, 3_000_000),
        ParkedLane(ids[1], 5, WAITING, 9_000_000, 3_000_000),
        ParkedLane(born, 5, SENDING, None, 2_000_000),
    ]


async def test_what_was_sending_at_a_crash_is_told_after_it(home, make):
    store = await home.open()
    _, (delivery,) = await make.post(store, make.posting("a"), SENDING)
    await home.close()
    store = await home.open()
    assert [(parked.delivery, parked.state) for parked in await store.parked("erp")] == [(delivery, SENDING)]
    await make.end(store, delivery, UNKNOWN, make.unknown, counts=False)


async def test_a_receipt_says_what_the_far_end_booked(store, make):
    message, (delivery,) = await make.post(store, make.posting("a"), SENDING)
    await make.end(store, delivery, DELIVERED, make.applied)
    (view,) = await store.deliveries(message)
    assert (view.state, view.document, view.amount, view.attempts) == (DELIVERED, "GI-1", Decimal("12.50"), 1)
    assert (view.settled_us, view.code) == (4_000_000, "HTTP 201")
    assert await store.attempts(message) == []
    assert await store.parked("erp") == []
    assert [document.id for document in await store.documents("erp", 0, 10)] == [delivery]


async def test_every_other_try_is_an_attempt(store, make):
    message, (delivery,) = await make.post(store, make.posting("a"), SENDING)
    await make.end(store, delivery, WAITING, make.not_sent, next_us=5)
    await store.submit([Sending((delivery,), 6)])
    await make.end(store, delivery, UNKNOWN, make.unknown, next_us=7)
    await make.end(store, delivery, UNKNOWN, make.unknown, next_us=8, counts=False)
    assert await store.attempts(message) == [
        AttemptView(delivery, 4_000_000, Verdict.NOT_SENT, "HTTP 503"),
        AttemptView(delivery, 4_000_000, Verdict.UNKNOWN, "timeout"),
        AttemptView(delivery, 4_000_000, Verdict.UNKNOWN, "timeout"),
    ]
    view = await store.delivery(delivery)
    assert (view.attempts, view.next_us, view.settled_us) == (2, 8, None)


@pytest.mark.parametrize("to", list(ENDS))
@pytest.mark.parametrize("start", [READY, SENDING, WAITING, UNKNOWN, DELIVERED, CANCELLED])
async def test_a_try_ends_only_where_the_table_of_moves_leads(plain, make, start, to):
    _, (delivery,) = await make.post(plain, make.posting("a"))
    await drive(plain, make, delivery, start)
    end = plain.submit([make.settled(delivery, to, ENDS[to])])
    if to in DELIVERY_MOVES[start]:
        await end
        assert (await plain.delivery(delivery)).state is to
    else:
        with pytest.raises(Bug, match="STO020"):
            await end
        assert (await plain.delivery(delivery)).state is start


async def test_only_a_person_leads_out_of_held(store, make):
    message, delivery = await make.refuse(store, make.posting("a"))
    with pytest.raises(Bug, match="STO020"):
        await make.end(store, delivery, DELIVERED, make.applied)
    await make.end(store, delivery, DELIVERED, make.applied, actor="ann")
    assert (await store.delivery(delivery)).document == "GI-1"
    assert await store.worklist() == []
    (facts,) = await store.gather([FactKeys(priors=(make.key("a"),))])
    assert [prior.message_id for prior in facts.priors[make.key("a")]] == [message]


async def test_a_delivery_that_is_not_there_cannot_move(store, make):
    with pytest.raises(Bug, match="STO020"):
        await make.end(store, 99, DELIVERED, make.applied)
    with pytest.raises(Bug, match="STO020"):
        await store.submit([Sending((99,), 1)])


async def test_moves_of_one_submission_happen_in_its_order(store, make):
    _, (delivery,) = await make.post(store, make.posting("a"), SENDING)
    await store.submit(
        [
            make.settled(delivery, UNKNOWN, make.unknown),
            make.settled(delivery, WAITING, make.not_sent, next_us=1),
            Sending((delivery,), 8_000_000),
        ]
    )
    assert await store.parked("erp") == [ParkedLane(delivery, 5, SENDING, None, 8_000_000)]


async def test_a_final_rejection_frees_the_key_and_an_unknown_does_not(store, make):
    await make.refuse(store, make.posting("a"))
    _, (unknown,) = await make.post(store, make.posting("b"), SENDING)
    await make.end(store, unknown, HELD, make.unknown)
    (facts,) = await store.gather([FactKeys(priors=(make.key("a"), make.key("b")))])
    assert set(facts.priors) == {make.key("b")}
    await make.post(store, make.posting("a"))


async def test_a_requeued_document_goes_again_as_it_was_at_the_end_of_its_lane(store, make):
    message, delivery = await make.refuse(store, make.posting("a"))
    _, (later,) = await make.post(store, make.posting("b"))
    (answer,) = await store.submit([make.requeued(delivery)])
    (again,) = answer.deliveries
    assert [outgoing.id for outgoing in await store.lane("erp", 5, 10)] == [later, again]
    assert await store.payload(again) == make.document("a").payload
    old, new = await store.deliveries(message)
    assert (old.state, new.state, new.reference, new.attempts) == (CANCELLED, READY, old.reference, 0)
    assert [effect.delivery_id for effect in await store.effects(message)] == [again]
    assert await store.worklist() == []
    other = await make.message(store)
    assert await store.submit([make.routed(other, make.posting("a"))]) == [Conflict(make.key("a"))]


async def test_a_requeue_after_the_key_was_taken_is_a_conflict(store, make):
    message, delivery = await make.refuse(store, make.posting("a"))
    await make.post(store, make.posting("a"))
    assert await store.submit([make.requeued(delivery)]) == [Conflict(make.key("a"))]
    assert (await store.delivery(delivery)).state is HELD
    assert [effect.delivery_id for effect in await store.effects(message)] == [delivery]


async def test_only_a_held_document_is_requeued(store, make):
    _, (delivery,) = await make.post(store, make.posting("a"))
    with pytest.raises(Bug, match="STO020"):
        await store.submit([make.requeued(delivery)])


async def test_a_document_cancelled_before_it_left_frees_its_keys(store, make):
    message, (delivery,) = await make.post(store, make.posting("a"))
    await make.end(store, delivery, CANCELLED, ENDS[CANCELLED])
    assert [effect.state for effect in await store.effects(message)] == [EffectState.CANCELLED]
    assert await make.state(store, message) is MessageState.FILTERED
    await make.post(store, make.posting("a"))


async def test_held_deliveries_are_listed_oldest_first(store, make):
    _, first = await make.refuse(store, make.posting("a"))
    _, second = await make.refuse(store, make.posting("b"))
    assert await store.held_deliveries(None, 10) == [first, second]
    assert await store.held_deliveries("erp", 1) == [first]
    assert await store.held_deliveries("billing", 10) == []


async def test_a_stopped_destination_is_remembered(home, make):
    store = await home.open()
    await store.submit([Stopped("erp", True, "HTTP 401", 1, ""), Stopped("billing", True, "ann", 1, "ann")])
    await store.submit([Stopped("billing", False, "", 2, "ann")])
    await home.close()
    store = await home.open()
    assert await store.stopped() == {"erp": "HTTP 401"}


async def test_a_requeued_document_is_answered_by_its_new_id(store, make):
    _, delivery = await make.refuse(store, make.posting("a"))
    (answer,) = await store.submit([make.requeued(delivery)])
    assert isinstance(answer, RoutedAs)
    assert answer.deliveries[0] > delivery


async def test_what_is_held_before_a_document_is_known_by_its_lanes(store, make):
    _, refused = await make.refuse(store, make.posting("refused"))
    _, (behind,) = await make.post(store, make.posting("behind"))
    assert await store.held_before("erp", (5,), behind)
    assert not await store.held_before("erp", (5,), refused)
    assert not await store.held_before("erp", (6,), behind)
    assert await store.held_before("erp", (6, 5), behind)
    assert not await store.held_before("billing", (5,), behind)
    await store.submit([make.requeued(refused)])
    assert not await store.held_before("erp", (5,), behind)
    held = make.holding("screw")
    held = held._replace(effects=(held.effects[0]._replace(lane=7),))
    message, _ = await make.post(store, held)
    _, (later,) = await make.post(store, make.posting("later"))
    assert await store.held_before("erp", (7,), later)
    assert not await store.held_before("billing", (7,), later)
    assert not await store.held_before("erp", (8,), later)
    assert not await store.held_before("erp", (7,), behind)
    await store.submit([make.released(message, make.posting("screw"))])
    assert not await store.held_before("erp", (7,), later)


async def test_what_may_be_there_is_not_sent_again_with_what_was_refused(store, make):
    _, refused = await make.refuse(store, make.posting("refused"))
    _, (unknown,) = await make.post(store, make.posting("unknown"), SENDING)
    await make.end(store, unknown, HELD, Outcome(Verdict.UNKNOWN, "unknown: nobody to ask"))
    _, (doubted,) = await make.post(store, make.posting("doubted"), SENDING)
    await make.end(store, doubted, HELD, Outcome(Verdict.REJECTED, "refused after unknown: AE"))
    _, (tired,) = await make.post(store, make.posting("tired"), SENDING)
    await make.end(store, tired, HELD, Outcome(Verdict.NOT_SENT, "gave up"))
    assert await store.held_deliveries("erp", 10) == [refused, tired]
