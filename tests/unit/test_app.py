"""The engine as a whole, with its doors: what is open stays as the release in force knows it."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.app import Engine
from engine.cli.connect import tell_engine
from engine.errors import SutureError

ROOT = Path(__file__).parents[2]
CABINET = re.compile(r"  cabinet:.*?(?=\n  \S|\n\n)\n", re.DOTALL)


@pytest.fixture
async def site(tmp_path):
    for part in ("config", "channels", "mappings"):
        shutil.copytree(ROOT / part, tmp_path / part)
    place = tmp_path / "config/env/demo.yaml"
    place.write_text(re.sub(r"port: \d+", "port: 0", place.read_text()))
    return tmp_path


def close_cabinet(folder: Path) -> None:
    for file in (folder / "config/suture.yaml", folder / "config/env/demo.yaml"):
        text = file.read_text()
        assert CABINET.search(text)
        file.write_text(CABINET.sub("", text))
    for channel in (folder / "channels").glob("*.yaml"):
        if "from: cabinet" in channel.read_text():
            channel.unlink()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[list[str]]:
    """An engine, and what its doors are called."""
    engine = Engine(folder, "demo")
    await engine.start()
    try:
        yield [listener.feed for listener in engine.listeners]
    finally:
        await engine.stop()


async def refused(site: Path, verb: str, **arguments) -> str:
    with pytest.raises(SutureError) as caught:
        await asyncio.to_thread(tell_engine, site, "demo", verb, arguments)
    return str(caught.value)


async def test_a_door_that_is_open_stays_known_until_the_next_start(site):
    files = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    close_cabinet(site)
    async with running(site) as feeds:
        assert feeds == ["ehr", "hl7-http"]
    for path, content in files.items():
        path.write_bytes(content)
    async with running(site) as feeds:
        assert feeds == ["ehr", "cabinet", "hl7-http"]
        told = await refused(site, "rollback", reason="wrong")
        assert "ACT004 listener 'cabinet' is open" in told
        close_cabinet(site)
        told = await refused(site, "reload")
        assert "ACT004 listener 'cabinet' is open" in told
        assert "suture serve" in told
    async with running(site) as feeds:
        assert feeds == ["ehr", "hl7-http"]
