"""Who owns a table changes its rows: verbs that meet one another, and what they do to edited files."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.control.curating import mends
from engine.domain.ports import Reader
from engine.errors import UsageError
from engine.offline import offline_verbs

ROOT = Path(__file__).parents[3]


@pytest.fixture
def site(tmp_path) -> Path:
    for part in ("config", "channels", "mappings"):
        shutil.copytree(ROOT / part, tmp_path / "site" / part)
    return tmp_path / "site"


def unit(code: str) -> dict:
    return {"table": "feed-units", "rows": [{"code": code, "unit": "EA"}]}


async def units(reader: Reader) -> bytes:
    (edition,) = await reader.editions(1)
    return await reader.table_csv("feed-units", edition.tables["feed-units"]) or b""


async def test_rows_that_are_added_at_the_same_time_are_all_kept(site):
    async with offline_verbs(site, None, SystemClock()) as verbs:
        calls = [verbs.call("add_row", unit(f"NEW-{number}"), "ann") for number in range(4)]
        answers = await asyncio.gather(*calls)
        rows = await units(verbs._store)
    assert sorted(answer["version"] for answer in answers) == [2, 3, 4, 5]
    assert [f"NEW-{number}".encode() in rows for number in range(4)] == [True] * 4


async def test_one_proposal_is_approved_once_however_many_say_so(site):
    declared = site / "mappings" / "tables" / "feed-units.yaml"
    declared.write_text(declared.read_text() + "approval: second person\n")
    async with offline_verbs(site, None, SystemClock()) as verbs:
        number = (await verbs.call("add_row", unit("NEW"), "ann"))["proposed"]
        approve = {"table": "feed-units", "proposal": number}
        calls = [verbs.call("approve_table", approve, actor) for actor in ("bob", "eve")]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        (refused,) = [answer for answer in answers if isinstance(answer, UsageError)]
        assert refused.code == "APR002"
        assert (await units(verbs._store)).count(b"NEW,EA") == 1


async def test_what_was_made_from_an_older_version_is_put_into_the_one_in_force(site):
    async with offline_verbs(site, None, SystemClock()) as verbs:
        csv = (site / "mappings" / "tables" / "feed-units.csv").read_text()
        await verbs.call("add_row", unit("MEANWHILE"), "ann")
        told = {"table": "feed-units", "csv": csv.replace("IMP-FEM-05,EA", "IMP-FEM-05,BX"), "base": 1}
        answer = await verbs.call("import_table", told, "bob")
        assert (answer["added"], answer["changed"], answer["gone"]) == (0, 1, 0)
        rows = await units(verbs._store)
        assert b"MEANWHILE,EA" in rows
        assert b"IMP-FEM-05,BX" in rows
        with pytest.raises(UsageError, match=r"APR003 .*code=IMP-FEM-05"):
            await verbs.call("import_table", {**told, "csv": told["csv"].replace("05,BX", "05,CS")}, "eve")


async def test_a_row_that_is_added_beside_a_stopped_engine_activates_no_edited_files(site):
    async with offline_verbs(site, None, SystemClock()) as verbs:
        before = (await verbs._store.editions(1))[0].release_hash
    channel = site / "channels" / "ehr-usage.yaml"
    channel.write_text(channel.read_text() + "# edited\n")
    async with offline_verbs(site, None, SystemClock()) as verbs:
        await verbs.call("add_row", unit("NEW"), "ann")
        assert (await verbs._store.editions(1))[0].release_hash == before


def test_a_row_is_one_for_a_cause_when_every_key_is_its_own_or_any():
    assert mends(("code", "class"), {"code": "X", "class": "*"}, ("X", ""))
    assert not mends(("code", "class"), {"code": "X", "class": "COM"}, ("X", ""))
    assert not mends(("code", "class"), {"class": "*"}, ("X", ""))


async def test_a_reload_of_a_release_that_the_files_are_not_any_more_changes_nothing(site):
    async with offline_verbs(site, None, SystemClock()) as verbs:
        before = (await verbs._store.editions(1))[0]
        channel = site / "channels" / "ehr-usage.yaml"
        channel.write_text(channel.read_text() + "# saved meanwhile\n")
        with pytest.raises(UsageError, match="CTL023"):
            await verbs.call("reload", {"only": before.release_hash}, "ann")
        assert (await verbs._store.editions(1))[0] == before
