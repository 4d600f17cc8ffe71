"""Which pending messages are stepped next: in inbox order, but for strangers who overtake a backlog."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.message import Inbound, MessageId
from engine.pipeline.inbox import IN_MEMORY, Inbox
from engine.pipeline.people import NOBODY, UNKNOWN, People


class Pending:
    """The inbox of a store: what is committed and not stepped."""

    def __init__(self) -> None:
        self.rows: dict[int, Inbound] = {}

    async def pending(self, after: int, limit: int) -> list[Inbound]:
        return [self.rows[number] for number in sorted(self.rows) if number > after][:limit]


class House:
    """An inbox with its store: `commit` tells it of messages, `step` steps one batch."""

    def __init__(self) -> None:
        self.store = Pending()
        self.inbox = Inbox(self.store, people)
        self.stepped: list[int] = []
        self._ids = 0

    def commit(self, persons: Iterable[str], *, told: bool = True) -> Inbound:
        self._ids += 1
        message = Inbound(MessageId(self._ids), "ehr", 0, " ".join(persons).encode(), None)
        self.store.rows[message.id] = message
        if told:
            self.inbox.arrived(message)
        return message

    async def step(self) -> int:
        taken = await self.inbox.take()
        for message in taken.batch:
            del self.store.rows[message.id]
            self.stepped.append(message.id)
        if taken.batch:
            self.inbox.stepped(taken)
        return len(taken.batch)

    async def drain(self) -> None:
        while await self.step():
            pass


def people(inbound: Inbound) -> People:
    if inbound.raw == b"?":
        return UNKNOWN
    names = tuple(hash(name) for name in inbound.raw.decode().split())
    return People(names, names[:1]) if names else NOBODY


async def test_messages_that_arrive_one_by_one_are_stepped_in_order():
    house = House()
    for number in range(20):
        house.commit([f"A{number % 3}"])
        await house.drain()
    assert house.stepped == list(range(1, 21))
    assert house.inbox.empty


async def test_a_stranger_overtakes_a_backlog():
    house = House()
    for number in range(5 * IN_MEMORY):
        house.commit([f"A{number}"], told=False)
    await house.step()
    stranger = house.commit(["new"])
    for _ in range(12):
        await house.step()
    assert stranger.id in house.stepped
    assert len(house.stepped) < 4 * IN_MEMORY
    await house.drain()
    assert sorted(house.stepped) == list(range(1, stranger.id + 1))


async def test_one_for_whom_something_waits_has_its_turn():
    house = House()
    for number in range(5 * IN_MEMORY):
        house.commit([f"A{number}"], told=False)
    late = house.commit([f"A{5 * IN_MEMORY - 1}"])
    await house.drain()
    assert house.stepped.index(late.id) > house.stepped.index(5 * IN_MEMORY)


async def test_a_message_about_nobody_overtakes_nothing():
    house = House()
    for number in range(3 * IN_MEMORY):
        house.commit([f"A{number}"], told=False)
    await house.step()
    house.commit([])
    await house.drain()
    assert house.stepped == list(range(1, 3 * IN_MEMORY + 2))


async def test_nobody_overtakes_a_message_that_may_be_about_anybody():
    house = House()
    for number in range(5 * IN_MEMORY - 1):
        house.commit([f"A{number}"], told=False)
    unknown = house.commit(["?"], told=False)
    await house.step()
    stranger = house.commit(["new"])
    await house.drain()
    assert house.stepped.index(unknown.id) < house.stepped.index(stranger.id)


async def test_what_is_read_before_it_is_told_is_stepped_once():
    house = House()
    early = house.commit(["A1"], told=False)
    await house.drain()
    house.inbox.arrived(early)
    await house.drain()
    assert house.stepped == [early.id]


async def test_after_a_failure_everything_pending_is_read_again():
    house = House()
    for number in range(10):
        house.commit([f"A{number}"])
    taken = await house.inbox.take()
    assert taken.batch
    house.inbox.recover()  # its commit failed
    await house.drain()
    assert sorted(house.stepped) == list(range(1, 11))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(0, 2)), max_size=40))
async def test_nobody_overtakes_their_own_and_each_is_stepped_once(waves):
    house = House()
    owners: dict[int, list[int]] = {}
    for size, first, steps in waves:
        for number in range(size * 12):
            account = (first + number) % 37
            owners.setdefault(account, []).append(house.commit([f"A{account}"]).id)
        for _ in range(steps):
            await house.step()
    await house.drain()
    assert len(house.stepped) == len(set(house.stepped)) == sum(map(len, owners.values()))
    place = {message: index for index, message in enumerate(house.stepped)}
    for messages in owners.values():
        assert [place[message] for message in messages] == sorted(place[message] for message in messages)
    assert house.inbox.empty
