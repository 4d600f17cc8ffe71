"""Messages that are stepped together come to what they come to one by one, in each lane in the same order."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pipeline.prepared import independent
from tests.unit.pipeline.conftest import House, a41, dft, ft1, house_in
from tests.unit.pipeline.test_encounters import adt

CODES = ("IMP-FEM-06", "IMP-TIB-04", "CEM-40", "NOBODY-KNOWS")
EVENTS = ("A01", "A08", "A11", "A13", "A03")
REFERENCE = re.compile(rb'"[A-Z2-7]{16}"')


def story(random: Random, length: int) -> list[str]:
    """Usage, credits, things told again and otherwise, stays and merges of a few accounts."""
    texts: list[str] = []
    for number in range(length):
        account = f"A{random.randint(1, 3)}"
        match random.randint(0, 9):
            case 0:
                at = f"202611200{random.randint(0, 9)}{random.randint(10, 59)}00"
                texts.append(adt(random.choice(EVENTS), at, account=account, control=str(number)))
            case 1 if random.random() < 0.3:
                texts.append(a41(account, f"A{random.randint(1, 3)}"))
            case 2 | 3 if texts:
                texts.append(random.choice(texts))
            case 4 | 5:
                line = ft1(f"C{number}", kind="CD", reverses=f"T{random.randint(0, number)}")
                texts.append(dft(line, account=account, patient=f"M{account}", control=str(number)))
            case _:
                name = f"T{random.randint(0, number)}" if random.random() < 0.3 else f"T{number}"
                lines = [ft1(name, code=random.choice(CODES)), ft1(f"{name}-2", code=random.choice(CODES))]
                lines = lines[: random.randint(1, 2)]
                texts.append(dft(*lines, account=account, patient=f"M{account}", control=str(number)))
    return texts


async def come_to(house: House, texts: list[str], together: int) -> tuple[list[object], list[object]]:
    """What became of each message and line, and the documents of each lane, in order."""
    lanes = defaultdict(list)
    views = []
    for start in range(0, len(texts), 20):
        some = texts[start : start + 20]
        for at in range(0, len(some), together):
            views += await house.tell_together(*some[at : at + together])
        for row in sorted(await house.documents(), key=lambda row: row.id):
            payload = REFERENCE.sub(b'"REF"', row.payload)
            lanes[row.destination, row.lane].append((row.effect, row.action, payload))
        await house.deliver()
    states = []
    for told in views:
        view = await house.view(told.id)
        lines = [(line.state, line.reason) for line in await house.store.lines(view.id)]
        states.append((view.state, view.reason, lines))
    return states, sorted(lanes.values())


@pytest.mark.parametrize("seed", range(12))
async def test_a_backlog_comes_to_what_its_messages_come_to_one_by_one(tmp_path, seed):
    texts = story(Random(seed), 60)
    async with house_in(tmp_path / "together", {}) as house:
        together = await come_to(house, texts, 20)
    async with house_in(tmp_path / "alone", {}) as house:
        alone = await come_to(house, texts, 1)
    assert together == alone


class Told(NamedTuple):
    """What `independent` asks of a message."""

    number: int
    needs: frozenset[bytes]
    writes: frozenset[bytes]
    about: frozenset[tuple[str, str]]
    alone: bool

    def asks(self):
        return set(self.needs)

    def touches(self):
        return set(self.writes)

    def named(self):
        return set(self.about)


KEYS = st.frozensets(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), max_size=2)
PERSONS = st.frozensets(st.sampled_from([("account", "1"), ("account", "2"), ("patient", "3")]), max_size=2)
MESSAGES = st.lists(st.tuples(KEYS, KEYS, PERSONS, st.sampled_from([False] * 9 + [True])), max_size=12)


@given(MESSAGES)
def test_nobody_is_stepped_before_what_he_needs_nor_passes_his_own(parts):
    waiting = deque(Told(number, *part) for number, part in enumerate(parts))
    waves = []
    while waiting:
        waves.append(independent(waiting))
    wave_of = {one.number: at for at, wave in enumerate(waves) for one in wave}
    every = sorted((one for wave in waves for one in wave), key=lambda one: one.number)
    assert [one.number for one in every] == list(range(len(parts)))
    assert all([one.number for one in wave] == sorted(one.number for one in wave) for wave in waves)
    for later in every:
        for earlier in every[: later.number]:
            if earlier.writes & later.needs or earlier.alone or later.alone:
                assert wave_of[earlier.number] < wave_of[later.number]
            if earlier.needs & later.writes or earlier.writes & later.writes or earlier.about & later.about:
                assert wave_of[earlier.number] <= wave_of[later.number]


def test_strangers_pass_one_that_waits():
    def told(number, needs, writes):
        return Told(
            number, frozenset(needs), frozenset(writes), frozenset({("account", str(number % 2))}), False
        )

    waiting = deque([told(0, [], [b"a"]), told(2, [b"a"], [b"b"]), told(1, [], [b"c"]), told(3, [b"c"], [])])
    assert [[one.number for one in independent(waiting)] for _ in range(2)] == [[0, 1], [2, 3]]
