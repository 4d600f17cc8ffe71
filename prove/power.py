"""Power cuts: writes and syncs of the store are recorded, and what a disk may hold at any moment is opened again.

Everything before a file's last finished sync is on the disk. Of what was written after it, any part may be: each write
whole, torn at a sector, or not at all. Whatever was told as durable before the cut must be in the store afterwards.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from engine.clock import SystemClock
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.store.sqlite import SqliteStore
from prove.house import chance_of
from prove.report import Proof, Scale

SHORT = Scale(messages=300, faults=60, settle=0)
FULL = Scale(messages=3000, faults=1000, settle=0)
ROUNDS = 10
SABOTAGE = "no-sync"
SECTOR = 512


@dataclass
class Tape:
    """What happened, in order: (kind, file, offset, bytes) with kind write, truncate, sync, delete or told."""

    events: list[tuple[str, str, int, bytes]] = field(default_factory=list)


class RecordingDisk(apsw.VFS):
    def __init__(self, tape: Tape, name: str) -> None:
        self.tape = tape
        super().__init__(name, "unix", makedefault=True)

    def xOpen(self, name, flags):  # type: ignore[no-untyped-def]
        return RecordingFile(self.tape, name, flags)

    def xDelete(self, name, syncdir):  # type: ignore[no-untyped-def]
        super().xDelete(name, syncdir)
        self.tape.events.append(("delete", Path(name).name, 0, b""))


class RecordingFile(apsw.VFSFile):
    def __init__(self, tape: Tape, name, flags) -> None:  # type: ignore[no-untyped-def]
        super().__init__("unix", name, flags)
        self._tape = tape
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name

    def xWrite(self, data, offset):  # type: ignore[no-untyped-def]
        super().xWrite(data, offset)
        self._tape.events.append(("write", self._name, offset, bytes(data)))

    def xTruncate(self, size):  # type: ignore[no-untyped-def]
        super().xTruncate(size)
        self._tape.events.append(("truncate", self._name, size, b""))

    def xSync(self, flags):  # type: ignore[no-untyped-def]
        super().xSync(flags)
        self._tape.events.append(("sync", self._name, 0, b""))


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: cuts. 0 acknowledged lost, and the store opens at each."""
    tape = Tape()
    asyncio.run(_morning(tape, folder / "recorded.db", scale.messages))
    if sabotage:
        tape.events = [event for event in tape.events if event[0] != "sync"]
    chance, violations = chance_of(seed), []
    for cut in range(scale.faults):
        end = chance.randrange(1, len(tape.events) + 1)
        lost = asyncio.run(_lost_at(tape.events[:end], folder / f"cut-{cut}", chance))
        if lost:
            violations.append(f"cut {cut} at event {end}: {lost}")
    writes = sum(event[0] == "write" for event in tape.events)
    counted = (
        f"{scale.faults} cuts in {writes} writes of {scale.messages} messages, with torn and missing tails"
    )
    return Proof(counted, violations[:10])


async def _morning(tape: Tape, path: Path, messages: int) -> None:
    disk = RecordingDisk(tape, "recording")
    store = _store(path)
    await store.start()
    for number in range(0, messages, 5):
        kept = await asyncio.gather(*[store.submit([_arrival(n)]) for n in range(number, number + 5)])
        for (one,) in kept:
            tape.events.append(("told", "", one.id, b""))
    await store.stop()
    disk.unregister()


async def _lost_at(events: list[tuple[str, str, int, bytes]], folder: Path, chance: random.Random) -> str:
    """What was told and is not there; '' when nothing is missing."""
    folder.mkdir()
    for name in {event[1] for event in events if event[1]} - {"recorded.db-shm"}:
        mine = [event for event in events if event[1] == name]
        if mine[-1][0] != "delete":  # its folder is synced with it
            (folder / name).write_bytes(_on_disk(mine, chance))
    told = {event[2] for event in events if event[0] == "told"}
    store = _store(folder / "recorded.db")
    try:
        await store.start()
        there = {inbound.id for inbound in await store.pending(0, 1_000_000)}
        await store.stop()
    except Exception as error:
        return f"the store does not open: {error}" if told else ""
    return f"{len(told - there)} acknowledged messages are lost" if told - there else ""


def _on_disk(events: list[tuple[str, str, int, bytes]], chance: random.Random) -> bytes:
    synced = max((place for place, event in enumerate(events) if event[0] == "sync"), default=-1)
    content = bytearray()
    for place, (kind, _, offset, data) in enumerate(events):
        if kind == "write":
            if place > synced:
                fate = chance.random()
                if fate < 0.3:
                    continue
                if fate < 0.5:
                    data = data[: chance.randrange(0, len(data) // SECTOR + 1) * SECTOR]
            if len(content) < offset:
                content.extend(bytes(offset - len(content)))
            content[offset : offset + len(data)] = data
        elif kind == "truncate" and (place <= synced or chance.random() < 0.5):
            del content[offset:]
    return bytes(content)


def _store(path: Path) -> SqliteStore:
    return SqliteStore(path, site="s", environment="proof", clock=SystemClock())


def _arrival(number: int) -> Received:
    raw = b"MSH|%d|" % number * 40
    return Received("ehr", number, "DFT^P03", str(number), raw, None, MessageState.PENDING, "", "AA", None)
