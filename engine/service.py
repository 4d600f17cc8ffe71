"""Anything that runs: started in order, stopped in reverse by `engine.app`."""

from __future__ import annotations

from typing import Protocol


class Service(Protocol):
    """Stopping twice, or before starting, is fine."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...
