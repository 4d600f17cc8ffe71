"""Lines of money through the running engine: credits, screws that are alike, changed lines, replays, the HTTP door."""

from __future__ import annotations

import json
import re
from base64 import b64encode

import aiohttp

from tests.acceptance.rig import code_of, exchange
from tests.acceptance.test_serve import usage


def credit(number: int, original: int, quantity: str = "1", amount: str = "4200.00") -> bytes:
    """A CD line that names the line it takes back in FT1-31."""
    fields = (
        usage(number)
        .replace(b"|CG|", b"|CD|")
        .replace(b"|1|4200.00|4200.00|", f"|{quantity}|{amount}||".encode())
    )
    return fields.replace(b"OR-NORTH\r", b"OR-NORTH" + b"|" * 18 + f"T{original}\r".encode())


async def send(suture, *messages: bytes, feed: str = "ehr") -> None:
    answers = await exchange(suture.ports[feed], *messages)
    assert {code_of(answer) for answer in answers} == {"AA"}


async def test_a_credit_takes_back_what_was_posted_and_no_more(suture, far):
    suture.start()
    three = usage(1).replace(b"|1|4200.00|4200.00|", b"|3|12600.00|4200.00|")
    await send(suture, three, credit(2, 1), credit(3, 1, "2", "8400.00"), credit(4, 1))
    account = suture.settled()
    erp, billing = far.books("erp"), far.books("billing")
    assert billing["charges"]["net"] == "0.00"
    assert billing["charges"]["credits"] == billing["charges"]["debits"]
    assert erp["documents"]["goods-return"] == 2
    assert {group["cause"] for group in account["worklist"]} == {"credit of more than remains"}


async def test_a_credit_without_its_original_is_held(suture, far):
    suture.start()
    await send(suture, credit(2, 99))
    assert {group["cause"] for group in suture.settled()["worklist"]} == {"credit without its original"}


async def test_the_same_id_with_other_content_is_held_and_dropped_by_a_person(suture, far):
    suture.start()
    await send(
        suture, usage(1), usage(2).replace(b"T2", b"T1").replace(b"|4200.00|4200.00|", b"|4300.00|4300.00|")
    )
    assert {group["cause"] for group in suture.settled()["worklist"]} == {"changed after it was posted"}
    assert suture.ask("drop", "2").returncode == 2
    assert suture.ask("drop", "2", "--reason", "typed twice").returncode == 0
    account = suture.settled()
    assert account["worklist"] == []
    assert far.books("billing")["charges"]["net"] == "4100.00"


async def test_identical_screws_both_post_and_a_message_alike_waits_for_a_person(suture, far):
    suture.start()
    two = re.sub(rb"(FT1\|1\|)T1(\|[^\r]*\r)", rb"\1\2\1\2", usage(1))
    await send(suture, two)
    assert far_quantity(suture, far) == 2
    await send(suture, two.replace(b"|C1|", b"|C2|"))
    held = suture.settled()
    assert {group["cause"] for group in held["worklist"]} == {"suspected duplicate"}
    assert far_quantity(suture, far) == 2
    assert suture.ask("release", "2", "--as-new", "--reason", "a second pair").returncode == 0
    assert far_quantity(suture, far) == 4


def far_quantity(suture, far) -> int:
    suture.settled()
    charges = far.books("billing")["charges"]
    return round(float(charges["net"]) / 4100)


async def test_a_replay_of_what_was_applied_is_a_duplicate(suture, far):
    suture.start()
    await send(suture, usage(1))
    suture.settled()
    (tried,) = json.loads(suture.ask("replay", "1", "--dry-run", "--json").stdout)["would_replay"]
    assert (tried["state"], tried["documents"]) == ("duplicate", {})
    assert suture.ask("replay", "1", "--reason", "asked by billing").returncode == 0
    assert suture.settled()["messages"]["by_state"] == {"routed": 1, "duplicate": 1}
    assert far.books("erp")["documents"]["goods-issue"] == 1


async def test_a_replay_of_what_is_held_takes_its_place(suture, far):
    suture.start()
    await send(suture, usage(1).replace(b"IMP-FEM-06", b"IMP-NEW-01"))
    before = suture.settled()
    assert suture.ask("replay", "1").returncode == 0
    after = suture.settled()
    assert after["messages"]["by_state"] == {"superseded": 1, "held": 1}
    assert len(after["worklist"]) == len(before["worklist"])
    assert {group["lines"] for group in after["worklist"]} == {1}


def basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


async def test_the_http_door_takes_answers_and_refuses(suture, far):
    suture.start()
    url = f"http://127.0.0.1:{suture.ports['hl7-http']}/hl7"
    headers = {"Content-Type": "application/hl7-v2; charset=utf-8"}
    right, wrong = basic("ehr:demo"), basic("ehr:guess")
    async with aiohttp.ClientSession(headers=headers) as session:
        for auth, body, status, code in (
            (right, usage(1), 200, "AA"),
            (right, usage(1).replace(b"|P|2.5.1", b"|T|2.5.1"), 200, "AR"),
            (right, b"no HL7 at all", 400, ""),
            (wrong, usage(2), 401, ""),
        ):
            async with session.post(url, data=body, headers={"Authorization": auth}) as reply:
                assert (reply.status, code_of(await reply.read())) == (status, code)
    assert suture.settled()["messages"]["by_state"] == {"routed": 1, "refused": 2}


async def test_a_message_is_captured_as_a_test_beside_the_running_engine(suture, far):
    suture.start()
    await send(suture, usage(1))
    suture.settled()
    captured = suture.ask("capture", "1", "--channel", "ehr-usage", "--name", "one component leaves stock")
    assert captured.returncode == 0, captured.stderr
    assert "does otherwise" not in captured.stdout
    raw = (suture.site / "channels/samples/ehr-usage-one-component-leaves-stock.hl7").read_bytes()
    who = (b"MARKEDNAME", b"JANE", b"MARKEDSTREET", b"19580412", b"MRN1", b"ACC1")
    assert not [one for one in who if one in raw]
    acts = json.loads(suture.ask("acts", "--json").stdout)
    assert [(act["verb"], act["target"]) for act in acts] == [("capture", "messages 1")]
    reloaded = suture.ask("reload")
    assert reloaded.returncode == 0, reloaded.stderr
