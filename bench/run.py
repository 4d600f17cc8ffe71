"""Measures the whole path: `make bench`. Engine, two far ends and a sender are processes of their own on loopback.

    python bench/run.py [--count 20000] [--rounds 3]

Prints one line for each figure, medians of the rounds, and the noise of the machine they were taken on.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from sender import TEMPLATE
from site_layout import lay_out

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    print(
        f"machine: {os.cpu_count()} cores; spin noise {_noise():.0%}; {wanted.count} messages, {wanted.rounds} rounds"
    )
    rounds = [one_round(wanted.count) for _ in range(wanted.rounds)]
    for name in rounds[0]:
        values = sorted(figures[name] for figures in rounds)
        print(f"{name:<58} {statistics.median(values):>9.2f}   ({values[0]:.2f} to {values[-1]:.2f})")
    for name, rate in floors(min(wanted.count, 3000)).items():
        print(f"{name:<58} {rate:>9.2f}")


def one_round(count: int) -> dict[str, float]:
    """A fresh store, the engine from start to drained."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as bench:
        bench.send(1000, 32)  # warm
        bench.drained(1000)
        taken, cpu, began = bench.taken(), bench.cpu(), time.monotonic()
        burst = bench.send(count, 32)
        at_ack = bench.taken() - taken
        memory = bench.memory()
        bench.drained(count)
        seconds = time.monotonic() - began
        alone = bench.send(2000, 1)
        bench.drained(2000)
        crowded = bench.crowded(count // 4)
        return {
            "ready, seconds after start": bench.ready,
            "delivered to both far ends, messages a second": count / seconds,
            "acknowledged in the burst, a second": burst["rate"],
            "  of these delivered meanwhile, a second": at_ack / 2 / burst["seconds"],
            "  p99 of the acknowledgment, ms": burst["p99"],
            "one connection, stop and wait, a second": alone["rate"],
            "one connection while 31 push, p99 ms": crowded["p99"],
            "CPU of the engine, ms a message": (bench.cpu() - cpu) * 1000 / (count + 2000 + count // 4 + 500),
            "memory of the engine after the burst, MB": memory,
        }


class Bench:
    """The processes of one round."""

    def __init__(self, engine: subprocess.Popen[str], ports: dict[str, int], ready: float) -> None:
        self._engine, self._ports, self.ready = engine, ports, ready
        self._first = int(time.time()) % 100_000 * 1_000_000
        self._expected = 0

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
        return sum(self._count(self._ports[name]) for name in ("erp", "billing"))

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
        arguments = (self._ports["mllp"], count, connections, self._first)
        self._first += count
        return subprocess.Popen(
            [sys.executable, str(HERE / "sender.py"), *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )

    @staticmethod
    def _count(port: int) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as reply:
            return int(reply.read())


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    ports = {name: free_port() for name in ("mllp", "erp", "billing")}
    lay_out(folder / "site", **ports)
    children = [
        subprocess.Popen([sys.executable, str(HERE / "far_end.py"), str(ports[name])])
        for name in ("erp", "billing")
    ]
    for name in ("erp", "billing"):
        wait_for(ports[name])
    began = time.monotonic()
    with (folder / "serve.err").open("w") as errors:
        engine = subprocess.Popen(
            [sys.executable, "-m", "engine", "serve", "--site", str(folder / "site")],
            cwd=HERE.parent,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert engine.stdout is not None
        while engine.stdout.readline().strip() not in ("ready", ""):
            pass
        yield Bench(engine, ports, time.monotonic() - began)
    finally:
        for child in (engine, *children):
            child.terminate()
            child.wait(30)


def floors(count: int) -> dict[str, float]:
    """The same sender against servers that only answer, kept in memory."""
    rates = {}
    for which in ("hl7", "hl7apy"):
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, str(HERE / "floors.py"), which, str(port)], stderr=subprocess.DEVNULL
        )
        try:
            wait_for(port)
            rate = _kept_connections(port, count) if which == "hl7" else _one_connection_each(port, 100)
            rates[f"floor: {which}'s own MLLP server, acknowledged a second"] = rate
        finally:
            server.terminate()
            server.wait(10)
    return rates


def _kept_connections(port: int, count: int) -> float:
    command = [sys.executable, str(HERE / "sender.py"), str(port), str(count), "8"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return float(json.loads(told.stdout)["rate"])


def _one_connection_each(port: int, count: int) -> float:
    """hl7apy's server takes one message and closes."""
    began = time.monotonic()
    for number in range(count):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(TEMPLATE % {b"id": number, b"account": number})
            while connection.recv(4096):
                pass
    return count / (time.monotonic() - began)


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


def _noise() -> float:
    """Spread of ten equal loops: how much the machine itself varies."""
    times = []
    for _ in range(10):
        began = time.perf_counter()
        sum(range(1_000_000))
        times.append(time.perf_counter() - began)
    return (max(times) - min(times)) / statistics.median(times)


if __name__ == "__main__":
    main()
