"""Files of rows on their site: dropped, stored, stepped, explained; and what a test of them may be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.activation import activate
from engine.capture.desk import check_taken
from engine.cli.asking import worklist_line
from engine.clock import SystemClock
from engine.domain.filing import Dropped, FileRefused
from engine.domain.message import MessageId
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery, MessageView
from engine.errors import UsageError
from engine.pipeline import filing, trial
from engine.pipeline.filing import Filing
from engine.pipeline.people import people_of
from engine.pipeline.releasing import Releaser
from engine.pipeline.stepper import Stepper
from engine.reconcile.account import group_json
from engine.site.compile import compile_release, compile_tests, load_site
from engine.site.files import Site
from engine.store.sqlite import SqliteStore
from tests.unit.pipeline.rig import Lanes, Told, stepping

FILES = Path(__file__).parents[2] / "sites" / "files"
HEAD = "Account No;MRN;Line;Kind;Item;Qty;Used at;Amount;Department\n"


def row(
    number: int, *, account: str = "ACC7", item: str = "WIRE-14", kind: str = "USE", qty: str = "1"
) -> str:
    return f"{account};M7;{number};{kind};{item};{qty};20.11.2026 09:45;45,00;CATH\n"


class House:
    def __init__(self, store: SqliteStore, stepper: Stepper, told: Told) -> None:
        self.store, self.stepper = store, stepper
        self.filing = Filing(
            store, lambda: stepper.edition.release, SystemClock(), stepper.arrived, told, lambda: True
        )

    async def drop(self, text: str, feed: str = "cathlab", name: str = "night.csv") -> list[MessageView]:
        taken = await self.filing.take(Dropped(feed, name, text.encode("cp1252")))
        await self.stepper.idle()
        views = reversed(await self.store.messages(MessageQuery(limit=1000)))
        places = {view.id: await self.store.file_of(view.id) for view in views}
        views = reversed(await self.store.messages(MessageQuery(limit=1000)))
        return [view for view in views if (place := places[view.id]) and place.file == taken.id]

    async def lines(self, message: int) -> list[tuple[int, str, str]]:
        return [
            (line.number, line.state.word, str(line.stated))
            for line in await self.store.lines(MessageId(message))
        ]


@pytest.fixture
async def house(tmp_path):
    async with stepping(tmp_path, load_site(FILES)) as (store, stepper, told):
        yield House(store, stepper, told)


async def test_the_rows_of_an_account_are_the_lines_of_one_message(house: House):
    views = await house.drop(HEAD + row(1) + row(2, account="ACC8") + row(3, qty="2,5"))
    assert [(view.type, view.state.word, view.control_id) for view in views] == [
        ("CSV USAGE", "routed", ""),
        ("CSV USAGE", "routed", ""),
    ]
    assert await house.lines(views[0].id) == [(1, "posted", "45.00"), (2, "posted", "45.00")]
    effects = await house.store.effects(views[0].id)
    assert [str(effect.quantity) for effect in effects] == ["1", "2.5"]
    assert people_of(house.stepper.edition.release, await house.store.inbound(views[0].id)) != people_of(
        house.stepper.edition.release, await house.store.inbound(views[1].id)
    )


async def test_rows_that_were_told_before_are_known_in_a_larger_file(house: House):
    await house.drop(HEAD + row(1) + row(2))
    (again,) = await house.drop(HEAD + row(1) + row(9) + row(2), name="mended.csv")
    assert await house.lines(again.id) == [
        (1, "duplicate", "45.00"),
        (2, "posted", "45.00"),
        (3, "duplicate", "45.00"),
    ]


async def test_a_return_finds_its_row_and_a_row_that_says_no_number_is_held_alone(house: House):
    await house.drop(HEAD + row(1))
    (back,) = await house.drop(HEAD + row(2, kind="RETURN"), name="returns.csv")
    (effect,) = await house.store.effects(back.id)
    assert effect.reverses == 1
    (both,) = await house.drop(HEAD + row(3) + row(4, qty="one"), name="odd.csv")
    assert [state for _, state, _ in await house.lines(both.id)] == ["posted", "held"]


async def test_an_odd_row_waits_on_the_worklist_and_posts_nothing_when_it_is_released(house: House):
    views = await house.drop(HEAD + row(1) + "ACC9;short\n" + row(2, account="ACC8"))
    assert [view.state.word for view in views] == ["routed", "held", "routed"]
    (group,) = await house.store.worklist()
    assert (group.owner, group.cause[:6], group.messages) == ("interface", "FIL013", 1)
    releaser = Releaser(
        house.store, house.store, Lanes(), SystemClock(), house.stepper.edition, "ann", "as it is"
    )
    async with house.stepper.lock:
        assert (await releaser.release([views[1].id])).released == 0
    (view,) = [one for one in await house.store.messages(MessageQuery()) if one.id == views[1].id]
    assert view.state is MessageState.HELD


def cases_site() -> Site:
    """The same files, if they told whole cases: one for each account."""
    site = load_site(FILES)
    channel, read = "channels/cathlab.yaml", "mappings/files/cathlab.yaml"
    files = {**site.files, channel: site.files[channel].partition(b"\ntests:")[0] + b"\n"}
    for file, old, new in (
        (channel, b"by: source_id}\ncredit_finds: [[account, code]]", b"by: [case_id, code]}"),
        (read, b"each: row\n", b"each: row\nlines: snapshot\n"),
        (read, b"source_id: {from: row.id, unique_per: feed}\n", b"case_id: row.account\n"),
        (read, b"credit: row.kind == 'RETURN'\n", b"saved_at: row.used\n"),
    ):
        assert old in files[file]
        files[file] = files[file].replace(old, new)
    return Site(FILES, files, None)


async def test_a_save_with_an_odd_row_takes_nothing_back(tmp_path):
    def told(item: str, hour: int, more: str = "") -> str:
        return f"ACC7;M7;1;USE;{item};1;20.11.2026 {hour}:45;45,00;CATH{more}\n"

    async with stepping(tmp_path, cases_site()) as (store, stepper, seen):
        house = House(store, stepper, seen)
        (first,) = await house.drop(HEAD + told("WIRE-14", 10) + told("STENT-30", 10))
        assert first.state is MessageState.ROUTED
        second = await house.drop(HEAD + told("WIRE-14", 11) + told("STENT-30", 11, ";see note"))
        said = [(view.state.word, view.reason[:6]) for view in second]
        assert said == [("held", "FIL024"), ("held", "FIL013")]
        assert await house.lines(second[0].id) == []
        (mended,) = await house.drop(HEAD + told("WIRE-14", 12) + told("STENT-30", 12))
        assert {state for _, state, _ in await house.lines(mended.id)} == {"duplicate"}


async def test_a_row_waits_and_an_unknown_item_is_released_by_its_row(house: House):
    views = await house.drop(HEAD + row(1, item="NEW-1") + "ACC9;short\n" + row(2, account="ACC8"))
    assert [(view.state.word, view.reason.partition(" ")[0]) for view in views[1:]] == [
        ("held", "FIL013"),
        ("routed", ""),
    ]
    assert views[0].state is MessageState.HELD
    site = load_site(FILES)
    table = "mappings/tables/charge-codes.csv"
    files = {**site.files, table: site.files[table] + b"NEW-1,27811506,,\n"}
    house.stepper.edition = await activate(house.store, Site(FILES, files), SystemClock(), "test")
    releaser = Releaser(
        house.store, house.store, Lanes(), SystemClock(), house.stepper.edition, "ann", "row added"
    )
    async with house.stepper.lock:
        tally = await releaser.release([views[0].id])
    assert tally.released == 1


async def test_a_miscounted_file_is_stepped_when_a_person_releases_it(house: House, monkeypatch):
    real = filing.open_file
    monkeypatch.setattr(
        filing, "open_file", lambda *given: real(*given)._replace(miscounts=("FTS-1 says 2",))
    )
    (view,) = await house.drop(HEAD + row(1))
    assert (view.state.word, view.reason[:6]) == ("held", "FIL006")
    (file,) = await house.store.files(10)
    assert (file.held[:6], file.refused, file.waiting) == ("FIL006", 0, 1)
    (group,) = await house.store.worklist()
    assert ": 1 message, not read yet; see message 1" in worklist_line(group_json(group))
    releaser = Releaser(
        house.store, house.store, Lanes(), SystemClock(), house.stepper.edition, "ann", "counted"
    )
    async with house.stepper.lock:
        tally = await releaser.release([view.id])
    assert tally.released == 1
    assert await house.lines(view.id) == [(1, "posted", "45.00")]
    (file,) = await house.store.files(10)
    assert (file.held, file.done, file.refused, file.waiting) == ("", 1, 0, 0)


async def test_rows_that_a_channel_refuses_wait_for_a_person_who_tells_their_sender(house: House):
    site = load_site(FILES)
    channel = "channels/cathlab.yaml"
    rule = b"nak:\n  - {when: quantity > 50, code: 102, because: more than a case can use}\n\nsame_line:"
    files = {**site.files, channel: site.files[channel].replace(b"same_line:", rule)}
    house.stepper.edition = await activate(house.store, Site(FILES, files), SystemClock(), "test")
    text = HEAD + row(1) + row(2, account="ACC8", qty="900") + row(3, account="ACC9")
    views = await house.drop(text)
    assert [view.state.word for view in views] == ["routed", "held", "routed"]
    assert views[1].reason == "INT005 cathlab: more than a case can use"
    edition = house.stepper.edition
    async with house.stepper.lock:
        releaser = Releaser(house.store, house.store, Lanes(), SystemClock(), edition, "ann", "they meant it")
        tally = await releaser.release([views[1].id])
    assert tally.released == 1
    assert await house.lines(views[1].id) == [(1, "posted", "45.00")]
    tests = (
        '\ntests:\n  - {name: n, given: samples/night.csv, nak: {code: 102, where: "row 2, column qty"}}\n'
    )
    files[channel] = files[channel].partition(b"\ntests:")[0] + tests.encode()
    files["channels/samples/night.csv"] = (HEAD + row(2, qty="900")).encode()
    release = compile_release(Site(FILES, files, None))
    (test,) = (one for one in compile_tests(Site(FILES, files, None)) if one.channel == "cathlab")
    assert trial.run(release, test, datetime(2026, 11, 21, tzinfo=UTC)).differences == ()


async def test_lines_of_fixed_width_are_read_by_their_characters(house: House):
    text = "DOSES\nACC7    ASPIRIN   000220261120D00001\nACC7    ASPIRIN   000120261120D00002\n"
    (view,) = await house.drop(text, "pharmacy", "doses.txt")
    effects = await house.store.effects(view.id)
    assert [str(effect.quantity) for effect in effects] == ["2", "1"]


async def test_a_file_whose_headings_lack_a_column_leaves_nothing(house: House):
    with pytest.raises(FileRefused, match="FIL011"):
        await house.drop(HEAD.replace("Qty", "Menge") + row(1))
    assert await house.store.files(10) == []
    assert len(await house.drop(HEAD + row(1))) == 1


async def test_a_long_file_shares_the_loop(house: House):
    """Between two commits whoever sends live has a turn."""
    turns = 0

    async def live() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(live())
    await house.drop(HEAD + "".join(row(number, account=f"A{number}") for number in range(400)))
    task.cancel()
    assert turns > 12


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + row(1) + row(2, account="ACC8"), "FIL016 the file is 2 messages"),
        (HEAD + "ACC9;short\n", "FIL016 FIL013"),
        (HEAD.replace("Qty", "Menge") + row(1), "FIL011 the headings lack 'Qty'"),
    ],
)
def test_a_channels_test_is_of_one_message(text: str, said: str):
    site = load_site(FILES)
    release = compile_release(site)
    test = next(test for test in compile_tests(site) if test.channel == "cathlab")
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert trial.run(release, test, now).differences == ()
    (difference,) = trial.run(release, _given(test, text), now).differences
    assert said in difference


def test_rows_are_not_captured():
    channel = next(one for one in compile_release(load_site(FILES)).channels if one.name == "cathlab")
    with pytest.raises(UsageError, match="CAP012"):
        check_taken(SimpleNamespace(channel=channel), SimpleNamespace(id=1))


def _given(test, text: str):
    return replace(test, given=text.encode())
