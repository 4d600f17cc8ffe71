"""How fast edits are previewed over the history: `python -m bench.preview [MESSAGES]`. Nothing is delivered.

The history is stepped here, into a store of its own. Two edits, three times each, medians: a condition of the channel that
takes every message, which is the worst case, and a row of a table that one message in a hundred asks for.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from engine.activation import activate
from engine.clock import SystemClock
from engine.domain.changes import Received
from engine.domain.posting import Priority
from engine.domain.status import MessageState
from engine.domain.views import Outgoing
from engine.observe.logs import EngineLog, configure
from engine.pipeline.stepper import Stepper
from engine.preview.running import preview
from engine.site.compile import compile_environment, load_site
from engine.store.sqlite import SqliteStore
from prove.house import message

ROOT = Path(__file__).parents[1]
BATCH = 500
ROUNDS = 3
EDITS = {
    "every message touched": (
        "channels/ehr-usage.yaml", "when: charge.billable", "when: charge.billable and code != 'IMP-FEM-05'"
    ),
    "one in a hundred touched": (
        "mappings/tables/charges.csv", "IMP-FEM-05,*,27810105", "IMP-FEM-05,*,27810107"
    ),
}  # fmt: skip


class NoLanes:
    """Everything waits."""

    def reserve(self, destination: str, lane: int) -> bool:
        return False

    def release(self, destination: str, lane: int) -> None: ...

    def offer(self, outgoing: Outgoing) -> None: ...

    def wake(self, destination: str, priority: Priority) -> None: ...


async def fill(folder: Path, messages: int) -> Path:
    site, clock = load_site(folder, "demo"), SystemClock()
    place = compile_environment(site)
    store = SqliteStore(place.store, site="north-general", environment="demo", clock=clock)
    await store.start()
    stepper = Stepper(
        store, store, NoLanes(), clock, await activate(store, site, clock, "bench"), EngineLog()
    )
    for start in range(0, messages, BATCH):
        await store.submit([
            Received("ehr", clock.now_us(), "DFT^P03", f"C{number}", _message(number), None,
                     MessageState.PENDING, "", "AA", None)
            for number in range(start, min(start + BATCH, messages))
        ])  # fmt: skip
    await stepper.start()
    await stepper.idle()
    await stepper.stop()
    await store.stop()
    return place.store


def _message(number: int) -> bytes:
    return message(number, number).replace(b"IMP-FEM-06", b"IMP-FEM-06" if number % 100 else b"IMP-FEM-05")


def main() -> None:
    configure("error")
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="bench-preview-") as name:
        folder = Path(name) / "site"
        for part in ("config", "channels", "mappings"):
            shutil.copytree(ROOT / part, folder / part)
        store = asyncio.run(fill(folder, messages))
        for what, (file, old, new) in EDITS.items():
            text = (folder / file).read_text()
            (folder / file).write_text(text.replace(old, new, 1))
            rounds = sorted(_round(store, folder, messages) for _ in range(ROUNDS))
            (folder / file).write_text(text)
            print(
                f"{messages} messages, {what}: {statistics.median(rounds):.1f} s ({rounds[0]:.1f} to {rounds[-1]:.1f})"
            )
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {largest:.0f} MB")


def _round(store: Path, folder: Path, messages: int) -> float:
    """Seconds."""
    began = time.perf_counter()
    tally = preview(store, load_site(folder, "demo"), messages, None, lambda _: None)
    assert tally.messages == messages
    assert tally.differing
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
