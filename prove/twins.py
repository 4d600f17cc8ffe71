"""The same use told by a cabinet, by the EHR and by the case: one effect, and completeness shows the gaps.

What each feed tells is drawn beforehand, and comes in any order; now and then the feed that counts is silent. A use
must be booked once where that feed told it, never where it did not, and exactly the latter must be gaps.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

from prove.house import CONNECTIONS, House, chance_of, house_in
from prove.report import Proof, Scale
from prove.saves import Save
from prove.sending import Sender, Telling

SHORT = Scale(messages=600, faults=0, settle=0.3)
FULL = Scale(messages=30_000, faults=0, settle=1.0)
SABOTAGE = "all-own"
DAYS = 20
CODES = {"IMP-FEM-05": "1000105", "IMP-FEM-06": "1000106", "IMP-FEM-07": "1000107", "CEM-PAL-40": "3000140"}
"""Of NORTH, where the EHR's charges count for the stock of implants and cement."""

Place = tuple[str, str]
"""(day, item)."""


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: about so many, two or three for each use."""
    chance = chance_of(seed)
    counted: Counter[Place] = Counter()
    seen: Counter[Place] = Counter()
    ehr: list[Telling] = []
    vends: list[Telling] = []
    for number in range(scale.messages // 3):
        day, code = f"202611{chance.randint(1, DAYS):02}", chance.choice(list(CODES))
        place, quantity = (day, CODES[code]), chance.randint(1, 3)
        seen[place] += quantity
        if chance.random() < 0.9:
            counted[place] += quantity
            ehr.append((f"E{number}", _charge(number, day, code, quantity)))
        ehr.append((f"K{number}-0", _case(number, day, code, quantity)))
        vends.append((f"V{number}", _vend(number, day, code, quantity)))
    chance.shuffle(ehr)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        asyncio.run(_tell(house, ehr, vends))
        house.settled(120 + scale.messages / 50)
        violations = _differences(house, counted, seen)
    return Proof(
        f"{scale.messages // 3} uses told by two or three feeds, {len(ehr) + len(vends)} messages in any order; "
        f"{sum(seen.values()) - sum(counted.values())} pieces that only others saw, in "
        f"{len([place for place in seen if seen[place] != counted[place]])} gaps",
        violations,
    )


async def _tell(house: House, ehr: list[Telling], vends: list[Telling]) -> None:
    await asyncio.gather(
        Sender(house).send(ehr, CONNECTIONS), Sender(house, "cabinet").send(vends, CONNECTIONS)
    )


def _charge(number: int, day: str, code: str, quantity: int) -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|{day}101500||DFT^P03|E{number}|P|2.5.1\r"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\rPV1|1|I\r"
        f"FT1|1|T{number}||{day}094500||CG|{code}|||{quantity}|10.00|10.00|OR-NORTH\r"
    ).encode()


def _case(number: int, day: str, code: str, quantity: int) -> bytes:
    return (
        Save(number, 0, {code: quantity}).message("NORTH").replace(b"20261120093000", f"{day}093000".encode())
    )


def _vend(number: int, day: str, code: str, quantity: int) -> bytes:
    return (
        f"MSH|^~\\&|CABINET|NORTH|S|E|{day}093045||OMS^O05^OMS_O05|V{number}|P|2.5.1\r"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\rPV1|1|I\rORC|RE|{number}\r"
        f"ZPM|V|DISPENSE|CAB-3W|D2|P{number}|{code}|MED|24|24|{quantity}|N1|||NORTH|MS3W-NORTH|S1|||{day}093010"
        f"{'|' * 15}EA\r"
    ).encode()


def _differences(house: House, counted: Counter[Place], seen: Counter[Place]) -> list[str]:
    booked: Counter[str] = Counter()
    for document in house.documents("erp"):
        for line in document["lines"] if document["kind"] == "goods-issue" else ():
            booked[line["item"]] += Decimal(line["quantity"])
    wanted: Counter[str] = Counter()
    for (_, item), quantity in counted.items():
        wanted[item] += quantity
    found = [
        f"item {item}: {booked[item]} booked, {wanted[item]} told by the feed that counts"
        for item in sorted({*booked, *wanted})
        if booked[item] != wanted[item]
    ]
    told = json.loads(house.suture.ask("completeness", "--all", "--json").stdout)
    issues = {_place(one["place"]): one for one in told if one["effect"] == "issue"}
    for place in sorted({*issues, *seen}):
        one = issues.get(place)
        if one is None or (Decimal(one["counts"]), one["gap"]) != (
            counted[place],
            seen[place] != counted[place],
        ):
            found.append(f"{place}: {one and one['counts']} of {counted[place]} counted, {seen[place]} seen")
    return found[:10]


def _place(text: str) -> Place:
    day, _, item = text.split("  ")
    return day.replace("-", ""), item.removeprefix("item.item=")
