"""How fast held lines go when their missing row is added: `python -m bench.worklist [LINES]`.

The engine, the command and the sandbox are processes of their own. While the lines are released, a sender of one live
message at a time goes on. Three rounds, medians, each on a store of its own.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from prove.house import House, house_in, message
from prove.worklist import CAUSE, CODE, ROW, command, held, without_row
from tests.acceptance.rig import END, START

ROUNDS = 3


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = []
    for _ in range(ROUNDS):
        with (
            tempfile.TemporaryDirectory(prefix="bench-worklist-") as name,
            house_in(Path(name), 0.5) as house,
        ):
            rounds.append(asyncio.run(_round(house, lines)))
    for what in rounds[0]:
        values = sorted(found[what] for found in rounds)
        print(f"{what:<62} {statistics.median(values):>8.2f}   ({values[0]:.2f} to {values[-1]:.2f})")


async def _round(house: House, lines: int) -> dict[str, float]:
    without_row(house.suture.site)
    house.suture.start()
    await house.send(range(lines), accounts=lines)
    await asyncio.to_thread(house.settled, 600)
    assert held(house) == lines
    began = time.perf_counter()
    assert command(house, "worklist", "--json").communicate()[0].count(CODE)
    figures = {"suture worklist, s": time.perf_counter() - began}
    await _live(house, lines, lambda sent: sent == 50)  # warm
    began = time.perf_counter()
    mapping = command(house, "map", CAUSE, *ROW, "--reason", "bench")
    first = asyncio.create_task(asyncio.to_thread(_first_line, mapping, began))
    live = asyncio.create_task(_live(house, lines + 1000, lambda _: mapping.poll() is not None))
    await asyncio.to_thread(_until_none_held, house)
    figures["all queued after, s"] = time.perf_counter() - began
    figures["accepted after, s"] = await first
    answers = await live
    figures["the command's end after, s"] = time.perf_counter() - began
    figures["longest wait of a live message for its acknowledgment, ms"] = max(answers) * 1000
    figures["live messages meanwhile"] = len(answers)
    await asyncio.to_thread(house.settled, 600)
    for what, until in (("its step", "m.stepped_us"), ("its delivery", "d.settled_us")):
        ((longest,),) = house.rows(
            f"SELECT max({until} - m.received_us) FROM message m "  # noqa: S608
            f"JOIN delivery d ON d.message_id = m.id WHERE m.id > {lines + 50}"
        )
        figures[f"longest wait of a live message for {what}, ms"] = longest / 1000
    return figures


def _until_none_held(house: House) -> None:
    while held(house):
        time.sleep(0.05)


def _first_line(mapping: subprocess.Popen[str], began: float) -> float:
    """Seconds until the command says anything."""
    assert mapping.stderr is not None
    assert mapping.stdout is not None
    mapping.stderr.readline() or mapping.stdout.readline()
    return time.perf_counter() - began


async def _live(house: House, first: int, over) -> list[float]:  # type: ignore[no-untyped-def]
    """One new patient after another; the seconds that each waited."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.suture.ports["ehr"])
    waits: list[float] = []
    while not over(len(waits)):
        number = first + len(waits)
        began = time.perf_counter()
        writer.write(START + message(number, number).replace(CODE.encode(), b"IMP-FEM-05") + END)
        await reader.readuntil(END)
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    writer.close()
    return waits


if __name__ == "__main__":
    main()
