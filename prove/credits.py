"""Charges and credits in random order, partial, early, orphan and doubled: the books of the same day in perfect order.

The order of messages is shuffled; what a person would release is released until nothing moves any more. What a credit
takes back is known beforehand, and so is which credits can never be posted.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from prove.house import House, chance_of, house_in
from prove.keys import usage
from prove.report import Proof, Scale
from tests.acceptance.rig import code_of, exchange

SHORT = Scale(messages=60, faults=0, settle=0.3)
FULL = Scale(messages=400, faults=20, settle=1.0)
SABOTAGE = "forget-keys"


def line(source_id: str, kind: str, quantity: int, reverses: str = "") -> str:
    fields = [""] * 32
    fields[1], fields[2], fields[4], fields[6], fields[7] = (
        "1",
        source_id,
        "20261120094500",
        kind,
        "IMP-FEM-06",
    )
    fields[10], fields[11], fields[13], fields[31] = (
        str(quantity),
        f"{quantity * 4100}.00",
        "OR-NORTH",
        reverses,
    )
    return "FT1|" + "|".join(fields[1:]).rstrip("|") + "\r"


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: lines of a day. The same day is told twice: in order, and shuffled."""
    chance = chance_of(seed)
    day: list[bytes] = []
    net = Decimal(0)
    number = 0
    while len(day) < scale.messages:
        number += 1
        account, charge = f"A{number}", f"T{number}"
        quantity = chance.randint(1, 4)
        told = [usage(f"C{number}", account, line(charge, "CG", quantity))]
        back = 0
        if chance.random() < 0.7:
            back = chance.randint(1, quantity)
            credit = usage(f"D{number}", account, line(f"R{number}", "CD", back, charge))
            told += [credit] * chance.choice([1, 1, 2])  # doubled: told again
        if chance.random() < 0.1:  # an orphan: its original sits in the old engine
            told.append(usage(f"O{number}", account, line(f"Q{number}", "CD", 1, f"GONE{number}")))
        net += (quantity - back) * Decimal(4100)
        day += told
    shuffled = list(day)
    chance.shuffle(shuffled)
    violations = []
    for name, messages in (("in order", day), ("shuffled", shuffled)):
        booked = _told(scale, folder / name, messages, sabotage)
        if booked != net:
            violations.append(f"{name}: the books say {booked}, not {net}")
    return Proof(f"{len(day)} lines of a day, in order and shuffled: net {net} both times", violations)


def _told(scale: Scale, folder: Path, messages: list[bytes], sabotage: str) -> Decimal:
    """Net charges in the far end's books once everything that can move has moved."""
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        answers = asyncio.run(exchange(house.suture.ports["ehr"], *messages))
        assert {code_of(answer) for answer in answers} == {"AA"}
        house.settled()
        while _released(house):
            house.settled()
        return Decimal(house.far.books("billing")["charges"]["net"])


def _released(house: House) -> bool:
    """Whether a release of all moved anything: early credits find originals that came after them."""
    before = house.suture.account()["worklist"]
    house.suture.ask("release", "--all", "--reason", "originals came later")
    return house.settled()["worklist"] != before
