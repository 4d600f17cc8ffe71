"""Store and delivery against small models: random documents, moods and crashes, conserved after every step.

Runs the property tests of the lanes and of the store with as many examples as are asked for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from prove.report import Proof, Scale

SHORT = Scale(messages=30, faults=0, settle=0)
FULL = Scale(messages=3000, faults=0, settle=0)
SABOTAGE = "hope"
ROOT = Path(__file__).parents[1]
TESTS = ("tests/unit/delivery/test_lanes_property.py", "tests/conformance/store/test_model.py")


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: examples of each property, of some tens of steps."""
    more = {"PROVE_EXAMPLES": str(scale.messages)}
    plugin = ("-p", "prove.careless") if sabotage else ()
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *TESTS,
            *plugin,
            "-p",
            "no:cacheprovider",
            f"--hypothesis-seed={seed}",
        ],
        cwd=ROOT,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    last = next(
        (line for line in reversed(told.stdout.splitlines()) if re.search(r"passed|failed", line)),
        "no tests ran",
    )
    violations = [] if told.returncode == 0 else [last]
    return Proof(f"{scale.messages} examples of each property: {last}", violations)
