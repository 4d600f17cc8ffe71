"""How fast the store takes messages, alone and through their whole life. `python bench/store.py [--folder DIR]`.

Every figure includes the fsync of each commit. A cycle is one `Received`, one `Routed` (three lines, six effects, two
documents of 500 bytes) and two `Settled`, each stage durable before the next begins.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from engine.domain.changes import Change, Received, Routed, Settled
from engine.domain.message import MessageId
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Document, EffectRow, LineRow, Measure, Stepped
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState
from engine.loop import run
from engine.store.sqlite import SqliteStore

RAW = b"MSH|^~\\&|EHR|NORTH|SUTURE|NORTH|20260101120000||DFT^P03|1|P|2.5\r" + b"FT1|1|..." * 70
PAYLOAD = b"x" * 500
SENT = Outcome(Verdict.APPLIED, "HTTP 201", "4900012345", Decimal("37.50"))
DUES = (("erp", "issue", Measure.FAR_END, None), ("billing", "charge", Measure.STATED, Decimal("12.50")))

Made = tuple[Received, Stepped]
Work = Callable[[SqliteStore, list[Made]], Awaitable[None]]


def received(number: int) -> Received:
    control = (os.urandom(16), os.urandom(16))
    return Received(
        "ehr",
        time.time_ns() // 1000,
        "DFT^P03",
        f"C{number}",
        RAW,
        None,
        MessageState.PENDING,
        "",
        "AA",
        control,
    )


def stepped(number: int) -> Stepped:
    """Keys as in life: random, so that every index is met anywhere."""
    lines = tuple(line(position) for position in (1, 2, 3))
    effects = tuple(
        effect(index, line.key, document) for index, line in enumerate(lines) for document in range(len(DUES))
    )
    documents = tuple(
        Document(
            "or-usage",
            destination,
            name,
            Action.POST,
            number % 5000,
            0,
            os.urandom(8).hex(),
            "/post",
            PAYLOAD,
        )
        for destination, name, _, _ in DUES
    )
    return Stepped(
        MessageState.ROUTED, "", lines, effects, documents, account=os.urandom(16), patient=os.urandom(16)
    )


def line(number: int) -> LineRow:
    key, body, find = os.urandom(16), os.urandom(16), os.urandom(16)
    price = Decimal("12.50")
    return LineRow("or-usage", number, key, True, body, False, LineState.POSTED, "", price, "USD", (find,))


def effect(index: int, key: bytes, document: int) -> EffectRow:
    destination, name, measure, amount = DUES[document]
    return EffectRow(
        index, destination, name, Action.POST, key, 1, EffectState.ROUTED, document, None, Decimal(1), measure, amount, "USD"
    )  # fmt: skip


def routed(message: MessageId, made: Stepped) -> Routed:
    born = (DeliveryState.SENDING,) * len(made.documents)
    return Routed(message, made, born, 1, time.time_ns() // 1000)


def settled(delivery: int) -> Settled:
    return Settled(delivery, DeliveryState.DELIVERED, SENT, time.time_ns() // 1000)


async def each(store: SqliteStore, changes: Iterable[Change]) -> list[Any]:
    """One submission per change, as listeners and lanes make them; all of them durable."""
    answers = await asyncio.gather(*[store.submit((change,)) for change in changes])
    return [answer for (answer,) in answers]


async def arrivals(store: SqliteStore, batch: list[Made]) -> None:
    await each(store, [arrival for arrival, _ in batch])


async def cycles(store: SqliteStore, batch: list[Made]) -> None:
    kept = await each(store, [arrival for arrival, _ in batch])
    answers = await store.submit(
        [routed(answer.id, made) for answer, (_, made) in zip(kept, batch, strict=True)]
    )
    await each(store, [settled(delivery) for answer in answers for delivery in answer.deliveries])


async def rate(store: SqliteStore, work: Work, size: int, messages: int) -> float:
    """Messages a second; making them is not counted."""
    made = [(received(number), stepped(number)) for number in range(messages)]
    began = time.perf_counter()
    for first in range(0, messages, size):
        await work(store, made[first : first + size])
    return messages / (time.perf_counter() - began)


async def main(folder: Path, messages: int) -> None:
    store = SqliteStore(folder / "bench.db", site="bench", environment="bench", clock=SystemClock())
    await store.start()
    await rate(store, cycles, 200, messages)  # until the log has its size: a growing file is slower to sync
    print(f"{'messages a commit':>18} {'arrivals/s':>12} {'cycles/s':>12}")
    for size in (1, 8, 32, 200):
        count = min(messages, size * 500)
        arriving = await rate(store, arrivals, size, count)
        cycling = await rate(store, cycles, size, count)
        print(f"{size:>18} {arriving:>12,.0f} {cycling:>12,.0f}")
    await store.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the store is made; another disk is another figure")
    parser.add_argument("--messages", type=int, default=12_000, help="for each figure, at most")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as made_here:
        run(main(Path(made_here), options.messages))
