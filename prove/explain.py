"""Every field of every posting of the demo's morning is explained, and each step run again gives the same bytes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo.house import House, Trouble
from demo.morning import Morning
from demo.run import mend, today
from demo.sender import send
from engine.domain.message import MessageId
from engine.errors import UsageError
from engine.explain.posting import Edition, Explained
from engine.explain.story import Storyteller
from engine.store.sqlite import SqliteReader
from prove.house import Violation
from prove.report import Proof, Scale

SHORT = Scale(messages=6, faults=0, settle=0)
FULL = Scale(messages=1, faults=0, settle=0)
SABOTAGE = "tables-of-the-files"
WITHIN = 0.1


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: one in so many of the morning's patients come."""
    try:
        return asyncio.run(_prove(scale, sabotage))
    except Trouble as trouble:
        raise Violation(str(trouble)) from None


async def _prove(scale: Scale, sabotage: str) -> Proof:
    async with House() as house:
        morning = Morning(today(), scale.messages)
        for talks in (morning.early, morning.late):
            await send(talks, house.ports, lambda: None)
            account = await house.settled()
        await mend(house, account, told=lambda _: None)
        account = await house.settled()
        reader = SqliteReader(house.store)
        try:
            return await _explained(reader, account["messages"]["total"], sabotage)
        finally:
            reader.close()


async def _explained(reader: SqliteReader, messages: int, sabotage: str) -> Proof:
    teller = (_Forgetful if sabotage else Storyteller)(reader)
    documents = fields = 0
    violations: list[str] = []
    slowest = 0.0
    for number in range(1, messages + 1):
        began = time.perf_counter()
        try:
            postings = await teller.postings(MessageId(number))
        except UsageError:
            continue  # it posted nothing
        slowest = max(slowest, (time.perf_counter() - began) / len(postings)) if documents else 0.0
        for posting in postings:
            documents += 1
            payload = await reader.payload(posting.delivery.id)
            wanted = dict(_leaves(json.loads(payload or b"{}"), ""))
            told = {story.place: story.step.value for story in posting.fields}
            fields += len(wanted)
            violations += _wrong(number, posting, wanted, told)
    if not documents:
        violations.append("nothing was posted")
    if slowest > WITHIN:
        violations.append(f"the slowest took {slowest * 1000:.0f} ms")
    told_of = f"{fields} fields of {documents} documents, the slowest document in {slowest * 1000:.0f} ms"
    return Proof(told_of, violations[:10])


class _Forgetful(Storyteller):
    """Explains with the first edition, whatever a document was written with."""

    async def _edition(self, number: int) -> Edition:
        return await super()._edition(1)


def _wrong(number: int, posting: Explained, wanted: dict[str, str], told: dict[str, str]) -> Iterator[str]:
    if not posting.same:
        yield f"message {number}, {posting.delivery.effect}: other bytes come out than were sent"
    for place, value in wanted.items():
        if told.get(place) != value:
            yield f"message {number}, {posting.delivery.effect}: {place} is not told, or otherwise"


def _leaves(tree: Any, place: str) -> Iterator[tuple[str, str]]:
    match tree:
        case dict():
            for key, below in tree.items():
                yield from _leaves(below, f"{place}.{key}" if place else key)
        case list():
            for number, below in enumerate(tree, start=1):
                yield from _leaves(below, f"{place}[{number}]")
        case _:
            yield place, str(tree)
