"""The listener alone: an intake that answers at once, so that what is measured is sockets, framing and Twisted.

    python bench/mllp_bare.py                         # its own sender; on few cores the sender is the slower half
    python bench/mllp_bare.py --blast PATH_TO_SENDER PATH_TO_TEMPLATE

The second form runs `SENDER HOST PORT TEMPLATE COUNT CONNECTIONS`, a program that keeps one message in flight per
connection and prints its rate. `--loop asyncio` measures without uvloop.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.domain.message import Answer, Arrival
from engine.loop import new_event_loop
from listeners.framing import encode
from listeners.mllp import MllpListener

ACK = b"MSH|^~\\&|SUTURE|S|EHR|A|20260101120000||ACK^P03^ACK|000000000001|P|2.5.1\rMSA|AA|000000000001\r"
MESSAGE = encode(
    b"MSH|^~\\&|EHR|A|SUTURE|S|20260101120000||DFT^P03|1|P|2.5.1\r" + b"FT1|" + b"x" * 1000 + b"\r"
)

Send = Callable[[int, int, int], Awaitable[str]]


class AtOnce:
    """The shortest intake there is."""

    accepting = True

    def receive(self, arrival: Arrival) -> asyncio.Future[Answer]:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        answer.set_result(Answer(ACK, "AA"))
        return answer

    def garbled(self, feed: str, raw: bytes, reason: str, peer: str) -> None:
        raise AssertionError(reason)


def blaster(program: str, template: str) -> Send:
    async def send(port: int, count: int, connections: int) -> str:
        command = (program, "127.0.0.1", str(port), template, str(count), str(connections))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        return out.decode().strip()

    return send


SENDER = """
import socket, sys
from threading import Thread
port, count, connections = map(int, sys.argv[1:4])
message = sys.stdin.buffer.read()
def talk(times):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for _ in range(times):
            sock.sendall(message)
            while not sock.recv(4096).endswith(b"\\x1c\\r"):
                pass
talkers = [Thread(target=talk, args=(count // connections,)) for _ in range(connections)]
[talker.start() for talker in talkers]
[talker.join() for talker in talkers]
"""


async def own_sender(port: int, count: int, connections: int) -> str:
    command = (sys.executable, "-c", SENDER, str(port), str(count), str(connections))
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    began = time.perf_counter()
    await process.communicate(MESSAGE)
    return f"rate={count / (time.perf_counter() - began):.1f}/s"


async def measure(send: Send, count: int) -> None:
    listener = MllpListener("bench", AtOnce(), report=print, host="127.0.0.1", port=0)
    await listener.start()
    for connections in (1, 8, 32):
        before = resource.getrusage(resource.RUSAGE_SELF)
        line = await send(listener.port, count, connections)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{connections:2} connections: {line} listener_cpu={used / count * 1e6:.1f}us/message")
    await listener.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blast", nargs=2, metavar=("SENDER", "TEMPLATE"))
    parser.add_argument("--loop", choices=("engine", "asyncio"), default="engine")
    parser.add_argument("--count", type=int, default=30_000)
    chosen = parser.parse_args()
    factory = new_event_loop if chosen.loop == "engine" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(measure(blaster(*chosen.blast) if chosen.blast else own_sender, chosen.count))


if __name__ == "__main__":
    main()
