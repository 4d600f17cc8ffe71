"""What a proof says: what was done and counted, and every violation."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Scale(NamedTuple):
    """How much of it. `settle`: seconds that the destinations are given to commit what is under way."""

    messages: int
    faults: int
    settle: float


class Proof(NamedTuple):
    """`counted`: one sentence with the figures. No `violations`: it holds."""

    counted: str
    violations: list[str]


class Rounds:
    """Rounds of a full run that held, kept in `.prove/` for the code as it stands: another commit begins anew."""

    def __init__(self, target: str, seed: int) -> None:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        self._file = ROOT / ".prove" / f"{target}-{seed}-{commit.stdout.strip()[:12] or 'unknown'}.json"
        self._kept: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def proof(self, number: int) -> Proof | None:
        """What was seen in a round before, or None."""
        told = self._kept.get(str(number))
        return None if told is None else Proof(f"{told} (seen before)", [])

    def keep(self, number: int, proof: Proof) -> None:
        """A round that held is not run again."""
        self._kept[str(number)] = proof.counted
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(self._kept))
