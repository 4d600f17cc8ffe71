"""Garbled messages over real doors: none escapes, each is kept and answered where it can be, and memory stays bounded.

Public samples and those of the site are garbled (`prove.garbling`, `prove.bodies`): most come over MLLP, orders with
ZPM through the cabinet's door, others in files through a folder, and resources of FHIR over HTTP. The engine must
answer each frame whose header can be answered and each request, take each file, say no fault of its own, keep every
message in some state, and not grow beyond what waits in it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import aiohttp

from prove.bodies import Bodies, samples
from prove.garbling import Garbler, messages_of
from prove.house import House, chance_of, house_in
from prove.lab import LOGIN, open_example
from prove.report import Proof, Scale
from tests.acceptance.rig import END, START

SHORT = Scale(messages=20_000, faults=0, settle=0.3)
FULL = Scale(messages=1_000_000, faults=0, settle=1.0)
ROUNDS = 20
SABOTAGE = "stumble"
WINDOW = 64
WAITING = 2_000
"""Messages that may wait in the engine for their commit before its doors stop reading."""

FILE = 40
"""Messages in a file."""

ANSWERED_WITHIN = 1200
STALLED = 60.0
"""Seconds without a message stepped or a file taken, after which no more is waited for."""

PAGES = 1024
"""KiB of the store that each of its connections keeps in memory: what grows is not they."""

LIMIT = "1 MiB"
BODIES_AT_ONCE = 4

GROWTH_BASE = 16 * 1024 * 1024
GROWTH_FACTOR = 20


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """Of ten inputs six or seven go to the EHR's door, one or two to the cabinet's, one into files, one to FHIR's."""
    inputs = _Inputs(seed, scale.messages)
    with house_in(folder, scale.settle, sabotage=sabotage, options=(f"--pages={PAGES}",)) as house:
        watched, port = _watch_a_folder(house), open_example(house, LIMIT)
        house.suture.start()
        assert house.suture.process is not None
        before = memory(house.suture.process.pid)
        answers = asyncio.run(inputs.told(house, watched, port))
        stepped(house, lambda: _away(watched), inputs.files)
        growth = peak(house.suture.process.pid) - before
        violations = [*inputs.lost(house, answers), *_untaken(watched), *_own_faults(house)]
        states = dict(house.rows("SELECT state, count(*) FROM message GROUP BY state"))
    if 0 in states:
        violations.append(f"{states[0]} messages were never stepped")
    if growth > GROWTH_FACTOR * inputs.most_waiting + GROWTH_BASE:
        violations.append(
            f"the engine grew by {growth >> 20} MiB; {inputs.most_waiting >> 10} KiB could ever wait in it"
        )
    statuses = ", ".join(f"{many} with {status}" for status, many in sorted(inputs.statuses.items()))
    return Proof(
        f"{inputs.count} garbled messages from {inputs.samples} samples, {inputs.filed} of them in {inputs.files} "
        f"files, {inputs.bodies} bodies of FHIR (answered {statuses}), the largest {inputs.largest} bytes, {answers} "
        f"answered, {sum(states.values())} kept in {len(states)} states, {growth >> 20} MiB more at the peak of "
        f"{(GROWTH_FACTOR * inputs.most_waiting + GROWTH_BASE) >> 20} allowed",
        violations,
    )


class _Inputs:
    """What is sent, made while it is sent."""

    def __init__(self, seed: int, count: int) -> None:
        seeds = messages_of("tests", "channels")
        self.samples, self.count = len(seeds), count
        self.files = count // 10 // FILE
        self.filed = self.files * FILE
        self.bodies = count // 10
        self.statuses: Counter[int] = Counter()
        self.sizes: list[int] = []
        self.largest_body = 0
        self._whole: list[str] = []
        self._any = Garbler(seeds, chance_of(seed))
        self._orders = Garbler([one for one in seeds if b"\rZPM|" in one], chance_of(seed + 1))
        self._resources = Bodies(samples(), chance_of(seed + 2))

    async def told(self, house: House, watched: Path, port: int) -> int:
        """All of it; gives the answers over MLLP."""
        framed = self.count - self.filed - self.bodies
        orders = framed // 5
        for number in range(self.files):
            text, whole = self._any.file(number * FILE, FILE)
            (watched / f".{number}").write_bytes(text)
            (watched / f".{number}").rename(watched / f"{number}.hl7")
            self._whole += whole
        *_, any_, ordered = await asyncio.gather(
            self._post(port),
            self._send(house.suture.ports["ehr"], self._any, framed - orders),
            self._send(house.suture.ports["cabinet"], self._orders, orders),
        )
        return any_ + ordered

    @property
    def most_waiting(self) -> int:
        """Bytes of the longest run of framed inputs that may wait at once, and of the bodies that are sent at once."""
        sums = [0, *accumulate(self.sizes)]
        runs = zip(sums, sums[min(WAITING, len(self.sizes)) :], strict=False)
        return max(late - early for early, late in runs) + BODIES_AT_ONCE * self.largest_body

    @property
    def largest(self) -> int:
        return max(*self.sizes, self.largest_body)

    def lost(self, house: House, answers: int) -> list[str]:
        """What is not in the store, or not answered."""
        said = []
        framed = self.count - self.filed - self.bodies
        by_door = "SELECT count(*), sum(answered <> '') FROM message WHERE feed NOT IN ('nightly', 'lab')"
        ((kept, answered),) = house.rows(by_door)
        if kept != framed or answers != answered:
            said.append(f"{framed} inputs, {kept} in the store; {answered} to be answered, {answers} were")
        refused = {status: many for status, many in self.statuses.items() if not 200 <= status < 500}
        if refused or self.statuses.total() != self.bodies:
            said.append(
                f"of {self.bodies} bodies {self.statuses.total()} were answered; by a fault: {refused}"
            )
        taken = sum(many for status, many in self.statuses.items() if status < 300)
        ((resources,),) = house.rows("SELECT count(*) FROM message WHERE feed = 'lab' AND type LIKE 'FHIR %'")
        if resources < taken:
            said.append(f"{taken} bodies were taken, {resources} resources of them are in the store")
        found = [
            control for (control,) in house.rows("SELECT control_id FROM message WHERE feed = 'nightly'")
        ]
        missing = [control for control in self._whole if found.count(control) != 1]
        if missing:
            said.append(f"{len(missing)} of {len(self._whole)} whole messages of files are not kept once")
        return said

    async def _send(self, port: int, garbler: Garbler, count: int) -> int:
        """What has no header that could be answered is kept and not answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reading = asyncio.ensure_future(_count(reader))
        for number in range(count):
            raw = garbler.message(number)
            self.sizes.append(len(raw))
            writer.write(START + raw + END)
            if not number % WINDOW:
                await writer.drain()
        writer.write_eof()
        answers = await asyncio.wait_for(reading, ANSWERED_WITHIN)
        writer.close()
        return answers

    async def _post(self, port: int) -> None:
        numbers = iter(range(self.bodies))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWERED_WITHIN)) as session:

            async def post() -> None:
                for number in numbers:
                    body = self._resources.body(number)
                    self.largest_body = max(self.largest_body, len(body.raw))
                    path = "" if body.kind == "Bundle" else f"/{body.kind}"
                    headers = {"Content-Type": body.media, "Authorization": f"Basic {LOGIN}"}
                    url = f"http://127.0.0.1:{port}/fhir{path}"
                    async with session.post(url, data=body.raw, headers=headers) as answer:
                        await answer.read()
                        self.statuses[answer.status] += 1

            await asyncio.gather(*(post() for _ in range(BODIES_AT_ONCE)))


def _watch_a_folder(house: House) -> Path:
    """The site gets a folder, and the EHR's channels read what comes in it."""
    watched = house.suture.site / "var" / "in"
    watched.mkdir(parents=True)
    for file, more in (
        (
            house.suture.site / "config" / "suture.yaml",
            "  nightly:\n    kind: folder\n    files: {quiet: 0s, counts: take}\n",
        ),
        (house.suture.environment, "  nightly: {folder: var/in}\n"),
    ):
        file.write_text(file.read_text().replace("\ndestinations:\n", f"{more}\ndestinations:\n"))
    for channel in (house.suture.site / "channels").glob("*.yaml"):
        text = channel.read_text()
        channel.write_text(text.replace("from: [ehr, hl7-http]", "from: [ehr, hl7-http, nightly]"))
    return watched


async def _count(reader: asyncio.StreamReader) -> int:
    answers, last = 0, b""
    while data := await reader.read(1 << 16):
        answers += (last + data).count(END)
        last = data[-1:] if data[-1:] == END[:1] else b""
    return answers


def stepped(house: House, away: Callable[[], int] = int, files: int = 0) -> None:
    """Until so many files are `away`, and nothing waits for its step. What is delivered of it is not asked. Gives up
    where nothing moves any more."""
    before, until = (-1, -1), 0.0
    while True:
        ((waiting,),) = house.rows("SELECT count(*) FROM message WHERE state = 0")
        now = (away(), waiting)
        if now == (files, 0):
            return
        if now != before:
            before, until = now, time.monotonic() + STALLED
        elif time.monotonic() > until:
            return
        time.sleep(0.1)


def _away(watched: Path) -> int:
    """Files that were put away, or refused."""
    return sum(1 for _ in watched.glob("archive/*/*")) + sum(1 for _ in watched.glob("refused/*.txt"))


def _untaken(watched: Path) -> list[str]:
    left = [*watched.glob("*.hl7"), *watched.glob(".taking/*"), *watched.glob("refused/*.txt")]
    return [f"{len(left)} files were not taken"] if left else []


def _own_faults(house: House) -> list[str]:
    """What the engine could not do for a reason of its own: such messages are held, and stand in the log."""
    held = house.rows("SELECT count(*) FROM message WHERE reason LIKE 'BUG%'")[0][0]
    held += house.rows("SELECT count(*) FROM effect WHERE cause LIKE 'BUG%'")[0][0]
    log = house.suture.log()
    said = [line[:300] for line in log.splitlines() if "BUG" in line or "Traceback" in line][:1]
    return [f"{held} messages or effects are held for a fault of ours", *said] if held else said


def memory(pid: int) -> int:
    """Bytes that a process holds now."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most that it ever held."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0
