"""A backup taken under way and put back: what was posted since is not posted again (rules of money, 33)."""

from __future__ import annotations

import json

from tests.acceptance.test_serve import send, usage


async def test_a_restored_store_posts_nothing_twice(suture, far, tmp_path):
    backup = tmp_path / "backup.db"
    suture.start()
    await send(suture, *(usage(number) for number in range(1, 4)))
    suture.settled()
    assert suture.ask("hold", "billing", "--reason", "so that something is open").returncode == 0
    await send(suture, usage(4))
    told = json.loads(suture.ask("backup", str(backup), "--json").stdout)
    assert (told["messages"], told["open_deliveries"] >= 1) == (4, True)
    assert suture.ask("resume", "billing").returncode == 0
    await send(suture, usage(5))
    suture.settled()
    assert suture.ask("restore", str(backup)).returncode == 1  # an engine holds the store
    assert suture.stop() == 0

    assert suture.ask("restore", str(backup)).returncode == 0
    suture.start()
    assert json.loads(suture.ask("status", "--json").stdout)["recovering_since_us"]
    await send(suture, usage(5), usage(6))  # 5 is unknown to the restored store; its sender sends it again
    suture.ask("resume", "billing")
    account = suture.settled(60)
    assert account["messages"]["by_state"] == {"routed": 6}
    for side in ("erp", "billing"):
        assert not far.books(side)["doubled"]
    assert far.books("erp")["documents"]["goods-issue"] == 6
    assert far.books("billing")["charges"]["net"] == "24600.00"

    assert suture.ask("recovered").returncode == 2  # a reason is needed
    assert suture.ask("recovered", "--reason", "all feeds sent again").returncode == 0
    await send(suture, usage(7))
    suture.settled()
    assert far.books("erp")["documents"]["goods-issue"] == 7
