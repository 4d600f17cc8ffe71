"""What every home of the store must do, asked through the port."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from engine.clock import SystemClock
from engine.domain.changes import Conflict, Kept, Received, Released, Routed, RoutedAs, Sending, Settled
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Document, EffectRow, FactKeys, LineRow, Measure, Priority, Stepped
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.errors import Bug, StoreError
from engine.store.sqlite import SqliteReader, SqliteStore


@pytest.fixture
async def store(tmp_path):
    home = SqliteStore(tmp_path / "suture.db", site="north", environment="test", clock=SystemClock())
    await home.start()
    yield home
    await home.stop()


def received(number: int, *, control: bytes = b"k", body: bytes | None = None) -> Received:
    digest = body if body is not None else number.to_bytes(16)
    return Received(
        "ehr", 1000 + number, "DFT^P03", f"C{number}", b"MSH|raw", None, MessageState.PENDING, "", "AA",
        (control + number.to_bytes(4) if control == b"k" else control, digest),
    )  # fmt: skip


def stepped(key: bytes, *, held: bool = False, lane: int = 5, body: bytes = b"b" * 16) -> Stepped:
    line = LineRow(
        "or", 1, key, True, body, False, LineState.POSTED, "", Decimal("12.50"), "USD", (b"f" * 16,)
    )
    effect = EffectRow(
        0, "erp", "issue", Action.POST, key, 1,
        EffectState.HELD if held else EffectState.ROUTED, None if held else 0, None, Decimal(2),
        Measure.STATED, Decimal("12.50"), "USD", "supply-chain" if held else "", "items: code=X" if held else "",
    )  # fmt: skip
    document = Document(
        "or", "erp", "issue", Action.POST, lane, 0, "REF" + key.hex()[:8], "/goods-issues", b"{}"
    )
    record = b'{"facts":{},"lines":{"or/1":{"issue":{"code":"X"}}}}'
    state = MessageState.HELD if held else MessageState.ROUTED
    return Stepped(state, "", (line,), (effect,), () if held else (document,), (), record)


async def route(store, key: bytes, *, born=DeliveryState.READY, number: int = 1, **how) -> int:
    (kept,) = await store.submit([received(number)])
    step = stepped(key, **how)
    (answer,) = await store.submit([Routed(kept.id, step, (born,) * len(step.documents), 1, 2000)])
    assert isinstance(answer, RoutedAs)
    return kept.id


async def test_a_message_is_pending_until_it_is_routed(store):
    (kept,) = await store.submit([received(1)])
    assert [inbound.id for inbound in await store.pending(0, 10)] == [kept.id]
    await store.submit([Routed(kept.id, stepped(b"1" * 16), (DeliveryState.READY,), 1, 2000)])
    assert await store.pending(0, 10) == []
    assert [d.reference for d in await store.ready("erp", Priority.LIVE, 0, 10)] == ["REF" + b"1111".hex()]


async def test_the_same_control_id_and_body_is_kept_as_a_duplicate_of_the_first(store):
    first, second = await store.submit(
        [received(1, control=b"c", body=b"x"), received(2, control=b"c", body=b"x")]
    )
    (third,) = await store.submit([received(3, control=b"c", body=b"x")])
    assert second == Kept(second.id, MessageState.DUPLICATE, (first.id, "AA"))
    assert third.first == (first.id, "AA")


async def test_a_reused_control_id_with_another_body_is_processed(store):
    await store.submit([received(1, control=b"c", body=b"x")])
    (second,) = await store.submit([received(2, control=b"c", body=b"y")])
    assert second.state is MessageState.PENDING
    assert second.reused


async def test_a_taken_key_is_an_answer_and_leaves_its_neighbours_alone(store):
    first, second, third = await store.submit([received(1), received(2), received(3)])
    answers = await store.submit(
        [
            Routed(first.id, stepped(b"1" * 16), (DeliveryState.READY,), 1, 1),
            Routed(second.id, stepped(b"1" * 16), (DeliveryState.READY,), 1, 1),
            Routed(third.id, stepped(b"3" * 16), (DeliveryState.READY,), 1, 1),
        ]
    )
    assert [type(answer) for answer in answers] == [RoutedAs, Conflict, RoutedAs]
    assert [inbound.id for inbound in await store.pending(0, 10)] == [second.id]
    assert len(await store.ready("erp", Priority.LIVE, 0, 10)) == 2


async def test_an_illegal_move_fails_alone(store):
    (kept,) = await store.submit([received(1)])
    routed = Routed(kept.id, stepped(b"1" * 16), (DeliveryState.READY,), 1, 1)
    await store.submit([routed])
    again = store.submit([routed._replace(stepped=stepped(b"2" * 16))])
    other = store.submit([received(2)])
    with pytest.raises(Bug):
        await again
    assert isinstance((await other)[0], Kept)


async def test_a_delivery_goes_from_ready_to_a_receipt(store):
    message = await route(store, b"1" * 16)
    (ready,) = await store.ready("erp", Priority.LIVE, 0, 10)
    await store.submit([Sending((ready.id,), 3000)])
    assert [parked.state for parked in await store.parked("erp")] == [DeliveryState.SENDING]
    applied = Outcome(Verdict.APPLIED, "HTTP 201", "GI-1", Decimal("12.50"))
    await store.submit([Settled(ready.id, DeliveryState.DELIVERED, applied, 4000)])
    (view,) = await store.deliveries(message)
    assert (view.state, view.document, view.amount) == (DeliveryState.DELIVERED, "GI-1", Decimal("12.50"))
    assert [row.state for row in await store.account()] == ["delivered"]


async def test_a_final_rejection_frees_the_key_and_an_unknown_does_not(store):
    await route(store, b"1" * 16, born=DeliveryState.SENDING, number=1)
    await route(store, b"2" * 16, born=DeliveryState.SENDING, number=2)
    refused = Outcome(Verdict.REJECTED, "HTTP 422", reply=b"no")
    await store.submit([Settled(1, DeliveryState.HELD, refused, 1, frees=True)])
    await store.submit([Settled(2, DeliveryState.UNKNOWN, Outcome(Verdict.UNKNOWN, "timeout"), 1, next_us=9)])
    first, second = await store.gather([FactKeys(priors=(b"1" * 16,)), FactKeys(priors=(b"2" * 16,))])
    assert first.priors == {}
    assert len(second.priors[b"2" * 16]) == 1


async def test_a_held_effect_is_released_into_a_delivery(store):
    message = await route(store, b"1" * 16, held=True)
    (group,) = await store.worklist()
    assert (group.owner, group.cause, group.at_stake) == ("supply-chain", "items: code=X", Decimal("12.50"))
    assert await store.held_messages("supply-chain", None, 0, 10) == [message]
    (answer,) = await store.submit([Released(message, stepped(b"1" * 16), 1, 5, "ann", "row added")])
    assert isinstance(answer, RoutedAs)
    assert await store.worklist() == []
    assert [effect.state for effect in await store.effects(message)] == [EffectState.ROUTED]


async def test_what_a_release_finds_not_due_is_cancelled(store):
    message = await route(store, b"1" * 16, held=True)
    nothing = Stepped(MessageState.FILTERED, "no effect is due")
    await store.submit([Released(message, nothing, 1, 5, "ann", "row added")])
    assert [effect.state for effect in await store.effects(message)] == [EffectState.CANCELLED]
    assert {row.state for row in await store.account()} == {"cancelled"}


async def test_an_original_is_found_by_key_and_by_its_finds(store):
    await route(store, b"1" * 16)
    by_key, by_find = await store.gather([FactKeys(originals=(b"1" * 16,)), FactKeys(originals=(b"f" * 16,))])
    assert by_key.originals[b"1" * 16] == by_find.originals[b"f" * 16]
    (original,) = by_key.originals[b"1" * 16]
    assert original.fields == {"code": "X"}
    assert original.taken_back == 0


async def test_two_engines_cannot_hold_one_store(store, tmp_path):
    other = SqliteStore(tmp_path / "suture.db", site="north", environment="test", clock=SystemClock())
    with pytest.raises(StoreError, match="STO007"):
        await other.start()


async def test_a_store_is_not_opened_for_another_environment(store, tmp_path):
    await store.stop()
    other = SqliteStore(tmp_path / "suture.db", site="north", environment="prod", clock=SystemClock())
    with pytest.raises(StoreError, match="STO003"):
        await other.start()


async def test_ids_go_on_where_they_were_after_a_restart(store, tmp_path):
    await route(store, b"1" * 16)
    await store.stop()
    again = SqliteStore(tmp_path / "suture.db", site="north", environment="test", clock=SystemClock())
    await again.start()
    (kept,) = await again.submit([received(2)])
    assert kept.id == 2
    await again.stop()


async def test_many_submissions_share_commits_and_all_are_durable(store, tmp_path):
    futures = [store.submit([received(number)]) for number in range(1, 1001)]
    kept = await asyncio.gather(*futures)
    assert [answers[0].id for answers in kept] == list(range(1, 1001))
    reader = SqliteReader(tmp_path / "suture.db")
    assert len(await reader.pending(0, 2000)) == 1000
    reader.close()
