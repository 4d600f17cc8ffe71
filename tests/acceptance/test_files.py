"""Files dropped into a folder of a real engine: booked at the real sandbox, once, also when the engine is killed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.acceptance.rig import Far, Suture
from tests.unit.listeners.test_sftp import Server

WAIT = 20.0


def charge(number: int) -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|N{number}|P|2.5.1\r\n\r\n"
        f"PID|1||M{number}^^^NORTH^MR|||||||||||||||A{number}^^^NORTH^AN\r\nPV1|1|I\r\n"
        f"FT1|1|T{number}||20261120094500||CG|IMP-FEM-06|||1|4100.00|4100.00|OR-NORTH\r\n"
    )


def night(first: int, last: int, says: int | None = None) -> str:
    count = last - first + 1
    messages = "".join(charge(number) for number in range(first, last + 1))
    return (
        f"// night run\r\nFHS|^~\\&|EHR|NORTH|||||||N-{first}\r\nBHS|^~\\&|EHR|NORTH\r\n{messages}"
        f"BTS|{says or count}\r\nFTS|1\r\n"
    )


@pytest.fixture
def folder(suture: Suture) -> Path:
    config = suture.site / "config" / "suture.yaml"
    listener = "  nightly:\n    kind: folder\n    files: {quiet: 0s}\n"
    config.write_text(config.read_text().replace("\ndestinations:\n", f"{listener}\ndestinations:\n"))
    environment = suture.environment
    place = "  nightly: {folder: var/in}\n"
    environment.write_text(environment.read_text().replace("\ndestinations:\n", f"{place}\ndestinations:\n"))
    for channel in (suture.site / "channels").glob("*.yaml"):
        text = channel.read_text()
        channel.write_text(text.replace("from: [ehr, hl7-http]", "from: [ehr, hl7-http, nightly]"))
    inbox = suture.site / "var" / "in"
    inbox.mkdir(parents=True)
    return inbox


def drop(folder: Path, name: str, text: str) -> None:
    (folder / f".{name}").write_bytes(text.encode())
    (folder / f".{name}").rename(folder / name)


def archived(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("archive/*/*")]


def wait_for(happened: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def until(folder: Path, count: int) -> None:
    wait_for(lambda: len(archived(folder)) >= count)


def test_a_night_run_is_booked_once_also_when_the_engine_is_killed_in_it(
    suture: Suture, far: Far, folder: Path
):
    suture.start()
    drop(folder, "night.hl7", night(1, 400))
    wait_for(lambda: json.loads(suture.ask("files", "--json").stdout))
    suture.stop(SIGKILL)
    suture.start()
    until(folder, 1)
    assert suture.settled()["messages"]["by_state"] == {"routed": 400}
    assert far.books("billing")["charges"]["net"] == "1640000.00"
    assert suture.ask("files").stdout.split()[-3:] == ["400", "messages", "night.hl7"]
    shown = suture.ask("show", "7").stdout
    assert "7 of 400 in file 1, night.hl7" in shown
    drop(folder, "copy.hl7", night(1, 400))
    wait_for(lambda: list(folder.glob("refused/*-copy.hl7")))
    assert suture.account()["messages"]["by_state"] == {"routed": 400}
    assert "FIL002" in suture.log()
    assert "night.hl7" not in suture.log()


def test_a_miscounted_file_waits_and_goes_when_a_person_says_so(suture: Suture, far: Far, folder: Path):
    suture.start()
    drop(folder, "short.hl7", night(1, 2, says=3))
    until(folder, 1)
    assert suture.account()["messages"]["by_state"] == {"held": 2}
    assert "FIL006" in suture.ask("worklist").stdout
    suture.ask("release", "--file", "1", "--reason", "the sender counts wrongly")
    assert suture.settled()["messages"]["by_state"] == {"routed": 2}
    drop(folder, "wrong.hl7", night(3, 4, says=1))
    until(folder, 2)
    suture.ask("drop", "--file", "2", "--reason", "sent again, whole")
    drop(folder, "whole.hl7", night(3, 4))
    until(folder, 3)
    assert suture.settled()["messages"]["by_state"] == {"routed": 4, "filtered": 2}
    assert "watches" in suture.ask("doctor").stdout
    drop(folder, "empty.hl7", "")
    wait_for(lambda: list(folder.glob("refused/*-empty.hl7.txt")))
    assert "1 files in" in suture.ask("doctor").stdout


async def test_files_of_an_sftp_server_are_booked_and_gone_from_it(
    suture: Suture, far: Far, folder: Path, tmp_path: Path
):
    server = Server(tmp_path)
    server.put("night.hl7", night(1, 3).encode())
    async with server.listening() as port:
        (tmp_path / "known_hosts").write_bytes(server.known_hosts(port))
        keys = f"key: {tmp_path}/user, known_hosts: {tmp_path}/known_hosts"
        fetch = f"{{from: 'sftp://suture@127.0.0.1:{port}/out', {keys}}}"
        text = suture.environment.read_text()
        suture.environment.write_text(text.replace("{folder: var/in}", f"{{folder: var/in, fetch: {fetch}}}"))
        await asyncio.to_thread(suture.start)
        await asyncio.to_thread(until, folder, 1)
        doctor = await asyncio.to_thread(suture.ask, "doctor")
    assert suture.settled()["messages"]["by_state"] == {"routed": 3}
    assert server.names() == []
    assert "ok     server of nightly: lets us in" in doctor.stdout
    assert "FIL020" in suture.ask("doctor").stdout
