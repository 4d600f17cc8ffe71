"""Requisitions on the example site: asked for, asked for otherwise, cancelled; and what is none of them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from engine.domain.message import Inbound, MessageId
from engine.domain.posting import Action
from engine.domain.status import EffectState, MessageState
from engine.pipeline.judging import NEVER_ASKED
from engine.pipeline.people import people_of
from engine.pipeline.refusing import refused_by
from engine.site.compile import load_site

ROOT = Path(__file__).parents[3]
NW, XO, CA, SC = "NW", "XO", "CA", "SC"


def oms(*lines: str, kind: str = "OMS^O05", patient: str = "", control: str = "1") -> str:
    pid = f"PID|1||{patient}^^^NORTH^MR\r" if patient else ""
    head = f"MSH|^~\\&|MM|NORTH|S|E|20261120080000||{kind}|{control}|P|2.5.1\r"
    return head + pid + "".join(lines)


def line(
    does: str = NW, number: str = "R1", quantity: str = "2", *, at: str = "0755", set_id: str = "1"
) -> str:
    return (
        f"ORC|{does}|{number}|||||||20261120{at}00\r"
        f"RQD|{set_id}|GLV-SUR-70^Gloves|||{quantity}|BX|||ED-NORTH|20261123\r"
    )


def special(does: str = NW, number: str = "R1", price: str = "1850.00") -> str:
    return (
        f"ORC|{does}|{number}|||||||20261120075500\rRQD|1|X^Revision stem|||1|EA|||OR-NORTH\r"
        f"RQ1|{price}|HALLOW|RS-220-L|HALLOW|220-0041\r"
    )


async def asked(house) -> list[tuple[Action, str, str]]:
    """What is ready to be told the ERP: (action, effect, quantity of its first line)."""
    rows = [(row, orjson.loads(row.payload)) for row in await house.documents()]
    return [(row.action, row.effect, tree["lines"][0]["quantity"]) for row, tree in rows]


async def test_a_requisition_is_asked_for_once(house):
    first = await house.tell(oms(line()))
    assert await asked(house) == [(Action.POST, "order", "100")]
    again = await house.tell(oms(line()))
    assert (first.state, again.state) == (MessageState.ROUTED, MessageState.DUPLICATE)
    assert len(await asked(house)) == 1


async def test_a_change_takes_the_old_back_and_asks_anew(house):
    await house.tell(oms(line()))
    await house.deliver()
    await house.tell(oms(line(XO, quantity="5", at="0915")))
    assert await asked(house) == [(Action.REVERSE, "order", "100"), (Action.POST, "order", "250")]


async def test_a_change_of_nothing_that_the_erp_is_told_changes_nothing_there(house):
    await house.tell(oms(line()))
    await house.deliver()
    same = await house.tell(oms(line(XO, at="0915")))
    assert (same.state, await asked(house)) == (MessageState.DUPLICATE, [])


async def test_a_cancellation_takes_back_what_was_ordered_once(house):
    await house.tell(oms(line(), special(number="R2")))
    await house.deliver()
    await house.tell(oms(line(CA, at="0915"), special(CA, "R2")))
    assert await asked(house) == [(Action.REVERSE, "order", "100"), (Action.REVERSE, "special-order", "1")]
    await house.deliver()
    again = await house.tell(oms(line("DC", at="0920")))
    assert (again.state, again.reason) == (MessageState.FILTERED, "void: nothing of it stands")
    assert await asked(house) == []


async def test_what_is_cancelled_before_it_left_never_leaves(house):
    await house.tell(oms(line()))
    await house.tell(oms(line(CA, at="0915")))
    assert await asked(house) == []


async def test_what_waits_for_a_row_and_is_cancelled_waits_no_more(house):
    held = await house.tell(oms(line().replace("GLV-SUR-70", "NO-SUCH")))
    assert held.state is MessageState.HELD
    await house.tell(oms(line(CA, at="0915").replace("GLV-SUR-70", "NO-SUCH")))
    states = {effect.state for effect in (await house.effects(held.id)).values()}
    assert (states, await asked(house)) == ({EffectState.CANCELLED}, [])


async def test_a_cancellation_of_what_nobody_asked_for_here_waits_and_goes_when_it_is_known(house):
    early = await house.tell(oms(line(CA, at="0915")))
    assert (early.state, await house.causes(early.id)) == (MessageState.HELD, {NEVER_ASKED})
    await house.tell(oms(line()))
    await house.deliver()
    await house.release(early.id)
    assert await asked(house) == [(Action.REVERSE, "order", "100")]


async def test_a_cancellation_without_its_line_waits_for_a_person(house):
    await house.tell(oms(line()))
    await house.deliver()
    alone = await house.tell(oms("ORC|CA|R1\r", kind="ORM^O01"))
    assert (alone.state, await house.causes(alone.id)) == (MessageState.HELD, {"void, and its id is missing"})
    assert await asked(house) == []


@pytest.mark.parametrize(("status", "taken"), [("CA", 1), ("DC", 1), ("IP", 0), ("", 0)])
async def test_a_status_is_counted_and_one_that_says_cancelled_takes_back(house, status, taken):
    await house.tell(oms(line()))
    await house.deliver()
    told = await house.tell(oms(line(SC, at="0915").replace("|R1||||", f"|R1|||{status}|", 1)))
    assert [one[0] for one in await asked(house)] == [Action.REVERSE] * taken
    assert told.state is (MessageState.ROUTED if taken else MessageState.FILTERED)


async def test_the_money_of_what_no_catalog_has_is_what_the_requester_anticipates(house):
    told = await house.tell(oms(special(price="1850.00"), line(number="R2"), special(number="R3", price="")))
    effects = await house.effects(told.id)
    found = {place: effect.amount for place, effect in effects.items()}
    assert {place: str(amount) for place, amount in found.items() if amount is not None} == {
        (1, "special-order"): "1850.00"
    }
    assert found.keys() == {(1, "special-order"), (2, "order"), (3, "special-order")}


MIXED = {
    "channels/requisitions.yaml": (
        """nak:                                                   # vends come in at the cabinets' own door
  - {when: movement is present, code: 207, because: a cabinet's movement is no requisition}

skip:
""",
        """skip:
  - {when: movement is present, because: "a cabinet's movement"}
""",
    )
}


def vend(rqd: str = "", control: str = "7") -> str:
    return (
        f"MSH|^~\\&|CABINET|NORTH|S|E|20261120073045||OMS^O05|{control}|P|2.5.1\rPID|1||M4^^^NORTH^MR\r"
        f"ORC|RE|77120\r{rqd}ZPM|V|D|CAB-3W|D2|P4|DRG-CEF-1G|MED|24|24|2|N|||NORTH|MS3W-NORTH|S1|||20261120073010"
        + "|" * 15
        + "VL\r"
    )


RQD = "RQD|1|DRG-CEF-1G|||2|VL\r"


async def test_a_requisition_and_a_vend_are_told_apart_and_held_at_the_wrong_door(house):
    at_cabinet = await house.tell(vend(), feed="cabinet")
    assert [(effect, quantity) for _, effect, quantity in await asked(house)] == [("issue", "2")]
    others = [await house.tell(vend(control="8")), await house.tell(oms(line()), feed="cabinet")]
    assert at_cabinet.state is MessageState.ROUTED
    assert {(one.state, one.reason) for one in others} == {
        (MessageState.HELD, "unclaimed: no channel reads its lines")
    }
    assert len(await asked(house)) == 1


async def test_a_vend_that_names_its_item_in_rqd_is_a_vend_at_its_door_and_refused_at_others(house):
    release = house.stepper.edition.release
    inbound = Inbound(MessageId(1), "ehr", 0, vend(RQD).encode(), None)
    (refused,) = refused_by(release, release.channels, inbound).errors
    assert (refused.hl7_code, refused.where) == (207, "ZPM[1]-1")
    told = await house.tell(vend(RQD), feed="cabinet")
    assert [effect for _, effect, _ in await asked(house)] == ["issue"]
    assert told.state is MessageState.ROUTED


@pytest.mark.parametrize(
    "edits", [MIXED | {"channels/cabinet-vends.yaml": ("from: cabinet", "from: [ehr, cabinet]")}]
)
async def test_both_may_come_in_at_one_door(house):
    for message in (vend(RQD), vend(control="8").replace("P4", "P5"), oms(line())):
        await house.tell(message)
    assert [effect for _, effect, _ in await asked(house)] == ["issue", "issue", "order"]


async def test_other_orders_are_no_requisitions(house):
    lab = await house.tell(oms("ORC|NW|L1\rOBR|1|L1||80048^Panel\r", kind="ORM^O01"))
    assert (lab.state, lab.reason) == (MessageState.FILTERED, "no lines")


async def test_lines_of_one_order_number_are_told_apart_by_their_place(house):
    both = "ORC|NW|R1\rRQD|1|GLV-SUR-70|||2|BX|||ED-NORTH\rRQD|2|SYR-LUR-10|||1|BX|||ED-NORTH\r"
    told = await house.tell(oms(both))
    (document,) = await house.documents()
    assert [one["quantity"] for one in orjson.loads(document.payload)["lines"]] == ["100", "100"]
    assert told.state is MessageState.ROUTED


async def test_a_cancellation_never_overtakes_its_requisition(house):
    def about(text: str) -> set[int]:
        inbound = Inbound(MessageId(1), "ehr", 0, text.encode(), None)
        return set(people_of(house.stepper.edition.release, inbound).lanes)

    asked_for, cancelled = oms(line(), line(number="R2")), oms(line(CA, "R2"), patient="M1")
    assert about(asked_for) & about(cancelled)
    assert not about(asked_for) & about(oms(line(CA, "R3"), patient="M1"))


async def test_a_negative_quantity_waits_for_a_person(house):
    told = await house.tell(oms(line(quantity="-2")))
    assert (told.state, await asked(house)) == (MessageState.HELD, [])


async def test_what_waits_for_a_row_and_is_changed_is_ordered_once_as_it_was_changed(house):
    unknown = line().replace("GLV-SUR-70", "NEW-GLOVE")
    first = await house.tell(oms(unknown))
    second = await house.tell(oms(unknown.replace("|2|BX", "|5|BX").replace("|NW|", "|XO|", 1)))
    row = "NORTH,GLV-SUR-70,3000470"
    items = load_site(ROOT).files["mappings/tables/items.csv"].decode()
    whole = next(one for one in items.splitlines() if one.startswith(row))
    await house.adopt(
        {"mappings/tables/items.csv": (whole, f"{whole}\n{whole.replace('GLV-SUR-70', 'NEW-GLOVE')}")}
    )
    await house.release(first.id, second.id)
    assert await asked(house) == [(Action.POST, "order", "250")]


async def test_one_line_that_is_cancelled_twice_in_a_message_is_taken_back_once(house):
    await house.tell(oms(line()))
    await house.deliver()
    told = await house.tell(oms(line(CA, at="0915") + line(CA, at="0915")))
    assert told.state is MessageState.ROUTED
    assert await asked(house) == [(Action.REVERSE, "order", "100")]
