"""The example of FHIR behind its door, on a real store: ask it, look at what it stored and what it would post."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import orjson

from engine.clock import SystemClock
from engine.domain.changes import Acted, Sending, Settled
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Priority
from engine.domain.resources import Asked, Replied
from engine.domain.status import DeliveryState
from engine.domain.views import MessageQuery
from engine.pipeline.digests import Digester
from engine.pipeline.intake import Intake
from engine.pipeline.resources import ResourceDoor
from engine.pipeline.stepper import Stepper
from engine.site.compile import load_site
from engine.store.sqlite import SqliteStore
from tests.unit.pipeline.rig import stepping

EXAMPLE = Path(__file__).parents[3] / "engine" / "cli" / "examples" / "fhir-resources"
BASE = "http://h/fhir"
JSON = "application/fhir+json"


class Lab:
    def __init__(self, store: SqliteStore, stepper: Stepper, door: ResourceDoor) -> None:
        self.store, self.stepper, self.door = store, stepper, door

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> Replied:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        path, _, query = path.partition("?")
        asked = Asked(method, path, query, {"content-type": JSON, **named}, BASE, "127.0.0.1:1", data)
        reply = await self.door.ask("lab", asked)
        await self.store.submit(
            (Acted("test", "waits", "", "", {}, 1),)
        )  # what is refused is kept after it is answered
        await self.stepper.idle()
        return reply

    async def states(self) -> list[tuple[str, str, str]]:
        found = await self.store.messages(MessageQuery())
        return [(view.type, view.state.word, view.reason) for view in reversed(found)]

    async def documents(self) -> list[tuple[Action, str, Any]]:
        return [
            (row.action, row.effect, orjson.loads(row.payload))
            for end in ("erp", "billing")
            for row in await self.store.ready(end, Priority.LIVE, 0, 100)
        ]

    async def deliver(self) -> None:
        for end in ("erp", "billing"):
            for row in await self.store.ready(end, Priority.LIVE, 0, 100):
                await self.store.submit((Sending((row.id,), 1),))
                applied = Outcome(Verdict.APPLIED, "HTTP 201", f"D{row.id}")
                await self.store.submit((Settled(row.id, DeliveryState.DELIVERED, applied, 1),))


@asynccontextmanager
async def running(folder: Path, edit: Callable[[Path], None] | None = None) -> AsyncIterator[Lab]:
    """`edit`: changes the site first."""
    site = EXAMPLE
    if edit is not None:
        site = folder / "site"
        copytree(EXAMPLE, site)
        edit(site)
    async with stepping(folder, load_site(site)) as (store, stepper, told):
        clock = SystemClock()
        intake = Intake(store, lambda: stepper.edition.release.listeners, clock, stepper.arrived, told)
        door = ResourceDoor(intake, store, Digester(store.hash_key), clock, lambda: stepper.edition.release)
        yield Lab(store, stepper, door)


def supply(quantity: int = 2, status: str = "completed", **more: Any) -> dict[str, Any]:
    tree = orjson.loads((EXAMPLE / "channels/samples/supply-delivery.json").read_bytes())
    tree["suppliedItem"]["quantity"]["value"] = quantity
    return {**tree, "status": status, **more}


def tree(reply: Replied) -> Any:
    return orjson.loads(reply.body)


def header(reply: Replied, name: str) -> str:
    return dict(reply.headers)[name]
