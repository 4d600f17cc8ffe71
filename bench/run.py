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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import HERE, free_port, laid_out, wait_for
from sender import TEMPLATE


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
    with tempfile.TemporaryDirectory() as folder, laid_out(Path(folder)) as bench:
        bench.start_far_ends()
        bench.start_engine()
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
