"""A door with its store behind it, as a running engine has them; its rules are the test's."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.observe.logs import EngineLog
from engine.pipeline.intake import Intake
from engine.site.compile import compile_release, load_site
from engine.site.files import Site
from engine.store.sqlite import SqliteStore
from listeners.mllp import MllpListener

ROOT = Path(__file__).parents[3]
SITE = "config/suture.yaml"
GOOD = (ROOT / "channels/samples/oms-vends.hl7").read_bytes().replace(b"\n", b"\r").decode()
BAD = (ROOT / "channels/samples/oms-no-station.hl7").read_bytes().replace(b"\n", b"\r").decode()


def cabinet(settings: str):
    """The example's cabinet listener with `settings`."""
    site = load_site(ROOT)
    before, after = site.files[SITE].decode().split("    sends: [OMS^O05]\n    acks: original\n")
    files = {**site.files, SITE: f"{before}    sends: [OMS^O05]\n{settings}{after}".encode()}
    return compile_release(Site(site.folder, files, None)).listeners


class Door:
    def __init__(self, folder: Path) -> None:
        self.rules = cabinet("    acks: original\n")
        self.store = SqliteStore(folder / "s.db", site="s", environment="test", clock=SystemClock())
        log = EngineLog()
        intake = Intake(self.store, lambda: self.rules, SystemClock(), lambda inbound: None, log)
        self.listener = MllpListener("cabinet", intake, report=print, host="127.0.0.1", port=0)

    @property
    def port(self) -> int:
        return self.listener.port

    async def states(self) -> list[MessageState]:
        return [view.state for view in reversed(await self.store.messages(MessageQuery(limit=1000)))]


@pytest.fixture
async def door(tmp_path: Path):
    opened = Door(tmp_path)
    await opened.store.start()
    await opened.listener.start()
    yield opened
    await opened.listener.stop()
    await opened.store.stop()
