"""What stands under names that a release no longer has is told, and nothing else."""

from __future__ import annotations

import pytest

from engine.pipeline.standing import LOOKED_BACK, left_standing
from engine.site.compile import load_site
from engine.site.files import Site
from tests.unit.pipeline.conftest import RECEIVED, ROOT
from tests.unit.pipeline.ledger import settle
from tests.unit.pipeline.test_saves import CEM, FEM, csu

CHANNEL = "channels/case-usage.yaml"
BEFORE = load_site(ROOT)
DAYS = LOOKED_BACK.days


def other(*edits: tuple[bytes, bytes]) -> Site:
    text = BEFORE.files[CHANNEL]
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return Site(BEFORE.folder, {**BEFORE.files, CHANNEL: text}, BEFORE.environment)


RENAMED = other((b"\n  charge:\n    to: billing", b"\n  bill:\n    to: billing"))


async def told(house, after: Site, *, days: int = 0) -> list[str]:
    now_us = RECEIVED + days * 86_400_000_000
    return [fault.what for fault in await left_standing(house.store, BEFORE, after, now_us)]


@pytest.mark.parametrize(
    ("after", "gone"),
    [
        (RENAMED, ["'case-usage' posts no 'charge' to billing"]),
        (
            other((b"channel: case-usage", b"channel: or-cases")),
            ["'case-usage' posts no 'charge' to billing", "'case-usage' posts no 'issue' to erp"],
        ),
        (other((b"expect: {issue: 15m", b"expect: {issue: 20m")), []),
    ],
)
async def test_what_stands_under_a_name_that_is_gone_is_told(house, after, gone):
    message = await house.tell(csu("1000", {FEM: 1}))
    found = await told(house, after)
    assert [what.partition(" any more")[0].removeprefix("channel ") for what in found] == gone
    assert all(f"by message {message.id}," in what for what in found)


async def test_what_was_taken_back_or_was_long_ago_is_not_told(house):
    assert await told(house, RENAMED) == []
    await house.tell(csu("1000", {FEM: 1, CEM: 2}))
    await settle(house)
    assert len(await told(house, RENAMED, days=DAYS)) == 1
    assert await told(house, RENAMED, days=DAYS + 1) == []
    await house.tell(csu("1100", {}))
    await settle(house)
    assert await told(house, RENAMED) == []
