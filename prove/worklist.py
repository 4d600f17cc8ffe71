"""Thousands of lines wait for one row: it is added, the engine is killed while they go, and each is booked once."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from prove.house import House, Violation, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import ROOT

SHORT = Scale(messages=1000, faults=2, settle=0.3)
FULL = Scale(messages=10_000, faults=8, settle=1.0)
SABOTAGE = "forget-releases"
LIVE = 20
"""Messages that are sent after each start, while the rest goes."""

CODE = "IMP-FEM-06"
CAUSE = f"charges: code={CODE} payer_class=(missing)"
ROW = ("payer_class=*", "charge_code=27810106", "billable=yes", "revenue_code=0278", "factor=1")


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """The row is mapped once; nobody asks again after a kill. Live messages go on meanwhile."""
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        without_row(house.suture.site)
        house.suture.start()
        asyncio.run(house.send(range(scale.messages), accounts=64))
        house.settled(60 + scale.messages / 50)
        violations = _worklist(house, scale.messages)
        mapping = command(house, "map", CAUSE, *ROW, "--reason", "proved")
        sent, cut = scale.messages, 0
        for kill in range(scale.faults):
            left = scale.messages * (scale.faults - kill) // (scale.faults + 1)
            _until(lambda left=left: held(house) <= left, scale)
            house.suture.stop(signal.SIGKILL)
            violations += _worklist(house, scale.messages)
            cut += bool(held(house))
            house.suture.start()
            asyncio.run(house.send(range(sent, sent + LIVE), accounts=10**9))
            sent += LIVE
        told = mapping.communicate()
        _until(lambda: not held(house), scale)
        house.settled(60 + scale.messages / 50)
        violations += house.once(sent)
        ((begun,),) = house.rows("SELECT count(*) FROM act WHERE verb = 'release asked for'")
        ((ended,),) = house.rows("SELECT count(*) FROM act WHERE verb = 'release'")
    if mapping.returncode:
        violations.append(f"the command ended with {mapping.returncode}: {told[1].strip().splitlines()[-1:]}")
    if (begun, ended) != (1, 1):
        violations.append(f"{begun} releases were asked for and {ended} ended")
    if not cut:
        violations.append("nothing was left when the engine was killed")
    return Proof(
        f"{scale.messages} lines released by one command through {scale.faults} kills, {cut} of them with some left; "
        f"{sent - scale.messages} live messages beside them",
        violations,
    )


def without_row(site: Path) -> None:
    """The charge code of what is used is missing."""
    table = site / "mappings" / "tables" / "charges.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if not line.startswith(f"{CODE},")))
    channel = site / "channels" / "ehr-usage.yaml"
    channel.write_text(channel.read_text().split("\ntests:")[0] + "\n")


def command(house: House, *arguments: str) -> subprocess.Popen[str]:
    """The command, in a process of its own, beside the engine."""
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *arguments, "--site", str(house.suture.site)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def held(house: House) -> int:
    """Effects that wait for a person."""
    ((count,),) = house.rows("SELECT count(*) FROM effect WHERE held_us IS NOT NULL")
    return count


def _worklist(house: House, lines: int) -> list[str]:
    """What the worklist says is left, and what is on its way, are all there are."""
    groups = json.loads(house.suture.ask("worklist", "--json").stdout)
    left = sum(group["lines"] for group in groups)
    charges = house.rows("SELECT message_id FROM delivery WHERE effect = 'charge'")
    queued = sum(message <= lines for (message,) in charges)  # the others came in live
    return (
        [] if left + queued == lines else [f"{left} lines on the worklist and {queued} released of {lines}"]
    )


def _until(holds, scale: Scale) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + 20 + scale.messages / 100
    while not holds():
        if time.monotonic() > until:
            raise Violation("what was to be released is not")
        time.sleep(0.01)
