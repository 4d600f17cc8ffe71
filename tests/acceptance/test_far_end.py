"""A far end that misbehaves: after each mood, exactly one document is in its books."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.acceptance.rig import code_of, exchange
from tests.acceptance.test_serve import usage

MOODS = [
    {"mood": "lose-reply", "times": 1},
    {"mood": "late", "times": 1, "seconds": 0.2},
    {"mood": "half", "times": 1},
    {"mood": "down", "times": 1},
    {"mood": "unavailable", "times": 2, "retry_after": 0},
    {"mood": "throttle", "times": 1, "retry_after": 0},
    {"mood": "proxy", "times": 1, "applied": True},
    {"mood": "proxy", "times": 1, "applied": False},
    {"mood": "twice", "times": 1},
    {"mood": "garbage", "times": 1},
]


def tell(url: str, mood: dict) -> None:
    request = urllib.request.Request(
        f"{url}/moods", json.dumps(mood).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as reply:
        assert reply.status < 300


@pytest.fixture
def quick(suture):
    """The example site with short waits."""
    path = suture.site / "config" / "suture.yaml"
    text = path.read_text().replace("settle: 2s", "settle: 0.5s")
    path.write_text(
        text.replace("    timeout: 10s\n", "    timeout: 2s\n    retry: {first: 0.2s, ceiling: 1s}\n")
    )
    return suture


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: f"{mood['mood']}-{mood.get('applied', '')}")
async def test_one_document_whatever_the_far_end_does(quick, far, mood):
    tell(far.urls["erp"], mood)
    quick.start()
    assert [code_of(answer) for answer in await exchange(quick.ports["ehr"], usage(1), usage(2))] == [
        "AA",
        "AA",
    ]
    quick.settled()
    books = far.books("erp")
    assert books["documents"]["goods-issue"] == 2
    assert not books["doubled"]


async def test_wrong_credentials_stop_the_destination_and_burn_nothing(quick, far):
    tell(far.urls["erp"], {"mood": "credentials", "status": 401})
    quick.start()
    await exchange(quick.ports["ehr"], usage(1), usage(2))
    assert "stopped: 401 credentials" in quick.ask("status").stdout
    request = urllib.request.Request(f"{far.urls['erp']}/moods", method="DELETE")
    urllib.request.urlopen(request, timeout=5).close()
    assert quick.ask("resume", "erp").returncode == 0
    quick.settled()
    assert far.books("erp")["documents"]["goods-issue"] == 2
    shown = json.loads(quick.ask("show", "1", "--json").stdout)
    assert {delivery["attempts"] for delivery in shown["deliveries"]} == {1}
