"""The one bridge between asyncio and Twisted.

asyncio owns the loop, its signals and its end; Twisted's reactor lives in it, from the first listener on. A
coroutine of one is never awaited in the other: what crosses is a Future, and it crosses here. Neighbours:
`engine.app` runs its main in `run`, `listeners` take the `reactor`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import Bug

if TYPE_CHECKING:
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor
    from twisted.internet.defer import Deferred

T = TypeVar("T")

_home: tuple[asyncio.AbstractEventLoop, AsyncioSelectorReactor] | None = None


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a new loop, as `asyncio.run` does. Once per process, if `main` listens."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def reactor() -> AsyncioSelectorReactor:
    """Twisted's reactor in the running loop; installed at the first call.

    Twisted knows one reactor per process, so one loop of a process may listen: from another this is a `Bug`. The
    reactor is never stopped, since it would stop the loop with it; services close what they opened."""
    global _home
    loop = asyncio.get_running_loop()
    if _home is None:
        _home = (loop, _install(loop))
    if _home[0] is not loop:
        raise Bug("Twisted's reactor lives in another event loop of this process")
    return _home[1]


def as_future(deferred: Deferred[T]) -> asyncio.Future[T]:
    """The asyncio side of a Deferred; to be awaited in the reactor's loop."""
    return deferred.asFuture(asyncio.get_running_loop())


def _install(loop: asyncio.AbstractEventLoop) -> AsyncioSelectorReactor:
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor  # 0.1 s, only for who listens
    from twisted.internet.error import ReactorAlreadyInstalledError
    from twisted.internet.main import installReactor

    home = AsyncioSelectorReactor(loop)
    try:
        installReactor(home)  # type: ignore[no-untyped-call]
    except ReactorAlreadyInstalledError:
        raise Bug("something imported twisted.internet.reactor before the loop could install it") from None
    home.startRunning(installSignalHandlers=False)
    return home
