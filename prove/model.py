"""Store and delivery against small models: random documents, moods and crashes, conserved after every step."""

from __future__ import annotations

from pathlib import Path

from prove.properties import held
from prove.report import Proof, Scale

SHORT = Scale(messages=30, faults=0, settle=0)
FULL = Scale(messages=3000, faults=0, settle=0)
SABOTAGE = "hope"
TESTS = ("tests/unit/delivery/test_lanes_property.py", "tests/conformance/store/test_model.py")


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: examples of each property, of some tens of steps."""
    return held(TESTS, ("prove.careless",) if sabotage else (), scale.messages, seed)
