"""Dated tables, ranges and units: random rows are found as a search over all of them finds them, a switch of the year
takes no wrong row however late a charge comes in, and units convert exactly or the line is held."""

from __future__ import annotations

from pathlib import Path

from prove.properties import held
from prove.report import Proof, Scale

SHORT = Scale(messages=100, faults=0, settle=0)
FULL = Scale(messages=5000, faults=0, settle=0)
SABOTAGE = "tomorrow"
TESTS = (
    "tests/unit/reference/test_table.py",
    "tests/unit/reference/test_ranges.py",
    "tests/unit/mapping/test_expression.py",
    "tests/unit/pipeline/test_year_end.py",
)


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: examples of each property."""
    return held(TESTS, ("prove.tomorrow",) if sabotage else (), scale.messages, seed)
