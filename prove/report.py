"""What a proof says: what was done and counted, and every violation."""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    """How much of it. `settle`: seconds that the destinations are given to commit what is under way."""

    messages: int
    faults: int
    settle: float


class Proof(NamedTuple):
    """`counted`: one sentence with the figures. No `violations`: it holds."""

    counted: str
    violations: list[str]
