"""What `preview` shows is what activation then does, byte for byte: edits to a map, a table, a filter and a price."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import apsw

from demo.goods import GOODS
from engine.domain.message import MessageId
from engine.pipeline.digests import Digester
from engine.pipeline.record import unpack_facts
from engine.preview.comparing import made
from engine.preview.running import preview
from engine.site.compile import compile_release, load_site
from engine.store.sqlite import SqliteReader
from prove.house import House, chance_of, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import END, START, code_of

SHORT = Scale(messages=400, faults=0, settle=0.3)
FULL = Scale(messages=20_000, faults=0, settle=0.3)
SABOTAGE = "an-edit-more"
DEPARTMENTS = ("OR-NORTH", "PACU-NORTH", "CATH-NORTH", "ICU-NORTH", "ED-NORTH")

Written = Counter[tuple[str, str, bytes]]
"""(control id, effect, payload without its reference) → how often."""


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """One house has the history; the edited site is previewed there, and activated in another that gets the same."""
    chance = chance_of(seed)
    raws = [_message(number, chance) for number in range(scale.messages)]
    with house_in(folder / "before", scale.settle) as house:
        house.suture.start()
        asyncio.run(_send(house, raws))
        house.settled(60 + scale.messages / 50)
        edited = folder / "edited"
        shutil.copytree(house.suture.site, edited, ignore=shutil.ignore_patterns("var"))
        _edit(edited)
        began = time.monotonic()
        store = house.suture.site / "var" / "suture.db"
        tally = preview(store, load_site(edited, "demo"), scale.messages, None, lambda _: None)
        seconds = time.monotonic() - began
        shown = asyncio.run(_shown(store, edited))
    with house_in(folder / "after", scale.settle) as house:
        _edit(house.suture.site)
        if sabotage:
            _replace(house.suture.site / "mappings/tables/charges.csv", "27810106", "27810107")
        house.suture.start()
        asyncio.run(_send(house, raws))
        house.settled(60 + scale.messages / 50)
        done = _done(house.suture.site / "var" / "suture.db")
    violations = []
    if shown != done:
        violations.append(
            f"{(shown - done).total()} documents were shown and not written, {(done - shown).total()} otherwise"
        )
    for change in ("changed", "lost"):
        if not tally.lines[change]:
            violations.append(f"nothing was {change}")
    lines = ", ".join(f"{count} {change}" for change, count in sorted(tally.lines.items()))
    money = sum((total.after - total.before for total in tally.money.values()), Decimal(0))
    told = f"{tally.messages} messages in {seconds:.1f} s: {lines}; {money:+,.2f}; {done.total()} documents as shown"
    return Proof(told, violations)


def _edit(site: Path) -> None:
    _replace(site / "mappings/erp/goods-issue.yaml", "lot?: lot", "lot?: lot else lot")
    _replace(site / "mappings/tables/charges.csv", "IMP-TIB-04,*,27810114", "IMP-TIB-04,*,27810115")
    _replace(site / "mappings/tables/activity-rates.csv", "21.40", "23.90")
    channel = site / "channels/ehr-usage.yaml"
    channel.write_text(channel.read_text().split("\ntests:")[0] + "\n")
    _replace(channel, "\nsame_line", "  - {when: code == 'IMP-SCR-35-14', because: stopped}\n\nsame_line")


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, (file, old)
    file.write_text(text.replace(old, new))


def _message(number: int, chance: random.Random) -> bytes:
    goods = [good for good in GOODS.values() if good.taken_by != "cabinet" and "NEW" not in good.code]
    lines = []
    for place in range(chance.randint(1, 4)):
        good, count = chance.choice(goods), chance.randint(1, 4)
        money = "" if chance.randrange(10) == 0 else f"{good.price * good.charge_pack * count:.2f}"
        department = chance.choice(DEPARTMENTS)
        lines.append(
            f"FT1|{place + 1}|T{number}-{place}||20261120094500||CG|{good.code}|||{count}|{money}||{department}\r"
        )
    head = (
        f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120101500||DFT^P03|C{number}|P|2.5.1|||AL|NE\r"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\rPV1|1|I||||||||||||||||||COM\r"
    )
    return (head + "".join(lines)).encode()


async def _send(house: House, raws: list[bytes]) -> None:
    async def some(mine: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.suture.ports["ehr"])
        for raw in mine:
            writer.write(START + raw + END)
            assert code_of(await reader.readuntil(END)) == "AA"
        writer.close()

    await asyncio.gather(*(some(raws[place::8]) for place in range(8)))


async def _shown(store: Path, edited: Path) -> Written:
    """What the edited site makes of each message, as the preview works it out."""
    reader = SqliteReader(store)
    try:
        release, digester, written = (
            compile_release(load_site(edited, "demo")),
            Digester(reader.hash_key),
            Written(),
        )
        number = 0
        while (inbound := await reader.inbound(MessageId(number := number + 1))) is not None:
            facts = unpack_facts(await reader.record(inbound.id))
            seen = made(release, digester, inbound, facts)
            control = inbound.raw.split(b"|")[9].decode()
            documents = {(key[3], one.payload) for key, one in seen.items() if one.payload is not None}
            written.update((control, effect, _bare(payload)) for effect, payload in documents if payload)
        return written
    finally:
        reader.close()


def _done(store: Path) -> Written:
    connection = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = connection.execute(
            "SELECT m.control_id, d.effect, c.body FROM delivery d JOIN message m ON m.id = d.message_id "
            "JOIN content c ON c.id = d.content_id"
        )
        return Counter((control, effect, _bare(body)) for control, effect, body in rows)
    finally:
        connection.close()


def _bare(payload: bytes) -> bytes:
    """Without the reference, which is each store's own."""
    return payload.partition(b",")[2]
