"""A site becomes what steps run with: checked whole, recorded whole, or not at all (promise 8)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.activation import activate, current_version, go_back, record_table, tables_after
from engine.clock import SystemClock
from engine.errors import SiteError, UsageError
from engine.site.compile import load_site
from engine.site.files import Site
from engine.site.opened import opened_by
from engine.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]
CHARGES = "mappings/tables/charges.csv"
ROW = "NEW-CODE,*,27899999,yes,0278,1,,\n"


@pytest.fixture
async def parts(tmp_path):
    folder, clock = tmp_path / "site", SystemClock()
    for part in ("config", "channels", "mappings"):
        shutil.copytree(ROOT / part, folder / part)
    store = SqliteStore(tmp_path / "s.db", site="north-general", environment="demo", clock=clock)
    await store.start()
    yield folder, store, clock
    await store.stop()


async def test_the_same_files_twice_are_one_edition(parts):
    folder, store, clock = parts
    first = await activate(store, load_site(folder), clock, "ann")
    again = await activate(store, load_site(folder), clock, "ann")
    assert first.id == again.id
    assert len(await store.editions(10)) == 1
    assert {view.version for view in await store.table_versions()} == {1}


async def test_a_changed_table_is_a_new_version_and_a_new_edition(parts):
    folder, store, clock = parts
    first = await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_text((folder / CHARGES).read_text() + ROW)
    second = await activate(store, load_site(folder), clock, "ann")
    assert second.id != first.id
    assert (await store.editions(1))[0].tables["charges"] == 2
    assert len(second.release.tables["charges"].rows) == len(first.release.tables["charges"].rows) + 1


async def test_a_bad_site_changes_nothing(parts):
    folder, store, clock = parts
    await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_text("code\nX\n")
    with pytest.raises(SiteError):
        await activate(store, load_site(folder), clock, "ann")
    assert len(await store.editions(10)) == 1
    assert {view.version for view in await store.table_versions()} == {1}


async def test_rows_that_people_added_outlive_a_restart(parts):
    folder, store, clock = parts
    site = load_site(folder)
    await activate(store, site, clock, "engine")
    more = (await current_version(store, "charges"))[1] + ROW.encode()
    await record_table(store, site, "charges", more, clock, "ann", "new", "worklist")
    edition = await activate(store, load_site(folder), clock, "engine")
    assert any(row["code"] == "NEW-CODE" for row in edition.release.tables["charges"].rows)


async def test_a_file_and_its_table_changed_apart_are_not_merged_by_guessing(parts):
    folder, store, clock = parts
    site = load_site(folder)
    await activate(store, site, clock, "engine")
    more = (await current_version(store, "charges"))[1] + ROW.encode()
    await record_table(store, site, "charges", more, clock, "ann", "new", "worklist")
    (folder / CHARGES).write_text((folder / CHARGES).read_text() + ROW.replace("NEW", "OTHER"))
    with pytest.raises(SiteError) as caught:
        await activate(store, load_site(folder), clock, "ann")
    assert [fault.code for fault in caught.value.faults] == ["ACT001"]
    (folder / CHARGES).write_bytes(more)  # exported and merged
    await activate(store, load_site(folder), clock, "ann")


async def test_a_file_that_has_the_rows_that_were_added_by_hand_is_taken_with_its_own_edit(parts):
    """Exported, and edited: the usual way back into version control."""
    folder, store, clock = parts
    await activate(store, load_site(folder), clock, "engine")
    more = (await current_version(store, "charges"))[1] + ROW.encode()
    await record_table(store, load_site(folder), "charges", more, clock, "ann", "new", "worklist")
    (folder / CHARGES).write_bytes(more)
    await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_bytes(more + ROW.replace("NEW", "OTHER").encode())
    edition = await activate(store, load_site(folder), clock, "ann", asked=True)
    codes = {row["code"] for row in edition.release.tables["charges"].rows}
    assert {"NEW-CODE", "OTHER-CODE"} <= codes


async def test_rows_that_were_rolled_back_stay_so_through_a_restart_and_an_edit_of_something_else(parts):
    folder, store, clock = parts
    site = load_site(folder)
    first = await activate(store, site, clock, "engine")
    more = (await current_version(store, "charges"))[1] + ROW.encode()
    wrong = await record_table(store, site, "charges", more, clock, "ann", "wrong", "import")
    await go_back(store, wrong.release, opened_by(site), first.id, clock, "ann", "wrong rows")
    again = await activate(store, load_site(folder), clock, "engine")
    assert not any(row["code"] == "NEW-CODE" for row in again.release.tables["charges"].rows)
    channel = folder / "channels" / "adt.yaml"
    channel.write_text(channel.read_text() + "# edited\n")
    edited = await activate(store, load_site(folder), clock, "ann", asked=True)
    assert not any(row["code"] == "NEW-CODE" for row in edited.release.tables["charges"].rows)


async def test_a_file_that_was_imported_as_it_is_has_not_changed(parts):
    """Edited, imported, then a row added by hand: what the file says is in the store already."""
    folder, store, clock = parts
    site = load_site(folder)
    await activate(store, site, clock, "engine")
    (folder / CHARGES).write_text((folder / CHARGES).read_text() + ROW)
    imported = (folder / CHARGES).read_bytes()
    await record_table(store, site, "charges", imported, clock, "ann", "new", "import")
    more = imported + ROW.replace("NEW", "OTHER").encode()
    await record_table(store, site, "charges", more, clock, "ann", "new", "worklist")
    edition = await activate(store, load_site(folder), clock, "engine")
    assert any(row["code"] == "OTHER-CODE" for row in edition.release.tables["charges"].rows)


async def test_a_file_that_goes_back_to_what_it_was_is_taken(parts):
    folder, store, clock = parts
    before = (folder / CHARGES).read_text()
    await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_text(before + ROW)
    await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_text(before)
    edition = await activate(store, load_site(folder), clock, "ann")
    assert not any(row["code"] == "NEW-CODE" for row in edition.release.tables["charges"].rows)


async def test_what_was_rolled_back_does_not_come_back_by_a_restart(parts):
    folder, store, clock = parts
    first = await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_text((folder / CHARGES).read_text() + ROW)
    bad = load_site(folder)
    second = await activate(store, bad, clock, "ann")
    back, _ = await go_back(store, second.release, opened_by(bad), first.id, clock, "ann", "wrong")
    assert (await activate(store, bad, clock, "engine")).id == back.id
    assert (await activate(store, bad, clock, "ann", asked=True)).release.hash == second.release.hash
    await go_back(store, second.release, opened_by(bad), first.id, clock, "ann", "wrong again")
    (folder / CHARGES).write_text((folder / CHARGES).read_text() + ROW.replace("NEW", "OTHER"))
    edition = await activate(store, load_site(folder), clock, "engine")
    assert any(row["code"] == "OTHER-CODE" for row in edition.release.tables["charges"].rows)


async def test_going_back_to_a_destination_that_is_gone_changes_nothing(parts):
    folder, store, clock = parts
    first = await activate(store, load_site(folder), clock, "ann")
    left = replace(first.release, destinations={"erp": first.release.destinations["erp"]})
    with pytest.raises(UsageError) as caught:
        await go_back(store, left, opened_by(load_site(folder)), first.id, clock, "ann", "wrong")
    assert caught.value.fault.code == "CTL010"
    assert len(await store.editions(10)) == 1
    assert await store.acts(10) == []


def cut(folder, rows: int) -> None:
    lines = (folder / CHARGES).read_text().splitlines()
    (folder / CHARGES).write_text("\n".join(lines[: rows + 1]) + "\n")


async def test_a_file_that_lost_most_of_its_rows_is_not_taken_without_a_word(parts):
    folder, store, clock = parts
    first = await activate(store, load_site(folder), clock, "ann")
    rows = len(first.release.tables["charges"].rows)
    cut(folder, rows // 2 - 1)
    with pytest.raises(SiteError) as caught:
        await activate(store, load_site(folder), clock, "ann")
    (fault,) = caught.value.faults
    assert (fault.code, fault.where) == ("ACT002", f"{CHARGES}:1:1")
    assert {view.version for view in await store.table_versions()} == {1}
    assert len(await store.editions(10)) == 1
    edition = await activate(store, load_site(folder), clock, "ann", shrinks=True)
    assert len(edition.release.tables["charges"].rows) == rows // 2 - 1
    assert (await activate(store, load_site(folder), clock, "engine")).id == edition.id


async def test_a_file_that_lost_some_rows_or_changed_them_all_is_taken(parts):
    folder, store, clock = parts
    first = await activate(store, load_site(folder), clock, "ann")
    rows = len(first.release.tables["charges"].rows)
    cut(folder, rows - rows // 2)
    await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_text((folder / CHARGES).read_text().replace(",yes,", ",no,"))
    edition = await activate(store, load_site(folder), clock, "ann")
    assert (await store.editions(1))[0].tables["charges"] == 3
    assert len(edition.release.tables["charges"].rows) == rows - rows // 2


async def test_rows_that_were_rolled_back_are_in_force_again_when_somebody_asks_for_their_file(parts):
    folder, store, clock = parts
    first = await activate(store, load_site(folder), clock, "ann")
    (folder / CHARGES).write_text((folder / CHARGES).read_text() + ROW)
    second = await activate(store, load_site(folder), clock, "ann")
    await go_back(store, second.release, opened_by(load_site(folder)), first.id, clock, "ann", "wrong")
    again = await activate(store, load_site(folder), clock, "ann", asked=True)
    assert again.release.hash == second.release.hash
    assert any(row["code"] == "NEW-CODE" for row in again.release.tables["charges"].rows)
    shown = await tables_after(store, load_site(folder))
    assert shown["charges"] == (folder / CHARGES).read_bytes()


CABINET = "config/suture.yaml"


def without_cabinet(site: Site) -> Site:
    """The site as it was before the cabinets had a door."""
    files = {path: text for path, text in site.files.items() if b"from: cabinet" not in text}
    head, _, rest = files[CABINET].partition(b"  cabinet:\n")
    files[CABINET] = head + rest[rest.index(b"  hl7-http:") :]
    return Site(site.folder, files, site.environment)


def cabinet_in_files(site: Site) -> Site:
    before = site.files[CABINET]
    head, door, rest = before.partition(b"  cabinet:\n")
    after = head + door + rest.replace(b"kind: mllp", b"kind: hl7-http", 1)
    return Site(site.folder, {**site.files, CABINET: after}, site.environment)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (without_cabinet, "listener 'cabinet' is open, and release {} has no such listener"),
        (cabinet_in_files, "listener 'cabinet' is open as mllp, and release {} has it as hl7-http"),
    ],
)
async def test_a_release_that_does_not_know_an_open_door_is_not_put_in_force_beside_it(parts, edit, said):
    folder, store, clock = parts
    site = load_site(folder)
    opened = opened_by(site)
    await activate(store, site, clock, "engine", opened=opened)
    other = edit(site)
    with pytest.raises(SiteError) as caught:
        await activate(store, other, clock, "ann", asked=True, opened=opened)
    (fault,) = caught.value.faults
    assert (fault.code, fault.what) == ("ACT004", said.format(other.hash))
    assert len(await store.editions(10)) == 1
    assert (await activate(store, other, clock, "ann", asked=True, opened=opened_by(other))).release.hash


async def test_a_release_that_delivers_to_an_end_that_is_not_open_is_not_put_in_force_beside_it(parts):
    folder, store, clock = parts
    site = load_site(folder)
    with pytest.raises(SiteError) as caught:
        await activate(
            store, site, clock, "ann", opened=opened_by(site)._replace(destinations={"erp": "http"})
        )
    assert [fault.code for fault in caught.value.faults] == ["ACT004"]
    mail = {"erp": "http", "billing": "file"}
    with pytest.raises(SiteError):
        await activate(store, site, clock, "ann", opened=opened_by(site)._replace(destinations=mail))
    assert await store.editions(10) == []


async def test_nobody_goes_back_to_a_release_that_does_not_know_an_open_door(parts):
    folder, store, clock = parts
    now = load_site(folder)
    first = await activate(store, without_cabinet(now), clock, "ann")
    second = await activate(store, now, clock, "ann")
    with pytest.raises(SiteError) as caught:
        await go_back(store, second.release, opened_by(now), first.id, clock, "ann", "wrong")
    assert [fault.code for fault in caught.value.faults] == ["ACT004"]
    assert (await store.editions(10))[0].id == second.id
    assert await store.acts(10) == []


async def test_an_engine_does_not_start_with_a_release_that_lacks_a_door_it_would_open(parts):
    folder, store, clock = parts
    now = load_site(folder)
    first = await activate(store, without_cabinet(now), clock, "ann")
    second = await activate(store, now, clock, "ann")
    await go_back(store, second.release, opened_by(without_cabinet(now)), first.id, clock, "ann", "wrong")
    with pytest.raises(SiteError) as caught:
        await activate(store, now, clock, "engine", opened=opened_by(now))
    assert [fault.code for fault in caught.value.faults] == ["ACT004"]
    assert "suture reload" in caught.value.faults[0].mend
