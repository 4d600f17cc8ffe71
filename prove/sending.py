"""Senders that never give up: each message again until it is acknowledged, over connections that break."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prove.house import ANSWER_WITHIN, House
from tests.acceptance.rig import END, START, code_of

Telling = tuple[str, bytes]
"""(MSH-10, message)."""


class Sender:
    """`acknowledged`: how many so far. `crossed`: answers that name another message."""

    def __init__(self, house: House, feed: str = "ehr") -> None:
        self._port = house.suture.ports[feed]
        self.acknowledged = 0
        self.crossed = 0

    async def send(self, told: Sequence[Telling], connections: int) -> None:
        """One connection takes the next of the list whenever it is free: near their order, and not in it."""
        waiting = iter(told)
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._send(waiting))

    async def _send(self, waiting: object) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for control, raw in waiting:  # type: ignore[attr-defined]
            while True:
                try:
                    if connection is None:
                        connection = await asyncio.open_connection("127.0.0.1", self._port)
                    reader, writer = connection
                    writer.write(START + raw + END)
                    async with asyncio.timeout(ANSWER_WITHIN):
                        answer = await reader.readuntil(END)
                except (OSError, asyncio.IncompleteReadError, TimeoutError):
                    if connection is not None:
                        connection[1].close()
                    connection = None
                    await asyncio.sleep(0.02)
                    continue
                self.crossed += f"|{control}".encode() not in answer
                if code_of(answer) == "AA":
                    self.acknowledged += 1
                    break
        if connection is not None:
            connection[1].close()
