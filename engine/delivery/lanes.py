"""All destinations of a release, by name: where the pipeline hands documents on, and what people ask of lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from engine.delivery.dispatcher import Dispatcher
from engine.domain.posting import Priority
from engine.domain.views import Outgoing
from engine.errors import UsageError


class Lanes:
    """A service."""

    def __init__(self, dispatchers: Mapping[str, Dispatcher]) -> None:
        self._dispatchers = dispatchers

    async def start(self) -> None:
        for dispatcher in self._dispatchers.values():
            await dispatcher.start()

    async def stop(self) -> None:
        await asyncio.gather(*(dispatcher.stop() for dispatcher in self._dispatchers.values()))

    def reserve(self, destination: str, lane: int) -> bool:
        return self._dispatchers[destination].reserve(lane)

    def release(self, destination: str, lane: int) -> None:
        self._dispatchers[destination].release(lane)

    def offer(self, outgoing: Outgoing) -> None:
        self._dispatchers[outgoing.destination].offer(outgoing)

    def wake(self, destination: str, priority: Priority) -> None:
        self._dispatchers[destination].wake(priority)

    def status(self) -> list[dict[str, object]]:
        return [dict(dispatcher.status()._asdict()) for dispatcher in self._dispatchers.values()]

    async def resume(self, destination: str, actor: str) -> None:
        await self._named(destination).resume(actor)

    def recovered(self) -> None:
        for dispatcher in self._dispatchers.values():
            dispatcher.recovered()

    async def hold(self, destination: str, code: str, actor: str) -> None:
        await self._named(destination).hold(code, actor)

    def _named(self, destination: str) -> Dispatcher:
        if destination not in self._dispatchers:
            known = ", ".join(self._dispatchers)
            raise UsageError(
                "CTL007", f"there is no destination '{destination}'", f"destinations are {known}"
            )
        return self._dispatchers[destination]
