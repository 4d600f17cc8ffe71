"""The engine as its users run it: a process, sockets, a far end; counted in the far end's own books."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.rig import code_of, exchange

SAMPLES = Path(__file__).parents[2] / "channels" / "samples"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r").strip(b"\r") + b"\r"


def usage(number: int, *, account: str = "ACC1", mrn: str = "MRN1", extra: bytes = b"") -> bytes:
    """A DFT with one line of an item that the example site knows."""
    return (
        f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120101500||DFT^P03|C{number}|P|2.5.1|||AL|NE\r"
        f"PID|1||{mrn}^^^NORTH^MR||MARKEDNAME^JANE||19580412|F|||1 MARKEDSTREET|||||||{account}^^^NORTH^AN\r"
        f"PV1|1|I|OR^ROOM4^1^NORTH||||||||||||||||VN1^^^NORTH^VN\r"
        f"FT1|1|T{number}|B1|20261120094500||CG|IMP-FEM-06^FEMORAL^LOCAL|||1|4200.00|4200.00|OR-NORTH\r"
    ).encode() + extra


async def send(suture, *messages: bytes, feed: str = "ehr") -> list[str]:
    return [code_of(answer) for answer in await exchange(suture.ports[feed], *messages)]


async def test_a_usage_is_booked_once_and_a_resend_books_nothing(suture, far):
    suture.start()
    first = usage(1)
    assert await send(suture, first, first, usage(2).replace(b"T2", b"T1")) == ["AA", "AA", "AA"]
    account = suture.settled()
    assert account["messages"]["by_state"] == {"routed": 1, "duplicate": 2}
    assert far.books("erp")["documents"]["goods-issue"] == 1
    assert far.books("billing")["charges"]["net"] == "4100.00"  # its own charge master's price
    assert not far.books("erp")["doubled"]
    assert suture.stop() == 0


async def test_sigterm_closes_within_its_grace_and_a_restart_delivers_the_rest_once(suture, far):
    suture.point_at({"erp": "http://127.0.0.1:9", "billing": far.urls["billing"]})
    suture.start()
    assert set(await send(suture, *(usage(number) for number in range(1, 21)))) == {"AA"}
    began = time.monotonic()
    assert suture.stop() == 0
    assert time.monotonic() - began < 5
    suture.point_at(far.urls)
    suture.start()
    suture.settled(60)
    books = far.books("erp")
    assert books["documents"]["goods-issue"] == 20
    assert not books["doubled"]


async def test_what_was_acknowledged_survives_a_kill_and_is_booked_once(suture, far):
    suture.start()
    acknowledged = []
    for round_number in range(4):
        batch = [usage(round_number * 50 + number) for number in range(1, 51)]
        sending = asyncio.create_task(send(suture, *batch))
        await asyncio.wait((sending,), timeout=0.05 * (round_number + 1))
        suture.stop(signal.SIGKILL)
        await asyncio.wait((sending,))
        suture.start()
        assert set(await send(suture, *batch)) == {"AA"}
        acknowledged += batch
    suture.settled(60)
    books = far.books("erp")
    assert books["documents"]["goods-issue"] == len(acknowledged)
    assert not books["doubled"]
    assert not far.books("billing")["doubled"]


BAD = {
    "no HL7 at all": (b"GET / HTTP/1.1", None),
    "no control id": (usage(1).replace(b"|C1|", b"||"), "AR"),
    "another version": (usage(1).replace(b"|2.5.1|", b"|3.0|"), "AR"),
    "a test message": (usage(1).replace(b"|P|2.5.1", b"|T|2.5.1"), "AR"),
    "no type": (usage(1).replace(b"DFT^P03", b""), "AR"),
    "a byte that is not in its character set": (
        usage(1).replace(b"|AL|NE", b"|AL|NE||UNICODE UTF-8").replace(b"JANE", b"JAN\xff"),
        "AR",
    ),
    "an unknown character set, plain bytes": (usage(1).replace(b"|AL|NE", b"|AL|NE||KLINGON-1"), "AA"),
    "an unknown character set": (
        usage(1).replace(b"|AL|NE", b"|AL|NE||KLINGON-1").replace(b"JANE", b"JAN\xff"),
        "AR",
    ),
    "mixed line ends": (usage(1).replace(b"\rPV1", b"\r\nPV1").replace(b"\rFT1", b"\nFT1"), "AA"),
    "an unknown escape": (usage(1).replace(b"FEMORAL", b"FEM\\QQ\\ORAL"), "AA"),
    "ten thousand segments": (usage(1, extra=b"NTE|1||x\r" * 10_000), "AA"),
    "a long observation": (usage(1, extra=b"OBX|1|ED|||" + b"A" * 4_000_000 + b"\r"), "AA"),
    "an empty quantity": (usage(1).replace(b"|1|4200.00|4200.00", b"|zwei|4200.00|4200.00"), "AA"),
}


async def test_bad_input_is_answered_as_the_field_expects_and_nothing_is_lost(suture, far):
    suture.start()
    for number, (what, (message, expected)) in enumerate(BAD.items(), 100):
        unique = message.replace(b"|C1|", f"|C{number}|".encode()).replace(b"|T1|", f"|T{number}|".encode())
        if expected is None:
            await exchange(suture.ports["ehr"], b"\x0b" + unique + b"\x1c\r", whole=False)
        else:
            (code,) = await send(suture, unique)
            assert code == expected, what
    truncated = b"\x0b" + usage(7)[:80] + b"\x0b" + usage(8) + b"\x1c\r"
    (reply,) = await exchange(suture.ports["ehr"], truncated, whole=False)
    assert code_of(reply) == "AA"
    assert await send(suture, usage(9)) == ["AA"]
    account = suture.settled()
    assert account["messages"]["total"] == len(BAD) + 3  # each of them, the stump, the two good ones
    states = account["messages"]["by_state"]
    assert states["refused"] == 1 + sum(code == "AR" for _, code in BAD.values()) + 1
    assert "pending" not in states


async def test_nothing_of_a_patient_is_written_outside_the_store(suture, far, tmp_path):
    suture.start()
    marks = (b"MARKEDNAME", b"MARKEDSTREET", b"MARKEDMRN", b"MARKEDACCOUNT", b"MARKEDSERIAL")
    message = usage(
        1, account="MARKEDACCOUNT", mrn="MARKEDMRN", extra=b"PRT|1||||||||||||||||||LOT|MARKEDSERIAL\r"
    )
    broken = (
        message.replace(b"|C1|", b"|C2|")
        .replace(b"|T1|", b"|T2|")
        .replace(b"|1|4200.00|", b"|MARKEDNAME|4200.00|")
    )
    unknown = (
        message.replace(b"|C1|", b"|C3|").replace(b"|T1|", b"|T3|").replace(b"IMP-FEM-06", b"IMP-NEW-01")
    )
    refused = message.replace(b"|C1|", b"||")
    answers = await exchange(suture.ports["ehr"], message, broken, unknown, refused)
    await exchange(suture.ports["ehr"], b"\x0b" + message[:200], whole=False)
    suture.settled()
    spoken = [
        suture.ask(*verb)
        for verb in (
            ("messages",),
            ("show", "1"),
            ("show", "2"),
            ("worklist",),
            ("reconcile",),
            ("status",),
            ("doctor",),
        )
    ]
    suture.stop()
    written = [answer.split(b"\r", 1)[1] for answer in answers]
    written += [(result.stdout + result.stderr).encode() for result in spoken]
    written += [
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and ".db" not in path.name
    ]
    assert any(b"issue" in text for text in written), "the check must see what is written"
    for mark in marks:
        assert not any(mark in text for text in written), mark


async def test_a_bad_site_is_not_activated_and_the_engine_keeps_its_release(suture, far):
    suture.start()
    before = suture.ask("status").stdout.splitlines()[0]
    channel = suture.site / "channels" / "ehr-usage.yaml"
    channel.write_text(channel.read_text().replace("map: erp/goods-issue", "map: erp/goods-isue"))
    reloaded = suture.ask("reload")
    assert reloaded.returncode == 1
    assert "channels/ehr-usage.yaml:" in reloaded.stderr
    assert "goods-issue" in reloaded.stderr
    assert suture.ask("status").stdout.splitlines()[0] == before
    assert await send(suture, usage(1)) == ["AA"]
    assert suture.settled()["messages"]["by_state"] == {"routed": 1}


async def test_an_unmapped_code_is_held_mended_and_released_from_the_command_line(suture, far):
    suture.start()
    assert await send(suture, usage(1).replace(b"IMP-FEM-06", b"IMP-NEW-01"), usage(2)) == ["AA", "AA"]
    held = suture.settled()
    assert {group["owner"] for group in held["worklist"]} == {"supply-chain", "revenue-integrity"}
    rows = {
        "items": "facility=NORTH code=IMP-NEW-01 item=1000990 description=screw kind=implant stocked=yes "
        "ownership=owned issued_by=ehr stock_unit=EA supplier=V110",
        "charges": "code=IMP-NEW-01 payer_class=* charge_code=27810990 billable=yes revenue_code=0278 factor=1",
    }
    for table, cells in rows.items():
        added = suture.ask("tables", "add", table, *cells.split())
        assert added.returncode == 0, added.stderr
    released = suture.ask("release", "--all")
    assert released.returncode == 0, released.stderr
    account = suture.settled()
    assert account["worklist"] == []
    assert far.books("erp")["documents"]["goods-issue"] == 2
    assert not far.books("erp")["doubled"]


@pytest.mark.parametrize(
    "verb", [("messages",), ("worklist",), ("reconcile",), ("show", "1"), ("tables", "list")]
)
async def test_questions_are_answered_while_no_engine_runs(suture, far, verb):
    suture.start()
    await send(suture, usage(1))
    suture.settled()
    suture.stop()
    answered = suture.ask(*verb, "--json")
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.strip()
