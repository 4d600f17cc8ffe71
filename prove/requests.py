"""Garbled requests over the HTTP doors, of FHIR and of HL7: each is answered in time, none by a fault of ours.

Bodies of FHIR, as JSON and as XML, are cut, nested, blown up and given entities and odd numbers; requests are given
other methods, addresses, headers and framings, cut anywhere, and some are never ended. Whoever sends slowly or
endlessly is closed. The engine must keep what it took in some state, and not grow beyond what it was given.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from prove import bodies
from prove.bodies import Body
from prove.fuzz import memory, peak, stepped
from prove.garbling import Garbler
from prove.house import House, chance_of, house_in
from prove.lab import LOGIN, open_example
from prove.report import ROOT, Proof, Scale

SHORT = Scale(messages=3_000, faults=24, settle=0.3)
FULL = Scale(messages=200_000, faults=200, settle=1.0)
ROUNDS = 4
SABOTAGE = "stumble-at-names"
WITHIN = 10.0
CLOSED_WITHIN = 30.0
AT_ONCE = 8
LIMIT = "1 MiB"
GROWTH = 96 * 1024 * 1024
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


class Door(NamedTuple):
    """`paths`: that requests go to, and their method."""

    port: int
    samples: list[Body]
    paths: dict[str, str]
    head: str


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: requests. `faults`: connections that send slowly or endlessly."""
    chance = chance_of(seed)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        doors = [_hl7(house), _fhir(house)]
        house.suture.start()
        assert house.suture.process is not None
        before = memory(house.suture.process.pid)
        statuses, late = asyncio.run(_tell(doors, scale, chance))
        growth = peak(house.suture.process.pid) - before
        stepped(house)
        log = house.suture.log()
        states = dict(house.rows("SELECT state, count(*) FROM message GROUP BY state"))
    violations = list(late)
    if faults := {status: many for status, many in statuses.items() if status == 500 or status < 200}:
        violations.append(f"answered by a fault, or not at all: {faults}")
    if "BUG" in log or "Traceback" in log or "LST004" in log:
        told = (line for line in log.splitlines() if re.search("BUG|Traceback|LST004", line))
        violations.append(next(told)[:300])
    if 0 in states:
        violations.append(f"{states[0]} messages were never stepped")
    if growth > GROWTH:
        violations.append(f"the engine grew by {growth >> 20} MiB")
    kinds = ", ".join(f"{many} {status}" for status, many in sorted(statuses.items()))
    return Proof(
        f"{scale.messages} garbled requests over two doors ({kinds}), {scale.faults} slow or endless ones closed "
        f"within {CLOSED_WITHIN:.0f} s, {sum(states.values())} messages kept, {growth >> 20} MiB more at the peak",
        violations,
    )


def _hl7(house: House) -> Door:
    found = [path.read_bytes() for path in sorted((ROOT / "channels").rglob("*.hl7"))]
    login = b64encode(b"ehr:demo").decode()
    samples = [Body("application/hl7-v2", "", raw.replace(b"\n", b"\r")) for raw in found]
    return Door(
        house.suture.ports["hl7-http"], samples, {"/hl7": "POST"}, f"Authorization: Basic {login}\r\n"
    )


def _fhir(house: House) -> Door:
    """The example's feed beside those of the site."""
    port = open_example(house, LIMIT)
    return Door(port, bodies.samples(), _PATHS, f"Authorization: Basic {LOGIN}\r\n")


_PATHS = {
    "/fhir": "POST",
    "/fhir/SupplyDelivery": "POST",
    "/fhir/ChargeItem": "POST",
    "/fhir/SupplyDelivery/a-1": "PUT",
    "/fhir/$process-message": "POST",
    "/fhir/SupplyDelivery?identifier=a|b": "PUT",
    "/fhir/metadata": "GET",
    "/fhir/Nope": "POST",
    "/fhir/%00": "POST",
    "/fhir/a/_history/x": "GET",
}


async def _tell(doors: list[Door], scale: Scale, chance: random.Random) -> tuple[Counter[int], list[str]]:
    """(answers by their status; 0: none, 1: none in time; what was not closed)."""
    statuses: Counter[int] = Counter()
    numbers = iter(range(scale.messages))
    slow = [asyncio.ensure_future(_crawl(doors[number % 2], number)) for number in range(scale.faults)]

    async def send() -> None:
        for number in numbers:
            door = doors[0 if number % 8 == 0 else 1]
            statuses[await _ask(door, _request(door, chance))] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(send())
    late = [told for told in await asyncio.gather(*slow) if told]
    return statuses, late


async def _ask(door: Door, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        async with asyncio.timeout(WITHIN):
            writer.write(request)
            if _is_cut(request):
                writer.write_eof()
            answer = await reader.read(-1)
    except TimeoutError:
        return 1
    except ConnectionError:  # refused while it was still sending
        return 499
    finally:
        writer.close()
    found = [int(status) for status in _STATUS.findall(answer) if not status.startswith(b"1")]
    return found[0] if found else 499 if _is_cut(request) else 0


def _is_cut(request: bytes) -> bool:
    """Whether a request ends before it is whole: its sender went away, and is owed nothing."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: ([0-9]+)", head)
    return not end or b"chunked" in head or (length is not None and int(length[1][:18]) > len(body))


async def _crawl(door: Door, number: int) -> str:
    """Sends slowly, or without end, until it is closed."""
    head = f"POST {next(iter(door.paths))} HTTP/1.1\r\nHost: h\r\n{door.head}Content-Type: {door.samples[0].media}\r\n"
    how = number // 2 % 3
    if how == 0:
        first, rest = head.encode(), b"X"
    elif how == 1:
        first, rest = f"{head}Content-Length: 100000\r\n\r\n".encode(), b" "
    else:
        first, rest = (
            f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(),
            b"ffff\r\n" + b" " * 0xFFFF + b"\r\n",
        )
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    reading = asyncio.ensure_future(reader.read(65_536))
    try:
        writer.write(first)
        while not reading.done() and time.monotonic() - began < CLOSED_WITHIN:
            writer.write(rest)
            await writer.drain()
            await asyncio.sleep(0.05 if how < 2 else 0.02)
    except ConnectionError:
        return ""
    finally:
        reading.cancel()
        writer.close()
    seconds = time.monotonic() - began
    return (
        ""
        if seconds < CLOSED_WITHIN
        else f"a {('slow head', 'slow body', 'endless body')[how]} was let go on"
    )


# Requests ----------------------------------------------------------------------------------------------------


def _request(door: Door, chance: random.Random) -> bytes:
    sample = chance.choice(door.samples)
    body = _garbled(sample, chance) if chance.random() < 0.8 else sample.raw
    path = chance.choice([*door.paths][:5] * 4 + [*door.paths])
    others = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "\x00")
    method = door.paths[path] if chance.random() < 0.9 else chance.choice(others)
    headers = [
        f"Host: {chance.choice(('h', 'h', 'h', 'a/b', ''))}",
        door.head.strip(),
        f"Content-Type: {sample.media}",
    ]
    headers += [chance.choice(_HEADERS) for _ in range(chance.choice((0, 0, 0, 1, 3)))]
    if chance.random() < 0.9:
        headers.append(f"Content-Length: {len(body)}")
    elif chance.random() < 0.5:
        headers.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        headers.append(f"Content-Length: {chance.choice(('-1', '9' * 4000, '1e3', '5', '10000000'))}")
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "Connection: close"])
    whole = head.encode() + b"\r\n\r\n" + body
    return whole if chance.random() < 0.95 else whole[: chance.randrange(len(whole))]


_HEADERS = (
    "Accept: application/fhir+xml",
    "Accept: text/turtle",
    "Accept: */*;q=x, application/json;q=0",
    "Prefer: return=OperationOutcome",
    "Prefer: ;;return",
    'If-Match: W/"1"',
    "If-Match: *",
    "If-None-Exist: identifier=a|b",
    "If-None-Exist: ",
    "If-None-Match: \xff",
    "X-Request-Id: \xe9\x01",
    "Content-Type: application/fhir+json; fhirVersion=9",
    "X: " + "y" * 20_000,
    "Expect: 100-continue",
    "Transfer-Encoding: chunked",
)


def _garbled(body: Body, chance: random.Random) -> bytes:
    return (
        Garbler([body.raw], chance).garbled(body.raw) if "hl7" in body.media else bodies.garbled(body, chance)
    )
