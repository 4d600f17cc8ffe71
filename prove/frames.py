"""Frames at every split and coalescing, pipelined, byte by byte, beside idle sockets, in clear and over TLS.

Each message is answered once, with its own control id, in the order of its connection; each is in the store once.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import trustme

from prove.house import House, chance_of, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import END, START

SHORT = Scale(messages=4_000, faults=400, settle=0.3)
FULL = Scale(messages=10_000, faults=2_000, settle=1.0)
SABOTAGE = "cross-answers"
PIPELINED = 300
WITHIN = 60.0
_CONTROL = re.compile(rb"\rMSA\|AA\|([^|\r]+)")


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: in clear and over TLS each. `faults`: sockets that are open and say nothing."""
    chance = chance_of(seed)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        client = _tls(house, folder)
        house.suture.start()
        violations = asyncio.run(_all(house, scale, chance, client))
        kept = Counter(control for (control,) in house.rows("SELECT control_id FROM message"))
    sent = 2 * scale.messages
    if len(kept) != sent or max(kept.values()) > 1:
        violations.append(
            f"{sent} messages were sent, {len(kept)} are in the store, some {max(kept.values())} times"
        )
    return Proof(
        f"{scale.messages} frames in clear and as many over TLS, cut and joined anywhere, {PIPELINED} at once, "
        f"byte by byte, beside {scale.faults} idle sockets: each answered once, in order",
        violations,
    )


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
    violations: list[str] = []
    doors = (("C", "ehr", None), ("T", "cabinet", client))
    idle = [
        await asyncio.open_connection("127.0.0.1", house.suture.ports["ehr"]) for _ in range(scale.faults)
    ]
    for prefix, feed, context in doors:
        port, left = house.suture.ports[feed], scale.messages
        numbers = iter(range(scale.messages))
        while left:
            many = min(left, chance.choice((1, 7, 40, PIPELINED)))
            left -= many
            controls = [f"{prefix}{next(numbers)}" for _ in range(many)]
            stream = b"".join(START + _message(control) + END for control in controls)
            try:
                async with asyncio.timeout(WITHIN):
                    answers = await _exchange(port, context, _cut(stream, chance), many)
            except (TimeoutError, asyncio.IncompleteReadError):
                violations.append(f"{many} frames from {controls[0]} on were not all answered")
                continue
            if answers != [control.encode() for control in controls]:
                violations.append(
                    f"answers of {many} frames from {controls[0]} on are lost, doubled or crossed"
                )
    answering = sum(not reader.at_eof() for reader, _ in idle)
    if answering != len(idle):
        violations.append(f"{len(idle) - answering} idle sockets were closed")
    for _, writer in idle:
        writer.close()
    return violations


async def _exchange(
    port: int, context: ssl.SSLContext | None, pieces: Iterator[bytes], many: int
) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        reading = asyncio.ensure_future(_read(reader, many))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)  # each piece goes by itself
        return await reading
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, many: int) -> list[bytes]:
    answers = []
    for _ in range(many):
        found = _CONTROL.search(await reader.readuntil(END))
        answers.append(found[1] if found else b"")
    return answers


def _cut(stream: bytes, chance: random.Random) -> Iterator[bytes]:
    """Pieces of it: as it is, of a few bytes, of single bytes, or cut around the blocks of frames."""
    match chance.choice(("whole", "few", "bytes", "blocks")):
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
