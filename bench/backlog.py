"""A backlog: messages arrive while both far ends are down, then these come back and new patients arrive meanwhile.

    python bench/backlog.py [--count 200000]

Tells the engine's memory, the rate at which the backlog is delivered, and how long new messages take meanwhile.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import HERE, Bench, laid_out
from sender import TEMPLATE

NEW = 10
"""New patients, one a second, while the backlog is delivered."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder, laid_out(Path(folder)) as bench:
        bench.start_engine()
        burst = bench.send(count, 32)
        waiting = bench.memory()
        bench.start_far_ends()
        delays = [new_patient(bench, number) for number in range(NEW)]
        before, began = bench.taken(), time.monotonic()
        time.sleep(10)
        rate = (bench.taken() - before) / 2 / (time.monotonic() - began)
        print(f"{'acknowledged in the burst, a second':<58} {burst['rate']:>9.0f}")
        print(f"{f'memory with {count} waiting, MB':<58} {waiting:>9.1f}")
        print(f"{'memory while they are delivered, MB':<58} {bench.memory():>9.1f}")
        print(f"{'delivered from the backlog, messages a second':<58} {rate:>9.0f}")
        print([round(d, 2) for d in delays])
        print(f"{'new messages delivered meanwhile after, s (worst of 10)':<58} {max(delays):>9.2f}")


def new_patient(bench: Bench, number: int) -> float:
    """Sends one message of somebody new; seconds from its receipt to its last receipt at a far end."""
    time.sleep(1)
    with socket.create_connection(("127.0.0.1", bench.ports["mllp"]), timeout=30) as connection:
        connection.sendall(TEMPLATE % {b"id": 999_999_000_000 + number, b"account": 90_000_000 + number})
        connection.recv(4096)
    (newest, *_) = ask(bench, "messages", "--limit", "1")
    until = time.monotonic() + 600
    while time.monotonic() < until:
        story = ask(bench, "show", str(newest["id"]))
        if story["deliveries"] and all(one["state"] == "delivered" for one in story["deliveries"]):
            last = max(one["settled_us"] for one in story["deliveries"])
            return (last - story["message"]["received_us"]) / 1_000_000
        time.sleep(0.2)
    raise SystemExit("a new message was not delivered")


def ask(bench: Bench, *verb: str):
    command = [sys.executable, "-m", "engine", *verb, "--site", str(bench.site), "--json"]
    return json.loads(subprocess.run(command, cwd=HERE.parent, capture_output=True, check=True).stdout)


if __name__ == "__main__":
    main()
