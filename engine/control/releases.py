"""Releases that people ask for, a few messages at a time, so that live ones pass in between. A service.

What is asked for is an act before anything moves, and so is its end, which names it: a release that was cut short is
gone on with at the next start. Where the service does not run, a release is carried out by whoever asks for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engine.clock import Clock
from engine.control.acts import PAGE, Answer, audit
from engine.domain.message import MessageId
from engine.domain.ports import Store
from engine.domain.views import ActView
from engine.errors import StoreUnavailable, UsageError
from engine.pipeline.releasing import MANY, NOTHING, Partly, Releaser, Tally
from engine.pipeline.stepper import RECOVERY_PAUSE, Outbox, Stepper

BEGUN, ENDED = "release asked for", "release"

AT_ONCE = 0.2
"""Seconds that who asks is kept waiting for the end of a small one."""


class Release:
    """One of them, under way. `asked`: messages that held something when it was asked for."""

    def __init__(self, act: ActView) -> None:
        self.act = act
        detail = act.detail
        self.asked = int(detail["asked"])
        self.tally = NOTHING
        self.ended = asyncio.Event()
        self.owner, self.cause = str(detail["owner"]) or None, str(detail["cause"]) or None
        self.as_new = bool(detail["as_new"])
        self._last = int(detail["last"])
        self._named = [MessageId(int(number)) for number in str(detail["messages"]).split(",") if number]
        self._after = 0
        self._page: deque[MessageId] = deque()

    @property
    def looked_at(self) -> bool:
        """Whether messages, or a cause, were named, and not whatever an owner has."""
        return bool(self._named or self.cause)

    async def next(self, store: Store) -> list[MessageId]:
        """The messages to release now; none: all are done."""
        if not self._page:
            self._page.extend(await self._read(store))
        return [self._page[place] for place in range(min(MANY, len(self._page)))]

    def done(self, messages: list[MessageId], tally: Tally) -> None:
        """They are committed."""
        self.tally = self.tally.plus(tally)
        self._after = messages[-1]
        for _ in messages:
            self._page.popleft()

    async def _read(self, store: Store) -> list[MessageId]:
        if self._named:
            return [message for message in self._named if message > self._after][:PAGE]
        page = await store.held_messages(self.owner, self.cause, self._after, PAGE)
        return [message for message in page if message <= self._last]

    def told(self) -> Answer:
        """As its end is kept, and as who asks is told meanwhile."""
        return {
            "act": self.act.id,
            "asked": self.asked,
            **self.tally._asdict(),
            "done": self.ended.is_set(),
        }


class Releases:
    """`look`: called at each end, since what waits for an original may be other than before. `broken`: told of a bug
    of ours; the messages beside it go on."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        clock: Clock,
        stepper: Stepper,
        look: Callable[[], None],
        broken: Callable[[str, Exception], None],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._stepper = stepper
        self._look = look
        self._broken = broken
        self._open: deque[Release] = deque()
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._open.extend(Release(act) for act in await self._store.acts_without(BEGUN, ENDED))
        self._awake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="releases")

    async def stop(self) -> None:
        """Ends between two commits; the rest goes at the next start."""
        task, self._task = self._task, None
        if task is None:
            return
        async with self._stepper.lock:
            task.cancel()
        await asyncio.wait((task,))

    # Who asks ------------------------------------------------------------------------------------------------

    async def ask(
        self,
        actor: str,
        reason: str,
        *,
        owner: str | None,
        cause: str | None,
        messages: list[MessageId] | None,
        as_new: bool,
    ) -> Answer:
        """What came of it, or what is to come when that takes longer: see `progress`."""
        release = await self._begun(actor, reason, owner, cause, messages, as_new)
        if self._task is None:
            while not release.ended.is_set():
                await self._advance(release)
        else:
            self._open.append(release)
            self._awake.set()
            if release.asked <= PAGE:
                with suppress(TimeoutError):
                    await asyncio.wait_for(release.ended.wait(), AT_ONCE)
        return release.told()

    async def progress(self, *, actor: str, act: int) -> Answer:
        """How far a release is. `left`: a fault of ours stopped it; the next start goes on with it."""
        for release in self._open:
            if release.act.id == act:
                return release.told()
        begun = await self._store.act(act)
        if begun is None or begun.verb != BEGUN:
            raise UsageError("CTL011", f"no release was asked for under {act}", "see `suture acts`")
        for end in await self._store.acts_on(ENDED, begun.target):
            if end.detail.get("ends") == act:
                told = {name: count for name, count in end.detail.items() if name != "ends"}
                return {"act": act, "asked": begun.detail["asked"], **told, "done": True}
        return {**Release(begun).told(), "left": True}

    def under_way(self) -> list[Answer]:
        return [{**release.told(), "target": release.act.target} for release in self._open]

    async def _begun(
        self,
        actor: str,
        reason: str,
        owner: str | None,
        cause: str | None,
        messages: list[MessageId] | None,
        as_new: bool,
    ) -> Release:
        if messages is None:
            asked, last = await self._store.held_extent(owner, cause)
        else:
            asked, last = len(messages), max(messages)
        detail: dict[str, Any] = {
            "owner": owner or "",
            "cause": cause or "",
            "messages": ",".join(map(str, messages or ())),
            "as_new": int(as_new),
            "asked": asked,
            "last": last,
        }
        target = cause or owner or ("messages" if messages else "all")
        act = await audit(self._store, self._clock, actor, BEGUN, target, reason, detail)
        return Release(ActView(act, 0, actor, BEGUN, target, reason, detail))

    # The work ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            try:
                while self._open:
                    release = self._open[0]
                    await self._advance(release)
                    self._open.rotate(-1)  # a small one does not wait for a large one
                    if release.ended.is_set():
                        self._open.remove(release)
            except StoreUnavailable:
                await asyncio.sleep(RECOVERY_PAUSE)
                self._awake.set()
            except Exception as error:
                self._broken("release", error)
                self._open.popleft()  # the others go on; it is found again at the next start
                self._awake.set()

    async def _advance(self, release: Release) -> None:
        """A few messages more, or the end."""
        messages = await release.next(self._store)
        if messages:
            async with self._stepper.lock:
                release.done(messages, await self._released(release, messages))
            return
        detail = {**release.tally._asdict(), "ends": release.act.id}
        act = release.act
        await audit(self._store, self._clock, act.actor, ENDED, act.target, act.reason, detail)
        release.ended.set()
        self._look()

    async def _released(self, release: Release, messages: list[MessageId]) -> Tally:
        """Together; each alone when one of them is at fault, so that it alone stays held."""
        act, edition = release.act, self._stepper.edition
        releaser = Releaser(
            self._store,
            self._store,
            self._outbox,
            self._clock,
            edition,
            act.actor,
            act.reason,
            shrinks=release.looked_at,
        )
        try:
            return await releaser.release(messages, as_new=release.as_new)
        except StoreUnavailable:
            raise
        except Partly as partly:
            self._broken("release", partly.error)
            tally = partly.tally
        except Exception as error:
            self._broken("release", error)
            tally = NOTHING
        finally:
            self._stepper.edition = releaser.edition
        if len(messages) == 1:
            return tally
        for message in messages:
            tally = tally.plus(await self._released(release, [message]))
        return tally
