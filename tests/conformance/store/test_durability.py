"""What was acknowledged is there, whenever the process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

CHILD = """
import asyncio, sys
from pathlib import Path
from engine.clock import SystemClock
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]), site="north", environment="test", clock=SystemClock())
    await store.start()
    acknowledged = 0
    def committed(future):
        nonlocal acknowledged
        acknowledged = future.result()[0].id
        print(acknowledged, flush=True)
    while True:
        message = Received("ehr", 1, "DFT^P03", "C", b"MSH|", None, MessageState.PENDING, "", "AA", None)
        futures = [store.submit([message]) for _ in range(7)]
        for future in futures:
            future.add_done_callback(committed)
        await asyncio.wait(futures)

asyncio.run(main())
"""


def killed_while_it_takes_messages(path: Path) -> list[int]:
    """The ids that a child process acknowledged before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    told = [int(child.stdout.readline()) for _ in range(200)]
    child.send_signal(signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().splitlines() if line]
    child.stdout.close()
    assert child.wait(10) == -signal.SIGKILL
    return told


async def test_a_process_that_is_killed_has_kept_what_it_acknowledged(home, make):
    told = killed_while_it_takes_messages(home.path)
    store = await home.open()
    kept = [inbound.id for inbound in await store.pending(0, 1_000_000)]
    assert set(told) <= set(kept)
    assert kept == list(range(1, len(kept) + 1))
    assert await make.message(store) == len(kept) + 1
