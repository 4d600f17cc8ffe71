import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from engine.sandbox.__main__ import main


async def test_the_process_says_where_it_listens_and_ends_cleanly_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "engine.sandbox", "--erp-port", "0", "--billing-port", "0"),
        *("--billing-token", "geheim", "--erp-duplicates", "refuse"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20), aiohttp.ClientSession() as client:
        where = json.loads(await process.stdout.readline())
        async with client.get(where["erp"] + "/settings") as response:
            assert await response.json() == {"duplicates": "refuse"}
        async with client.get(where["billing"] + "/documents/F1") as response:
            assert response.status == 401
        process.send_signal(signal.SIGTERM)
        rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_masters_that_will_not_do_are_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    path = tmp_path / "masters.json"
    if content is not None:
        path.write_text(content)
    assert main(["--masters", str(path), "--erp-port", "0", "--billing-port", "0"]) == 1
    assert capsys.readouterr().err.startswith("sandbox: ")


def test_an_unknown_option_is_wrong_use() -> None:
    with pytest.raises(SystemExit) as left:
        main(["--erp-duplicates", "maybe"])
    assert left.value.code == 2
