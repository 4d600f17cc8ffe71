"""MLLP listeners over loopback sockets."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import socket
import struct
import time

import pytest

from engine.domain.message import Answer
from engine.errors import StoreUnavailable, UsageError
from listeners import base, mllp
from listeners.framing import encode
from listeners.mllp import MOST_WAITING, MllpListener

MESSAGES = [b"MSH|%04d" % number for number in range(300)]
LARGE = 8 << 20  # more than the sockets between hold
DOWN = StoreUnavailable("STO001", "the disk is full")


@pytest.fixture
def listen(intake, reported, started):
    """Start MLLP listeners that end with the test."""
    given = {"report": reported.append, "host": "127.0.0.1", "port": 0}
    return lambda **settings: started(MllpListener("ehr", intake, **given, **settings))


def acked(intake, *raws: bytes) -> bytes:
    return b"".join(encode(intake.ack(raw)) for raw in raws)


async def read(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readexactly(size)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the listener closes; a reset counts as closing."""
    async with asyncio.timeout(5):
        try:
            return await reader.read(-1)
        except ConnectionError:
            return b""


def receive(peer: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size and (data := peer.recv(1 << 20)):
        got += data
    return bytes(got)


async def quiet(listener: MllpListener, connect) -> None:
    """Enough turns of the loop that whatever is readable would have been read."""
    for _ in range(20):
        _, writer = await connect(listener.port)
        writer.close()
        await asyncio.sleep(0)


async def test_a_message_arrives_and_its_ack_goes_back_framed(listen, connect, intake):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|a\rPID|1\r"))
    expected = acked(intake, b"MSH|a\rPID|1\r")
    assert await read(reader, len(expected)) == expected
    arrival = intake.arrivals[0]
    host, port = writer.get_extra_info("sockname")
    assert (arrival.feed, arrival.peer, arrival.transport, arrival.charset) == (
        "ehr",
        f"{host}:{port}",
        "mllp",
        None,
    )


async def test_three_hundred_pipelined_messages_are_answered_in_their_order(listen, connect, intake):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"".join(map(encode, MESSAGES)))
    expected = acked(intake, *MESSAGES)
    assert await read(reader, len(expected)) == expected
    assert intake.raws == MESSAGES


async def test_a_message_may_come_byte_by_byte(listen, connect, intake):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in encode(b"MSH|slow") * 2:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    expected = acked(intake, b"MSH|slow", b"MSH|slow")
    assert await read(reader, len(expected)) == expected


async def test_acks_keep_the_order_of_messages_whatever_commits_first(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"".join(map(encode, MESSAGES[:4])))
    await intake.until(lambda: len(intake.arrivals) == 4)
    intake.settle(2)
    intake.settle(1)
    await quiet(listener, connect)
    assert not reader._buffer
    intake.settle(0)
    expected = acked(intake, *MESSAGES[:3])
    assert await read(reader, len(expected)) == expected
    intake.settle(3)
    expected = acked(intake, MESSAGES[3])
    assert await read(reader, len(expected)) == expected


async def test_silence_is_kept_in_its_place(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"".join(map(encode, MESSAGES[:3])))
    await intake.until(lambda: len(intake.arrivals) == 3)
    intake.settle(2)
    intake.answers[1].set_result(Answer(None, ""))
    intake.settle(0)
    expected = acked(intake, MESSAGES[0], MESSAGES[2])
    assert await read(reader, len(expected)) == expected


async def test_an_application_acknowledgment_follows_in_a_frame_of_its_own(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"".join(map(encode, MESSAGES[:2])))
    await intake.until(lambda: len(intake.arrivals) == 2)
    intake.settle(1)
    intake.answers[0].set_result(Answer(b"CA", "CA", b"AA"))
    expected = encode(b"CA") + encode(b"AA") + acked(intake, MESSAGES[1])
    assert await read(reader, len(expected)) == expected


async def test_a_peer_that_shut_down_its_sending_side_gets_its_acks_and_then_the_end(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|1") + encode(b"MSH|2"))
    writer.write_eof()
    await intake.until(lambda: len(intake.arrivals) == 2)
    await quiet(listener, connect)
    intake.settle_all()
    assert await rest(reader) == acked(intake, b"MSH|1", b"MSH|2")


async def test_a_peer_that_sends_nothing_and_closes_is_let_go(listen, connect):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write_eof()
    assert await rest(reader) == b""
    assert listener.connections == 0


async def test_a_frame_cut_by_the_next_one_is_kept_and_not_answered(listen, connect, intake):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"\x0bMSH|half" + encode(b"MSH|whole"))
    expected = acked(intake, b"MSH|whole")
    assert await read(reader, len(expected)) == expected
    assert intake.kept == [(b"MSH|half", "LST011")]


@pytest.mark.parametrize("reset", [False, True])
async def test_a_frame_cut_by_the_peers_end_is_kept_and_not_answered(listen, connect, intake, reset):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|1") + b"\x0bMSH|half")
    expected = acked(intake, b"MSH|1")
    assert await read(reader, len(expected)) == expected
    if reset:
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.close()
    else:
        writer.write_eof()
    await intake.until(lambda: intake.kept)
    assert intake.kept == [(b"MSH|half", "LST013")]
    assert await rest(reader) == b""


async def test_an_oversize_frame_ends_the_connection_after_what_came_before_is_answered(
    listen, connect, intake
):
    intake.at_once = False
    listener = await listen(limit=100)
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|1") + b"\x0b" + b"x" * 200)
    await intake.until(lambda: intake.kept)
    intake.settle_all()
    assert await rest(reader) == acked(intake, b"MSH|1")
    assert intake.kept == [(b"x" * 100, "LST014")]


async def test_who_does_not_speak_mllp_is_closed(listen, connect, intake):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"\x0bx" * 100)
    assert await rest(reader) == b""
    assert len(intake.kept) == mllp.MOST_GARBLED


async def test_who_speaks_it_badly_but_does_is_kept(listen, connect, intake):
    listener = await listen()
    reader, writer = await connect(listener.port)
    bad = b"\x0bx" * (mllp.MOST_GARBLED - 1)
    for _ in range(3):
        writer.write(bad + encode(b"MSH|1"))
        expected = acked(intake, b"MSH|1")
        assert await read(reader, len(expected)) == expected


async def test_keepalive_frames_are_counted_and_not_answered(listen, connect, intake):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(encode(b"") + encode(b"\x06") + encode(b"MSH|1"))
    expected = acked(intake, b"MSH|1")
    assert await read(reader, len(expected)) == expected
    assert (listener.keepalives, len(intake.arrivals)) == (2, 1)


async def test_a_tolerant_listener_takes_unframed_text_up_to_the_end(listen, connect, intake):
    listener = await listen(tolerant=True)
    reader, writer = await connect(listener.port)
    writer.write(b"MSH|1\rPID|\rMSH|2\r")
    writer.write_eof()
    assert await rest(reader) == acked(intake, b"MSH|1\rPID|\r", b"MSH|2\r")


async def test_when_nothing_can_be_stored_the_connection_closes_unanswered(listen, connect, intake, reported):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"".join(map(encode, MESSAGES[:3])))
    await intake.until(lambda: len(intake.arrivals) == 3)
    intake.settle(0)
    intake.answers[1].set_exception(DOWN)
    intake.settle(2)
    assert await rest(reader) == acked(intake, MESSAGES[0])
    assert reported == []


@pytest.mark.parametrize("at_the_call", [False, True])
async def test_an_unexpected_failure_closes_unanswered_and_is_reported_without_content(
    listen, connect, intake, reported, at_the_call
):
    listener = await listen()
    reader, writer = await connect(listener.port)
    failure = RuntimeError("SMITH^JOHN")
    if at_the_call:
        intake.fails = failure
    else:
        intake.at_once = False
    writer.write(encode(b"MSH|1"))
    if not at_the_call:
        await intake.until(lambda: intake.answers)
        intake.answers[0].set_exception(failure)
    assert await rest(reader) == b""
    assert [fault.code for fault in reported] == ["LST004"]
    assert "RuntimeError" in str(reported[0])
    assert "SMITH" not in str(reported[0])


async def test_failures_behind_a_closed_connection_are_no_noise(listen, connect, intake, complaints, caplog):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(b"".join(map(encode, MESSAGES[:3])))
    await intake.until(lambda: len(intake.arrivals) == 3)
    intake.answers[0].set_exception(DOWN)
    assert await rest(reader) == b""
    intake.answers[1].set_exception(DOWN)
    intake.answers[2].cancel()
    intake.answers.clear()
    await quiet(listener, connect)
    gc.collect()
    assert complaints == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_sender_that_runs_ahead_is_not_read_until_answers_catch_up(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    frames = [b"MSH|%04d" % number + b"x" * 4096 for number in range(500)]
    writer.write(b"".join(map(encode, frames)))
    await intake.until(lambda: len(intake.arrivals) >= MOST_WAITING)
    await quiet(listener, connect)
    most = MOST_WAITING + 65536 // 4096 + 1
    assert MOST_WAITING <= len(intake.arrivals) <= most
    intake.settle_all()
    expected = acked(intake, *frames)
    assert await read(reader, len(expected)) == expected


async def test_few_large_messages_are_ahead_enough(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    frames = [b"MSH|%d" % number + b"x" * (3 << 20) for number in range(5)]
    writer.write(b"".join(map(encode, frames)))
    await intake.until(lambda: len(intake.arrivals) == 2)
    await quiet(listener, connect)
    assert len(intake.arrivals) == 2
    intake.settle_all()
    expected = acked(intake, *frames)
    assert await read(reader, len(expected)) == expected


async def test_a_peer_that_does_not_read_its_acks_is_not_read_either(listen, connect, intake):
    intake.ack = lambda raw: raw + b"y" * (1 << 18)
    listener = await listen()
    reader, writer = await connect(listener.port)
    reader._transport.pause_reading()
    for message in MESSAGES:
        writer.write(encode(message))
        await asyncio.sleep(0)
    await quiet(listener, connect)
    assert len(intake.arrivals) < 150
    reader._transport.resume_reading()
    for message in MESSAGES:
        expected = acked(intake, message)
        assert await read(reader, len(expected)) == expected


async def test_acks_keep_their_order_when_the_peer_reads_slowly(listen, intake):
    intake.at_once = False
    intake.ack = lambda raw: raw[-1:] * LARGE
    listener = await listen()
    with socket.create_connection(("127.0.0.1", listener.port)) as peer:
        peer.sendall(encode(b"MSH|1") + encode(b"MSH|2"))
        await intake.until(lambda: len(intake.arrivals) == 2)
        intake.settle(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        got = peer.recv(LARGE // 4)  # room in the socket, while the rest of the first is still buffered
        intake.settle(1)
        await asyncio.sleep(0)
        got += await asyncio.to_thread(receive, peer, 2 * LARGE + 6 - len(got))
    assert got == encode(b"1" * LARGE) + encode(b"2" * LARGE)


async def test_a_closing_connection_still_delivers_acks_to_a_slow_peer(listen, connect, intake):
    intake.at_once = False
    intake.ack = lambda raw: b"y" * LARGE
    listener = await listen()
    reader, writer = await connect(listener.port)
    reader._transport.pause_reading()
    writer.write(encode(b"MSH|1") + encode(b"MSH|2"))
    await intake.until(lambda: len(intake.arrivals) == 2)
    intake.settle(0)
    intake.answers[1].set_exception(DOWN)
    await quiet(listener, connect)
    reader._transport.resume_reading()
    assert await rest(reader) == acked(intake, b"MSH|1")


async def test_a_paused_listener_reads_nobody_and_loses_nothing(listen, connect, intake):
    listener = await listen()
    early = await connect(listener.port)
    early[1].write(encode(b"MSH|0"))
    await read(early[0], len(acked(intake, b"MSH|0")))
    listener.pause()
    late = await connect(listener.port)
    for _, writer in (early, late):
        writer.write(encode(b"MSH|1"))
    await quiet(listener, connect)
    assert len(intake.arrivals) == 1
    listener.resume()
    for reader, _ in (early, late):
        expected = acked(intake, b"MSH|1")
        assert await read(reader, len(expected)) == expected


async def test_stop_answers_what_arrived_whole_and_nothing_else(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    port = listener.port
    reader, writer = await connect(port)
    writer.write(encode(b"MSH|1") + b"\x0bMSH|half")
    await intake.until(lambda: intake.arrivals)
    stopping = asyncio.create_task(listener.stop())
    await intake.until(lambda: intake.kept)
    with pytest.raises(ConnectionRefusedError):
        await connect(port)
    writer.write(b"\x1c\r" + encode(b"MSH|late"))
    intake.settle(0)
    assert await read(reader, len(acked(intake, b"MSH|1"))) == acked(intake, b"MSH|1")
    await stopping
    assert intake.raws == [b"MSH|1"]
    assert intake.kept == [(b"MSH|half", "LST017")]
    assert listener.connections == 0


async def test_stop_ends_in_its_grace_though_an_answer_never_comes(listen, connect, intake):
    intake.at_once = False
    listener = await listen(grace=0.1)
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|1"))
    await intake.until(lambda: intake.arrivals)
    began = time.monotonic()
    await listener.stop()
    assert time.monotonic() - began < 1
    assert await rest(reader) == b""
    assert listener.connections == 0


async def test_a_closing_connection_whose_peer_reads_nothing_is_cut_off(listen, connect, intake, monkeypatch):
    monkeypatch.setattr(mllp, "FLUSH_SECONDS", 0.05)
    intake.ack = lambda raw: b"y" * (64 << 20)
    intake.at_once = False
    listener = await listen()
    reader, writer = await connect(listener.port)
    reader._transport.pause_reading()
    writer.write(encode(b"MSH|1") + encode(b"MSH|2"))
    await intake.until(lambda: len(intake.arrivals) == 2)
    intake.settle(0)
    intake.answers[1].set_exception(DOWN)
    async with asyncio.timeout(5):
        await listener._empty.wait()


async def test_stopping_twice_or_before_starting_is_fine_and_a_listener_starts_again(
    listen, connect, intake, reported
):
    listener = MllpListener("ehr", intake, report=reported.append, host="127.0.0.1", port=0)
    await listener.stop()
    await listener.start()
    await listener.start()
    await listener.stop()
    await listener.stop()
    await listener.start()
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|1"))
    assert await read(reader, 3) == b"\x0bAC"
    await listener.stop()
    assert listener.port == 0


async def test_a_taken_port_is_named(listen, intake, reported):
    port = (await listen()).port
    twin = MllpListener("ehr", intake, report=reported.append, host="127.0.0.1", port=port)
    with pytest.raises(UsageError, match=f"LST001 feed ehr: cannot listen on 127.0.0.1:{port}"):
        await twin.start()


async def test_connections_beyond_the_limit_are_closed_and_reported(listen, connect, intake, reported):
    listener = await listen(max_connections=1)
    first, writer = await connect(listener.port)
    second, _ = await connect(listener.port)
    assert await rest(second) == b""
    assert [fault.code for fault in reported] == ["LST003"]
    writer.write(encode(b"MSH|1"))
    assert await read(first, 3) == b"\x0bAC"
    assert (listener.connections, listener.refused) == (1, 1)


@pytest.mark.parametrize(
    ("networks", "welcome"), [([], True), (["127.0.0.0/8"], True), (["10.0.0.0/8", "::1/128"], False)]
)
async def test_only_peers_on_the_list_are_let_in(listen, connect, reported, networks, welcome):
    listener = await listen(allowed_peers=[ipaddress.ip_network(network) for network in networks])
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|1"))
    assert (await reader.read(1) == b"\x0b") is welcome
    assert [fault.code for fault in reported] == ([] if welcome else ["LST002"])


def test_an_ipv4_peer_on_an_ipv6_socket_is_compared_as_ipv4():
    networks = [ipaddress.ip_network("127.0.0.0/8")]
    assert base._within("::ffff:127.0.0.1", networks)
    assert not base._within("::1", networks)


async def test_an_ipv6_peer_is_named_in_brackets(intake, reported, connect):
    listener = MllpListener("ehr", intake, report=reported.append, host="::1", port=0)
    await listener.start()
    reader, writer = await asyncio.open_connection("::1", listener.port)
    writer.write(encode(b"MSH|1"))
    assert await read(reader, 3) == b"\x0bAC"
    assert intake.arrivals[0].peer.startswith("[::1]:")
    writer.close()
    await writer.wait_closed()
    await listener.stop()


async def test_nobody_is_let_in_while_the_intake_does_not_accept(listen, connect, intake, reported):
    listener = await listen()
    intake.accepting = False
    reader, _ = await connect(listener.port)
    assert await rest(reader) == b""
    assert reported == []


async def test_connections_are_kept_alive_and_answers_not_delayed(listen, connect):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(encode(b"MSH|1"))
    await read(reader, 3)
    [connection] = listener._open
    handle = connection.transport.getHandle()
    assert handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
