"""Clean stops and reloads under load: no unknown is made, each message has one release, a bad site changes nothing."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from prove.house import House, chance_of, house_in
from prove.report import Proof, Scale

SHORT = Scale(messages=900, faults=6, settle=0.3)
FULL = Scale(messages=60_000, faults=200, settle=2.0)
ROUNDS = 10
SABOTAGE = "leave-marks"


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: acts under load, in turn a stop and start, a reload, and a reload of a broken site."""
    violations: list[str] = []
    chance = chance_of(seed)
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()

        async def under_load() -> None:
            sending = asyncio.ensure_future(house.send(range(scale.messages), accounts=64))
            for place in range(scale.faults):
                share = (place + chance.random()) / scale.faults * 0.9
                while len(house.acknowledged) < share * scale.messages and not sending.done():
                    await asyncio.sleep(0.005)
                violations.extend(await asyncio.to_thread(_act, house, place))
            await sending

        asyncio.run(under_load())
        house.settled(120)
        violations += house.once(scale.messages)
        ((unreleased,),) = house.rows("SELECT count(*) FROM message WHERE edition_id IS NULL AND state = 1")
    if unreleased:
        violations.append(f"{unreleased} messages were stepped with no release")
    return Proof(
        f"{scale.faults} stops and reloads under load, bad sites included, {scale.messages} messages",
        violations,
    )


def _act(house: House, place: int) -> list[str]:
    match place % 3:
        case 0:
            return _stop(house)
        case 1:
            return _reload(house, f"# turn {place}\n", 0)
        case _:
            return _reload(house, "no_such_key: 1\n", 1)


def _stop(house: House) -> list[str]:
    code = house.suture.stop(signal.SIGTERM)
    found = [] if code == 0 else [f"a clean stop ended with {code}"]
    ((doubtful,),) = house.rows("SELECT count(*) FROM delivery WHERE state IN (1, 3)")
    if doubtful:
        found.append(f"a clean stop left {doubtful} documents in doubt")
    house.suture.start()
    return found


def _reload(house: House, more: str, expected: int) -> list[str]:
    """The site with a line more; a broken one is mended again."""
    path = house.suture.site / "channels" / "ehr-usage.yaml"
    text = path.read_text()
    path.write_text(text + more)
    code = house.suture.ask("reload").returncode
    if expected:
        path.write_text(text)
    return [] if code == expected else [f"a reload ended with {code}, not {expected}"]
