"""HTTP over kept connections against servers that misbehave: what is known of a request is said honestly."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from engine.adapters.transport import REPLY_LIMIT, NotSent, Transport, Unanswered

REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
CREATED = b'HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n{"id":"ok"}'
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def far_end(serve: Serve, timeout: float = 5.0):
    """A transport to a server that does `serve` for each connection; `connections` counts them."""
    tasks: set[asyncio.Task] = set()
    connections: list[int] = []

    async def connected(reader, writer):
        connections.append(1)
        tasks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}", timeout=timeout)
    try:
        yield transport, connections
    finally:
        transport.cut()
        server.close()
        for task in tasks:
            task.cancel()


def answering(*replies: bytes) -> Serve:
    """One of `replies` for each request, over one connection after another."""
    left = list(replies)

    async def serve(reader, writer):
        while left:
            await reader.readexactly(len(REQUEST))
            writer.write(left.pop(0))
            await writer.drain()

    return serve


async def test_a_connection_is_used_again():
    async with far_end(answering(CREATED, CREATED, CREATED)) as (transport, connections):
        for _ in range(3):
            reply = await transport.request(REQUEST)
            assert (reply.status, reply.body) == (201, b'{"id":"ok"}')
        assert len(connections) == 1


async def test_a_reply_may_be_split_at_every_byte():
    async def serve(reader, writer):
        await reader.readexactly(len(REQUEST))
        for index in range(len(CREATED)):
            writer.write(CREATED[index : index + 1])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with far_end(serve) as (transport, _):
        assert (await transport.request(REQUEST)).body == b'{"id":"ok"}'


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_a_reply_is_understood(reply, body):
    async with far_end(answering(reply)) as (transport, _):
        assert (await transport.request(REQUEST)).body == body


async def test_a_packed_reply_is_unpacked():
    packed = gzip.compress(b"hello")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with far_end(answering(head + packed)) as (transport, _):
        assert (await transport.request(REQUEST)).body == b"hello"


async def test_a_reply_that_closes_is_not_followed_on_the_same_connection():
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    async with far_end(answering(closing, CREATED)) as (transport, connections):
        await transport.request(REQUEST)
        await transport.request(REQUEST)
        assert len(connections) == 2


async def _cut_at_once(reader, writer):
    await reader.readexactly(len(REQUEST))


async def _cut_in_the_reply(reader, writer):
    await reader.readexactly(len(REQUEST))
    writer.write(CREATED[:30])
    await writer.drain()


async def _garbage(reader, writer):
    await reader.readexactly(len(REQUEST))
    writer.write(b"what do you want?\r\n\r\n")
    await writer.drain()
    await reader.read()


async def _bad_gzip(reader, writer):
    await reader.readexactly(len(REQUEST))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")
    await writer.drain()
    await reader.read()


async def _endless(reader, writer):
    await reader.readexactly(len(REQUEST))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * REPLY_LIMIT))
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@pytest.mark.parametrize(
    ("serve", "why"),
    [
        (_cut_at_once, "cut"),
        (_cut_in_the_reply, "cut"),
        (_garbage, "no HTTP reply"),
        (_bad_gzip, "reply cannot be unpacked"),
        (_endless, "reply too long"),
    ],
)
async def test_a_request_without_a_whole_reply_is_unanswered(serve, why):
    async with far_end(serve) as (transport, _):
        with pytest.raises(Unanswered, match=why):
            await transport.request(REQUEST)


async def test_silence_is_unanswered_after_the_timeout():
    async def silent(reader, writer):
        await reader.read()

    async with far_end(silent, timeout=0.05) as (transport, _):
        with pytest.raises(Unanswered, match="timeout"):
            await transport.request(REQUEST)


async def test_nobody_there_is_not_sent():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(NotSent, match="connection refused"):
        await Transport(f"http://127.0.0.1:{port}", timeout=5).request(REQUEST)


async def test_a_far_end_without_tls_is_not_sent():
    async with far_end(_garbage) as (transport, _):
        secure = Transport(
            f"https://127.0.0.1:{transport._port}", timeout=5, tls=ssl.create_default_context()
        )
        with pytest.raises(NotSent):
            await secure.request(REQUEST)


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used():
    async def once(reader, writer):
        await reader.readexactly(len(REQUEST))
        writer.write(CREATED)
        await writer.drain()

    async with far_end(once) as (transport, connections):
        await transport.request(REQUEST)
        while transport._open:  # noqa: ASYNC110 - its end arrives
            await asyncio.sleep(0)
        assert (await transport.request(REQUEST)).status == 201
        assert len(connections) == 2


async def test_a_second_answer_closes_the_connection_and_answers_nobody():
    async with far_end(answering(CREATED + CREATED, CREATED)) as (transport, connections):
        await transport.request(REQUEST)
        while transport._open:  # noqa: ASYNC110 - its end arrives
            await asyncio.sleep(0)
        assert (await transport.request(REQUEST)).status == 201
        assert len(connections) == 2


async def test_a_late_answer_after_a_cut_reaches_nobody():
    asked = asyncio.Event()

    async def slow(reader, writer):
        await reader.readexactly(len(REQUEST))
        asked.set()
        await reader.read()

    async with far_end(slow) as (transport, _):
        request = asyncio.ensure_future(transport.request(REQUEST))
        await asyncio.wait_for(asked.wait(), 5)
        transport.cut()
        with pytest.raises(Unanswered, match="cut"):
            await request


async def test_many_at_once_have_a_connection_each():
    async def echo(reader, writer):
        while True:
            await reader.readexactly(len(REQUEST))
            writer.write(CREATED)
            await writer.drain()

    async with far_end(echo) as (transport, connections):
        replies = await asyncio.gather(*[transport.request(REQUEST) for _ in range(20)])
        assert [reply.status for reply in replies] == [201] * 20
        assert len(connections) == 20
