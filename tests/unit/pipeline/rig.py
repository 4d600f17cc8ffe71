"""A store and a stepper of a site, of which nothing leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.activation import activate
from engine.clock import SystemClock
from engine.pipeline.stepper import Stepper
from engine.site.compile import compile_release
from engine.site.files import Site
from engine.store.sqlite import SqliteStore


class Lanes:
    """Nothing leaves: documents stay where the step put them."""

    def reserve(self, destination, lane):
        return False

    def release(self, destination, lane): ...

    def offer(self, outgoing): ...

    def wake(self, destination, priority): ...


class Told:
    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def stepped(self, inbound, stepped): ...

    def failed(self, inbound, error):
        self.failures.append(error)

    def received(self, feed, kept, received): ...

    def filed(self, feed, file, messages, held): ...

    def garbled(self, feed, size, reason): ...


@asynccontextmanager
async def stepping(folder: Path, site: Site) -> AsyncIterator[tuple[SqliteStore, Stepper, Told]]:
    """A store in the folder and a stepper of the site, that had no fault of its own until the end."""
    clock, told = SystemClock(), Told()
    store = SqliteStore(
        folder / "suture.db", site=compile_release(site).site, environment="test", clock=clock
    )
    await store.start()
    edition = await activate(store, site, clock, "test")
    stepper = Stepper(store, store, Lanes(), clock, edition, told)
    await stepper.start()
    await stepper.idle()
    yield store, stepper, told
    await stepper.stop()
    await store.stop()
    assert told.failures == []
