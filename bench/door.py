"""What the door costs a message, without its commit: `python -m bench.door`. Microseconds from the arrival to the built answer.

The listener of the benchmarks' site: without `nak`, with rules that do not hold, and with one that does.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parent))
from sender import TEMPLATE
from site_layout import lay_out

from engine.clock import SystemClock
from engine.domain.changes import Kept, Received
from engine.domain.message import Arrival, MessageId
from engine.pipeline.intake import Intake
from engine.site.compile import compile_release, load_site

COUNT, ROUNDS = 3_000, 7
RULES = """
nak:
  - {when: account is missing, code: 101, where: PID-18, because: no account}
  - {when: "facility not in ['SOUTH', 'EAST', '%s']", code: 103, where: PV1-3, because: not for us}
"""


class Durable:
    """A store that has kept it already."""

    backlog = 0

    def submit(self, changes: Sequence[Any]) -> asyncio.Future[list[Any]]:
        done = asyncio.get_running_loop().create_future()
        received = cast(Received, changes[0])
        done.set_result([Kept(MessageId(1), received.state)])
        return done


class Quiet:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def message(number: int) -> bytes:
    """As the sender has it, without its frame."""
    return (TEMPLATE % {b"id": number, b"account": number % 2000}).strip(b"\x0b\x1c\r")


def listeners(rules: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), mllp=2575, erp=9801, billing=9802)
        channel = Path(folder, "channels/usage.yaml")
        channel.write_text(channel.read_text().replace("\nskip:", f"{rules}\nskip:", 1))
        return compile_release(load_site(Path(folder), None)).listeners


async def measured(rules: str) -> tuple[float, str]:
    """Microseconds a message, and the answer that it gets."""
    known = listeners(rules)
    intake = Intake(cast(Any, Durable()), lambda: known, SystemClock(), lambda _: None, cast(Any, Quiet()))
    arrivals = [Arrival("ehr", message(number), "127.0.0.1", "mllp") for number in range(COUNT)]
    began = time.perf_counter()
    for arrival in arrivals:
        answer = await intake.receive(arrival)
    return (time.perf_counter() - began) / COUNT * 1e6, answer.code


async def main() -> None:
    cases = {
        "without nak": "",
        "two rules, none holds": RULES % "NORTH",
        "two rules, one holds": RULES % "WEST",
    }
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, rules in cases.items():
            took, _ = await measured(rules)
            figures[name].append(took)
    for name, values in figures.items():
        print(f"{name:<24} {statistics.median(values):7.1f} us   ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    asyncio.run(main())
