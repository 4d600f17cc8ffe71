"""A wrong row was live for a while, then it is mended and corrected: the books are as if right from the start.

The same lines are told to two houses. One has had the right rows all along; what its far end holds is what must be.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

from prove.credits import line
from prove.house import House, Violation, chance_of, house_in
from prove.keys import usage
from prove.report import Proof, Scale
from tests.acceptance.rig import code_of, exchange

SHORT = Scale(messages=40, faults=0, settle=0.3)
FULL = Scale(messages=400, faults=0, settle=1.0)
SABOTAGE = "reverse-something-else"
WRONG = {
    "items": ("NORTH,IMP-FEM-06,1000106", "NORTH,IMP-FEM-06,1000105"),
    "charges": ("IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810105"),
}


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: lines, most of them of the code whose rows are wrong."""
    chance = chance_of(seed)
    told = []
    for number in range(scale.messages):
        text = line(f"T{number}", "CG", chance.randint(1, 4))
        code = chance.choice(["IMP-FEM-06", "IMP-FEM-06", "IMP-FEM-07"])
        told.append(usage(f"C{number}", f"A{number % 50}", text.replace("IMP-FEM-06", code)))
    with house_in(folder / "right", scale.settle) as right:
        right.suture.start()
        _tell(right, told)
        expected = _net(right)
    with house_in(folder / "wrong", scale.settle, sabotage=sabotage) as house:
        rows = dict(_spoil(house))
        house.suture.start()
        _tell(house, told)
        wrong = _net(house)
        for table, good in rows.items():
            _must(house, "tables", "import", table, str(good), "--reason", "mended")
        answer = json.loads(_must(house, "correct", "--feed", "ehr", "--reason", "wrong rows", "--json"))
        house.settled()
        corrected, doubled = _net(house), house.doubled()
        reversed_ = house.far.books("erp")["documents"].get("goods-return", 0)
    violations = []
    if wrong == expected:
        violations.append("the wrong rows changed nothing")
    if corrected != expected:
        violations.append("the corrected books are not those of the right rows")
    if doubled or reversed_ != len(answer["changed"]):
        violations.append(
            f"{len(answer['changed'])} messages were corrected, {reversed_} reversals are visible"
        )
    counted = f"{scale.messages} lines, {len(answer['changed'])} of them corrected, every reversal visible"
    return Proof(counted, violations)


def _spoil(house: House) -> Iterator[tuple[str, Path]]:
    """Puts the wrong rows in; gives each table with its right rows."""
    for table, (right, wrong) in WRONG.items():
        path = house.suture.site / "mappings" / "tables" / f"{table}.csv"
        good = house.suture.folder / f"{table}.csv"
        good.write_text(path.read_text())
        path.write_text(path.read_text().replace(right, wrong))
        yield table, good


def _tell(house: House, messages: list[bytes]) -> None:
    answers = asyncio.run(exchange(house.suture.ports["ehr"], *messages))
    assert {code_of(answer) for answer in answers} == {"AA"}
    house.settled()


def _net(house: House) -> dict[str, dict[str, object]]:
    """What stands in the books in the end, without how it came there."""
    erp, billing = house.far.books("erp"), house.far.books("billing")
    return {
        "stock": {
            item: {place: bin_["on_hand"] for place, bin_ in bins.items()}
            for item, bins in erp["stock"].items()
        },
        "cost centers": {
            code: sums["net"] for code, sums in erp["cost_centers"].items() if sums["net"] != "0.00"
        },
        "charges": {
            code: sums["net"] for code, sums in billing["charges"]["codes"].items() if sums["net"] != "0.00"
        },
    }


def _must(house: House, *verb: str) -> str:
    answer = house.suture.ask(*verb)
    if answer.returncode:
        raise Violation(f"{verb[0]} ended with {answer.returncode}: {answer.stderr.strip()}")
    return answer.stdout
