"""One document in a hundred is refused for good: nobody waits for a stranger, no inversions, little throughput lost.

Where the site says `on_hold: park`, what comes after it in its account waits for a person, and nothing else does."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from prove.house import House, house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=500, faults=1, settle=0.3)
FULL = Scale(messages=20_000, faults=9, settle=2.0)
SABOTAGE = "never-step-aside"
LOST_AT_MOST = 0.05


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: interleaved pairs of runs, one without and one with 1 % refused. The short form times nothing."""
    ratios, violations, refused = [], [], 0
    for pair in range(scale.faults):
        plain = _run(scale, folder / f"plain-{pair}", 0, sabotage, violations)
        failing = _run(scale, folder / f"failing-{pair}", 100, sabotage, violations)
        ratios.append(plain[0] / failing[0])
        refused += failing[1]
    lost = 1 - statistics.median(ratios)
    if scale.faults > 1 and lost > LOST_AT_MOST:
        violations.append(f"{lost:.1%} of the throughput is lost")
    waited = _parked(scale, folder / "parked", sabotage, violations)
    timed = f"; {lost:.1%} of the throughput lost in the median" if scale.faults > 1 else ""
    counted = (
        f"{scale.faults} pairs of {scale.messages} accounts, {refused} documents refused for good{timed}; with "
        f"on_hold: park {waited} waited for a person"
    )
    return Proof(counted, violations)


def _run(scale: Scale, folder: Path, every: int, sabotage: str, violations: list[str]) -> tuple[float, int]:
    """(seconds until all is settled, documents refused)."""
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        if every:
            house.mood("billing", path="/charges", mood="refuse", every=every, code="account_closed")
        began = time.monotonic()
        asyncio.run(house.send(range(scale.messages * 2), accounts=scale.messages))
        account = house.settled(15 + scale.messages / 20)
        seconds = time.monotonic() - began
        held = sum(group["effects"] for group in account["worklist"])
        books = house.books()
    if len(books.charges) + held != scale.messages * 2:
        violations.append(f"{len(books.charges)} charges and {held} held are not all of {scale.messages * 2}")
    if books.inversions or books.doubled:
        violations.append(f"{books.inversions} inversions, {len(books.doubled)} doubles")
    if bool(held) != bool(every):
        violations.append(f"{held} documents are held")
    return seconds, held


def _parked(scale: Scale, folder: Path, sabotage: str, violations: list[str]) -> int:
    """How many documents waited behind a refused one."""
    accounts = min(scale.messages, 2000)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        site = house.suture.site / "config" / "suture.yaml"
        site.write_text(site.read_text().replace("    timeout: 5s", "    timeout: 5s\n    on_hold: park"))
        house.suture.start()
        house.mood(
            "billing", path="/charges", mood="refuse", every=31, times=accounts // 31, code="account_closed"
        )
        asyncio.run(house.send(range(accounts * 2), accounts=accounts))
        behind = _at_rest(house, accounts, violations)
        house.suture.ask("requeue", "--destination", "billing", "--reason", "accounts are open again")
        house.settled(60 + accounts / 10)
        books = house.books()
    if len(books.charges) != accounts * 2 or books.doubled:
        violations.append(
            f"{len(books.charges)} charges of {accounts * 2}, {len(books.doubled)} doubles, in the end"
        )
    if not behind:
        violations.append("nothing waited behind a refused document")
    return behind


def _at_rest(house: House, accounts: int, violations: list[str]) -> int:
    """Waits until only what must wait does. Gives how many do."""
    until = time.monotonic() + 60 + accounts / 20
    while True:
        charges = next(row for row in house.suture.account()["effects"] if row["effect"] == "charge")
        there = house.books().charges
        pairs = [(number in there, number + accounts in there) for number in range(accounts)]
        overtaken = sum(later and not first for first, later in pairs)
        behind = sum(not later and not first for first, later in pairs)
        if overtaken:
            violations.append(f"{overtaken} documents overtook a refused one of their account")
        if overtaken or (
            charges["waiting"] == behind and charges["delivered"] + charges["held"] + behind == 2 * accounts
        ):
            return behind
        if time.monotonic() > until:
            violations.append(f"{charges['waiting']} charges wait, {behind} of them must")
            return behind
        time.sleep(0.2)
