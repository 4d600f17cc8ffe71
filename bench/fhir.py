"""Measures the FHIR door: transaction Bundles taken, and delivered to the sandbox.

    python bench/fhir.py [--count 3000] [--connections 16] [--rounds 3]

The site is the example of FHIR, with 32 requests at a time to each side of the sandbox; engine, sandbox and sender are
processes of their own on loopback. A Bundle makes seven messages and six documents, three charges and three issues.
Prints medians of the rounds, and their range.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import HERE, Bench, free_port

EXAMPLE = HERE.parent / "engine" / "cli" / "examples" / "fhir-resources"
DOCUMENTS = 3
"""Of each side, for one Bundle."""

WARM = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=3_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    rounds = [one_round(wanted.count, wanted.connections) for _ in range(wanted.rounds)]
    print(f"{wanted.count} Bundles over {wanted.connections} connections, {wanted.rounds} rounds")
    for name in rounds[0]:
        values = sorted(figures[name] for figures in rounds)
        print(f"{name:<46} {statistics.median(values):>9.2f}   ({values[0]:.2f} to {values[-1]:.2f})")


def one_round(count: int, connections: int) -> dict[str, float]:
    """A fresh store, the engine from start to drained."""
    with tempfile.TemporaryDirectory() as folder:
        bench = FhirBench(Path(folder))
        try:
            bench.start_far_ends()
            bench.start_engine()
            bench.send(WARM, connections)
            bench.drained(WARM)
            cpu, began = bench.cpu(), time.monotonic()
            burst = bench.send(count, connections)
            bench.drained(count)
            seconds = time.monotonic() - began
            return {
                "taken and delivered, Bundles a second": count / seconds,
                "answered in the burst, Bundles a second": burst["rate"],
                "  median of the answer, ms": burst["p50"],
                "  p99 of the answer, ms": burst["p99"],
                "  not answered with 200": burst["refused"],
                "CPU of the engine, ms a Bundle": (bench.cpu() - cpu) * 1000 / count,
                "memory of the engine afterwards, MB": bench.memory(),
            }
        finally:
            bench.stop()


class FhirBench(Bench):
    """The example's site against the sandbox."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ports = {"lab": free_port(), "erp": free_port(), "billing": free_port()}
        shutil.copytree(EXAMPLE, self.site)
        place = self.site / "config" / "env" / "demo.yaml"
        text = re.sub(r"port: \d+", f"port: {self.ports['lab']}", place.read_text())
        for side in ("erp", "billing"):
            text = re.sub(rf'({side}: {{url: "http://127.0.0.1:)\d+', rf"\g<1>{self.ports[side]}", text)
        place.write_text(text)
        said = self.site / "config" / "suture.yaml"
        said.write_text(said.read_text().replace("settle: 2s", "settle: 2s\n    concurrency: 32"))

    def start_far_ends(self) -> None:
        command = [sys.executable, "-m", "engine.sandbox", "--erp-port", str(self.ports["erp"])]
        command += ["--billing-port", str(self.ports["billing"])]
        child = subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True)
        self._children.append(child)
        assert child.stdout is not None
        child.stdout.readline()

    def taken(self) -> int:
        """Documents of both sides."""
        return sum(self._documents(self.ports[side]) for side in ("erp", "billing"))

    def drained(self, count: int) -> None:
        super().drained(DOCUMENTS * count)

    def _sender_of(self, count: int, connections: int) -> list[str]:
        return [str(HERE / "fhir_sender.py"), str(self.ports["lab"]), str(count), str(connections)]

    @staticmethod
    def _documents(port: int) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/books", timeout=10) as reply:
            return sum(json.load(reply)["documents"].values())


if __name__ == "__main__":
    main()
