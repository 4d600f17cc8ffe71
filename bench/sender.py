"""Sends MLLP messages over many connections, one in flight on each, and tells rate and latencies as JSON.

    python bench/sender.py PORT COUNT CONNECTIONS [FIRST]

Every message has a control id, source ids and an account of its own kind: 2,000 accounts in turn.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

TEMPLATE = (
    b"\x0bMSH|^~\\&|EHRSURG|NORTH|SUTURE|ERP|20261120101500||DFT^P03^DFT_P03|%(id)012d|P|2.5.1|||AL|NE|USA|UNICODE UTF-8\r"
    b"EVN|P03|20261120101500\r"
    b"PID|1||MRN%(account)08d^^^NORTH^MR||DOE^JANE^Q||19580412|F|||100 MAIN ST^^SPRINGFIELD^IL^62701||(217)555-0100"
    b"|||||ACC%(account)08d^^^NORTH^AN\r"
    b"PV1|1|I|OR^ROOM4^1^NORTH||||1234^SURGEON^ALAN^^^^MD|||ORT|||||||1234^SURGEON^ALAN|I|VN%(account)08d^^^NORTH^VN\r"
    b"FT1|1|%(id)012d-1|BATCH20261120|20261120094500|20261120101500|CG|IMP-FEM-07^FEMORAL COMPONENT SIZE 7^LOCAL|||1"
    b"|4200.00|4200.00|OR-NORTH^^^NORTH|||OR^ROOM4^1^NORTH||||1234^SURGEON^ALAN\r"
    b"FT1|2|%(id)012d-2|BATCH20261120|20261120095000|20261120101500|CG|IMP-TIB-05^TIBIAL BASEPLATE SIZE 5^LOCAL|||1"
    b"|2875.50|2875.50|OR-NORTH^^^NORTH|||OR^ROOM4^1^NORTH||||1234^SURGEON^ALAN\r"
    b"FT1|3|%(id)012d-3|BATCH20261120|20261120095500|20261120101500|CG|CEM-PAL-40^BONE CEMENT 40G^LOCAL|||2"
    b"|236.50|118.25|OR-NORTH^^^NORTH|||OR^ROOM4^1^NORTH||||1234^SURGEON^ALAN\r\x1c\r"
)


class Run:
    """What all connections share."""

    def __init__(self, first: int, count: int) -> None:
        self.next, self.last = first, first + count
        self.latencies: list[float] = []
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()
        self.count = count


class Connection(asyncio.Protocol):
    def __init__(self, run: Run) -> None:
        self._run = run
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        run = self._run
        if run.next >= run.last:
            return
        number, run.next = run.next, run.next + 1
        self._sent = time.perf_counter()
        self._transport.write(TEMPLATE % {b"id": number, b"account": number % 2000})

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\x1c\r")) >= 0:
            answer, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            run = self._run
            run.latencies.append(time.perf_counter() - self._sent)
            run.refused += b"MSA|AA" not in answer and b"MSA|CA" not in answer
            if len(run.latencies) == run.count and not run.done.done():
                run.done.set_result(None)
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(ConnectionError("the engine closed a connection"))


async def main(port: int, count: int, connections: int, first: int) -> None:
    loop = asyncio.get_running_loop()
    run = Run(first, count)
    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
    await run.done
    seconds = time.perf_counter() - began
    ordered = sorted(run.latencies)
    at = {
        name: round(ordered[int(len(ordered) * part)] * 1000, 2)
        for name, part in (("p50", 0.5), ("p99", 0.99))
    }
    print(json.dumps({"rate": round(count / seconds), "seconds": seconds, "refused": run.refused, **at}))


if __name__ == "__main__":
    port, count, connections, *rest = map(int, sys.argv[1:])
    uvloop.run(main(port, count, connections, rest[0] if rest else int(time.time()) % 100_000 * 1_000_000))
