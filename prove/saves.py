"""Cases that are saved twelve times, in any order and through kills: the books equal the last save of each.

Lines are added, changed, removed and brought back; saves come shuffled, some twice; the engine is killed and the ERP
goes down meanwhile. What the last save of each case says is known beforehand.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from prove.house import CONNECTIONS, House, chance_of, house_in
from prove.report import Proof, Scale
from prove.sending import Sender

SHORT = Scale(messages=480, faults=3, settle=0.3)
FULL = Scale(messages=24_000, faults=60, settle=1.0)
SABOTAGE = "late-saves"
SAVES = 12
ITEMS = {"IMP-FEM-05": "1000105", "IMP-FEM-06": "1000106", "IMP-FEM-07": "1000107", "CEM-PAL-40": "3000140"}
MOST = 3


class Save(NamedTuple):
    """`used`: item code → quantity."""

    case: int
    number: int
    used: dict[str, int]

    @property
    def control(self) -> str:
        return f"K{self.case}-{self.number}"

    def message(self, facility: str = "SOUTH") -> bytes:
        """As an operating-room system tells it: whole."""
        items = "".join(
            f"OBX|{place}|XX|USED||{code}^L1^^{quantity}^EA^^^OR-{facility}||||||F\r"
            for place, (code, quantity) in enumerate(self.used.items(), 1)
        )
        return (
            f"MSH|^~\\&|OR|{facility}|S|E|2026112010{self.number:02}00||CSU^C10|{self.control}|P|2.5.1\r"
            f"PID|1||M{self.case}^^^{facility}^MR|||||||||||||||A{self.case}^^^{facility}^AN\rPV1|1|I\r"
            f"CSR|{self.case}\rOBR|1\rCSS|1|20261120093000\r{items}"
        ).encode()


def saves_of(case: int, chance: random.Random) -> list[Save]:
    return [
        Save(
            case,
            number,
            {
                code: chance.randint(1, MOST)
                for code in chance.sample(list(ITEMS), chance.randint(0, len(ITEMS)))
            },
        )
        for number in range(SAVES)
    ]


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: saves. `faults`: kills, and as often the ERP is down for a while."""
    chance = chance_of(seed)
    cases = [saves_of(case, chance) for case in range(max(scale.messages // SAVES, 1))]
    told = [
        (save.number + chance.uniform(0, chance.choice((0, 2, SAVES))), save)
        for case in cases
        for save in case
    ]
    told += [(at + 1, save) for at, save in chance.sample(told, len(told) // 10)]  # told again
    in_order = [save for _, save in sorted(told, key=lambda one: one[0])]
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        asyncio.run(_tell(house, in_order, scale.faults))
        house.calm()
        house.settled(120 + scale.messages / 50)
        violations = _differences(house, cases)
    return Proof(
        f"{len(cases)} cases saved {SAVES} times, {len(in_order)} messages shuffled, {scale.faults} kills and as many "
        "outages: stock and charges of each case as its last save says",
        violations,
    )


async def _tell(house: House, saves: list[Save], faults: int) -> None:
    sender = Sender(house)
    sending = asyncio.ensure_future(
        sender.send([(save.control, save.message()) for save in saves], CONNECTIONS)
    )
    for fault in range(faults):
        while sender.acknowledged < len(saves) * (fault + 0.5) / faults * 0.9 and not sending.done():
            await asyncio.sleep(0.005)
        await asyncio.to_thread(house.mood, "erp", mood="down")
        await asyncio.to_thread(house.suture.stop, signal.SIGKILL)
        await asyncio.to_thread(house.suture.start)
        await asyncio.to_thread(house.calm)
    await sending


def _differences(house: House, cases: list[list[Save]]) -> list[str]:
    stock: Counter[str] = Counter()
    for document in house.documents("erp"):
        sign = {"goods-issue": 1, "goods-return": -1}.get(document["kind"], 0)
        for line in document["lines"] if sign else ():
            stock[line["item"]] += sign * Decimal(line["quantity"])
    charged: Counter[tuple[str, str]] = Counter()
    for document in house.documents("billing"):
        sign = {"charge": 1, "credit": -1}.get(document["kind"], 0)
        for line in document["lines"] if sign else ():
            charged[document["account"], line["code"]] += sign * Decimal(line["quantity"])
    wanted: Counter[str] = Counter()
    found = [f"{double} is booked twice" for double in house.doubled()[:3]]
    for case in cases:
        last = case[-1]
        mine = sum(quantity for (account, _), quantity in charged.items() if account == f"A{last.case}")
        if mine != sum(last.used.values()):
            found.append(f"case {last.case}: {mine} charged, {sum(last.used.values())} used")
        wanted.update({ITEMS[code]: quantity for code, quantity in last.used.items()})
    found += [
        f"item {item}: {stock[item]} out of stock, {wanted[item]} used"
        for item in sorted({*stock, *wanted})
        if stock[item] != wanted[item]
    ]
    held = house.rows("SELECT count(*) FROM held")[0][0]
    return found[:10] + ([f"{held} lines wait for a person"] if held else [])
