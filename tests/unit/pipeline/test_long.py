"""Messages of many lines: what they cost grows with their lines, and one that is too long is held whole."""

from __future__ import annotations

import sys
from array import array
from collections import Counter

import apsw
import pytest

from engine.domain.status import LineState, MessageState
from engine.pipeline import reading
from engine.store.queries import SQL
from tests.unit.pipeline.ledger import settle
from tests.unit.pipeline.test_saves import csu

FEW, MANY = 40, 160


def used(lines: int) -> str:
    return "".join(
        f"OBX|{number}|XX|USED||IMP-FEM-05^L{number}^^1^EA^^^OR-SOUTH||||||F\r" for number in range(lines)
    )


def save(saved: str, lines: int, case: str) -> str:
    return csu(saved, {}, case=case, account=case) + used(lines)


class Calls:
    """How often Python runs a line of this project while it is traced: work, whatever the machine does meanwhile."""

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()

    def __enter__(self) -> Calls:
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _called(self, frame, event, argument):
        if "/engine/" not in frame.f_code.co_filename:
            return None
        self.lines[frame.f_code.co_name] += 1
        return self._ran

    def _ran(self, frame, event, argument):
        self.lines[frame.f_code.co_name] += 1
        return self._ran

    @property
    def all(self) -> int:
        return sum(self.lines.values())


async def work(house, text: str) -> int:
    with Calls() as calls:
        await house.tell(text)
    return calls.all


@pytest.mark.parametrize("delivered", [True, False])
async def test_what_a_save_costs_grows_with_its_lines_and_not_with_their_square(house, delivered):
    costs = []
    for lines, case in ((FEW, "C1"), (MANY, "C2")):
        await house.tell(save("1000", lines, case))
        if delivered:
            await settle(house)
        again = await work(house, save("1100", lines, case))
        fewer = await work(house, save("1200", lines // 2, case))
        costs.append((again, fewer))
    (again, fewer), (more, less) = costs
    assert more < again * MANY / FEW * 1.3
    assert less < fewer * MANY / FEW * 1.3


async def test_a_message_of_too_many_lines_is_held_whole(house, monkeypatch):
    monkeypatch.setattr(reading, "MOST_LINES", 3)
    taken = await house.tell(save("1000", 3, "C1"))
    assert taken.state is MessageState.ROUTED
    held = await house.tell(save("1100", 4, "C1"))
    assert (held.state, held.reason) == (
        MessageState.HELD,
        "INT009 more than 3 lines are read of one message",
    )
    assert await house.store.lines(held.id) == []
    assert [line.state for line in await house.store.lines(taken.id)] == [LineState.POSTED] * 3


def instructions(store: apsw.Connection, name: str, *values: object) -> int:
    """How much SQLite works for a query, whatever the machine does meanwhile."""
    done = [0]

    def count() -> bool:
        done[0] += 1
        return False

    store.set_progress_handler(count, 10)
    store.execute(SQL[name], values).fetchall()
    store.set_progress_handler(None)
    return done[0]


async def test_what_the_store_does_for_a_message_grows_with_its_lines_and_not_with_their_square(
    house, tmp_path
):
    messages = [await house.tell(save("1000", lines, case)) for lines, case in ((FEW, "C1"), (MANY, "C2"))]
    store = apsw.Connection(str(tmp_path / "suture.db"), flags=apsw.SQLITE_OPEN_READONLY)
    costs: list[list[int]] = []
    for message in messages:
        finds = store.execute(
            "SELECT DISTINCT line_find.key FROM line_find JOIN line ON id = line_id WHERE message_id = ?",
            (message.id,),
        ).fetchall()
        effects = store.execute("SELECT id FROM effect WHERE message_id = ?", (message.id,)).fetchall()
        keys = apsw.carray(tuple(key for (key,) in finds))
        ids = apsw.carray(array("q", [number for (number,) in effects]))
        costs.append(
            [
                instructions(store, "originals_by_find", keys),
                instructions(store, "originals", ids),
                instructions(store, "carried_besides", ids),
                instructions(store, "lines_by_effects", message.id),
                instructions(store, "holding", apsw.carray(array("q", [message.id]))),
            ]
        )
    store.close()
    few, many = costs
    assert all(few)
    assert [more < cost * MANY / FEW * 1.3 for cost, more in zip(few, many, strict=True)] == [True] * len(few)
