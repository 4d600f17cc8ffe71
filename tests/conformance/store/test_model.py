"""The store against a small model: keys, repeats and the closing sums, in whatever order things happen.

The model is a few dictionaries. Every rule is one thing that the engine or a person may do; what the store answers must
be what the model says, and after every step each effect stands in one place and each key has one owner.
"""

from __future__ import annotations

import os
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.clock import SystemClock
from engine.domain.changes import Conflict, Dropped, Kept, Lost, RoutedAs, Sending
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import FactKeys
from engine.domain.status import DELIVERY_MOVES, DeliveryState, MessageState
from engine.errors import Bug
from engine.loop import new_event_loop
from engine.store.sqlite import SqliteStore

KEYS = st.sampled_from("abcd")
ENDS = {
    DeliveryState.DELIVERED: Outcome(Verdict.APPLIED, "HTTP 201", "D-1", Decimal(1)),
    DeliveryState.WAITING: Outcome(Verdict.NOT_SENT, "HTTP 503"),
    DeliveryState.UNKNOWN: Outcome(Verdict.UNKNOWN, "timeout"),
    DeliveryState.HELD: Outcome(Verdict.REJECTED, "refused: no"),
    DeliveryState.CANCELLED: Outcome(Verdict.NOT_SENT, "credited"),
}
PLACES = {
    DeliveryState.READY: "waiting",
    DeliveryState.SENDING: "waiting",
    DeliveryState.WAITING: "waiting",
    DeliveryState.UNKNOWN: "unknown",
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.HELD: "held",
    DeliveryState.CANCELLED: "cancelled",
}


class Effect:
    """One effect of the model: its key, whether it owns it, and its delivery (None: held; `gone`: cancelled)."""

    def __init__(self, message: int, key: str, delivery: int | None) -> None:
        self.message = message
        self.key = key
        self.owns = True
        self.delivery = delivery
        self.gone = False


class StoreModel(RuleBasedStateMachine):
    make = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.first: dict[tuple[str, str], int] = {}
        self.pending: list[int] = []
        self.effects: list[Effect] = []
        self.deliveries: dict[int, DeliveryState] = {}
        self.open()

    def open(self) -> None:
        path = Path(self.folder.name) / "suture.db"
        self.store = SqliteStore(path, site="north", environment="test", clock=SystemClock())
        self.loop.run_until_complete(self.store.start())

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.stop())
        self.loop.close()
        self.folder.cleanup()

    def submit(self, *changes):
        async def submitted():
            return await self.store.submit(changes)

        return self.loop.run_until_complete(submitted())

    def read(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def owner(self, key: str) -> Effect | None:
        return next((effect for effect in self.effects if effect.key == key and effect.owns), None)

    @rule(control=st.sampled_from(["K1", "K2", None]), body=st.sampled_from(["x", "y"]))
    def receive(self, control, body):
        (kept,) = self.submit(self.make.received(control, body))
        first = self.first.get((control, body)) if control else None
        if first is not None:
            assert kept == Kept(kept.id, MessageState.DUPLICATE, (first, "AA"))
            return
        reused = control is not None and any(known == control for known, _ in self.first)
        assert kept == Kept(kept.id, MessageState.PENDING, None, reused)
        if control:
            self.first[control, body] = kept.id
        self.pending.append(kept.id)

    @precondition(lambda self: self.pending)
    @rule(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True), held=st.booleans(), data=st.data())
    def route(self, keys, held, data):
        """One line and effect per key; all in one document, or all held."""
        message = data.draw(st.sampled_from(self.pending))
        lines = tuple(self.make.line(key, number) for number, key in enumerate(keys, 1))
        document = None if held else 0
        effects = tuple(self.make.effect(key, line, document) for line, key in enumerate(keys))
        documents = () if held else (self.make.document("".join(keys)),)
        state = MessageState.HELD if held else MessageState.ROUTED
        stepped = self.make.posting(keys[0], state=state, lines=lines, effects=effects, documents=documents)
        (answer,) = self.submit(self.make.routed(message, stepped))
        taken = [key for key in keys if self.owner(key)]
        if taken:
            assert answer == Conflict(self.make.key(taken[0]))
            return
        assert isinstance(answer, RoutedAs)
        self.pending.remove(message)
        for delivery in answer.deliveries:
            self.deliveries[delivery] = DeliveryState.READY
        self.effects += [Effect(message, key, next(iter(answer.deliveries), None)) for key in keys]

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def send(self, data):
        delivery = data.draw(st.sampled_from(sorted(self.deliveries)))
        mark = Sending((delivery,), 5)
        if self.deliveries[delivery] in (DeliveryState.HELD, DeliveryState.CANCELLED):
            assert self.submit(mark) == [Lost((delivery,))]
        else:
            self.move(delivery, DeliveryState.SENDING, mark)

    @precondition(lambda self: self.deliveries)
    @rule(state=st.sampled_from(sorted(ENDS)), frees=st.booleans(), data=st.data())
    def settle(self, state, frees, data):
        delivery = data.draw(st.sampled_from(sorted(self.deliveries)))
        settled = self.make.settled(delivery, state, ENDS[state], frees=frees)
        if not self.move(delivery, state, settled):
            return
        for effect in self.carried(delivery):
            effect.owns = effect.owns and not (
                state is DeliveryState.CANCELLED or (state is DeliveryState.HELD and frees)
            )
            effect.gone = state is DeliveryState.CANCELLED

    def move(self, delivery, state, change) -> bool:
        start = self.deliveries[delivery]
        legal = state in DELIVERY_MOVES[start] and start is not DeliveryState.HELD
        if not legal:
            with pytest.raises(Bug):
                self.submit(change)
            return False
        self.submit(change)
        self.deliveries[delivery] = state
        return True

    def carried(self, delivery: int) -> list[Effect]:
        return [effect for effect in self.effects if effect.delivery == delivery]

    @precondition(lambda self: DeliveryState.HELD in self.deliveries.values())
    @rule(data=st.data())
    def requeue(self, data):
        held = [delivery for delivery, state in self.deliveries.items() if state is DeliveryState.HELD]
        delivery = data.draw(st.sampled_from(sorted(held)))
        (answer,) = self.submit(self.make.requeued(delivery))
        carried = self.carried(delivery)
        taken = [effect.key for effect in carried if not effect.owns and self.owner(effect.key)]
        if taken:
            assert answer == Conflict(self.make.key(taken[0]))
            return
        self.deliveries[delivery] = DeliveryState.CANCELLED
        (again,) = answer.deliveries
        self.deliveries[again] = DeliveryState.READY
        for effect in carried:
            effect.delivery, effect.owns = again, True

    @precondition(lambda self: any(effect.delivery is None and not effect.gone for effect in self.effects))
    @rule(release=st.booleans(), data=st.data())
    def decide(self, release, data):
        """All that a message holds is released into one document, or dropped."""
        waiting = [effect for effect in self.effects if effect.delivery is None and not effect.gone]
        message = data.draw(st.sampled_from(sorted({effect.message for effect in waiting})))
        mine = [effect for effect in waiting if effect.message == message]
        if not release:
            ids = [effect.id for effect in self.read(self.store.effects(message))]
            assert self.submit(Dropped(tuple(ids), 6, "ann", "not ours")) == [len(mine)]
            for effect in mine:
                effect.gone, effect.owns = True, False
            return
        lines = tuple(self.make.line(effect.key, number) for number, effect in enumerate(mine, 1))
        effects = tuple(self.make.effect(effect.key, line) for line, effect in enumerate(mine))
        stepped = self.make.posting("a", lines=lines, effects=effects)
        (answer,) = self.submit(self.make.released(message, stepped))
        (delivery,) = answer.deliveries
        self.deliveries[delivery] = DeliveryState.READY
        for effect in mine:
            effect.delivery = delivery

    @rule()
    def restart(self):
        self.loop.run_until_complete(self.store.stop())
        self.open()

    @invariant()
    def each_key_has_the_owner_that_the_model_says(self):
        keys = {key: self.make.key(key) for key in "abcd"}
        (facts,) = self.read(self.store.gather([FactKeys(priors=tuple(keys.values()))]))
        owners = {
            key: [prior.message_id for prior in facts.priors.get(digest, ())] for key, digest in keys.items()
        }
        expected = {key: self.owner(key) for key in keys}
        assert owners == {key: [effect.message] if effect else [] for key, effect in expected.items()}

    @invariant()
    def every_effect_stands_in_one_place_and_the_sums_close(self):
        found = {row.state: (row.effects, row.amount) for row in self.read(self.store.account())}
        expected: dict[str, int] = {}
        for effect in self.effects:
            held = "cancelled" if effect.gone else "held"
            place = PLACES[self.deliveries[effect.delivery]] if effect.delivery is not None else held
            expected[place] = expected.get(place, 0) + 1
        assert found == {place: (count, Decimal("12.50") * count) for place, count in expected.items()}
        waiting = sum(group.effects for group in self.read(self.store.worklist()))
        assert waiting == expected.get("held", 0)

    @invariant()
    def what_is_pending_is_pending(self):
        pending = self.read(self.store.pending(0, 1_000_000))
        assert [inbound.id for inbound in pending] == sorted(self.pending)


def test_the_store_does_what_the_model_does(make):
    StoreModel.make = make
    few = settings(
        max_examples=int(os.environ.get("PROVE_EXAMPLES", "12")),
        stateful_step_count=25,
    )
    run_state_machine_as_test(StoreModel, settings=few)
