"""Drugs on the example site: what is dispensed leaves stock, what was given is charged, by the feed that owns it."""

from __future__ import annotations

import orjson
import pytest

from engine.domain.posting import Action
from engine.domain.status import MessageState

BAG = "55555-511-20^Vancomycin^NDC"


def message(kind: str, *segments: str, facility: str = "SOUTH", place: str = "INF-SOUTH") -> str:
    head = f"MSH|^~\\&|EHR|{facility}|S|E|20261120113000||{kind}|1|P|2.5.1\r"
    person = f"PID|1||M1^^^{facility}^MR|||||||||||||||A1^^^{facility}^AN\rPV1|1|O|{place}\r"
    return head + person + "".join(f"{segment}\r" for segment in segments)


def orc(number: str = "RX1", control: str = "RE") -> str:
    return f"ORC|{control}|P1|{number}"


def rxa(
    dose: int = 1,
    amount: str = "1000",
    done: str = "CP",
    action: str = "A",
    code: str = BAG,
    unit: str = "MG",
) -> str:
    given = f"RXA|0|{dose}|20261120101500|20261120111500|{code}|{amount}|{unit}"
    return f"{given}||||INF-SOUTH||||L1|20271130||||{done}|{action}"


def rxd(
    counter: int = 1, amount: str = "2", place: str = "RX-SOUTH", code: str = BAG, unit: str = "EA"
) -> str:
    return f"RXD|{counter}|{code}|20261120090500|{amount}|{unit}||RX1||||||{place}|||||L1|20271130"


async def posted(house) -> list[tuple[Action, str, str]]:
    """What is ready: (action, effect, quantity), one for each line."""
    rows = [(row, orjson.loads(row.payload)) for row in await house.documents()]
    return [(row.action, row.effect, line["quantity"]) for row, tree in rows for line in tree["lines"]]


async def test_only_what_was_given_is_charged(house):
    doses = [rxa(1), rxa(2, "600", "PA"), rxa(3, "1000", "RE"), rxa(4, "0", "NA"), rxa(5, "500", "")]
    told = await house.tell(message("RAS^O17", orc(), *doses))
    assert told.state is MessageState.ROUTED
    assert await posted(house) == [(Action.POST, "charge", quantity) for quantity in ("2", "2", "1")]


async def test_a_charge_names_the_drug_its_lot_and_its_expiry(house):
    await house.tell(message("RAS^O17", orc(), rxa()))
    (row,) = await house.documents()
    (line,) = orjson.loads(row.payload)["lines"]
    assert (line["ndc"], line["lot"], line["expiry"]) == ("55555051120", "L1", "2027-11-30")


@pytest.mark.parametrize("after", [rxa(done="NA", action="U"), rxa(done="RE", action="U"), rxa(action="D")])
async def test_what_was_not_given_after_all_is_taken_back_once(house, after):
    await house.tell(message("RAS^O17", orc(), rxa()))
    await house.deliver()
    for _ in range(2):
        await house.tell(message("RAS^O17", orc(), after))
    assert await posted(house) == [(Action.REVERSE, "charge", "2")]


async def test_a_dose_that_is_told_otherwise_is_corrected(house):
    await house.tell(message("RAS^O17", orc(), rxa()))
    await house.deliver()
    await house.tell(message("RAS^O17", orc(), rxa(amount="400", done="PA", action="U")))
    assert await posted(house) == [(Action.REVERSE, "charge", "2"), (Action.POST, "charge", "1")]


async def test_doses_of_two_orders_are_told_apart(house):
    await house.tell(message("RAS^O17", orc("RX1"), rxa(), orc("RX2"), rxa()))
    assert len(await posted(house)) == 2
    again = await house.tell(message("RAS^O17", orc("RX2"), rxa()))
    assert again.state is MessageState.DUPLICATE


async def test_each_place_has_one_feed_that_charges_its_drugs(house):
    given = await house.tell(message("RAS^O17", orc(), rxa().replace("INF-SOUTH", "RX-SOUTH")))
    assert (given.state, await posted(house)) == (MessageState.FILTERED, [])
    await house.tell(message("RDS^O13", orc(), rxd()))
    assert {(effect, quantity) for _, effect, quantity in await posted(house)} == {
        ("issue", "2"),
        ("charge", "4"),
    }
    await house.deliver()
    await house.tell(message("RDS^O13", orc(), rxd(2, place="INF-SOUTH")))
    assert await posted(house) == [(Action.POST, "issue", "2")]
    north = message(
        "RDS^O13", orc(), rxd(3, code="55555-201-10", unit="VL", place="MS3W-NORTH"), facility="NORTH"
    )
    assert (await house.tell(north)).state is MessageState.FILTERED


async def test_a_dispense_that_is_cancelled_comes_back_whole(house):
    await house.tell(message("RDS^O13", orc(), rxd()))
    await house.deliver()
    await house.tell(message("RDS^O13", orc(control="OC"), rxd()))
    assert {(action, effect) for action, effect, _ in await posted(house)} == {
        (Action.REVERSE, "issue"),
        (Action.REVERSE, "charge"),
    }


async def test_a_drug_code_without_hyphens_is_left_as_it_is_and_waits_for_its_row(house):
    told = await house.tell(message("RAS^O17", orc(), rxa(code="5555551120")))
    assert (told.state, await house.causes(told.id)) == (MessageState.HELD, {"drugs: ndc=5555551120"})


async def test_the_payer_of_an_account_is_what_registration_told_of_it(house):
    """A DFT says the payer itself; an administration often does not."""
    await house.adopt(
        {
            "mappings/tables/charges.csv": (
                "DRG-VAN-IV,*,63640511",
                "DRG-VAN-IV,MCR,63640111,yes,0636,2,,\nDRG-VAN-IV,*,63640511",
            )
        }
    )
    person = "PID|1||M1^^^SOUTH^MR|||||||||||||||A1^^^SOUTH^AN\rPV1|1|O||||||||||||||||||{}\r"
    bar = "MSH|^~\\&|ADT|SOUTH|S|E|20261119||BAR^{0}|{0}|P|2.5.1\rEVN|{0}|20261119080000\r"
    for event, payer in (("P01", "COM"), ("P05", "MCR"), ("P06", "MCR")):
        told = await house.tell(bar.format(event) + person.format(payer))
        assert (told.state, told.reason) == (MessageState.FILTERED, "remembered")
    await house.tell(message("RAS^O17", orc(), rxa()))
    (row,) = await house.documents()
    assert orjson.loads(row.payload)["lines"][0]["code"] == "63640111"
