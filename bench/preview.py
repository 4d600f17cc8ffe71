"""How fast an edit is previewed over the history: `python bench/preview.py [MESSAGES]`. Nothing is delivered.

The history is stepped here, into a store of its own; the edit changes one charge code and one condition, which touch the
channel of every message: the worst case.
"""

from __future__ import annotations

import asyncio
import shutil
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
            Received("ehr", clock.now_us(), "DFT^P03", f"C{number}", message(number, number), None,
                     MessageState.PENDING, "", "AA", None)
            for number in range(start, min(start + BATCH, messages))
        ])  # fmt: skip
    await stepper.start()
    await stepper.idle()
    await stepper.stop()
    await store.stop()
    return place.store


def main() -> None:
    configure("error")
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="bench-preview-") as name:
        folder = Path(name) / "site"
        for part in ("config", "channels", "mappings"):
            shutil.copytree(ROOT / part, folder / part)
        store = asyncio.run(fill(folder, messages))
        for file, old, new in (
            ("mappings/tables/charges.csv", "IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810107"),
            ("channels/ehr-usage.yaml", "when: charge.billable", "when: charge.billable and quantity > 0"),
        ):
            (folder / file).write_text((folder / file).read_text().replace(old, new, 1))
        began = time.perf_counter()
        tally = preview(store, load_site(folder, "demo"), messages, None, lambda _: None)
        seconds = time.perf_counter() - began
    print(f"preview: {tally.messages} messages, {tally.lines['changed']} changed, in {seconds:.1f} s")


if __name__ == "__main__":
    main()
