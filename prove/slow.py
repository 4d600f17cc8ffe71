"""An ERP that takes few documents a second: everybody else goes on, and bulk lets live documents pass."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from prove.house import House, Violation, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import END, START, code_of

SHORT = Scale(messages=40, faults=0, settle=0.5)
FULL = Scale(messages=600, faults=0, settle=2.0)
SABOTAGE = "no-lateness"
PACE = 0.1
"""Seconds that the ERP takes for each document, one at a time."""
ITEM = [
    *("facility=NORTH", "code=IMP-NEW-01", "item=1000106", "description=New", "kind=implant", "stocked=yes"),
    *("ownership=owned", "issued_by=ehr", "stock_unit=EA", "supplier=V100"),
]


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """As many messages live as come in bulk when a missing row is added; then a few more, live."""
    few = max(4, scale.messages // 10)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        _one_at_a_time(house)
        house.suture.start()
        house.mood("erp", path="/goods-issues", mood="slow", seconds=PACE)
        asyncio.run(house.send(range(scale.messages), accounts=scale.messages))
        _until(lambda: len(house.books().charges) == scale.messages, "charges wait for the ERP")
        behind = scale.messages - house.books().issues
        asyncio.run(_send_unmapped(house, scale.messages))
        _until(lambda: bool(house.suture.account()["worklist"]), "nothing is held")
        house.settled(60 + scale.messages * PACE * 2)
        house.suture.ask("tables", "add", "items", *ITEM, "--reason", "new")
        house.suture.ask("release", "--owner", "supply-chain", "--reason", "row added")
        before = house.books().issues
        asyncio.run(house.send(range(scale.messages, scale.messages + few), accounts=scale.messages + few))
        live = {f"{number / 100:.2f}" for number in range(scale.messages, scale.messages + few)}
        house.settled(60 + scale.messages * PACE * 3)
        passed = _passed(house, before, live)
        account = house.suture.account()
    violations = []
    if not behind:
        violations.append("the ERP was not slow")
    if passed > few * 2 + 8:
        violations.append(f"{passed} documents of the bulk left before the last live one")
    if any(row["held"] or row["unknown"] for row in account["effects"] if row["effect"] == "issue"):
        violations.append("issues are held or unknown in the end")
    return Proof(
        f"all {scale.messages} charges were there while {behind} issues waited; of {scale.messages} released "
        f"in bulk {passed} left before the last of {few} live ones",
        violations,
    )


def _one_at_a_time(house: House) -> None:
    site = house.suture.site / "config" / "suture.yaml"
    text = site.read_text()
    text = re.sub(r"    batch: .*\n", "", text, count=1)
    site.write_text(text.replace("concurrency: 8", "concurrency: 1", 1))


async def _send_unmapped(house: House, messages: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.suture.ports["ehr"])
    for number in range(messages):
        raw = (
            f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120101500||DFT^P03|U{number}|P|2.5.1|||AL|NE\r"
            f"PID|1||N{number}^^^NORTH^MR|||||||||||||||B{number}^^^NORTH^AN\rPV1|1|I\r"
            f"FT1|1|U{number}||20261120094500||CG|IMP-NEW-01|||1|5.00|5.00|OR-NORTH\r"
        )
        writer.write(START + raw.encode() + END)
        if code_of(await reader.readuntil(END)) != "AA":
            raise Violation("a message was not taken")
    writer.close()


def _passed(house: House, before: int, live: set[str]) -> int:
    """Documents of the bulk that the ERP booked before the last live one. Live ones stand with their accounts' issues;
    both are told apart by the message that made them."""
    rows = house.rows(
        "SELECT d.reference, l.stated FROM delivery d JOIN effect e ON e.delivery_id = d.id "
        "JOIN line l ON l.id = e.line_id WHERE d.destination = 'erp'"
    )
    stated = {reference: str(money) for reference, money in rows}
    booked = [stated[one["reference"]] for one in house.documents("erp")][before:]
    places = [place for place, money in enumerate(booked) if money in live]
    return places[-1] + 1 - len(places)


def _until(holds, what: str) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + 120
    while not holds():
        if time.monotonic() > until:
            raise Violation(what)
        time.sleep(0.05)
