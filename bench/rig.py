"""The processes of a measurement on loopback: the engine on a fresh store, two far ends, senders."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from site_layout import lay_out

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")


class Bench:
    """The processes of one round."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site"
        self.ports = {name: free_port() for name in ("mllp", "erp", "billing")}
        self.ready = 0.0
        self._children: list[subprocess.Popen[str]] = []
        self._first = int(time.time()) % 100_000 * 1_000_000
        self._expected = 0

    def start_far_ends(self) -> None:
        for name in ("erp", "billing"):
            command = [sys.executable, str(HERE / "far_end.py"), str(self.ports[name])]
            self._children.append(subprocess.Popen(command, text=True))
            wait_for(self.ports[name])

    def start_engine(self) -> None:
        """Returns when it is ready; `ready` has the seconds."""
        began = time.monotonic()
        with (self.site / "serve.err").open("w") as errors:
            self._engine = subprocess.Popen(
                [sys.executable, "-m", "engine", "serve", "--site", str(self.site)],
                cwd=HERE.parent,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._children.append(self._engine)
        assert self._engine.stdout is not None
        while self._engine.stdout.readline().strip() not in ("ready", ""):
            pass
        self.ready = time.monotonic() - began

    def stop(self) -> None:
        for child in reversed(self._children):
            child.terminate()
            child.wait(30)

    def send(self, count: int, connections: int) -> dict[str, float]:
        return json.loads(self._sender(count, connections).communicate()[0])

    def crowded(self, count: int) -> dict[str, float]:
        """One connection that stops and waits while 31 others push."""
        others = self._sender(count, 31)
        alone = self.send(500, 1)
        others.communicate()
        self.drained(count + 500)
        return alone

    def taken(self) -> int:
        return sum(self._count(self.ports[name]) for name in ("erp", "billing"))

    def drained(self, count: int) -> None:
        """Waits until both far ends have every message of this round."""
        self._expected += count
        until = time.monotonic() + 600
        while self.taken() < 2 * self._expected:
            if time.monotonic() > until:
                raise SystemExit("the engine did not deliver everything")
            time.sleep(0.02)

    def cpu(self) -> float:
        """Seconds of processor time of the engine."""
        fields = Path(f"/proc/{self._engine.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        line = next(
            x for x in Path(f"/proc/{self._engine.pid}/status").read_text().splitlines() if "VmRSS" in x
        )
        return int(line.split()[1]) / 1024

    def _sender(self, count: int, connections: int) -> subprocess.Popen[str]:
        command = [sys.executable, *self._sender_of(count, connections), str(self._first)]
        self._first += count
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _sender_of(self, count: int, connections: int) -> list[str]:
        """Program and arguments, but for the first number."""
        return [str(HERE / "sender.py"), str(self.ports["mllp"]), str(count), str(connections)]

    @staticmethod
    def _count(port: int) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as reply:
            return int(reply.read())


@contextmanager
def laid_out(folder: Path) -> Iterator[Bench]:
    """A site in `folder`; nothing runs yet, and nothing runs afterwards."""
    bench = Bench(folder)
    lay_out(bench.site, **bench.ports)
    try:
        yield bench
    finally:
        bench.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nobody listens on {port}")
