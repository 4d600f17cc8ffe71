"""Frames at every split and coalescing, pipelined, byte by byte, beside idle sockets, in clear and over TLS.

Each message is answered once, with its own control id, in the order of its connection; each is in the store once.
"""

from __future__ import annotations

import asyncio
import random
import re
import resource
import ssl
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice, pairwise
from pathlib import Path

import trustme

from prove.house import House, Violation, chance_of, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import END, START

SHORT = Scale(messages=4_000, faults=400, settle=0.3)
FULL = Scale(messages=10_000, faults=2_000, settle=1.0)
SABOTAGE = "cross-answers"
PIPELINED = 300
FIRST = 10
"""Violations that are told one by one."""

SPARE_SOCKETS = 400
TOGETHER = 32
APART = 0.001
"""Seconds between two pieces, so that they are read apart."""

WITHIN = 60.0

Door = tuple[str, int, ssl.SSLContext | None]
"""Prefix of its control ids, port, and what its clients trust."""

_CONTROL = re.compile(rb"\rMSA\|AA\|([^|\r]+)")


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: in clear and over TLS each. `faults`: sockets that are open and say nothing."""
    _allow_sockets(scale.faults + SPARE_SOCKETS)
    chance = chance_of(seed)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        client = _tls(house, folder)
        house.suture.start()
        found = asyncio.run(_all(house, scale, chance, client))
        kept = Counter(control for (control,) in house.rows("SELECT control_id FROM message"))
    violations = [*found[:FIRST], *([f"and {len(found) - FIRST} more"] if len(found) > FIRST else [])]
    sent = 2 * scale.messages
    if len(kept) != sent or max(kept.values()) > 1:
        violations.append(
            f"{sent} messages were sent, {len(kept)} are in the store, some {max(kept.values())} times"
        )
    return Proof(
        f"{scale.messages} frames in clear and as many over TLS, half of them cut and joined at each byte, {PIPELINED} "
        f"at once, byte by byte, beside {scale.faults} idle sockets: each answered once, in order",
        violations,
    )


def _allow_sockets(count: int) -> None:
    """Raises `Violation` where this shell does not let a process open so many; the engine inherits what we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Violation(
            f"{count} sockets are needed and {hard} allowed; say `ulimit -n {count}` as root first"
        )
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _tls(house: House, folder: Path) -> ssl.SSLContext:
    """The cabinet's door gets keys; what a client of it trusts."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "door.pem")
    place = house.suture.environment
    site = house.suture.site / "config" / "suture.yaml"
    site.write_text(site.read_text().replace("sends: [OMS^O05]", "sends: [OMS^O05, ADT^A08]", 1))
    keys = f"{{certificate: {folder / 'door.pem'}, key: {folder / 'door.pem'}}}"
    place.write_text(re.sub(r"(cabinet: \{port: \d+)", rf"\g<1>, tls: {keys}", place.read_text()))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def _all(house: House, scale: Scale, chance: random.Random, client: ssl.SSLContext) -> list[str]:
    doors = (("C", house.suture.ports["ehr"], None), ("T", house.suture.ports["cabinet"], client))
    idle = await _idle(doors, scale.faults)
    violations: list[str] = []
    for prefix, port, context in doors:
        numbers = iter(range(scale.messages))
        violations += await _at_every_byte(port, context, prefix, list(islice(numbers, scale.messages // 2)))
        ways = chain(("whole", "bytes"), iter(lambda: chance.choice(("whole", "few", "bytes", "blocks")), ""))
        many = chain((PIPELINED, PIPELINED), iter(lambda: chance.choice((1, 7, 40, PIPELINED)), 0))
        while some := [f"{prefix}{number:06}" for number in islice(numbers, next(many))]:
            stream = b"".join(START + _message(control) + END for control in some)
            pieces = _cut(stream, next(ways), chance)
            violations += await _told(port, context, pieces, some)
    lost = sum(reader.at_eof() for reader, _ in idle)
    if lost:
        violations.append(f"{lost} idle sockets were closed")
    for _, writer in idle:
        writer.close()
    return violations


async def _idle(
    doors: tuple[Door, ...], count: int
) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """So many sockets that say nothing, one in five of them over TLS."""
    opened = []
    for number in range(count):
        _, port, context = doors[number % 5 == 0]
        opened.append(await asyncio.open_connection("127.0.0.1", port, ssl=context))
    return opened


async def _at_every_byte(
    port: int, context: ssl.SSLContext | None, prefix: str, numbers: list[int]
) -> list[str]:
    """Frames one after another on one connection for each byte at which they can be cut: what is written there at once
    is the end of one and the beginning of the next."""
    size = len(START + _message(f"{prefix}{0:06}") + END)
    told = []
    for place in range(min(size, len(numbers))):
        controls = [f"{prefix}{number:06}" for number in numbers[place::size]]
        stream = b"".join(START + _message(control) + END for control in controls)
        cuts = (
            [0, *range(place, len(stream), size), len(stream)] if place else range(0, len(stream) + 1, size)
        )
        pieces = [stream[start:end] for start, end in pairwise(cuts)]
        told.append(_told(port, context, iter(pieces), controls, APART))
    found = []
    for start in range(0, size, TOGETHER):
        found += await asyncio.gather(*told[start : start + TOGETHER])
    return [violation for some in found for violation in some]


async def _told(
    port: int,
    context: ssl.SSLContext | None,
    pieces: Iterator[bytes],
    controls: list[str],
    apart: float = 0.0,
) -> list[str]:
    """What is wrong with the answers to these messages."""
    try:
        async with asyncio.timeout(WITHIN):
            answers = await _exchange(port, context, pieces, len(controls), apart)
    except (TimeoutError, asyncio.IncompleteReadError):
        return [f"{len(controls)} frames from {controls[0]} on were not all answered"]
    if answers == [control.encode() for control in controls]:
        return []
    return [f"answers of {len(controls)} frames from {controls[0]} on are lost, doubled or crossed"]


async def _exchange(
    port: int, context: ssl.SSLContext | None, pieces: Iterator[bytes], many: int, apart: float
) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        reading = asyncio.ensure_future(_read(reader, many))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(apart)  # each piece goes by itself
        return await reading
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, many: int) -> list[bytes]:
    answers = []
    for _ in range(many):
        found = _CONTROL.search(await reader.readuntil(END))
        answers.append(found[1] if found else b"")
    return answers


def _cut(stream: bytes, way: str, chance: random.Random) -> Iterator[bytes]:
    """Pieces of it: as it is, of a few bytes, of single bytes, or cut around the blocks of frames."""
    match way:
        case "whole":
            yield stream
        case "few":
            while stream:
                size = chance.randint(1, 200)
                yield stream[:size]
                stream = stream[size:]
        case "bytes":
            stream, rest = stream[:2000], stream[2000:]
            yield from (stream[place : place + 1] for place in range(len(stream)))
            if rest:
                yield rest
        case _:
            for piece in re.split(rb"(?<=\x0b)|(?<=\x1c)|(?<=\r)(?=\x0b)", stream):
                if piece:
                    yield piece


def _message(control: str) -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||ADT^A08|{control}|P|2.5.1\rEVN|A08|20261120101500\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||A{control}^^^NORTH^AN\rPV1|1|I|3W\r"
    ).encode()
