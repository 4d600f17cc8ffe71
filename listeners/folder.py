"""A folder that is watched: whole files are claimed, handed to the intake, and then moved to the archive.

A file is claimed by a rename into `.taking`, so that what is read, judged and moved away is one and the same file,
whatever is dropped under its name meanwhile. After a crash it lies there, and is gone on with first:

    lies in           known as          then
    .taking           nothing, or half  the rest of its messages is taken
    .taking           taken             the move to the archive is finished
    archive/DAY       taken             that it was moved is written down, when its bytes come again

It looks again and again and asks no notification of the system: shares and the folders of an SFTP server give none.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from engine.clock import Clock, to_datetime
from engine.domain.filing import Dropped, FileIntake, FileRefused, TakenFile
from engine.errors import Fault, StoreUnavailable
from engine.site.release import FileRules, Listener
from listeners.looking import Looker, Quiet, Stamp
from listeners.naming import free_place

TAKING, ARCHIVE, REFUSED = ".taking", "archive", "refused"

LOOK_EVERY = 1.0
"""Seconds between two looks."""


LOOK_BACK_EVERY, LOOK_BACK_FOR, LOOK_BACK_AT = 30.0, 3600.0, 2000
"""Seconds between two looks at what was archived, seconds for which a file is looked at so, and how many at most: a
sender that pauses for longer than `quiet` may go on writing through its open descriptor."""


class _Seen(NamedTuple):
    """A file as it was read."""

    size: int
    mtime_ns: int
    digest: bytes


class _Archived(NamedTuple):
    seen: _Seen
    taken: TakenFile
    until: float


class FolderListener(Looker):
    """A service on one folder for one feed. `rules`: the listener's in the release in force, asked at each look.
    `fetched`: what comes in is whole, whatever `quiet` says."""

    does = "watching"

    def __init__(
        self,
        feed: str,
        intake: FileIntake,
        clock: Clock,
        *,
        report: Callable[[Fault], None],
        folder: Path,
        rules: Callable[[], Listener],
        fetched: bool = False,
    ) -> None:
        super().__init__(feed, intake, folder, report=report, every=LOOK_EVERY)
        self._clock = clock
        self._quiet = Quiet(clock)
        self._rules = rules
        self._fetched = fetched
        self._archived: dict[Path, _Archived] = {}
        self._look_back_at = 0.0

    async def _look(self) -> int:
        if not await asyncio.to_thread(self.folder.is_dir):
            self.say_once("FIL008", "the folder is not there", "mount it; if it is new, make it")
            return 0
        rules = self._rules()
        done = 0
        for path in await asyncio.to_thread(self._claimed):
            done += await self._try(path, rules.limit_bytes)
        for name in await asyncio.to_thread(self._whole, rules.files):
            if self.leaves:
                break
            done += await self._try(self.folder / name, rules.limit_bytes)
        await self._look_back()
        return done

    async def _try(self, path: Path, limit: int) -> int:
        """A file that cannot be worked with waits; the others go on."""
        try:
            claimed = path if path.parent.name == TAKING else await asyncio.to_thread(self._claim, path.name)
            return await self._deal_with(claimed, limit) if claimed else 0
        except StoreUnavailable:
            raise
        except Exception as error:
            self.tell(error)
            return 0

    # Which files ---------------------------------------------------------------------------------------------

    def _claimed(self) -> list[Path]:
        """What an earlier run, or an earlier look, did not come to an end with."""
        taking = self.folder / TAKING
        taking.mkdir(exist_ok=True)
        with os.scandir(taking) as entries:
            return sorted(taking / entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def _whole(self, rules: FileRules) -> list[str]:
        """Names of whole files, the oldest first."""
        found: list[tuple[str, Stamp]] = []
        odd = 0
        for entry in _entries(self.folder, rules.unfinished):
            if entry.is_file(follow_symlinks=False):
                stat = entry.stat(follow_symlinks=False)
                found.append((entry.name, (stat.st_size, stat.st_mtime_ns, stat.st_ino)))
            else:
                odd += 1
        if odd:
            what = f"{odd} entries of the folder are links, pipes or folders, and are left there"
            mend = "have the files themselves put there; what belongs there as it is, give a name with a dot before it"
            self.say_once("FIL019", what, mend)
        found.sort(key=lambda one: (one[1][1], one[0]))
        return self._quiet.of(found, 0.0 if self._fetched else rules.quiet)

    def _claim(self, name: str) -> Path | None:
        """None when it was taken back meanwhile, or while its namesake is still under way."""
        claimed = self.folder / TAKING / name
        if os.path.lexists(claimed):
            return None
        try:
            os.rename(self.folder / name, claimed)
        except FileNotFoundError:
            return None
        return claimed

    # What becomes of one -------------------------------------------------------------------------------------

    async def _deal_with(self, path: Path, limit: int) -> int:
        mark = "unread"
        try:
            content, seen = await asyncio.to_thread(_read, path, limit)
            mark = _marked(seen.digest)
            taken = await self._intake.take(Dropped(self.feed, path.name, content))
            await self._put_away(path, mark, taken, seen)
        except FileRefused as refused:
            await asyncio.to_thread(self._refuse, path, mark, refused.fault)
        except (StoreUnavailable, OSError):
            raise
        except Exception as error:
            what = f"the engine failed on it with {type(error).__name__}"
            fault = Fault(
                "", "FIL009", what, "keep the engine's log for its makers, then drop the file again"
            )
            await asyncio.to_thread(self._refuse, path, mark, fault)
        return 1

    async def _put_away(self, path: Path, mark: str, taken: TakenFile, seen: _Seen) -> None:
        """To the archive, if it is what was taken; a file that is there already came a second time."""
        day = self.folder / ARCHIVE / f"{taken.day}"
        there = taken.archived or (taken.again and await asyncio.to_thread(_any_marked, day, mark))
        late = not there and await asyncio.to_thread(_changed, path, seen)
        if not there and not late:
            place = await asyncio.to_thread(free_place, day, mark, path.name)
            await asyncio.to_thread(_move, path, place)
            until = self._clock.monotonic() + LOOK_BACK_FOR
            self._archived[place] = _Archived(seen, taken, until)
        if not taken.archived:
            await self._intake.archived(taken.id)
        if late:
            raise _late(taken, seen)
        if there:
            what = (
                f"this very file was taken on {taken.day}, as file {taken.id} with {taken.messages} messages"
            )
            mend = "nothing is to be done; to post one of its messages anew, `suture replay` it"
            raise FileRefused(Fault("", "FIL002", what, mend))

    async def _look_back(self) -> None:
        """What was written into a file that is in the archive lies in `refused`, since it was not taken."""
        now = self._clock.monotonic()
        if now < self._look_back_at:
            return
        self._look_back_at = now + LOOK_BACK_EVERY
        for number, (place, one) in enumerate(reversed(tuple(self._archived.items()))):
            changed = await asyncio.to_thread(_changed, place, one.seen)
            if changed:
                fault = _late(one.taken, one.seen).fault
                name = place.name.partition("-")[2]
                await asyncio.to_thread(self._refuse, place, _marked(one.seen.digest), fault, name)
            if changed or now >= one.until or number >= LOOK_BACK_AT:
                del self._archived[place]

    def _refuse(self, path: Path, mark: str, fault: Fault, name: str = "") -> None:
        """`name`: as it came, where it is called otherwise by now."""
        folder = self.folder / REFUSED
        folder.mkdir(exist_ok=True)
        place = free_place(folder, mark, name or path.name)
        note = place.with_name(f"{place.name}.txt")
        note.write_text(_note(fault, self.feed, self._clock.now_us()), encoding="utf-8")
        os.replace(path, place)
        self.report(Fault(f"{self.feed} {mark}", fault.code, fault.what, fault.mend, severity="warning"))


def strangers(folder: Path, unfinished: Sequence[str]) -> int:
    """How many entries of a folder are no files, and are left there: links, pipes, folders that are not ours."""
    return sum(not entry.is_file(follow_symlinks=False) for entry in _entries(folder, unfinished))


def _entries(folder: Path, unfinished: Sequence[str]) -> Iterator[os.DirEntry[str]]:
    """What senders put there, as it seems."""
    with os.scandir(folder) as entries:
        for entry in entries:
            ours = entry.name in (ARCHIVE, REFUSED) and entry.is_dir(follow_symlinks=False)
            if not ours and not entry.name.startswith(".") and not entry.name.endswith(tuple(unfinished)):
                yield entry


def _read(path: Path, limit: int) -> tuple[bytes, _Seen]:
    """Not one that is longer than `limit`. Raises `FileRefused`."""
    try:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            content = file.read(limit + 1) if stat.st_size <= limit else b""
    except FileNotFoundError:
        raise  # it was taken away
    except OSError as error:
        what, mend = f"it cannot be read: {type(error).__name__}", "give the engine the right to read it"
        raise FileRefused(Fault("", "FIL005", what, mend)) from None
    size = max(stat.st_size, len(content))
    if size > limit:
        what = f"the file has {size} bytes or more, the listener takes {limit}"
        raise FileRefused(Fault("", "FIL004", what, "raise the listener's limit, or send smaller files"))
    return content, _Seen(len(content), stat.st_mtime_ns, sha256(content).digest())


def _marked(digest: bytes) -> str:
    return digest.hex()[:8]


def _changed(path: Path, seen: _Seen) -> bool:
    """Whether it holds other bytes than were read. Another time on the same bytes is no change, nor is its end."""
    try:
        stat = path.stat()
        if stat.st_size != seen.size:
            return True
        return stat.st_mtime_ns != seen.mtime_ns and sha256(path.read_bytes()).digest() != seen.digest
    except FileNotFoundError:
        return False


def _late(taken: TakenFile, seen: _Seen) -> FileRefused:
    messages = "1 message of it is" if taken.messages == 1 else f"{taken.messages} messages of it are"
    what = f"it was written on after it was read: {messages} taken, as file {taken.id}, of its first {seen.size} bytes"
    mend = (
        "have its sender rename it when it is done, or raise `quiet`; once it is whole, see to the last message that "
        "was taken, and drop the file again: what was told before is known"
    )
    return FileRefused(Fault("", "FIL018", what, mend))


def _move(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, place)


def _any_marked(folder: Path, mark: str) -> bool:
    """Whether the file is in the archive, under whatever name it came."""
    return folder.is_dir() and any(entry.name.startswith(f"{mark}-") for entry in folder.iterdir())


def _note(fault: Fault, feed: str, now_us: int) -> str:
    where = f"Where: {fault.where}\n" if fault.where else ""
    return (
        f"{feed} did not take this file, or not to its end.\n\nWhat: {fault.what}\n{where}To mend it: {fault.mend}\n"
        f"Fault: {fault.code}, see `suture explain {fault.code}`\nWhen: {to_datetime(now_us):%Y-%m-%d %H:%M} UTC\n"
    )
