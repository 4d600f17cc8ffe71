"""A watched folder in front of a real store: each message of each file once, whatever dies on the way."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from engine.clock import SystemClock, to_us
from engine.codecs.rows import Slip
from engine.domain.filing import FileRefused, FileState
from engine.domain.message import MessageId
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.errors import Fault, StoreUnavailable
from engine.pipeline import filing as filing_module
from engine.pipeline.filing import Filing
from engine.site.release import FileRules, Listener
from engine.store.sqlite import SqliteStore
from listeners import folder as module
from listeners.folder import FolderListener


class Clock:
    """Stands still but for `monotonic`, which the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.us = to_us(datetime(2026, 11, 21, 3, 30, tzinfo=UTC))  # the evening before, in Chicago

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.seconds


class Death(BaseException):
    """The process is killed here."""


class Told:
    def __init__(self) -> None:
        self.stepped: list[int] = []
        self.faults: list[str] = []
        self.shown: list[str] = []
        self.news = asyncio.Event()
        self.troubled = asyncio.Event()

    def arrived(self, inbound) -> None:
        self.stepped.append(inbound.id)
        self.news.set()

    def received(self, feed, kept, received): ...

    def filed(self, feed, file, messages, held): ...

    def report(self, fault) -> None:
        self.faults.append(fault.code)
        self.troubled.set()
        self.shown.append(str(fault))


def message(control: int, *, account: str = "A1") -> bytes:
    return f"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|C{control}|P|2.5.1\rPID|1||M1\rPID|2|{account}\r".encode()


def batch(*controls: int, says: int | None = None, file_id: str = "") -> bytes:
    count = len(controls) if says is None else says
    return b"".join(
        (
            f"FHS|^~\\&|EHR|NORTH|||||||{file_id}\r\nBHS|^~\\&|EHR|NORTH\r\n".encode(),
            *(message(control).replace(b"\r", b"\r\n") for control in controls),
            f"BTS|{count}\r\nFTS|1\r\n".encode(),
        )
    )


class House:
    """A folder and a store that outlive any number of engines."""

    def __init__(self, tmp_path: Path, store: SqliteStore) -> None:
        self.inbox = tmp_path / "in"
        self.inbox.mkdir()
        self.store, self.clock, self.told = store, Clock(), Told()
        self.rules = {"quiet": 0.0, "unfinished": (".tmp",), "hold_miscounted": True, "ids_are_unique": True}
        self.limit = 1 << 20
        self.accepting = True

    def listener(self) -> Listener:
        """As the release in force says now."""
        rules = FileRules(**self.rules)
        return Listener(
            "nightly", "folder", "original", False, self.limit, False, "close", None, "/", files=rules
        )

    def engine(self) -> FolderListener:
        filing = Filing(
            self.store,
            lambda: SimpleNamespace(
                listeners={"nightly": self.listener()},
                zone=ZoneInfo("America/Chicago"),
                rows_of=lambda feed: (),
            ),
            self.clock,
            self.told.arrived,
            self.told,
            lambda: self.accepting,
        )
        return FolderListener(
            "nightly",
            filing,
            self.clock,
            report=self.told.report,
            folder=self.inbox,
            rules=self.listener,
        )

    async def drop(self, name: str, content: bytes) -> int:
        (self.inbox / name).write_bytes(content)
        return await self.engine().look()

    async def controls(self) -> list[tuple[str, str]]:
        found = await self.store.messages(MessageQuery(limit=1000))
        return [(view.control_id, view.state.word) for view in reversed(found)]

    def files(self, folder: str = "") -> list[str]:
        place = self.inbox / folder
        return sorted(
            str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()
        ) if place.is_dir() else []  # fmt: skip


@pytest.fixture
async def house(tmp_path: Path):
    store = SqliteStore(tmp_path / "s.db", site="s", environment="test", clock=SystemClock())
    await store.start()
    yield House(tmp_path, store)
    await store.stop()


async def test_each_message_of_a_file_is_durable_and_the_file_is_archived_by_day(house: House):
    assert await house.drop("night.hl7", batch(1, 2, 3)) == 1
    assert await house.controls() == [("C1", "pending"), ("C2", "pending"), ("C3", "pending")]
    assert house.told.stepped == [1, 2, 3]
    (name,) = house.files()
    assert name.startswith("archive/2026-11-20/")
    assert name.endswith("-night.hl7")
    assert (house.inbox / name).read_bytes() == batch(1, 2, 3)
    place = await house.store.file_of(MessageId(2))
    assert place == (1, "night.hl7", 2, 3)
    (view,) = await house.store.files(10)
    assert (view.state, view.done, view.messages, view.held) == (FileState.ARCHIVED, 3, 3, "")
    assert house.told.faults == []


async def test_the_very_same_file_is_refused_under_any_name_and_says_why(house: House):
    await house.drop("night.hl7", batch(1, 2))
    house.clock.us += 86_400_000_000
    await house.drop("again.hl7", batch(1, 2))
    assert len(await house.controls()) == 2
    assert house.told.faults == ["FIL002"]
    moved, note = house.files("refused")
    assert (moved[9:], note) == ("again.hl7", f"{moved}.txt")
    said = (house.inbox / "refused" / note).read_text()
    assert "taken on 2026-11-20, as file 1 with 2 messages" in said
    assert "suture explain FIL002" in said


async def test_another_file_with_the_same_id_is_refused_unless_ids_say_nothing(house: House):
    await house.drop("a.hl7", batch(1, file_id="N77"))
    await house.drop("b.hl7", batch(2, file_id="N77"))
    assert [control for control, _ in await house.controls()] == ["C1"]
    assert house.told.faults == ["FIL003"]
    assert "N77" not in "".join(house.told.shown)
    house.rules["ids_are_unique"] = False
    await house.drop("b.hl7", batch(2, file_id="N77"))
    assert [control for control, _ in await house.controls()] == ["C1", "C2"]


async def test_a_miscounted_file_is_held_for_a_person_or_taken(house: House):
    await house.drop("short.hl7", batch(1, 2, says=3, file_id="N1"))
    assert await house.controls() == [("C1", "held"), ("C2", "held")]
    assert house.told.stepped == []
    (group,) = await house.store.worklist()
    assert (group.owner, group.messages) == ("interface", 2)
    assert group.cause.startswith("FIL006 ")
    assert group.cause.endswith("BTS[1]-1 says 3, there are 2 messages")
    await house.drop("right.hl7", batch(1, 2, 3, file_id="N1"))
    assert (await house.controls())[2:] == [("C1", "pending"), ("C2", "pending"), ("C3", "pending")]
    house.rules["hold_miscounted"] = False
    await house.drop("other.hl7", batch(4, says=9))
    assert (await house.controls())[-1] == ("C4", "pending")


async def test_one_bad_message_stops_none_and_repeats_are_known(house: House):
    bad = message(2).replace(b"|C2|", b"||")
    await house.drop("mixed.hl7", b"// a comment\n\n" + message(1) + bad + message(1) + message(3) + b"\n")
    assert await house.controls() == [
        ("C1", "pending"),
        ("", "refused"),
        ("C1", "duplicate"),
        ("C3", "pending"),
    ]
    assert [view.reason for view in await house.store.messages(MessageQuery(state=MessageState.REFUSED))] == [
        "INT001"
    ]
    (file,) = await house.store.files(10)
    assert (file.done, file.refused, file.waiting) == (4, 1, 0)


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "FIL001"), (b"FHS|^~\\&\rFTS|0\r", "FIL001"), (b"x" * 200, "FIL004")]
)
async def test_what_cannot_be_taken_is_refused_with_a_note(house: House, content: bytes, code: str):
    house.limit = 100
    await house.drop("odd.hl7", content)
    assert await house.controls() == []
    assert house.told.faults == [code]
    assert len(house.files("refused")) == 2


async def test_a_file_is_whole_when_it_was_quiet_for_long_enough(house: House):
    house.rules["quiet"] = 30.0
    watcher = house.engine()
    path = house.inbox / "slow.hl7"
    path.write_bytes(message(1))
    assert await watcher.look() == 0
    house.clock.seconds = 29.0
    path.write_bytes(message(1) + message(2))
    assert await watcher.look() == 0
    house.clock.seconds = 58.9
    assert await watcher.look() == 0
    house.clock.seconds = 59.0
    assert await watcher.look() == 1
    assert [control for control, _ in await house.controls()] == ["C1", "C2"]


async def test_unfinished_and_hidden_files_are_left_alone_until_they_are_renamed(house: House):
    assert await house.drop("night.hl7.tmp", message(1)) == 0
    assert await house.drop(".night.hl7", message(1)) == 0
    os.rename(house.inbox / "night.hl7.tmp", house.inbox / "night.hl7")
    assert await house.engine().look() == 1


async def test_files_are_taken_in_the_order_of_their_times(house: House):
    for name, control, age in (("a.hl7", 2, 50), ("b.hl7", 1, 100)):
        (house.inbox / name).write_bytes(message(control))
        os.utime(house.inbox / name, (1_000_000 - age, 1_000_000 - age))
    assert await house.engine().look() == 2
    assert [control for control, _ in await house.controls()] == ["C1", "C2"]


async def test_a_folder_that_is_away_is_said_once_and_not_made(house: House):
    house.inbox.rmdir()
    watcher = house.engine()
    assert (await watcher.look(), await watcher.look()) == (0, 0)
    assert house.told.faults == ["FIL008"]
    assert not house.inbox.exists()
    house.inbox.mkdir()
    await house.drop("a.hl7", message(1))
    assert len(await house.controls()) == 1


async def test_an_archive_that_cannot_be_written_is_said_once_and_the_file_waits(house: House):
    (house.inbox / "archive").mkdir()
    in_the_way = house.inbox / "archive" / "2026-11-20"
    in_the_way.write_bytes(b"")
    (house.inbox / "night.hl7").write_bytes(message(1))
    watcher = house.engine()
    for _ in range(3):
        await watcher.look()
    assert house.told.faults == ["FIL005"]
    in_the_way.unlink()
    await watcher.look()
    assert [name.partition("/")[0] for name in house.files()] == ["archive"]
    assert [control for control, _ in await house.controls()] == ["C1"]


class Killer:
    """Kills the process before or after the n-th of its effects: renames and commits."""

    def __init__(self, monkeypatch, store: SqliteStore, at: int, *, before: bool) -> None:
        self.left, self.before = at, before
        for name in ("rename", "replace"):
            monkeypatch.setattr(module.os, name, self._guarded(getattr(os, name)))
        submit = store.submit

        def submitted(changes):
            if self._due() and self.before:
                raise Death
            future = submit(changes)
            return self._after(future) if self.left == 0 else future

        monkeypatch.setattr(store, "submit", submitted)

    def _due(self) -> bool:
        self.left -= 1
        return self.left == 0

    async def _after(self, future):
        await future
        raise Death

    def _guarded(self, act):
        def acted(*args):
            due = self._due()
            if due and self.before:
                raise Death
            act(*args)
            if due:
                raise Death

        return acted


EFFECTS = 7
"""Of a file of five messages, two to a commit: claim, begin, three commits, move, written down as moved."""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("at", range(1, EFFECTS + 2))
async def test_killed_between_any_two_steps_no_message_is_lost_or_doubled(
    house: House, monkeypatch, at: int, before: bool
):
    monkeypatch.setattr(filing_module, "TOGETHER", 2)
    (house.inbox / "night.hl7").write_bytes(batch(1, 2, 3, 4, 5, file_id="N1"))
    with monkeypatch.context() as patched:
        Killer(patched, house.store, at, before=before)
        if at <= EFFECTS:
            with pytest.raises(Death):
                await house.engine().look()
        else:
            assert await house.engine().look() == 1
    await house.engine().look()
    assert [control for control, _ in await house.controls()] == ["C1", "C2", "C3", "C4", "C5"]
    assert [await house.store.file_of(MessageId(number)) for number in range(1, 6)] == [
        (1, "night.hl7", number, 5) for number in range(1, 6)
    ]
    assert house.told.faults == []
    (name,) = house.files()
    assert name.startswith("archive/2026-11-20/")
    await house.drop("night.hl7", batch(1, 2, 3, 4, 5, file_id="N1"))
    assert len(await house.controls()) == 5
    assert house.told.faults == ["FIL002"]


async def test_while_the_store_is_away_the_file_waits_and_then_goes_on(house: House, monkeypatch):
    monkeypatch.setattr(filing_module, "TOGETHER", 2)
    submit = house.store.submit
    asked = 0

    def failing(changes):
        nonlocal asked
        asked += 1
        if asked == 3:
            raise StoreUnavailable("STO001", "the disk is full")
        return submit(changes)

    monkeypatch.setattr(house.store, "submit", failing)
    watcher = house.engine()
    (house.inbox / "night.hl7").write_bytes(batch(1, 2, 3, 4, 5))
    await watcher.look()
    assert len(await house.controls()) == 2
    assert house.files(".taking") == ["night.hl7"]
    await watcher.look()
    assert [control for control, _ in await house.controls()] == ["C1", "C2", "C3", "C4", "C5"]
    assert house.files(".taking") == []


async def test_a_half_taken_file_that_is_taken_apart_otherwise_is_refused(house: House, monkeypatch):
    monkeypatch.setattr(filing_module, "TOGETHER", 2)
    (house.inbox / "night.hl7").write_bytes(batch(1, 2, 3))
    with monkeypatch.context() as patched:
        Killer(patched, house.store, 3, before=False)
        with pytest.raises(Death):
            await house.engine().look()
    real = filing_module.open_file
    monkeypatch.setattr(
        filing_module, "open_file", lambda *given: real(*given)._replace(messages=[Slip(message(1))])
    )
    await house.engine().look()
    assert house.told.faults == ["FIL007"]
    assert len(await house.controls()) == 2


async def test_a_service_takes_what_is_there_and_stops(house: House):
    (house.inbox / "night.hl7").write_bytes(message(1))
    watcher = house.engine()
    await watcher.start()
    async with asyncio.timeout(5):
        await house.told.news.wait()
    await watcher.stop()
    await watcher.stop()
    assert len(await house.controls()) == 1


# What a hostile folder does ----------------------------------------------------------------------------------


async def test_a_look_that_fails_is_told_once_while_it_lasts_and_the_next_one_goes_on(
    house: House, monkeypatch
):
    watcher = house.engine()
    with monkeypatch.context() as patched:
        patched.setattr(module.os, "scandir", _raising(MemoryError("SECRET")))
        assert [await watcher.look(), await watcher.look()] == [0, 0]
    assert house.told.faults == ["FIL017"]
    assert "MemoryError" in house.told.shown[0]
    assert "SECRET" not in house.told.shown[0]
    assert await house.drop("a.hl7", message(1)) == 1
    assert await watcher.look() == 0
    with monkeypatch.context() as patched:
        patched.setattr(module.os, "scandir", _raising(MemoryError))
        await watcher.look()
    assert house.told.faults == ["FIL017", "FIL017"]


async def test_the_service_outlives_what_nobody_foresaw(house: House, monkeypatch):
    watcher = house.engine()
    monkeypatch.setattr(watcher, "_every", 0.001)
    with monkeypatch.context() as patched:
        patched.setattr(module.os, "scandir", _raising(RuntimeError))
        await watcher.start()
        async with asyncio.timeout(5):
            await house.told.troubled.wait()
    (house.inbox / "night.hl7").write_bytes(message(1))
    async with asyncio.timeout(5):
        await house.told.news.wait()
    await watcher.stop()


async def test_a_parent_that_cannot_be_entered_is_told_and_the_folder_is_taken_up_again(
    house: House, monkeypatch
):
    watcher = house.engine()
    with monkeypatch.context() as patched:
        patched.setattr(type(house.inbox), "is_dir", _raising(PermissionError))
        assert [await watcher.look(), await watcher.look()] == [0, 0]
    assert house.told.faults == ["FIL005"]
    (house.inbox / "a.hl7").write_bytes(message(1))
    assert await watcher.look() == 1


async def test_a_file_longer_than_the_limit_is_refused_without_being_read(house: House, monkeypatch):
    (house.inbox / "big.hl7").touch()
    os.truncate(house.inbox / "big.hl7", 1 << 40)
    (house.inbox / "small.hl7").write_bytes(message(1))
    assert await house.engine().look() == 2
    assert house.told.faults == ["FIL004"]
    assert "unread-big.hl7" in house.files("refused")
    assert [control for control, _ in await house.controls()] == ["C1"]


async def test_no_refused_file_takes_the_place_of_another(house: House, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(module, "_read", _refusing)
        for control in (1, 2, 3):
            await house.drop("x.hl7", message(control))
    kept = [house.inbox / "refused" / name for name in house.files("refused") if name.endswith(".hl7")]
    assert [path.name for path in kept] == ["unread-2-x.hl7", "unread-3-x.hl7", "unread-x.hl7"]
    assert {path.read_bytes() for path in kept} == {message(1), message(2), message(3)}
    assert len(house.files("refused")) == 6


async def test_no_archived_file_takes_the_place_of_another(house: House, monkeypatch):
    monkeypatch.setattr(module, "_marked", lambda digest: "00000000")
    await house.drop("x.hl7", message(1))
    await house.drop("x.hl7", message(2))
    assert len(house.files("archive")) == 2


@pytest.mark.parametrize("name", ["n" * 246 + ".hl7", "ü" * 120 + ".hl7", "n" * 255, "x." + "n" * 253])
async def test_a_long_name_is_shortened_and_keeps_its_ending(house: House, name: str):
    await house.drop(name, message(1))
    (kept,) = (Path(one) for one in house.files("archive"))
    assert kept.suffix == Path(name).suffix or len(Path(name).suffix) > 16
    await house.drop(name, b"")
    refused, note = sorted(house.files("refused"))
    assert note == f"{refused}.txt"
    assert len(os.fsencode(note)) <= 255
    assert house.files(".taking") == []


async def test_one_file_that_cannot_be_moved_stops_no_other(house: House, monkeypatch):
    move = module._move

    def stuck(path, place):
        if path.name == "a.hl7":
            raise OSError("no")
        move(path, place)

    monkeypatch.setattr(module, "_move", stuck)
    (house.inbox / "a.hl7").write_bytes(message(1))
    (house.inbox / "b.hl7").write_bytes(message(2))
    watcher = house.engine()
    await watcher.look()
    assert [control for control, _ in await house.controls()] == ["C1", "C2"]
    assert [name.rpartition("-")[2] for name in house.files("archive")] == ["b.hl7"]
    (house.inbox / "a.hl7").write_bytes(message(3))
    await watcher.look()
    assert house.told.faults == ["FIL005"]
    assert (house.inbox / ".taking" / "a.hl7").read_bytes() == message(1)
    monkeypatch.setattr(module, "_move", move)
    await watcher.look()
    assert [control for control, _ in await house.controls()] == ["C1", "C2", "C3"]


async def test_what_is_written_while_a_file_is_taken_is_not_archived_silently(house: House, monkeypatch):
    path = house.inbox / "night.hl7"
    path.write_bytes(message(1))
    with path.open("ab", buffering=0) as late:
        taken = Filing.take

        async def slow(self, dropped):
            told = await taken(self, dropped)
            late.write(message(2))
            return told

        monkeypatch.setattr(Filing, "take", slow)
        await house.engine().look()
    assert house.told.faults == ["FIL018"]
    assert not (house.inbox / "archive").exists()
    refused, note = house.files("refused")
    assert (house.inbox / "refused" / refused).read_bytes() == message(1) + message(2)
    assert "1 message of it is taken, as file 1" in (house.inbox / "refused" / note).read_text()


async def test_what_is_written_after_a_file_was_archived_is_told(house: House):
    watcher = house.engine()
    path = house.inbox / "night.hl7"
    path.write_bytes(message(1))
    (house.inbox / "other.hl7").write_bytes(message(9))
    with path.open("ab", buffering=0) as late:
        await watcher.look()
        late.write(message(2))
    house.clock.seconds += module.LOOK_BACK_EVERY
    await watcher.look()
    assert house.told.faults == ["FIL018"]
    assert [name.rpartition("-")[2] for name in house.files("archive")] == ["other.hl7"]
    refused, _ = house.files("refused")
    os.rename(house.inbox / "refused" / refused, house.inbox / "night.hl7")
    await watcher.look()
    assert await house.controls() == [
        ("C1", "pending"),
        ("C9", "pending"),
        ("C1", "duplicate"),
        ("C2", "pending"),
    ]


async def test_a_new_time_on_the_same_bytes_is_no_late_writer(house: House):
    watcher = house.engine()
    await _drop_into(watcher, house.inbox / "night.hl7", message(1))
    (name,) = house.files("archive")
    os.utime(house.inbox / "archive" / name, (1, 1))
    house.clock.seconds += module.LOOK_BACK_EVERY
    await watcher.look()
    assert house.told.faults == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [(b"caf\xe9.hl7", "caf\\xe9.hl7"), (b"a\nb\x1b[31m.hl7", "a\\nb\\x1b[31m.hl7"), ("ä".encode(), "ä")],
)
async def test_a_name_that_is_no_text_is_kept_as_one(house: House, name: bytes, kept: str):
    await house.drop(os.fsdecode(name), message(1))
    assert house.told.faults == []
    assert (await house.store.files(10))[0].name == kept
    (path,) = house.files("archive")
    assert os.fsencode(path).endswith(name)


async def test_what_is_no_file_is_told_once_and_left(house: House):
    real = house.inbox.parent / "real.hl7"
    real.write_bytes(message(1))
    os.symlink(real, house.inbox / "link.hl7")
    os.mkfifo(house.inbox / "pipe.hl7")
    (house.inbox / "sub").mkdir()
    watcher = house.engine()
    assert [await watcher.look(), await watcher.look()] == [0, 0]
    assert house.told.faults == ["FIL019"]
    assert "3 entries" in house.told.shown[0]
    assert module.strangers(house.inbox, ()) == 3
    os.mkfifo(house.inbox / ".taking" / "pipe.hl7")
    assert await house.drop("a.hl7", message(1)) == 1


async def test_the_rules_of_the_release_in_force_are_asked_at_each_look(house: House):
    watcher = house.engine()
    house.rules["quiet"] = 20.0
    (house.inbox / "a.hl7").write_bytes(message(1))
    assert await watcher.look() == 0
    house.rules.update(quiet=0.0, unfinished=(".hl7",))
    assert await watcher.look() == 0
    house.rules["unfinished"] = ()
    house.limit = 5
    assert await watcher.look() == 1
    assert house.told.faults == ["FIL004"]


async def _drop_into(watcher: FolderListener, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert await watcher.look() == 1


def _raising(error):
    def raises(*given, **named):
        raise error

    return raises


def _refusing(path, limit):
    raise FileRefused(Fault("", "FIL005", "it cannot be read: PermissionError"))
