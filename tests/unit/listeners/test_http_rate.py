"""A door of HTTP with a rate: who is refused, when it is taken again, and what is left of what was refused."""

from __future__ import annotations

import asyncio
import base64

import pytest

from listeners.http import HttpListener
from tests.unit.listeners.test_http import ER7, HEAD, POST, RIGHT, rest, url


@pytest.fixture
def listen(intake, reported, started):
    given = {"report": reported.append, "host": "127.0.0.1", "port": 0}
    return lambda **settings: started(HttpListener("web", intake, **given, **settings))


def as_user(login: str) -> dict[str, str]:
    return {"Content-Type": ER7, "Authorization": "Basic " + base64.b64encode(login.encode()).decode()}


async def test_one_request_too_many_is_told_when_to_come_again_and_then_taken(
    listen, client, intake, seconds, throttled, reported
):
    listener = await listen(throttle=throttled(2, 10))
    for number, status in enumerate([200, 200, 429, 429]):
        async with client.post(
            url(listener), data=b"MSH|%d" % number, headers={"Content-Type": ER7}
        ) as answer:
            assert (answer.status, answer.headers.get("Retry-After")) == (
                (429, "5") if status == 429 else (200, None)
            )
            assert (await answer.text()).startswith("LST034" if status == 429 else "ACK")
    seconds.now += 5
    async with client.post(url(listener), data=b"MSH|4", headers={"Content-Type": ER7}) as answer:
        assert answer.status == 200
    assert intake.raws == [b"MSH|0", b"MSH|1", b"MSH|4"]
    assert (intake.kept, reported, listener.connections) == ([], [], 1)


async def test_the_connection_of_who_asks_too_often_stays_and_its_requests_stay_in_order(
    listen, connect, intake, throttled
):
    listener = await listen(throttle=throttled(1, 60))
    reader, writer = await connect(listener.port)
    writer.write(POST * 2 + HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nMSH\r\n0\r\n\r\n")
    writer.write(HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\nMSH")
    whole = await rest(reader)
    lines = [line for line in whole.split(b"\r\n") if b"HTTP/1.1" in line or b"Connection" in line]
    assert [line.rpartition(b"HTTP/1.1 ")[2] for line in lines] == [
        b"200 OK",
        b"429 Too Many Requests",
        b"429 Too Many Requests",
        b"100 Continue",
        b"429 Too Many Requests",
        b"Connection: close",
    ]
    assert intake.raws == [b"MSH|a\r"]


async def test_nothing_is_kept_of_a_request_too_many(listen, connect, client, intake, throttled):
    listener = await listen(throttle=throttled(1, 60), limit=100_000)
    async with client.post(url(listener), data=b"MSH|a", headers={"Content-Type": ER7}):
        pass
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 10\r\n\r\nMSH|b")
    writer.write_eof()
    assert await rest(reader) == b""
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 4)
    assert (await rest(reader)).startswith(b"HTTP/1.1 413")
    assert (intake.raws, intake.kept) == ([b"MSH|a"], [])


async def test_each_user_has_a_share_of_its_own_and_a_stranger_takes_none(listen, client, intake, throttled):
    listener = await listen(throttle=throttled(1, 60), credentials=RIGHT)
    tried = [("ehr:x", 401), ("ehr:geheim:ü", 200), ("old:x", 200), ("ehr:geheim:ü", 429), ("ehr:x", 401)]
    for login, status in tried:
        async with client.post(url(listener), data=b"MSH", headers=as_user(login)) as answer:
            assert (login, answer.status) == (login, status)
    assert len(intake.arrivals) == 2


async def test_where_nobody_is_asked_each_address_has_a_share_of_its_own(listen, intake, throttled):
    listener = await listen(throttle=throttled(1, 60))
    seen = []
    for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, local_addr=(address, 0))
        writer.write(HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\nMSH")
        seen.append((await rest(reader))[9:12])
        writer.close()
        await writer.wait_closed()
    assert seen == [b"200", b"200", b"429"]


async def test_what_is_refused_for_another_reason_is_not_counted(listen, client, intake, throttled):
    listener = await listen(throttle=throttled(1, 60), path="/feed", limit=10)
    asked = [("/", b"MSH", 404), ("/feed", b"x" * 11, 413), ("/feed", b"MSH", 200), ("/feed", b"MSH", 429)]
    for path, data, status in [*asked, ("/feed", b"x" * 11, 413)]:
        async with client.post(url(listener, path), data=data, headers={"Content-Type": ER7}) as answer:
            assert answer.status == status
