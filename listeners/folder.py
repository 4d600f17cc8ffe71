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

from engine.clock import Clock, to_datetime
from engine.domain.filing import Dropped, FileIntake, FileRefused, TakenFile
from engine.errors import Fault, StoreUnavailable
from listeners.looking import Looker, Quiet, Stamp

TAKING, ARCHIVE, REFUSED = ".taking", "archive", "refused"

LOOK_EVERY = 1.0
"""Seconds between two looks."""


class FolderListener(Looker):
    """A service on one folder for one feed. `quiet`: seconds for which a whole file is unchanged, 0: any is whole;
    `unfinished`: endings of names that are left alone."""

    does = "watching"

    def __init__(
        self,
        feed: str,
        intake: FileIntake,
        clock: Clock,
        *,
        report: Callable[[Fault], None],
        folder: Path,
        quiet: float = 0.0,
        unfinished: Sequence[str] = (),
    ) -> None:
        super().__init__(feed, intake, folder, report=report, every=LOOK_EVERY)
        self._clock = clock
        self._quiet = Quiet(clock, quiet)
        self._unfinished = tuple(unfinished)

    async def look(self) -> int:
        if not await asyncio.to_thread(self.folder.is_dir):
            self.say_once("FIL008", "the folder is not there", "mount it; if it is new, make it")
            return 0
        done = 0
        try:
            for path in await asyncio.to_thread(self._claimed):
                done += await self._deal_with(path)
            for name in await asyncio.to_thread(self._whole):
                if self.leaves:
                    break
                claimed = await asyncio.to_thread(self._claim, name)
                done += await self._deal_with(claimed) if claimed else 0
            self.well()
        except StoreUnavailable:
            pass  # what is claimed is gone on with at the next look
        except OSError as error:
            what = f"the folder cannot be worked in: {type(error).__name__}"
            self.say_once("FIL005", what, "see that the engine may write and rename in it")
        return done

    # Which files ---------------------------------------------------------------------------------------------

    def _claimed(self) -> list[Path]:
        """What an earlier run, or an earlier look, did not come to an end with."""
        taking = self.folder / TAKING
        taking.mkdir(exist_ok=True)
        return sorted(taking.iterdir())

    def _whole(self) -> list[str]:
        """Names of whole files, the oldest first."""
        return self._quiet.of(sorted(self._files(), key=lambda one: (one[1][1], one[0])))

    def _files(self) -> Iterator[tuple[str, Stamp]]:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(self._unfinished):
                    continue
                if entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    yield entry.name, (stat.st_size, stat.st_mtime_ns, stat.st_ino)

    def _claim(self, name: str) -> Path | None:
        """None when it was taken back meanwhile."""
        claimed = self.folder / TAKING / name
        try:
            os.rename(self.folder / name, claimed)
        except FileNotFoundError:
            return None
        return claimed

    # What becomes of one -------------------------------------------------------------------------------------

    async def _deal_with(self, path: Path) -> int:
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            what, mend = f"it cannot be read: {type(error).__name__}", "give the engine the right to read it"
            await asyncio.to_thread(self._refuse, path, "unread", Fault("", "FIL005", what, mend))
            return 1
        mark = sha256(content).hexdigest()[:8]
        try:
            taken = await self._intake.take(Dropped(self.feed, path.name, content))
            await self._put_away(path, mark, taken)
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

    async def _put_away(self, path: Path, mark: str, taken: TakenFile) -> None:
        """To the archive; a file that is there already came a second time."""
        place = self.folder / ARCHIVE / f"{taken.day}" / f"{mark}-{path.name}"
        there = taken.archived or (taken.again and await asyncio.to_thread(_any_marked, place.parent, mark))
        if not there:
            await asyncio.to_thread(_move, path, place)
        if not taken.archived:
            await self._intake.archived(taken.id)
        if there:
            what = (
                f"this very file was taken on {taken.day}, as file {taken.id} with {taken.messages} messages"
            )
            mend = "nothing is to be done; to post one of its messages anew, `suture replay` it"
            raise FileRefused(Fault("", "FIL002", what, mend))

    def _refuse(self, path: Path, mark: str, fault: Fault) -> None:
        place = self.folder / REFUSED / f"{mark}-{path.name}"
        place.parent.mkdir(exist_ok=True)
        note = place.with_name(f"{place.name}.txt")
        note.write_text(_note(fault, self.feed, self._clock.now_us()), encoding="utf-8")
        os.replace(path, place)
        self.report(Fault(f"{self.feed} {mark}", fault.code, fault.what, fault.mend, severity="warning"))


def _move(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, place)


def _any_marked(folder: Path, mark: str) -> bool:
    """Whether the file is in the archive, under whatever name it came."""
    return folder.is_dir() and any(entry.name.startswith(f"{mark}-") for entry in folder.iterdir())


def _note(fault: Fault, feed: str, now_us: int) -> str:
    where = f"Where: {fault.where}\n" if fault.where else ""
    return (
        f"This file was not taken in by {feed}.\n\nWhat: {fault.what}\n{where}To mend it: {fault.mend}\n"
        f"Fault: {fault.code}, see `suture explain {fault.code}`\nWhen: {to_datetime(now_us):%Y-%m-%d %H:%M} UTC\n"
    )
