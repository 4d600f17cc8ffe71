"""One account in a hundred fails for good: nobody waits for a stranger, no inversions, little throughput lost."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from prove.house import house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=500, faults=1, settle=0.3)
FULL = Scale(messages=20_000, faults=9, settle=2.0)
SABOTAGE = "never-step-aside"
LOST_AT_MOST = 0.05


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: interleaved pairs of runs, one without and one with 1 % refused. The short form times nothing."""
    ratios, violations, refused = [], [], 0
    for pair in range(scale.faults):
        plain = _run(scale, folder / f"plain-{pair}", 0, sabotage, violations)
        failing = _run(scale, folder / f"failing-{pair}", 100, sabotage, violations)
        ratios.append(plain[0] / failing[0])
        refused += failing[1]
    lost = 1 - statistics.median(ratios)
    if scale.faults > 1 and lost > LOST_AT_MOST:
        violations.append(f"{lost:.1%} of the throughput is lost")
    timed = f"; {lost:.1%} of the throughput lost in the median" if scale.faults > 1 else ""
    counted = (
        f"{scale.faults} pairs of {scale.messages} accounts, {refused} documents refused for good{timed}"
    )
    return Proof(counted, violations)


def _run(scale: Scale, folder: Path, every: int, sabotage: str, violations: list[str]) -> tuple[float, int]:
    """(seconds until all is settled, documents refused)."""
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        if every:
            house.mood("billing", path="/charges", mood="refuse", every=every, code="account_closed")
        began = time.monotonic()
        asyncio.run(house.send(range(scale.messages * 2), accounts=scale.messages))
        account = house.settled(15 + scale.messages / 20)
        seconds = time.monotonic() - began
        held = sum(group["effects"] for group in account["worklist"])
        books = house.books()
    if len(books.charges) + held != scale.messages * 2:
        violations.append(f"{len(books.charges)} charges and {held} held are not all of {scale.messages * 2}")
    if books.inversions or books.doubled:
        violations.append(f"{books.inversions} inversions, {len(books.doubled)} doubles")
    if bool(held) != bool(every):
        violations.append(f"{held} documents are held")
    return seconds, held
