"""Masters on a real store: their records change tables, are held by themselves, and are put in once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.activation import activate
from engine.clock import SystemClock
from engine.control.curating import Curator
from engine.control.mending import Mender
from engine.control.releases import Releases
from engine.domain.changes import Received, Routed
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import Amendment, Stepped
from engine.domain.status import LineState, MessageState
from engine.errors import Bug, SiteError
from engine.pipeline.stepper import Stepper
from engine.site.compile import load_site
from engine.site.files import Site
from engine.store.sqlite import SqliteStore
from tests.unit.pipeline.conftest import RECEIVED, House, edited
from tests.unit.pipeline.rig import Lanes, Told

EXAMPLE = Path(__file__).parents[3] / "engine" / "cli" / "examples" / "item-master"
ITEMS = "mappings/tables/items.yaml"


class Masters(House):
    site: Site

    async def mfn(self, *records: str, kind: str = "M16", whole: str = "UPD") -> int:
        """An MFN with these records; its number, stepped."""
        head = f"MSH|^~\\&|MATERIALS|NORTH|S|N|20261120060000||MFN^{kind}|1|P|2.8.2\rMFI|INV||{whole}\r"
        return (await self.tell(head + "".join(records), feed="masters")).id

    async def lines(self, message: int) -> dict[tuple[str, int], tuple[LineState, str]]:
        found = await self.store.lines(MessageId(message))
        return {(line.channel, line.number): (line.state, line.reason) for line in found}

    async def rows(self, table: str, code: str) -> list[str]:
        csv = self.stepper.edition.release.tables[table].csv.decode()
        return [line for line in csv.splitlines() if code in line]

    def releases(self) -> Releases:
        return Releases(self.store, Lanes(), self.clock, self.stepper, lambda: None, self.told.failed)


def item(
    code: str, *, text: str = "Screw", on: str = "", change: str = "MUP", stocked: str = "Y", unit: str = "EA"
) -> str:
    return f"MFE|{change}|1|{on}|{code}\rITM|{code}|{text}|A|||||||||||{stocked}\rPKG|1|{unit}||1\r"


def charge(code: str) -> str:
    return (
        "MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|9|P|2.5.1\r"
        "PID|1||M1^^^NORTH^MR|||||||||||||||A1^^^NORTH^AN\rPV1|1|I\r"
        f"FT1|1|T1||20261120094500||CG|{code}|||1|||OR-NORTH\r"
    )


@asynccontextmanager
async def opened(folder: Path, edits: dict[str, tuple[str, str]]) -> AsyncIterator[Masters]:
    clock, told = SystemClock(), Told()
    store = SqliteStore(folder / "suture.db", site="north-supply", environment="test", clock=clock)
    await store.start()
    site = edited(load_site(EXAMPLE, "demo"), edits)
    edition = await activate(store, site, clock, "test")
    stepper = Stepper(store, store, Lanes(), clock, edition, told)
    await stepper.start()
    await stepper.idle()
    found = Masters(store, stepper, told)
    found.site = site
    yield found
    await stepper.stop()
    await store.stop()
    assert told.failures == []


@pytest.fixture
async def house(tmp_path, edits):
    async with opened(tmp_path, edits) as found:
        yield found


async def test_what_comes_behind_a_master_is_translated_with_what_it_told(house: Masters):
    master = f"MSH|^~\\&|M|NORTH|S|N|20261120060000||MFN^M16|1|P|2.8.2\rMFI|INV||UPD\r{item('1001424')}"
    both = await house.tell_together(charge("1001424"), master, charge("1001424").replace("|T1|", "|T2|"))
    # told at the door of charges, nobody takes the master: the feed decides
    assert [view.state for view in both] == [MessageState.HELD, MessageState.FILTERED, MessageState.HELD]
    number = await house.mfn(item("1001424"))
    assert (await house.view(number)).state is MessageState.ROUTED
    last = await house.tell(charge("1001424").replace("|T1|", "|T3|"))
    assert "items" not in {cause.split(":")[0] for cause in await house.causes(last.id)}


async def test_masters_and_charges_of_one_batch_are_stepped_in_their_order(house: Masters):
    def master(number: int) -> str:
        head = f"MSH|^~\\&|M|NORTH|S|N|20261120060000||MFN^M16|{number}|P|2.8.2\rMFI|INV||UPD\r"
        return head + item("1001424", text=f"Screw {number}")

    texts = [("ehr", charge("1001424")), ("masters", master(1)), ("ehr", charge("1001424").replace("|T1|", "|T2|")),
             ("masters", master(2))]  # fmt: skip
    changes = [
        Received(feed, RECEIVED, "X", "1", text.encode(), None, MessageState.PENDING, "", "AA", None)
        for feed, text in texts
    ]
    async with house.stepper.lock:
        kept = await house.store.submit(changes)
        for one, (feed, text) in zip(kept, texts, strict=True):
            house.stepper.arrived(Inbound(one.id, feed, RECEIVED, text.encode(), None))
    await house.stepper.idle()
    assert "items: facility=NORTH code=1001424" in await house.causes(kept[0].id)
    assert await house.causes(kept[2].id) == {"charges: code=1001424"}
    assert [row.split(",")[3] for row in await house.rows("items", ",1001424,")] == ["Screw 1", "Screw 2"]
    versions = [view.version for view in await house.store.table_versions("items")]
    assert versions == [3, 2, 1]
    assert (await house.store.editions(1))[0].id == house.stepper.edition.id


async def test_a_record_that_does_not_fit_is_held_by_itself_and_released_without_undoing_later_ones(
    house: Masters,
):
    first = await house.mfn(
        item("1001414", text="Old"), item("", text="Nobody"), item("1001420", stocked="N")
    )
    assert await house.lines(first) == {
        ("item-master", 1): (LineState.KEPT, "items: changed"),
        ("item-master", 2): (
            LineState.HELD,
            "MFN002 items: facility=NORTH code=(missing): code: it is not said, and the row is found by it",
        ),
        ("item-master", 3): (LineState.KEPT, "items: changed"),
        ("item-packages", 1): (LineState.KEPT, "units: new"),
        ("item-packages", 2): (
            LineState.HELD,
            "MFN002 units: item=(missing) unit=EA: item: it is not said, and the row is found by it",
        ),
        ("item-packages", 3): (LineState.KEPT, "units: new"),
    }
    groups = await house.store.worklist("supply-chain")
    assert {group.cause[:6] for group in groups} == {"MFN002"}
    await house.mfn(item("1001414", text="New"))
    await house.releases().ask(
        "ann", "why", owner=None, cause=None, messages=[MessageId(first)], as_new=False
    )
    assert (await house.rows("items", ",1001414,"))[-1].split(",")[3] == "New"
    assert (await house.lines(first))["item-master", 2][0] is LineState.HELD
    mender = Mender(house.store, house.stepper, Lanes(), house.clock, house.releases(), lambda: None)
    await mender.drop(actor="ann", messages=[first], reason="nobody's")
    assert (await house.lines(first))["item-master", 2] == (LineState.FILTERED, "dropped")
    assert (await house.view(first)).state is MessageState.ROUTED


async def test_the_same_again_makes_no_version_and_says_so(house: Masters):
    await house.mfn(item("1001424", on="20261201"))
    again = await house.view(await house.mfn(item("1001424", on="20261201")))
    assert (again.state, again.reason) == (MessageState.FILTERED, "the tables say so already")
    assert [view.version for view in await house.store.table_versions("items")] == [2, 1]


async def test_a_replay_is_put_into_the_tables_of_now_and_takes_the_place_of_what_was_held(house: Masters):
    text = (
        f"MSH|^~\\&|M|NORTH|S|N|20261120060000||MFN^M16|1|P|2.8.2\rMFI|INV||UPD\r{item('')}{item('1001424')}"
    )
    first = await house.tell(text, feed="masters")
    await house.mfn(item("1001414", text="Between"))
    replay = await house.tell(
        text.replace("MFE|MUP|1||\rITM||", "MFE|MUP|1||7\rITM|7|"), feed="masters", replays=first.id
    )
    assert replay.state is MessageState.ROUTED
    assert (await house.view(first.id)).state is MessageState.SUPERSEDED
    assert (await house.rows("items", ",1001414,"))[-1].split(",")[3] == "Between"
    assert await house.rows("items", ",7,")


@pytest.mark.parametrize("edits", [{ITEMS: ("most_gone: 20", "approval: second person")}])
async def test_a_table_that_asks_a_second_person_gets_a_proposal(house: Masters):
    number = await house.mfn(item("1001424"))
    view = await house.view(number)
    assert (view.state, view.reason) == (MessageState.ROUTED, "items: 1 new, proposed; units: 1 new")
    assert not await house.rows("items", ",1001424,")
    assert await house.rows("units", "1001424,")
    told = {(one.name, one.proposed, one.number) for one in await house.store.tables_of(MessageId(number))}
    assert told == {("items", True, 1), ("units", False, 2)}
    curator = Curator(house.store, house.stepper, house.clock, lambda: house.site, house.release)
    answer = await curator.approve_table(actor="ann", table="items", proposal=1)
    assert (answer["added"], answer["version"]) == (1, 2)
    assert await house.rows("items", ",1001424,")


@pytest.mark.parametrize("edits", [{ITEMS: ("most_gone: 20", "agree: {item: [stock_unit]}\nmost_gone: 20")}])
async def test_a_record_that_breaks_a_rule_of_the_site_is_held_and_the_others_are_put_in(
    house: Masters, edits
):
    south = item("1001414", unit="BX")
    head = "MSH|^~\\&|MATERIALS|SOUTH|S|N|20261120060000||MFN^M16|1|P|2.8.2\rMFI|INV||UPD\r"
    number = (await house.tell(head + south + item("1001420"), feed="masters")).id
    state, reason = (await house.lines(number))["item-master", 1]
    assert state is LineState.HELD
    assert reason.startswith("SIT071 items: facility=SOUTH code=1001414: line ")
    assert (await house.lines(number))["item-master", 2][0] is LineState.KEPT


async def test_rows_end_by_one_whole_file_only_when_a_person_looked(house: Masters):
    number = await house.mfn(item("1001414"), whole="REP")
    assert (await house.view(number)).reason.startswith("MFN005 items: 11 of 12 rows would end")
    lines = await house.lines(number)
    assert set(lines) == {("item-master", 0), ("item-master", 1), ("item-packages", 0), ("item-packages", 1)}
    releases = house.releases()
    await releases.ask("ann", "all", owner="supply-chain", cause=None, messages=None, as_new=False)
    assert (await house.view(number)).state is MessageState.HELD
    await releases.ask("ann", "seen", owner=None, cause=None, messages=[MessageId(number)], as_new=False)
    assert (await house.view(number)).state is MessageState.ROUTED
    assert (await house.lines(number))["item-master", 0] == (
        LineState.KEPT, "items: 11 ended that it does not name"
    )  # fmt: skip
    assert house.stepper.edition.id == (await house.store.editions(1))[0].id


async def test_a_whole_file_with_a_record_that_cannot_be_told_ends_nothing(house: Masters):
    codes = [row.split(",")[1] for row in await house.rows("items", "NORTH,")]
    number = await house.mfn(*(item(code) for code in codes[:-1]), item(""), whole="REP")
    assert (await house.lines(number))["item-master", 0][1].startswith("MFN007 items: record 12 ")
    assert (await house.rows("items", f",{codes[-1]},"))[0].endswith(",,")


async def test_an_edited_file_that_lacks_what_a_master_told_is_not_put_in_force(house: Masters):
    await house.mfn(item("1001424"))
    site = load_site(EXAMPLE, "demo")
    csv = "mappings/tables/items.csv"
    with pytest.raises(
        SiteError, match=r"ACT001 .* lacks 1 rows that were told by a master in the store: .*1001424"
    ):
        await activate(house.store, edited(site, {csv: ("Locking plate", "Plate")}), house.clock, "ann")


async def test_a_change_that_nobody_knows_is_held(house: Masters):
    number = await house.mfn(item("1001414", change="MXX"))
    assert (await house.lines(number))["item-master", 1][1].startswith("MFN001 ")


async def test_rows_that_are_no_longer_in_force_are_never_put_back(house: Masters):
    kept = await house.mfn(item("1001424"))
    stale = Stepped(MessageState.ROUTED, "", amends=(Amendment("items", b"x", False, ""),))
    change = Routed(MessageId(kept), stale, (), 1, RECEIVED, MessageState.ROUTED)
    with pytest.raises(Bug, match="STO031"):
        await house.store.submit((change,))
    assert [view.version for view in await house.store.table_versions("items")] == [2, 1]


@pytest.mark.parametrize(
    "edits",
    [
        {
            ITEMS: ("most_gone: 20", "approval: second person"),
            "mappings/tables/units.yaml": ("missing:", "refers: {item: items.item}\nmissing:"),
        }
    ],
)
async def test_what_refers_to_rows_that_wait_for_a_second_person_waits_for_them(house: Masters):
    number = await house.mfn(item("1001424"))
    assert (await house.view(number)).reason == "items: 1 new, proposed"
    state, reason = (await house.lines(number))["item-packages", 1]
    assert (state, reason[:38]) == (LineState.HELD, "SIT070 units: item=1001424 unit=EA: no")
    curator = Curator(house.store, house.stepper, house.clock, lambda: house.site, house.release)
    await curator.approve_table(actor="ann", table="items", proposal=1)
    await house.releases().ask("ann", "", owner="supply-chain", cause=None, messages=None, as_new=False)
    assert (await house.lines(number))["item-packages", 1][0] is LineState.KEPT
    assert await house.rows("units", "1001424,")


async def test_a_record_that_is_not_for_a_table_is_named_in_a_whole_file_all_the_same(house: Masters):
    department = "MFE|MUP|1||OR-NORTH\rLOC|OR-NORTH|Surgery\rLDP|OR-NORTH|||||||||||71000\r"
    number = await house.mfn(department, kind="M05", whole="REP")
    assert (await house.view(number)).reason == "locations: 1 ended; cost-centers: 2 ended"
    assert (await house.rows("locations", "OR-NORTH"))[0].endswith(",,")
    assert (await house.rows("locations", "CATH-NORTH"))[0].endswith(",2026-11-20")


async def test_a_row_that_begins_later_is_a_persons_and_the_guard_counts_the_others(house: Masters):
    codes = [row.split(",")[1] for row in await house.rows("items", "NORTH,")]
    await house.mfn(item(codes[0], text="Later", on="20270101"))
    small = await house.view(await house.mfn(item(codes[1]), whole="REP"))
    assert small.reason.startswith("MFN005 items: 10 of 12 rows would end")
    number = await house.mfn(*(item(code, text="All") for code in codes[1:-1]), whole="REP")
    assert (await house.view(number)).state is MessageState.ROUTED
    state, cause = (await house.lines(number))["item-master", 0]
    assert state is LineState.HELD
    assert cause.startswith(
        f"MFN006 items: facility=NORTH code={codes[0]}: another row of it begins on 2027-01-01"
    )
    assert (await house.rows("items", f",{codes[-1]},"))[0].endswith(",2026-11-20")


async def test_a_master_that_a_person_releases_before_it_was_stepped_meets_the_guard_all_the_same(
    house: Masters,
):
    text = f"MSH|^~\\&|M|NORTH|S|N|20261120060000||MFN^M16|1|P|2.8.2\rMFI|INV||REP\r{item('1001414')}"
    held = Received(
        "masters", RECEIVED, "MFN^M16", "1", text.encode(), None, MessageState.HELD, "FIL006 counts", "", None
    )
    (kept,) = await house.store.submit((held,))
    await house.releases().ask("ann", "ok", owner=None, cause=None, messages=[kept.id], as_new=False)
    view = await house.view(kept.id)
    assert (view.state, view.reason[:6]) == (MessageState.HELD, "MFN005")
    await house.releases().ask("ann", "seen", owner=None, cause=None, messages=[kept.id], as_new=False)
    assert (await house.view(kept.id)).state is MessageState.ROUTED
