"""What `preview` shows is what activation then does, byte for byte: random edits of rows, maps, filters and prices."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import apsw

from demo.goods import GOODS
from engine.pipeline.digests import Digester
from engine.pipeline.record import unpack_facts
from engine.preview.comparing import Comparer, Tally, made
from engine.preview.running import edit_between, preview, side_of_edition, side_of_files
from engine.preview.touching import Watch
from engine.site.compile import compile_release, load_site, unpack_site
from engine.store.sqlite import SqliteReader
from prove.edits import NEW, Files, apply, edit
from prove.house import House, chance_of, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import END, START, code_of

SHORT = Scale(messages=400, faults=2, settle=0.3)
FULL = Scale(messages=20_000, faults=6, settle=0.3)
"""`faults`: edits. Every other one is of rows alone."""
SABOTAGE = "blind-watch"
DEPARTMENTS = ("OR-NORTH", "PACU-NORTH", "CATH-NORTH", "ICU-NORTH", "ED-NORTH")

Key = tuple[str, str, int, str, str, int]
"""(control id, channel, line, destination, effect, action)."""


class Stood(NamedTuple):
    """An effect as a store has it. `payload`: of its document, without the reference; None while it is held. `line`:
    what the document says outside its lines, and of this one."""

    quantity: str | None
    amount: str | None
    payload: bytes | None
    line: str


Written = dict[Key, Stood]
Documents = Counter[tuple[str, str, bytes]]
"""(control id, effect, payload without its reference) → how often."""


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """One house has the history; each edited site is previewed there, and activated in another that gets the same."""
    chance = chance_of(seed)
    raws = [_message(number, chance) for number in range(scale.messages)]
    site = _lived(folder / "before", scale, raws, {})
    was = _written(site / "var" / "suture.db")
    told, violations, seconds = Counter[str](), [], 0.0
    for number in range(scale.faults):
        files = edit(site, chance, rows_only=number % 2 == 0)
        edited = folder / f"edited-{number}"
        shutil.copytree(site, edited, ignore=shutil.ignore_patterns("var"))
        apply(edited, files)
        began = time.monotonic()
        tally = preview(
            site / "var" / "suture.db", load_site(edited, "demo"), scale.messages, None, lambda _: None
        )
        seconds += time.monotonic() - began
        with _blind() if sabotage else nullcontext():
            shown = asyncio.run(_shown(site / "var" / "suture.db", edited))
        done = _lived(folder / f"after-{number}", scale, raws, files) / "var" / "suture.db"
        now = _written(done)
        violations += [
            f"edit {number}: {what}" for what in (*_bytes(shown, _documents(done)), *_sums(tally, was, now))
        ]
        told.update(tally.lines)
        told["touched"] += tally.touched
    if not told["changed"]:
        violations.append("nothing was changed")
    lines = ", ".join(f"{count} {what}" for what, count in sorted(told.items()))
    return Proof(f"{scale.faults} edits of {scale.messages} messages in {seconds:.1f} s: {lines}", violations)


def _lived(folder: Path, scale: Scale, raws: list[bytes], files: Files) -> Path:
    """The site of a house that was given everything, with what its store then has."""
    with house_in(folder, scale.settle) as house:
        apply(house.suture.site, files)
        channel = house.suture.site / "channels/ehr-usage.yaml"
        channel.write_text(channel.read_text().split("\ntests:")[0] + "\n")
        _let_rows_be(house.suture.site / "mappings" / "tables")
        house.suture.start()
        asyncio.run(_send(house, raws))
        house.settled(60 + scale.messages / 50)
        house.suture.stop()
        return house.suture.site


def _let_rows_be(tables: Path) -> None:
    """Rows are edited at random here: what the tables say of each other would refuse most of them."""
    for file in tables.glob("*.yaml"):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text(
            "".join(one for one in lines if not one.startswith(("refers:", "agree:", "converts:")))
        )


def _message(number: int, chance: random.Random) -> bytes:
    goods = [good for good in GOODS.values() if good.taken_by != "cabinet" and "NEW" not in good.code]
    lines = []
    for place in range(chance.randint(1, 4)):
        good, count = chance.choice(goods), chance.randint(1, 4)
        money = "" if chance.randrange(10) == 0 else f"{good.price * good.charge_pack * count:.2f}"
        code = NEW if chance.randrange(20) == 0 else good.code
        department, day = chance.choice(DEPARTMENTS), chance.randint(10, 20)
        lines.append(
            f"FT1|{place + 1}|T{number}-{place}||202611{day}094500||CG|{code}|||{count}|{money}||{department}\r"
        )
    payer = chance.choice(("COM", "MCR", ""))
    head = (
        f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120101500||DFT^P03|C{number}|P|2.5.1|||AL|NE\r"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\rPV1|1|I||||||||||||||||||{payer}\r"
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


# What is shown ---------------------------------------------------------------------------------------------------


async def _shown(store: Path, edited: Path) -> Documents:
    """What each message posts by the preview: as before where it says that the edit does not touch it."""
    reader, shown = SqliteReader(store), Documents()
    try:
        sides = await side_of_edition(reader, 1), await side_of_files(reader, load_site(edited, "demo"))
        before, after = (compile_release(unpack_site(side.files), side.tables) for side in sides)
        digester = Digester(reader.hash_key)
        comparer = Comparer(before, after, edit_between(*sides), digester)
        for kind, inbound, record in await reader.stepped(1, 1_000_000):
            facts = unpack_facts(record)
            touched = (
                comparer.takes(inbound.feed, kind) and comparer.compare(kind, inbound, facts) is not None
            )
            seen = made(after if touched else before, digester, inbound, facts)
            control = inbound.raw.split(b"|")[9].decode()
            documents = {(key[3], one.payload) for key, one in seen.items() if one.payload is not None}
            shown.update((control, effect, _bare(payload)) for effect, payload in documents if payload)
        return shown
    finally:
        reader.close()


@contextmanager
def _blind() -> Iterator[None]:
    """No look-up is ever found to be answered otherwise."""
    with patch.object(Watch, "met", property(lambda _: False, lambda *_: None), create=True):
        yield


# What was done ---------------------------------------------------------------------------------------------------


def _documents(store: Path) -> Documents:
    rows = _ask(
        store,
        "SELECT m.control_id, d.effect, c.body FROM delivery d JOIN message m ON m.id = d.message_id "
        "JOIN content c ON c.id = d.content_id",
    )
    return Counter((control, effect, _bare(body)) for control, effect, body in rows)


def _written(store: Path) -> Written:
    rows = _ask(
        store,
        "SELECT m.control_id, l.channel, l.number, e.destination, e.name, e.action, e.quantity, e.amount, c.body "
        "FROM effect e JOIN line l ON l.id = e.line_id JOIN message m ON m.id = e.message_id "
        "LEFT JOIN delivery d ON d.id = e.delivery_id LEFT JOIN content c ON c.id = d.content_id "
        "WHERE e.state IN (1, 2)",
    )
    return {
        tuple(row[:6]): Stood(
            row[6], row[7], *((None, "") if row[8] is None else (_bare(row[8]), _of_line(row[8], row[2])))
        )
        for row in rows
    }


def _of_line(payload: bytes, number: int) -> str:
    """The document with one line alone; what has no lines as it is."""
    tree = json.loads(payload) | {"reference": ""}
    for key, below in tree.items():
        if isinstance(below, list):
            tree[key] = [one for one in below if one["line"] == number]
            assert len(tree[key]) == 1, tree
    return json.dumps(tree, sort_keys=True)


def _ask(store: Path, statement: str) -> list[tuple]:
    connection = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def _bare(payload: bytes) -> bytes:
    """Without the reference, which is each store's own."""
    return payload.partition(b",")[2]


# What must agree -------------------------------------------------------------------------------------------------


def _bytes(shown: Documents, done: Documents) -> Iterator[str]:
    if shown != done:
        yield f"{(shown - done).total()} documents were shown and not written, {(done - shown).total()} otherwise"


def _sums(tally: Tally, was: Written, now: Written) -> Iterator[str]:
    """The preview's own figures against the two stores."""
    lines, messages = Counter[str](), set()
    money: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for key in was.keys() | now.keys():
        sides = was.get(key), now.get(key)
        change = _change(*sides)
        if change or (any(one and one.payload for one in sides) and sides[0] != sides[1]):
            messages.add(key[0])
        if change:
            lines[change] += 1
            for place, stood in enumerate(sides):
                if stood is not None and stood.payload is not None and stood.amount is not None:
                    money[key[3], key[4]][place] += Decimal(stood.amount)
    shown: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for place, total in tally.money.items():
        shown[place.destination, place.effect][0] += total.before
        shown[place.destination, place.effect][1] += total.after
    if tally.differing != len(messages):
        yield f"{tally.differing} messages were said to differ, {len(messages)} do"
    if tally.lines != lines:
        yield f"it said {dict(tally.lines)}, and there are {dict(lines)}"
    if shown != money:
        yield "the money that it said is not the money that moved"


def _change(before: Stood | None, after: Stood | None) -> str:
    was, now = (one is not None and one.payload is not None for one in (before, after))
    if was and now:
        return "" if before._replace(payload=b"") == after._replace(payload=b"") else "changed"
    if was:
        return "newly held" if after is not None else "lost"
    if now:
        return "newly mapped" if before is not None else "added"
    return ""
