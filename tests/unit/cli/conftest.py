"""A site whose store holds a morning, and nobody runs an engine: verbs do what they do by themselves."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.activation import activate
from engine.cli.main import main
from engine.clock import SystemClock, to_us
from engine.domain.changes import Received
from engine.domain.status import MessageState
from engine.observe.logs import EngineLog
from engine.pipeline.stepper import Stepper
from engine.site.compile import compile_environment, load_site
from engine.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]
RECEIVED = to_us(datetime(2026, 11, 20, 16, tzinfo=UTC))


class NoLanes:
    def reserve(self, destination, lane):
        return False

    def release(self, destination, lane): ...

    def offer(self, outgoing): ...

    def wake(self, destination, priority): ...


def charge(number: int, code: str) -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|C{number}|P|2.5.1\r"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\rPV1|1|I\r"
        f"FT1|1|T{number}||20261120094500||CG|{code}|||1|4200.00|4200.00|OR-NORTH\r"
    ).encode()


class Desk:
    """The command on one site."""

    def __init__(self, site: Path) -> None:
        self.site = site

    def run(self, *arguments: str, site: bool = True) -> Result:
        where = ("--site", str(self.site)) if site else ()
        return CliRunner().invoke(main, [*arguments, *where])

    def json(self, *arguments: str):
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


async def _morning(folder: Path) -> None:
    site, clock = load_site(folder), SystemClock()
    place = compile_environment(site)
    store = SqliteStore(place.store, site="north-general", environment="demo", clock=clock)
    await store.start()
    stepper = Stepper(
        store, store, NoLanes(), clock, await activate(store, site, clock, "engine"), EngineLog()
    )
    codes = ("IMP-FEM-06", "IMP-FEM-07", "NOBODY-MAPPED")
    await store.submit(
        [
            Received("ehr", RECEIVED, "DFT^P03", f"C{number}", charge(number, code), None, MessageState.PENDING,
                     "", "AA", None)
            for number, code in enumerate(codes, 1)
        ]
    )  # fmt: skip
    await stepper.start()
    await stepper.idle()
    await stepper.stop()
    await store.stop()


@pytest.fixture(scope="session")
def morning(tmp_path_factory) -> Path:
    """Made once, copied for each test."""
    folder = tmp_path_factory.mktemp("morning") / "site"
    for part in ("config", "channels", "mappings"):
        shutil.copytree(ROOT / part, folder / part)
    asyncio.run(_morning(folder))
    return folder


@pytest.fixture
def desk(morning, tmp_path) -> Desk:
    shutil.copytree(morning, tmp_path / "site")
    return Desk(tmp_path / "site")
