"""A far end is down and comes back: order kept, everything delivered, other destinations not held up."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from prove.house import house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=600, faults=3, settle=0.3)
FULL = Scale(messages=30_000, faults=30, settle=2.0)
SABOTAGE = "no-order"


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: seconds that billing is down."""
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        house.mood("billing", mood="down")
        down = time.monotonic()
        asyncio.run(house.send(range(scale.messages), accounts=40))
        while time.monotonic() - down < scale.faults:
            time.sleep(0.05)
        others, during = house.books().issues, house.books().charges
        house.calm()
        back = time.monotonic()
        house.settled(120 + scale.messages / 50)
        seconds = time.monotonic() - back
        violations = house.once(scale.messages)
    if during:
        violations.append("a far end that was down booked something")
    if not others:
        violations.append("the other destination waited for it")
    rate = scale.messages / seconds
    return Proof(
        f"{scale.faults} s down with {scale.messages} messages; {others} issues went on elsewhere; then "
        f"{rate:.0f} charges a second, the last {seconds:.1f} s after it was back",
        violations,
    )
