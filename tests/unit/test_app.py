"""The engine as a whole, with its doors: what is open stays as the release in force knows it."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
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


async def test_a_rate_is_taken_with_a_reload(site):
    config = site / "config/suture.yaml"
    plain = config.read_text()
    engine = Engine(site, "demo")
    await engine.start()
    try:
        (door,) = [listener for listener in engine.listeners if listener.feed == "hl7-http"]
        there = f"http://127.0.0.1:{door.port}/hl7"

        async def asked(times: int) -> list[int]:
            login = aiohttp.encode_basic_auth("ehr", "demo")
            headers = {"Content-Type": "application/hl7-v2", "Authorization": login}
            async with aiohttp.ClientSession(headers=headers) as client:
                answers = [await client.post(there, data=b"no message") for _ in range(times)]
                return [answer.status for answer in answers]

        assert await asked(3) == [400, 400, 400]
        config.write_text(plain.replace("path: /hl7\n", "path: /hl7\n    rate: 2/min\n"))
        await asyncio.to_thread(tell_engine, site, "demo", "reload", {})
        assert await asked(3) == [400, 400, 429]
        config.write_text(plain)
        await asyncio.to_thread(tell_engine, site, "demo", "reload", {})
        assert await asked(3) == [400, 400, 400]
    finally:
        await engine.stop()
