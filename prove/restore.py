"""A backup is taken under load, the store is lost, the backup comes back, senders send again: posted once."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from prove.house import Violation, house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=300, faults=2, settle=0.3)
FULL = Scale(messages=20_000, faults=20, settle=2.0)
ROUNDS = 5
SABOTAGE = "no-recovery"


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: losses. After each, everything since its backup is sent again."""
    part = scale.messages // scale.faults
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        for loss in range(scale.faults):
            first, backup = loss * part, folder / f"backup-{loss}.db"
            asyncio.run(house.send(range(first, first + part // 2), accounts=40))
            house.settled() if loss % 2 else None
            _must(house.suture.ask("backup", str(backup)), "backup")
            asyncio.run(house.send(range(first + part // 2, first + part), accounts=40))
            house.settled() if not loss % 2 else None
            house.suture.stop(signal.SIGKILL)
            _must(house.suture.ask("restore", str(backup)), "restore")
            house.suture.start()
            house.acknowledged -= set(range(first + part // 2, first + part))
            asyncio.run(house.send(range(first + part // 2, first + part), accounts=40))
            house.settled(120 + scale.settle * 50)
            if not sabotage:
                _must(house.suture.ask("recovered", "--reason", "all was sent again"), "recovered")
        violations = house.once(part * scale.faults)
    return Proof(f"{scale.faults} restored backups, {part * scale.faults} messages", violations)


def _must(answer, verb: str) -> None:
    if answer.returncode:
        raise Violation(f"{verb} ended with {answer.returncode}: {answer.stderr.strip()}")
