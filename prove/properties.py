"""Runs property tests with as many examples as are asked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from prove.report import Proof

ROOT = Path(__file__).parents[1]


def held(tests: Sequence[str], plugins: Sequence[str], examples: int, seed: int) -> Proof:
    """`tests`: files or tests, from the root. `plugins`: modules that change what they run with."""
    loaded = (word for plugin in plugins for word in ("-p", plugin))
    command = [
        sys.executable,
        "-m",
        "pytest",
        *tests,
        *loaded,
        "-p",
        "no:cacheprovider",
        f"--hypothesis-seed={seed}",
    ]
    told = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PROVE_EXAMPLES": str(examples)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = reversed(told.stdout.splitlines())
    last = next((line for line in lines if re.search(r"passed|failed", line)), "no tests ran")
    return Proof(f"{examples} examples of each property: {last}", [] if told.returncode == 0 else [last])
