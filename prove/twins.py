"""The same use told by a cabinet, by the EHR, by the case and over FHIR: one effect, and completeness shows the gaps.

What each feed tells is drawn beforehand, and comes in any order; now and then the feed that counts is silent. A use
must be booked once where that feed told it, never where it did not, and exactly the latter must be gaps. In NORTH the
EHR counts and nothing is shared; in SOUTH the case counts, and shares its number and serials with FHIR: there another
serial is a gap although the sums agree.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from prove.house import CONNECTIONS, House, chance_of, house_in
from prove.lab import Resource, delivery, open_lab, send
from prove.report import Proof, Scale
from prove.saves import Save
from prove.sending import Sender, Telling

SHORT = Scale(messages=600, faults=0, settle=0.3)
FULL = Scale(messages=30_000, faults=0, settle=1.0)
SABOTAGE = "all-own"
DAYS = 20
CODES = {"IMP-FEM-05": "1000105", "IMP-FEM-06": "1000106", "IMP-FEM-07": "1000107", "CEM-PAL-40": "3000140"}
"""In NORTH the EHR's charges count for their stock, in SOUTH the cases do."""

Place = tuple[str, str, str]
"""(day, facility, item)."""


@dataclass
class Told:
    """What is told of some uses, by feed; `counted` by the feed that counts, `seen` by the others, by place. `other`:
    places where a serial is told that the case does not have."""

    ehr: list[Telling] = field(default_factory=list)
    vends: list[Telling] = field(default_factory=list)
    lab: list[Resource] = field(default_factory=list)
    counted: Counter[Place] = field(default_factory=Counter)
    seen: Counter[Place] = field(default_factory=Counter)
    other: set[Place] = field(default_factory=set)

    def gap(self, place: Place) -> bool:
        return place in self.other or self.seen[place] > self.counted[place]


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: about so many, two to four for each use."""
    chance = chance_of(seed)
    told = Told()
    for number in range(scale.messages // 3):
        (_in_north if chance.random() < 0.6 else _in_south)(told, number, chance)
    for feed in (told.ehr, told.vends, told.lab):
        chance.shuffle(feed)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        port = open_lab(house)
        house.suture.start()
        asyncio.run(_tell(house, told, port))
        house.settled(120 + scale.messages / 50)
        violations = _differences(house, told)
    messages = len(told.ehr) + len(told.vends) + len(told.lab)
    return Proof(
        f"{scale.messages // 3} uses told by up to four feeds, {messages} messages in any order; "
        f"{sum(told.gap(place) for place in told.seen)} gaps, {len(told.other)} of them by a serial alone",
        violations,
    )


def _in_north(told: Told, number: int, chance: Random) -> None:
    day, code, quantity = _day(chance), chance.choice(list(CODES)), chance.randint(1, 3)
    place = (day, "NORTH", CODES[code])
    told.seen[place] += quantity
    if chance.random() < 0.9:
        told.counted[place] += quantity
        told.ehr.append((f"E{number}", _charge(number, day, "NORTH", code, quantity)))
    told.ehr.append((f"K{number}-0", _case(number, day, "NORTH", code, quantity)))
    told.vends.append((f"V{number}", _vend(number, day, code, quantity)))
    told.lab.append(delivery(number, day, "NORTH", code, quantity))


def _in_south(told: Told, number: int, chance: Random) -> None:
    day, code = _day(chance), chance.choice(list(CODES))
    place, serial = (day, "SOUTH", CODES[code]), f"S{number}"
    told.seen[place] += 1
    told.ehr.append((f"E{number}", _charge(number, day, "SOUTH", code, 1)))
    if chance.random() < 0.9:
        told.counted[place] += 1
        told.ehr.append((f"K{number}-0", _case(number, day, "SOUTH", code, 1, serial)))
        if chance.random() < 0.05:
            serial = f"X{number}"
            told.other.add(place)
    told.lab.append(delivery(number, day, "SOUTH", code, 1, case=str(number), serial=serial))


def _day(chance: Random) -> str:
    return f"202611{chance.randint(1, DAYS):02}"


async def _tell(house: House, told: Told, port: int) -> None:
    await asyncio.gather(
        Sender(house).send(told.ehr, CONNECTIONS),
        Sender(house, "cabinet").send(told.vends, CONNECTIONS),
        send(port, told.lab, CONNECTIONS),
    )


def _charge(number: int, day: str, facility: str, code: str, quantity: int) -> bytes:
    return (
        f"MSH|^~\\&|EHR|{facility}|S|E|{day}101500||DFT^P03|E{number}|P|2.5.1\r"
        f"PID|1||M{number}^^^{facility}^MR|||||||||||||||A{number}^^^{facility}^AN\rPV1|1|I\r"
        f"FT1|1|T{number}||{day}094500||CG|{code}|||{quantity}|10.00|10.00|OR-{facility}\r"
    ).encode()


def _case(number: int, day: str, facility: str, code: str, quantity: int, serial: str = "") -> bytes:
    told = Save(number, 0, {code: quantity}).message(facility)
    return told.replace(b"20261120093000", f"{day}093000".encode()).replace(
        b"^L1^^", f"^L1^{serial}^".encode()
    )


def _vend(number: int, day: str, code: str, quantity: int) -> bytes:
    return (
        f"MSH|^~\\&|CABINET|NORTH|S|E|{day}093045||OMS^O05^OMS_O05|V{number}|P|2.5.1\r"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\rPV1|1|I\rORC|RE|{number}\r"
        f"ZPM|V|DISPENSE|CAB-3W|D2|P{number}|{code}|MED|24|24|{quantity}|N1|||NORTH|MS3W-NORTH|S1|||{day}093010"
        f"{'|' * 15}EA\r"
    ).encode()


def _differences(house: House, told: Told) -> list[str]:
    booked: Counter[str] = Counter()
    for document in house.documents("erp"):
        for line in document["lines"] if document["kind"] == "goods-issue" else ():
            booked[line["item"]] += Decimal(line["quantity"])
    wanted: Counter[str] = Counter()
    for (_, _, item), quantity in told.counted.items():
        wanted[item] += quantity
    found = [
        f"item {item}: {booked[item]} booked, {wanted[item]} told by the feed that counts"
        for item in sorted({*booked, *wanted})
        if booked[item] != wanted[item]
    ]
    answered = json.loads(house.suture.ask("completeness", "--all", "--json").stdout)
    issues = {_place(one["place"]): one for one in answered if one["effect"] == "issue"}
    for place in sorted({*issues, *told.seen}):
        one = issues.get(place)
        if one is None or (Decimal(one["counts"]), one["gap"]) != (told.counted[place], told.gap(place)):
            shown = one and (one["counts"], one["gap"])
            found.append(f"{place}: {shown}, and {told.counted[place]} counted, gap {told.gap(place)}")
    return found[:10]


def _place(text: str) -> Place:
    day, facility, item = text.split("  ")
    return day.replace("-", ""), facility.removeprefix("facility="), item.removeprefix("item.item=")
