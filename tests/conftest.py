"""One event loop for the whole session, of the kind the engine runs on; Twisted's reactor lives in only one. Properties
are never timed: a slow machine is no counterexample."""

from __future__ import annotations

import os
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

from hypothesis import HealthCheck, settings

from engine.loop import new_event_loop

settings.register_profile(
    "untimed",
    max_examples=int(os.environ.get("PROVE_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"engine": new_event_loop}
