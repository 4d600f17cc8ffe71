"""The sums close: every effect is in one place, and money is exact."""

from __future__ import annotations

from decimal import Decimal

from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Measure
from engine.domain.status import DeliveryState, EffectState, LineState
from engine.domain.views import AccountRow


def in_place(rows: list[AccountRow]) -> dict[str, tuple[int, Decimal]]:
    return {row.state: (row.effects, row.amount) for row in rows}


async def test_every_effect_that_is_expected_stands_in_exactly_one_place(store, make):
    waiting, (ready,) = await make.post(store, make.posting("ready"))
    await make.post(store, make.posting("sending"), DeliveryState.SENDING)
    for name, state, outcome in (
        ("delivered", DeliveryState.DELIVERED, make.applied),
        ("waiting", DeliveryState.WAITING, make.not_sent),
        ("unknown", DeliveryState.UNKNOWN, make.unknown),
        ("refused", DeliveryState.HELD, make.refused),
    ):
        _, (delivery,) = await make.post(store, make.posting(name), DeliveryState.SENDING)
        await make.end(store, delivery, state, outcome)
    _, (cancelled,) = await make.post(store, make.posting("cancelled"))
    await make.end(store, cancelled, DeliveryState.CANCELLED, make.not_sent)
    await make.post(store, make.holding("held"))
    replaced, _ = await make.post(store, make.holding("replaced"))
    replay, _ = await make.post(store, make.posting("replaced"), supersedes=replaced)
    rows = await store.account()
    each = Decimal("12.50")
    assert in_place(rows) == {
        "delivered": (1, each),
        "waiting": (4, each * 4),
        "unknown": (1, each),
        "held": (2, each * 2),
        "cancelled": (1, each),
    }
    all_effects = [effect for id in range(1, replay + 1) for effect in await store.effects(id)]
    expected = [effect for effect in all_effects if effect.state is not EffectState.SUPERSEDED]
    assert len(all_effects) == len(expected) + 1
    assert sum(row.effects for row in rows) == len(expected)
    assert sum(row.amount for row in rows) == sum(effect.amount for effect in expected)
    assert (await store.delivery(ready)).message_id == waiting


async def test_an_effect_sent_again_is_counted_once(store, make):
    _, delivery = await make.refuse(store, make.posting("a"))
    await store.submit([make.requeued(delivery)])
    assert in_place(await store.account()) == {"waiting": (1, Decimal("12.50"))}


async def test_debits_and_credits_are_never_one_sum(store, make):
    message, _ = await make.post(store, make.posting("a"))
    (effect,) = await store.effects(message)
    back = make.effect("c", action=Action.REVERSE, reverses=effect.id, amount=Decimal("-12.50"))
    await make.post(store, make.posting("c", effects=(back,)))
    assert [(row.action, row.amount) for row in await store.account()] == [
        (Action.POST, Decimal("12.50")),
        (Action.REVERSE, Decimal("-12.50")),
    ]


async def test_a_line_without_a_price_is_counted_as_unpriced_and_not_as_nothing(store, make):
    effects = (
        make.effect("a", amount=None),
        make.effect("b", measure=Measure.PRICED_HERE, amount=None),
        make.effect("c", measure=Measure.QUANTITY_ONLY, amount=None),
        make.effect("d", amount=Decimal("0.00")),
    )
    await make.post(store, make.posting("a", effects=effects))
    rows = {row.measure: (row.effects, row.amount, row.unpriced) for row in await store.account()}
    assert rows == {
        Measure.STATED: (2, Decimal(0), 1),
        Measure.PRICED_HERE: (1, Decimal(0), 1),
        Measure.QUANTITY_ONLY: (1, Decimal(0), 0),
    }


async def far_end(store, make, name: str, amount: Decimal | None, **fields) -> None:
    """A document of two lines, whose money the far end tells."""
    effects = tuple(
        make.effect(f"{name}{index}", index, measure=Measure.FAR_END, amount=None, **fields)
        for index in (0, 1)
    )
    lines = (make.line(f"{name}0"), make.line(f"{name}1", 2))
    document = make.document(name, action=effects[0].action)
    stepped = make.posting(name, lines=lines, effects=effects, documents=(document,))
    _, (delivery,) = await make.post(store, stepped, DeliveryState.SENDING)
    outcome = Outcome(Verdict.APPLIED, "HTTP 201", f"GI-{name}", amount)
    await make.end(store, delivery, DeliveryState.DELIVERED, outcome)


async def test_far_end_money_is_that_of_the_receipts_once_per_document(store, make):
    await far_end(store, make, "a", Decimal("40.10"))
    await far_end(store, make, "b", Decimal("40.10"))
    await far_end(store, make, "c", Decimal("0.01"))
    (row,) = await store.account()
    assert (row.effects, row.amount, row.unpriced) == (6, Decimal("80.21"), 0)


async def test_far_end_money_that_was_not_told_is_unpriced(store, make):
    await far_end(store, make, "a", None)
    await far_end(store, make, "b", Decimal(5))
    (row,) = await store.account()
    assert (row.effects, row.amount, row.unpriced) == (4, Decimal(5), 2)


async def test_what_the_far_end_says_of_a_reversal_is_a_credit(store, make):
    await far_end(store, make, "a", Decimal("40.10"), action=Action.REVERSE)
    (row,) = await store.account()
    assert (row.action, row.amount) == (Action.REVERSE, Decimal("-40.10"))


async def test_a_receipt_does_not_add_to_money_that_was_priced_here(store, make):
    _, (delivery,) = await make.post(store, make.posting("a"), DeliveryState.SENDING)
    await make.end(store, delivery, DeliveryState.DELIVERED, make.applied)
    (row,) = await store.account()
    assert row.amount == Decimal("12.50")


async def booked(store, make, name: str, told: str | None, *amounts: str | None, **fields) -> None:
    """A document with money of the message, one line for each amount, that the far end books with what it tells."""
    effects = tuple(
        make.effect(f"{name}{index}", index, amount=amount and Decimal(amount), **fields)
        for index, amount in enumerate(amounts)
    )
    lines = tuple(make.line(f"{name}{index}", index + 1) for index in range(len(amounts)))
    document = make.document(name, action=effects[0].action)
    stepped = make.posting(name, lines=lines, effects=effects, documents=(document,))
    _, (delivery,) = await make.post(store, stepped, DeliveryState.SENDING)
    outcome = Outcome(Verdict.APPLIED, "HTTP 201", f"INV-{name}", told and Decimal(told))
    await make.end(store, delivery, DeliveryState.DELIVERED, outcome)


async def test_a_document_that_its_far_end_books_with_another_amount_is_told(store, make):
    await booked(store, make, "same", "12.5", "12.50")
    await booked(store, make, "sum", "30.00", "10.00", "20.00")
    await booked(store, make, "silent", None, "10.00")
    await booked(store, make, "unpriced", "10.00", None, "10.00")
    await booked(store, make, "cents", "1.00", "0.3333", "0.6666")
    await booked(store, make, "back", "7.00", "-7.00", action=Action.REVERSE)
    assert await store.other_amounts() == []
    await booked(store, make, "less", "12.49", "12.50")
    await booked(store, make, "whole", "12", "12.40")
    found = await store.other_amounts()
    assert [(one.document, one.posted, one.booked) for one in found] == [
        ("INV-less", Decimal("12.50"), Decimal("12.49")),
        ("INV-whole", Decimal("12.40"), Decimal("12")),
    ]
    assert found[0].reference == "REF-less"


async def test_sums_of_many_small_amounts_are_exact(store, make):
    pennies = tuple(make.effect(f"p{number}", amount=Decimal("0.1")) for number in range(30))
    thirds = tuple(make.effect(f"t{number}", amount=Decimal("0.333333")) for number in range(3))
    await make.post(store, make.posting("a", effects=pennies + thirds))
    (row,) = await store.account()
    assert row.amount == Decimal("3.999999")


async def test_messages_and_lines_are_counted_by_where_they_stand(store, make):
    await store.submit([make.received(feed="lab"), make.received()])
    filtered = (
        make.line("b", state=LineState.FILTERED, reason="pre-admission", stated=Decimal("7.125")),
    ) * 2
    await make.post(store, make.posting("a", lines=(make.line("a"), *filtered)))
    assert await store.message_counts() == {
        ("lab", "pending"): 1,
        ("ehr", "pending"): 1,
        ("ehr", "routed"): 1,
    }
    assert await store.line_counts() == {
        ("posted", ""): (1, "12.50"),
        ("filtered", "pre-admission"): (2, "14.250"),
    }


async def test_documents_of_a_destination_are_paged_by_id(store, make):
    ids = []
    for name in "abc":
        _, (delivery,) = await make.post(store, make.posting(name), DeliveryState.SENDING)
        await make.end(store, delivery, DeliveryState.DELIVERED, make.applied)
        ids.append(delivery)
    await make.post(store, make.posting("d"))
    first = await store.documents("erp", 0, 2)
    rest = await store.documents("erp", first[-1].id, 2)
    assert [view.id for view in (*first, *rest)] == ids
    assert first[0].amount == Decimal("12.50")
    assert await store.documents("billing", 0, 2) == []
