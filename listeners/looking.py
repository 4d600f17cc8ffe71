"""Whoever looks again and again at a place where files come in: the loop, what is whole, and what is said once."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.clock import Clock
from engine.domain.filing import FileIntake
from engine.errors import Fault, StoreUnavailable

STOP_WITHIN = 1.5
"""Seconds in which a stop waits for the file under way; what is left is gone on with at the next start."""

Stamp = tuple[int, ...]
"""Size, time and what else tells of a file: while none of them changes, nobody writes it."""


class Looker(ABC):
    """A service. `folder`: of this machine. `every`: seconds between two looks. `report`: told what an operator should
    know; never content, nor the name of a file."""

    does: str
    """What it does, in a word."""

    def __init__(
        self, feed: str, intake: FileIntake, folder: Path, *, report: Callable[[Fault], None], every: float
    ) -> None:
        self.feed = feed
        self.folder = folder
        self.report = report
        self._intake = intake
        self._every = every
        self._told: set[tuple[str, str]] = set()  # the troubles of the look before this one
        self._troubles: set[tuple[str, str]] = set()  # of this one
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        if self._task is None:
            self._stopping.clear()
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"files of {self.feed}")

    async def stop(self) -> None:
        """Takes no more files, and breaks off the one under way."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stopping.set()
        await asyncio.wait((task,), timeout=STOP_WITHIN)
        task.cancel()
        await asyncio.wait((task,))

    async def look(self) -> int:
        """Takes every file that is whole; gives how many were dealt with. Whatever goes wrong is told, and the next
        look begins anew."""
        try:
            return await self._look()
        except StoreUnavailable:
            return 0  # what is claimed is gone on with at the next look
        except Exception as error:
            self.tell(error)
            return 0
        finally:
            self._told, self._troubles = self._troubles, set()

    @abstractmethod
    async def _look(self) -> int: ...

    @property
    def leaves(self) -> bool:
        """Whether files are left where they are, for now."""
        return self._stopping.is_set() or not self._intake.accepting

    async def _run(self) -> None:
        while not self._stopping.is_set():
            if self._intake.accepting:
                await self.look()
            try:
                async with asyncio.timeout(self._every):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def say_once(self, code: str, what: str, mend: str) -> None:
        """Not again at each look, while it lasts."""
        if (code, what) not in self._told | self._troubles:
            self.report(Fault(self.feed, code, what, mend))
        self._troubles.add((code, what))

    def tell(self, error: Exception) -> None:
        """What went wrong with the folder, or with one file in it that stays where it is."""
        kind = type(error).__name__
        if isinstance(error, OSError):
            mend = "see that the engine may read, write and rename in it, and that its disk has room"
            self.say_once("FIL005", f"the folder, or a file in it, cannot be worked with: {kind}", mend)
        else:
            mend = "keep the engine's log for its makers; it is tried again at each look"
            self.say_once("FIL017", f"{self.does} failed with {kind}", mend)


class Quiet:
    """Which files nobody writes any more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[Stamp, float]] = {}

    def of(self, found: Iterable[tuple[str, Stamp]], seconds: float) -> list[str]:
        """Names of those unchanged for `seconds`, 0: of any, of all that are there now, in the order given."""
        now = self._clock.monotonic()
        seen: dict[str, tuple[Stamp, float]] = {}
        for name, stamp in found:
            known = self._seen.get(name)
            seen[name] = stamp, known[1] if known and known[0] == stamp else now
        self._seen = seen
        return [name for name, (_, since) in seen.items() if now - since >= seconds]
