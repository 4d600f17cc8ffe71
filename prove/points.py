"""Killed at each commit and at each send of the path, before and after it: the books close at every point."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prove.house import House, chance_of, house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=6, faults=8, settle=0.2)
FULL = Scale(messages=6, faults=0, settle=0.3)  # faults 0: every point there is
SABOTAGE = "forget-marks"


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    points = [
        f"{kind}:{when}:{number}"
        for kind, last in (("commit", 24), ("send", 12))
        for when in ("before", "after")
        for number in range(1, last + 1)
    ]
    if scale.faults:
        points = sorted(chance_of(seed).sample(points, scale.faults))
    if sabotage:
        points = ["send:after:3", "send:after:5"]
    violations, reached = [], 0
    for place, point in enumerate(points):
        with house_in(folder / str(place), scale.settle) as house:
            reached += _killed_at(house, point, scale.messages, sabotage)
            violations += [f"{point}: {found}" for found in house.once(scale.messages)]
    return Proof(
        f"{len(points)} points of the path, {reached} of them reached, books closed after each", violations
    )


def _killed_at(house: House, point: str, messages: int, sabotage: str) -> bool:
    """Whether the process died; everything is sent and settled when it returns."""
    house.suture.program = ("prove.wrapped", f"--kill-at={point}")

    async def through_the_kill() -> bool:
        try:
            await asyncio.to_thread(house.suture.start)
        except AssertionError:  # killed before it was ready
            pass
        sending = asyncio.ensure_future(house.send(range(messages), accounts=3))
        process = house.suture.process
        assert process is not None
        died = await _dies(process, sending, house)
        if process.poll() is None:
            process.kill()
        await asyncio.to_thread(process.wait)
        house.suture.program = ("prove.wrapped", f"--sabotage={sabotage}") if sabotage else ("engine",)
        await asyncio.to_thread(house.suture.start)
        await sending
        return died

    died = asyncio.run(through_the_kill())
    house.settled()
    return died


async def _dies(process, sending: asyncio.Future, house: House) -> bool:
    """Waits until the process is dead, or until everything was sent and booked without its being reached."""
    for _ in range(300):
        if process.poll() is not None:
            return True
        if sending.done() and len(await asyncio.to_thread(lambda: house.books().charges)) >= len(
            house.acknowledged
        ):
            await asyncio.sleep(0.1)
            return process.poll() is not None
        await asyncio.sleep(0.02)
    return False
