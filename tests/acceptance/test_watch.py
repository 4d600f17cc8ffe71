"""`suture watch` in a process of its own, on files that are saved as editors save them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.rig import ROOT

WITHIN = 20


class Watch:
    """The command, and what it says line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def until(self, word: str) -> list[str]:
        """The lines up to the one that has `word`."""
        lines: list[str] = []
        assert self.process.stdout is not None
        async with asyncio.timeout(WITHIN):
            while not lines or word not in lines[-1]:
                line = await self.process.stdout.readline()
                assert line, lines
                lines.append(line.decode().rstrip())
        return lines


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for part in ("config", "channels", "mappings"):
        shutil.copytree(ROOT / part, tmp_path / "site" / part)
    return tmp_path / "site"


@asynccontextmanager
async def watching(site: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine", "watch", str(site), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Watch(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def saved(path: Path, old: str, new: str) -> None:
    """As editors save: written beside it, and renamed."""
    text = path.read_text()
    assert old in text
    beside = path.with_suffix(".tmp~")
    beside.write_text(text.replace(old, new, 1))
    os.replace(beside, path)


async def test_each_save_is_answered_with_faults_failed_tests_or_that_all_is_good(site: Path) -> None:
    channel, table = site / "channels/ehr-usage.yaml", site / "mappings/tables/charges.csv"
    async with watching(site) as watch:
        first = await watch.until("all good")
        assert first[0].startswith("watching ")
        passed = re.search(r"(\d+) tests passed", first[-1])
        assert passed

        saved(channel, "lane: account", "lane: acount")
        told = await watch.until("1 fault,")
        assert told[0] == "channels/ehr-usage.yaml saved"
        assert told[1].startswith("channels/ehr-usage.yaml:14:7: SIT013")
        assert "did you mean 'account'?" in told[2]

        saved(channel, "lane: acount", "lane: account")
        assert passed[0] in (await watch.until("all good"))[-1]

        saved(table, "IMP-FEM-07,*,27810107", "IMP-FEM-07,*,27810199")
        told = await watch.until(f" of {passed[1]} tests failed")
        assert any("charge[1].lines[1].code: expected '27810107', got '27810199'" in line for line in told)

        saved(table, "IMP-FEM-07,*,27810199", "IMP-FEM-07,*,27810107")
        await watch.until("all good")
        watch.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(WITHIN):
            assert await watch.process.wait() == 0


async def test_a_site_that_goes_and_comes_back_is_told(site: Path) -> None:
    async with watching(site) as watch:
        await watch.until("all good")
        head = site / "config/suture.yaml"
        kept = head.read_bytes()
        head.unlink()
        await watch.until("SIT005")
        head.write_bytes(kept)
        await watch.until("all good")
