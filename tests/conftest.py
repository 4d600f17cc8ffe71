"""One event loop for the whole session, of the kind the engine runs on; Twisted's reactor lives in only one."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

from engine.loop import new_event_loop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"engine": new_event_loop}
