"""Garbled messages over a real door: none escapes, each is kept and answered where it can be, and memory stays bounded.

Public samples and those of the site are mutated: bytes flipped, fields and segments cut, doubled, swapped and blown up,
delimiters changed, batches broken. The engine must answer each frame, say no fault of its own, keep every message in
some state, and not grow beyond what it was given.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from prove.house import House, chance_of, house_in
from prove.report import ROOT, Proof, Scale
from tests.acceptance.rig import END, START

SHORT = Scale(messages=20_000, faults=0, settle=0.3)
FULL = Scale(messages=1_000_000, faults=0, settle=1.0)
ROUNDS = 10
SABOTAGE = "stumble"
WINDOW = 64
STEPPED_WITHIN = 300
LARGEST = 200_000
GROWTH_BASE = 16 * 1024 * 1024
GROWTH_FACTOR = 20
_TOKENS = (
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"\r",
    b"\n",
    b'""',
    b"\xff",
    b"\x00",
    b"\\X0D\\",
    b"\\.br\\",
    b"MSH|",
)


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    chance = chance_of(seed)
    seeds = [path.read_bytes().replace(b"\n", b"\r") for path in sorted((ROOT / "tests").rglob("*.hl7"))]
    seeds += [path.read_bytes().replace(b"\n", b"\r") for path in sorted((ROOT / "channels").rglob("*.hl7"))]
    seeds = [seed for seed in seeds if b"\x0b" not in seed and b"\x1c" not in seed]
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        assert house.suture.process is not None
        before = memory(house.suture.process.pid)
        sizes, answers = asyncio.run(_tell(house, seeds, scale.messages, chance))
        growth = peak(house.suture.process.pid) - before
        stepped(house)
        log = house.suture.log()
        states = dict(house.rows("SELECT state, count(*) FROM message GROUP BY state"))
        ((answered,),) = house.rows("SELECT count(*) FROM message WHERE answered <> ''")
    kept, largest, violations = sum(states.values()), max(sizes), []
    if kept != scale.messages or answers != answered:
        violations.append(
            f"{scale.messages} inputs, {kept} in the store; {answered} to be answered, {answers} were"
        )
    if "BUG" in log or "Traceback" in log:
        violations.append(
            next(line for line in log.splitlines() if "BUG" in line or "Traceback" in line)[:300]
        )
    if 0 in states:
        violations.append(f"{states[0]} messages were never stepped")
    queue = WINDOW * largest
    if growth > GROWTH_FACTOR * queue + GROWTH_BASE:
        violations.append(f"the engine grew by {growth >> 20} MiB; {queue >> 20} MiB were ever under way")
    return Proof(
        f"{scale.messages} garbled messages from {len(seeds)} samples, the largest {largest} bytes, "
        f"{answers} answered, all kept in {len(states)} states, {growth >> 20} MiB more at the peak",
        violations,
    )


async def _tell(house: House, seeds: list[bytes], count: int, chance: random.Random) -> tuple[list[int], int]:
    """(bytes of each input, answers). What has no header that could be answered is kept and not answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.suture.ports["ehr"])
    reading = asyncio.ensure_future(_count(reader))
    sizes, weights = [], [1 / len(seed) for seed in seeds]
    for number in range(count):
        raw = mutated(chance.choices(seeds, weights)[0], chance, number)
        sizes.append(len(raw))
        writer.write(START + raw + END)
        if not number % WINDOW:
            await writer.drain()
    writer.write_eof()
    answers = await asyncio.wait_for(reading, 600)
    writer.close()
    return sizes, answers


def stepped(house: House) -> None:
    """What is delivered of it, and how the far end takes it, is not asked here."""
    until = time.monotonic() + STEPPED_WITHIN
    while (
        house.rows("SELECT EXISTS (SELECT 1 FROM message WHERE state = 0)")[0][0] and time.monotonic() < until
    ):
        time.sleep(0.1)


async def _count(reader: asyncio.StreamReader) -> int:
    answers = 0
    while data := await reader.read(1 << 16):
        answers += data.count(END)
    return answers


def mutated(raw: bytes, chance: random.Random, number: int) -> bytes:
    """A message that stays one frame. Often it keeps a control id of its own, so that it is no duplicate."""
    if chance.random() < 0.8:
        fields = raw.split(b"|", 10)
        if len(fields) > 10:
            fields[9] = b"F%d" % number
            raw = b"|".join(fields)
    for _ in range(chance.randint(1, 4)):
        raw = chance.choice(_WAYS)(raw, chance)
    return raw.translate(None, b"\x0b\x1c")[:LARGEST] or b"?"


def _flip(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw or b"?")
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _insert(raw: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(raw) + 1)
    return (
        raw[:place]
        + chance.choice(_TOKENS) * chance.choice((1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 8, 8, 8, 500))
        + raw[place:]
    )


def _cut(raw: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(raw) + 1)
    return raw[:start] + raw[start + chance.randint(0, 60) :]


def _segments(raw: bytes, chance: random.Random) -> bytes:
    parts = raw.split(b"\r")
    match chance.choice(("drop", "drop", "double", "double", "swap", "swap", "many")):
        case "drop":
            parts.pop(chance.randrange(len(parts)))
        case "double":
            parts.insert(chance.randrange(len(parts) + 1), chance.choice(parts))
        case "swap":
            chance.shuffle(parts)
        case _:
            parts += [chance.choice(parts)] * chance.choice((3, 3, 3, 3, 10, 10, 10, 10, 10, 300))
    return b"\r".join(parts)


def _field(raw: bytes, chance: random.Random) -> bytes:
    """A field with something else: a number out of any bounds, a date that is none, another delimiter."""
    fields = raw.split(b"|")
    fields[chance.randrange(len(fields))] = chance.choice(
        (
            b"",
            b"-1",
            b"1e999999",
            b"9" * 400,
            b"20261399",
            b"00000000",
            b"NaN",
            b"\xc3\x28",
            b"a^b&c~d\\E\\",
            b'""',
        )
    )
    return b"|".join(fields)


def _delimiters(raw: bytes, chance: random.Random) -> bytes:
    return raw[:3] + bytes(chance.sample(range(33, 127), 5)) + raw[8:]


_WAYS = (_flip, _insert, _cut, _segments, _field, _field, _delimiters)


def memory(pid: int) -> int:
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0
