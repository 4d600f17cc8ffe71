"""Charges over MLLP and issues as files, through SIGKILLs: each message and each file is handed over once.

Billing is played twice: as one that knows a repeated control id again, and as one that would book it a second time. The
receiver of the files takes them away as they come.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path

from prove.house import House, chance_of, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import END, START

SHORT = Scale(messages=400, faults=12, settle=0.3)
FULL = Scale(messages=10_000, faults=100, settle=1.0)
ROUNDS = 5
SABOTAGE = "forget-marks"

CHARGE = """\
write: hl7
message: DFT^P03
document:
  PID-18: account
  FT1: {each: lines, give: {FT1-1: number, FT1-6: {text: CG}, FT1-7.1: charge.charge_code, FT1-11: amount}}
"""


class Billing:
    """Takes messages over MLLP and books each; `knows`: a repeated control id is not booked again. Now and then it
    books and cuts the connection instead of answering."""

    def __init__(self, knows: bool, chance: random.Random) -> None:
        self.booked: list[tuple[str, str, int]] = []  # control id, account, number
        self.cut = 0
        self.port = 0
        self._knows = knows
        self._chance = chance

    async def __aenter__(self) -> Billing:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                message = (await reader.readuntil(END)).removesuffix(END).removeprefix(START).decode()
                found = {line[:3]: line.split("|") for line in message.split("\r") if line}
                control = found["MSH"][9]
                if not self._knows or all(control != known for known, _, _ in self.booked):
                    number = int(Decimal(found["FT1"][11]) * 100)
                    self.booked.append((control, found["PID"][18], number))
                if self._chance.randrange(50) == 0:
                    self.cut += 1
                    return
                answer = f"MSH|^~\\&|B|H|SUTURE||20261120||ACK|1|P|2.5.1\rMSA|AA|{control}\r"
                writer.write(START + answer.encode() + END)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: kills, half of them with each billing."""
    told, violations = [], []
    for knows in (True, False):
        with house_in(folder / str(knows), scale.settle, sabotage=sabotage) as house:
            counted, wrong = asyncio.run(_run(scale, chance_of(seed), house, knows))
        told.append(counted)
        violations += wrong
    return Proof("; ".join(told), violations)


async def _run(scale: Scale, chance: random.Random, house: House, knows: bool) -> tuple[str, list[str]]:
    messages, outbox = scale.messages // 2, house.suture.folder / "outbox"
    (outbox / ".sent").mkdir(parents=True)
    taken: Counter[str] = Counter()
    async with Billing(knows, chance) as billing:
        _carry(house, billing.port, outbox, knows, scale.settle)
        if knows:
            told = house.suture.folder / "told.hl7"
            told.write_text(
                "MSH|^~\\&|S||B||20261120||DFT^P03|KEYS-1|P|2.5.1\rPID"
                + "|" * 18
                + "K\rFT1"
                + "|" * 11
                + "0.01\r"
            )
            await asyncio.to_thread(house.suture.ask, "doctor", "--keys", "billing", "--document", str(told))
            house.suture.ask("doctor", "--keys", "billing", "--booked-once")
            billing.booked.clear()
        await asyncio.to_thread(house.suture.start)
        sweeping = asyncio.create_task(_sweep(outbox, taken))
        sending = asyncio.create_task(house.send(range(messages), accounts=16))
        for kill in range(scale.faults // 2):
            share = (kill + chance.random()) / (scale.faults // 2) * 0.9
            while len(house.acknowledged) < share * messages and not sending.done():
                await asyncio.sleep(0.005)
            await asyncio.to_thread(house.suture.stop, signal.SIGKILL)
            await asyncio.to_thread(house.suture.start)
        await sending
        account = await asyncio.to_thread(house.settled, 60 + messages / 10)
        _take(outbox, taken)
        sweeping.cancel()
        await asyncio.to_thread(house.suture.stop)
    numbers = Counter(number for _, _, number in billing.booked)
    held = sum(group["effects"] for group in account["worklist"])
    missing = messages - len(numbers)
    wrong = []
    if len(taken) != messages or set(taken.values()) != {1}:
        wrong.append(f"{len(taken)} files of {messages} issues, {sum(taken.values()) - len(taken)} twice")
    if set(numbers.values()) != {1}:
        wrong.append(f"{sum(numbers.values()) - len(numbers)} charges are booked twice")
    if (knows and (missing or held)) or missing > held:
        wrong.append(f"{missing} charges are missing, {held} are held")
    by_account: dict[str, list[int]] = {}
    for _, owner, number in billing.booked:
        by_account.setdefault(owner, []).append(number)
    if any(booked != sorted(booked) for booked in by_account.values()):
        wrong.append("charges of an account are out of order")
    who = "that knows its ids" if knows else "that would book again"
    return f"{messages} messages to a billing {who}, {billing.cut} answers cut, {held} held", wrong


def _carry(house: House, port: int, outbox: Path, knows: bool, settle: float) -> None:
    site = house.suture.site / "config" / "suture.yaml"
    head = site.read_text().split("destinations:")[0]
    site.write_text(
        f"{head}destinations:\n"
        "  erp:\n    kind: file\n    suffix: .json\n    control: true\n    patient_data: limited\n"
        f"  billing:\n    kind: mllp\n    settle: {settle}s\n    patient_data: allowed\n    retry: {{first: 100ms}}\n"
        f"    honours_idempotency: {'true' if knows else 'false'}\n    concurrency: 4\n"
    )
    place = re.sub(
        r'erp: \{url: "[^"]+"', f'erp: {{url: "file:{outbox}"', house.suture.environment.read_text()
    )
    house.suture.environment.write_text(
        re.sub(r'billing: \{url: "[^"]+"', f'billing: {{url: "mllp://127.0.0.1:{port}"', place)
    )
    (house.suture.site / "mappings" / "billing" / "charge.yaml").write_text(CHARGE)
    for channel in (house.suture.site / "channels").glob("*.yaml"):
        channel.write_text(channel.read_text().split("\ntests:")[0] + "\n")


async def _sweep(outbox: Path, taken: Counter[str]) -> None:
    while True:
        _take(outbox, taken)
        await asyncio.sleep(0.01)


def _take(outbox: Path, taken: Counter[str]) -> None:
    """What the receiver does: a whole file with its control totals, read and removed."""
    for file in outbox.glob("[!.]*.json"):
        content = file.read_bytes()
        totals = json.loads(file.with_name(f"{file.name}.ctl").read_bytes())
        assert totals["bytes"] == len(content)
        taken[json.loads(content)["reference"]] += 1
        file.unlink()
