"""What one long save costs, and for how long nobody else has a turn: `python -m bench.long_saves [LINES ...]`.

A save of so many lines, the same save again, and one that leaves half of them out. No far end: what is measured is the
step with its store. The longest pause is that of a task which asks for a turn all the while.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from engine.domain.changes import Kept, Received
from engine.domain.message import Inbound
from engine.domain.status import MessageState
from engine.pipeline import reading
from engine.pipeline.stepper import Stepper
from engine.site.compile import load_site
from engine.store.sqlite import SqliteStore
from tests.unit.pipeline.rig import stepping

ROOT = Path(__file__).resolve().parent.parent
AT_US = 1_795_190_400_000_000


def save(saved: str, lines: int) -> bytes:
    used = "".join(
        f"OBX|{number}|XX|USED||IMP-FEM-05^L{number}^^1^EA^^^OR-SOUTH||||||F\r" for number in range(lines)
    )
    return (
        f"MSH|^~\\&|OR|SOUTH|S|E|20261120{saved}00||CSU^C10|{saved}|P|2.5.1\r"
        "PID|1||M1^^^SOUTH^MR|||||||||||||||A1^^^SOUTH^AN\rPV1|1|I|ORS^OR2\r"
        f"CSR|C1\rOBR|1\rCSS|1|20261120093000\r{used}"
    ).encode()


async def pauses(longest: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0)
        longest[0] = max(longest[0], time.perf_counter() - began)


async def told(store: SqliteStore, stepper: Stepper, raw: bytes) -> tuple[float, float]:
    """(seconds until it is stepped, the longest pause among them)."""
    received = Received("ehr", AT_US, "CSU^C10", "1", raw, None, MessageState.PENDING, "", "AA", None)
    (kept,) = await store.submit((received,))
    assert isinstance(kept, Kept)
    longest = [0.0]
    watch = asyncio.create_task(pauses(longest))
    began = time.perf_counter()
    stepper.arrived(Inbound(kept.id, "ehr", AT_US, raw, None))
    await stepper.idle()
    watch.cancel()
    return time.perf_counter() - began, longest[0]


async def measure(lines: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-saves-") as folder:
        async with stepping(Path(folder), load_site(ROOT)) as (store, stepper, _):
            for what, raw in (
                ("first save", save("1000", lines)),
                ("the same again", save("1100", lines)),
                ("half left out", save("1200", lines // 2)),
            ):
                seconds, pause = await told(store, stepper, raw)
                print(
                    f"{lines:>6} lines, {what:<15} {seconds:>7.2f} s, longest pause {pause:>7.2f} s",
                    flush=True,
                )


if __name__ == "__main__":
    reading.MOST_LINES = sys.maxsize  # what a longer one would cost
    for count in map(int, sys.argv[1:] or ("1000", "4000", "16000")):
        asyncio.run(measure(count))
