"""The disk is full, fails, does not sync, is read-only, or the store is locked: no acknowledgment without a commit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw

from prove.house import house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=400, faults=1, settle=0.3)
FULL = Scale(messages=20_000, faults=20, settle=1.0)
ROUNDS = 5
SABOTAGE = "acknowledge-early"
MOODS = ("full", "io", "sync", "readonly", "locked")


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: rounds of all five. While one lasts, nothing is acknowledged; when it clears, all goes on."""
    violations: list[str] = []
    with house_in(folder, scale.settle) as house:
        control = folder / "disk-mood"
        house.suture.program = ("prove.wrapped", f"--disk={control}")
        if sabotage:
            house.suture.program = (*house.suture.program, f"--sabotage={sabotage}")
        house.suture.start()
        store = house.suture.site / "var" / "suture.db"

        async def under_load() -> None:
            sending = asyncio.ensure_future(house.send(range(scale.messages), accounts=64))
            rounds = [mood for _ in range(scale.faults) for mood in MOODS]
            for place, mood in enumerate(rounds):
                while (
                    len(house.acknowledged) < (place + 0.5) / len(rounds) * scale.messages
                    and not sending.done()
                ):
                    await asyncio.sleep(0.005)
                holder = _hold(store, control, mood)
                await asyncio.sleep(0.3)  # what was committed before the fault is answered by now
                before = len(house.acknowledged)
                await asyncio.sleep(0.5)
                during = len(house.acknowledged) - before
                if during:
                    violations.append(f"{mood}: {during} acknowledgments without a commit")
                _mend(control, holder)
            await sending

        asyncio.run(under_load())
        house.settled(180)
        violations += house.once(scale.messages)
    counted = f"{scale.faults * len(MOODS)} faults of the disk under load ({', '.join(MOODS)})"
    return Proof(f"{counted}, {scale.messages} messages", violations)


def _hold(store: Path, control: Path, mood: str) -> apsw.Connection | None:
    if mood != "locked":
        control.write_text(mood)
        return None
    holder = apsw.Connection(str(store))
    holder.set_busy_timeout(2000)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def _mend(control: Path, holder: apsw.Connection | None) -> None:
    control.unlink(missing_ok=True)
    if holder is not None:
        holder.execute("ROLLBACK")
        holder.close()
