"""SIGKILL at random moments under load; senders send again what was not acknowledged."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from prove.house import chance_of, house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=1200, faults=8, settle=0.3)
FULL = Scale(messages=100_000, faults=500, settle=1.0)
ROUNDS = 4
SABOTAGE = "forget-marks"
READY_WITHIN = 2.0


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """0 acknowledged lost, 0 booked twice, 0 inversions within an account, ready again in under 2 s (p99)."""
    chance = chance_of(seed)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        ready = [house.suture.start()]

        async def under_load() -> None:
            sending = asyncio.ensure_future(house.send(range(scale.messages), accounts=64))
            for kill in range(scale.faults):
                share = (kill + chance.random()) / scale.faults * 0.9
                while len(house.acknowledged) < share * scale.messages and not sending.done():
                    await asyncio.sleep(0.005)
                await asyncio.to_thread(house.suture.stop, signal.SIGKILL)
                ready.append(await asyncio.to_thread(house.suture.start))
            await sending

        asyncio.run(under_load())
        house.settled(60 + scale.messages / 200)
        violations = house.once(scale.messages)
    slowest = sorted(ready)[int(len(ready) * 0.99) - 1] if len(ready) > 100 else max(ready)
    if slowest > READY_WITHIN:
        violations.append(f"ready only {slowest:.2f} s after a kill (p99)")
    return Proof(
        f"{scale.faults} kills, {scale.messages} messages; ready again in {slowest:.2f} s (p99)",
        violations,
    )
