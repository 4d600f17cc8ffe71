"""The local socket: one JSON question a line, answered or refused with faults, for its owner only."""

from __future__ import annotations

import asyncio
import stat

import orjson
import pytest

from engine.control.socket import ControlServer, ask
from engine.errors import Fault, SiteError, UsageError


class Verbs:
    """Answers with what it was asked, or fails as told."""

    error: Exception | None = None

    async def call(self, verb, arguments, actor):
        if self.error:
            raise self.error
        return {"verb": verb, "arguments": arguments, "actor": actor}


@pytest.fixture
async def socket(tmp_path):
    verbs = Verbs()
    server = ControlServer(tmp_path / "var" / "control", verbs)
    await server.start()
    yield tmp_path / "var" / "control", verbs
    await server.stop()


async def test_a_question_is_answered(socket):
    path, _ = socket
    assert await ask(path, "release", {"owner": "x"}, "ann") == {
        "verb": "release",
        "arguments": {"owner": "x"},
        "actor": "ann",
    }


async def test_only_its_owner_may_ask(socket):
    path, _ = socket
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_faults_arrive_as_they_were(socket):
    path, verbs = socket
    verbs.error = SiteError([Fault("a.yaml:1:2", "SIT001", "no", "do"), Fault("b.yaml:3:4", "SIT002", "nor")])
    with pytest.raises(SiteError) as caught:
        await ask(path, "reload", {}, "ann")
    assert [fault.where for fault in caught.value.faults] == ["a.yaml:1:2", "b.yaml:3:4"]


async def test_wrong_usage_stays_wrong_usage(socket):
    path, verbs = socket
    verbs.error = UsageError("CTL004", "there is no message 9", "find it")
    with pytest.raises(UsageError, match="no message 9"):
        await ask(path, "replay", {}, "ann")


@pytest.mark.parametrize("line", [b"no json\n", b"[]\n", b"{}\n", b'{"verb": 1}\n'])
async def test_what_is_not_understood_is_said_and_the_next_question_is_answered(socket, line):
    path, _ = socket
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(line)
    assert orjson.loads(await reader.readline())["faults"][0]["code"] == "CTL006"
    writer.write(orjson.dumps({"verb": "status", "arguments": {}, "actor": "ann"}) + b"\n")
    assert orjson.loads(await reader.readline())["answer"]["verb"] == "status"
    writer.close()


async def test_nobody_there_is_a_connection_error(tmp_path):
    with pytest.raises((ConnectionError, FileNotFoundError)):
        await ask(tmp_path / "none", "status", {}, "ann")


async def test_what_a_dead_engine_left_is_no_obstacle(tmp_path):
    path = tmp_path / "control"
    path.touch()
    server = ControlServer(path, Verbs())
    await server.start()
    assert (await ask(path, "status", {}, "ann"))["verb"] == "status"
    await server.stop()
    await server.stop()
    assert not path.exists()
