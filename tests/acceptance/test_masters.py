"""Masters told to the real process: tables change, what waited for them is posted, also when it is killed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from signal import SIGKILL

import pytest

from tests.acceptance.rig import Far, Suture, code_of, exchange, free_ports

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "engine" / "cli" / "examples" / "item-master"
SAMPLES = EXAMPLE / "channels" / "samples"
WAIT = 20.0


class Supply(Suture):
    """The example of masters, and the engine that serves it."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder, self.site = folder, folder / "site"
        copytree(EXAMPLE, self.site)
        self.inbox = self.site / "var" / "in" / "cost-centers"
        self.inbox.mkdir(parents=True)
        config = self.site / "config" / "suture.yaml"
        config.write_text(config.read_text().replace("quiet: 30s", "quiet: 0s"))
        self.ports = dict(zip(("ehr", "masters"), free_ports(2), strict=True))
        self.environment = self.site / "config" / "env" / "demo.yaml"
        self.point_at(urls)
        self.process, self.program, self.log_level, self.runs = None, ("engine",), "info", 0

    def send(self, feed: str, *messages: bytes) -> list[bytes]:
        return asyncio.run(exchange(self.ports[feed], *messages))

    def json(self, *arguments: str):
        return json.loads(self.ask(*arguments, "--json").stdout)

    def rows(self, table: str, **keys: str) -> list[dict]:
        """Every row of a key, as it is exported."""
        found = self.json("tables", "find", table, *(f"{name}={value}" for name, value in keys.items()))
        return [one["row"] for one in found["rows"]]

    def until(self, happened: Callable[[], object]) -> None:
        end = time.monotonic() + WAIT
        while not happened():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def stepped(self, count: int) -> dict[str, int]:
        """Messages by state, once so many are stepped."""
        found: dict[str, int] = {}

        def all_are() -> bool:
            found.clear()
            found.update(self.account()["messages"]["by_state"])
            return sum(found.values()) == count and "pending" not in found

        self.until(all_are)
        return found


@pytest.fixture
def supply(tmp_path: Path, far: Far) -> Iterator[Supply]:
    engine = Supply(tmp_path, far.urls)
    yield engine
    if engine.process is not None:
        engine.stop(SIGKILL)


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes().replace(b"\n", b"\r")


def item(number: int, *, change: str = "MUP", text: str = "Cortical screw", whole: str = "UPD") -> bytes:
    code = 1001414 if number % 2 else 1001420
    return (
        f"MSH|^~\\&|MATERIALS|NORTH|S|N|20261101060000||MFN^M16^MFN_M16|K{number}|P|2.8.2\r"
        f"MFI|INV||{whole}|||NE\rMFE|{change}|K{number}||{code}|CWE\r"
        f"ITM|{code}|{text} {number}|A|IMP||||||||||Y\rPKG|1|EA\r"
    ).encode()


def test_an_item_that_the_materials_system_tells_lets_the_charge_go_that_waited_for_it(
    supply: Supply, far: Far
):
    supply.start()
    supply.send("ehr", sample("dft-new-item.hl7"))
    assert supply.stepped(1) == {"held": 1}
    (answer,) = supply.send("masters", sample("mfn-m16-update.hl7"))
    assert code_of(answer) == "AA"
    assert b"|MFK^M16^MFK_M01|" in answer
    assert [line.split(b"|")[4] for line in answer.split(b"\r") if line.startswith(b"MFA")] == [
        b"^stored"
    ] * 3
    supply.send("masters", sample("mfn-m04-prices.hl7"))
    assert supply.stepped(3) == {"held": 1, "routed": 2}
    shown = supply.ask("show", "2").stdout
    assert "table items: version 2, 1 new, 1 changed, 1 ended" in shown
    assert "record 1 in item-master: kept: items: new" in shown
    history = supply.ask("tables", "history", "items", "code=1001424").stdout
    assert "master by message 2: 1 new, 1 changed, 1 ended" in history
    assert "item=1001424" in history
    bad = "record 3 in charge-master: held for revenue-integrity: MAP030 price: this text is no number at PRC[3]-5.1.1"
    assert bad in supply.ask("show", "3").stdout
    assert "PRC[3]-5.1.1: 1 line in 1 message" in supply.ask("worklist").stdout
    supply.ask("release", "--owner", "supply-chain", "--reason", "the item is there")
    supply.ask("release", "--owner", "revenue-integrity", "--reason", "so is its charge")
    account = supply.settled()
    assert {one["effect"]: one["delivered"] for one in account["effects"]} == {"issue": 1, "charge": 1}
    assert far.books("billing")["charges"]["net"] == "448.00"
    (again,) = supply.send("masters", sample("mfn-m16-update.hl7").replace(b"|I0001|", b"|I0009|"))
    assert code_of(again) == "AA"
    assert supply.stepped(4)["filtered"] == 1
    assert [row["version"] for row in supply.json("tables", "list") if row["name"] == "items"] == [2, 1]


def test_a_whole_file_that_lacks_most_items_waits_for_a_person(supply: Supply):
    supply.start()
    supply.send("masters", sample("mfn-m16-replace.hl7"))
    assert supply.stepped(1) == {"held": 1}
    worklist = supply.ask("worklist").stdout
    assert "supply-chain" in worklist
    assert "MFN005 items: 10 of 12 rows would end" in worklist
    supply.ask("release", "--owner", "supply-chain", "--reason", "whatever waits")
    assert supply.stepped(1) == {"held": 1}
    assert len(supply.rows("items", facility="NORTH", code="1001506")) == 1
    done = supply.ask("release", "1", "--reason", "the rest is discontinued")
    assert done.returncode == 0, done.stderr
    assert supply.stepped(1) == {"routed": 1}
    shown = supply.ask("show", "1").stdout
    assert "table items: version 2, 10 ended" in shown
    assert "rows that it does not name in item-master: kept: items: 10 ended that it does not name" in shown
    assert supply.json("tables", "history", "items", "code=1001506")[-1]["changed"]


def test_a_file_of_cost_centers_that_is_dropped_ends_what_it_lacks(supply: Supply):
    supply.start()
    text = (SAMPLES / "cost-centers.csv").read_text()
    (supply.inbox / "monthly.csv").write_text(text + "NORTH;;79000;Nobody's;\n")
    assert supply.stepped(1) == {"routed": 1}
    shown = supply.ask("show", "1").stdout
    assert "record 3 in cost-center-file: held for finance: MFN002 cost-centers" in shown
    assert "rows that it does not name in cost-center-file: held for finance: MFN007" in shown
    assert supply.rows("cost-centers", facility="NORTH", department="PACU-NORTH")
    (supply.inbox / "mended.csv").write_text(text)
    supply.stepped(2)
    assert supply.json("tables", "history", "cost-centers", "department=PACU-NORTH")[-1]["changed"]
    assert supply.json("tables", "history", "cost-centers", "department=OR-NORTH")[-1]["version"] == 2


def test_killed_between_masters_each_is_put_in_once(supply: Supply):
    supply.start()
    supply.send("masters", *(item(number) for number in range(1, 21)))
    supply.stop(SIGKILL)
    supply.start()
    assert supply.stepped(20) == {"routed": 20}
    told = [supply.json("show", str(number))["tables"] for number in range(1, 21)]
    made = [[one["number"] for one in tables if one["name"] == "items"] for tables in told]
    assert [len(numbers) for numbers in made] == [
        1
    ] * 20  # in one version, alone or with those that waited, too
    assert made == sorted(made)
    newest = next(row for row in supply.json("tables", "list") if row["name"] == "items")
    assert made[-1] == [newest["version"]]
    history = supply.json("tables", "history", "items", "code=1001420")
    assert history[-1]["actor"].endswith("20")
    assert [row["description"] for row in supply.rows("items", facility="NORTH", code="1001420")] == [
        "Cortical screw 20"
    ]
