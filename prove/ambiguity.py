"""The far end loses replies, applies late, answers twice, half or nonsense: nothing is doubled, nothing missing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prove.house import house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=400, faults=7, settle=0.5)
FULL = Scale(messages=10_000, faults=3, settle=25.0)
SABOTAGE = "hope"
LATE = 0.8
"""Share of `settle` that a late far end takes: never longer than it declared."""


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: every n-th request is spoiled, in eight ways. Without a probe all of them await a person."""
    asked = _with_probe(scale, folder / "probe", sabotage)
    if sabotage:
        return asked
    held = _without_probe(scale, folder / "no-probe")
    return Proof(f"{asked.counted}; {held.counted}", asked.violations + held.violations)


def _with_probe(scale: Scale, folder: Path, sabotage: str) -> Proof:
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        moods: tuple[dict[str, object], ...] = (
            {"mood": "lose-reply"},
            {"mood": "late", "seconds": scale.settle * LATE},
            {"mood": "half"},
            {"mood": "twice"},
            {"mood": "garbage"},
            {"mood": "proxy", "applied": True},
            {"mood": "proxy", "applied": False},
            {"mood": "down"},
        )
        for side, path in (("erp", "/goods-issues"), ("billing", "/charges")):
            for place, mood in enumerate(moods):
                house.mood(side, path=path, every=scale.faults * (place + 3), **mood)
        asyncio.run(house.send(range(scale.messages), accounts=scale.messages // 4))
        house.settled(300 + scale.settle * 40)
        violations = house.once(scale.messages)
    return Proof(
        f"{2 * scale.messages} documents, each {scale.faults}th and oftener spoiled in 8 ways", violations
    )


def _without_probe(scale: Scale, folder: Path) -> Proof:
    messages = scale.messages // 4
    with house_in(folder, scale.settle, probe=False) as house:
        house.suture.start()
        house.mood("billing", path="/charges", mood="lose-reply", every=10)
        asyncio.run(house.send(range(messages), accounts=messages))
        house.settled()
        ((unknown, held),) = house.rows(
            "SELECT count(*), coalesce(sum(state = 5), 0) FROM delivery "
            "WHERE id IN (SELECT delivery_id FROM attempt WHERE verdict = 4)"
        )
        violations = house.once(messages)
    if not unknown:
        violations.append("no reply was lost")
    if held != unknown:
        violations.append(f"{held} of {unknown} unknown outcomes are in the worklist")
    return Proof(f"without a probe {held} of {unknown} unknown outcomes await a person", violations)
