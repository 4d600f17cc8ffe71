"""What a channel refuses, through the running engine: told, kept, counted, taken once it is mended."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.rig import code_of, exchange

SAMPLES = Path(__file__).parents[2] / "channels" / "samples"
VENDS = (SAMPLES / "oms-vends.hl7").read_bytes().replace(b"\n", b"\r").replace(b"20261120", b"20261119")
STRAY = VENDS.replace(b"|CAB-3W|D5|", b"||D5|")


async def test_what_only_the_cabinet_can_mend_is_refused_until_it_is_mended(suture, far):
    suture.start()
    refused, again, mended = await exchange(suture.ports["cabinet"], STRAY, STRAY, VENDS)
    assert [code_of(answer) for answer in (refused, again, mended)] == ["AE", "AE", "AA"]
    assert b"\rERR||ZPM^2^3^1|101^" in refused
    account = suture.settled()
    assert account["messages"]["by_state"] == {"refused": 2, "routed": 1}
    assert far.books("erp")["documents"]["goods-issue"] == 1
    kept = json.loads(suture.ask("messages", "--state", "refused", "--json").stdout)
    assert len(kept) == 2
    assert {one["reason"] for one in kept} == {
        "INT005 cabinet-vends: the movement does not say which cabinet it is of"
    }
    said = suture.log() + refused.decode()
    assert not any(private in said for private in ("MRN7004", "ACC7004", "DATE", "VN7004"))
    assert "refused" in suture.ask("show", "1").stdout
    assert suture.ask("replay", "1", "--reason", "its station is known").returncode == 0
    account = suture.settled()
    assert account["messages"]["by_state"] == {"refused": 2, "routed": 2}
    assert "judged anew" in suture.ask("explain", "INT005").stdout


async def test_what_is_not_decided_in_time_is_taken_and_waits_for_a_person(suture, far):
    site = suture.site / "config" / "suture.yaml"
    site.write_text(
        site.read_text().replace("    sends: [OMS^O05]\n", "    sends: [OMS^O05]\n    nak_within: 0ms\n")
    )
    suture.start()
    (answer,) = await exchange(suture.ports["cabinet"], VENDS)
    assert code_of(answer) == "AA"
    (group,) = suture.settled()["worklist"]
    assert group["cause"].startswith("INT006")
    assert suture.ask("release", "1", "--reason", "looked at").returncode == 0
    assert suture.settled()["worklist"] == []
    assert far.books("erp")["documents"]["goods-issue"] == 1
