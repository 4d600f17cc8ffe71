"""Other people's MLLP on the other end: python-hl7's two clients against our listener, hl7apy's server against
our frames."""

from __future__ import annotations

import asyncio
import socket
import threading
from functools import partial
from ipaddress import ip_network

import hl7
import pytest
from hl7.client import MLLPClient
from hl7.mllp import open_hl7_connection
from hl7apy.mllp import AbstractHandler, MLLPServer

from engine.domain.message import Answer, Arrival
from listeners.framing import Frame, Framer, encode
from listeners.mllp import MllpListener

MESSAGE = (
    "MSH|^~\\&|EHR|A|SUTURE|B|20260101120000||ADT^A01^ADT_A01|{}|P|2.5.1\r"
    "EVN|A01|20260101120000\rPID|1||1^^^A^MR||Ärmel^Jo\r"
)


class Acknowledges:
    """The intake of a site where everything is fine."""

    accepting = True

    def receive(self, arrival: Arrival) -> asyncio.Future[Answer]:
        message = hl7.parse(arrival.raw.decode())
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(Answer(str(message.create_ack("AA")).encode(), "AA"))
        return answer

    def garbled(self, feed: str, raw: bytes, reason: str, peer: str) -> None:
        raise AssertionError(reason)


@pytest.fixture
async def listener():
    listener = MllpListener(
        "ehr",
        Acknowledges(),
        report=print,
        host="127.0.0.1",
        port=0,
        allowed_peers=[ip_network("127.0.0.1/32")],
    )
    await listener.start()
    yield listener
    await listener.stop()


def acknowledged(ack: bytes | str) -> tuple[str, str]:
    text = ack.decode() if isinstance(ack, bytes) else ack
    message = hl7.parse(text.strip("\x0b\x1c\r"))
    return str(message["MSA.F1"]), str(message["MSA.F2"])


async def test_python_hl7s_blocking_client_is_acknowledged(listener):
    def talk() -> list[tuple[str, str]]:
        with MLLPClient("127.0.0.1", listener.port) as client:
            return [acknowledged(client.send_message(MESSAGE.format(number))) for number in range(50)]

    assert await asyncio.to_thread(talk) == [("AA", str(number)) for number in range(50)]


async def test_python_hl7s_streams_are_acknowledged(listener):
    reader, writer = await open_hl7_connection("127.0.0.1", listener.port, encoding="utf-8")
    try:
        for number in range(300):
            writer.writemessage(hl7.parse(MESSAGE.format(number)))
        await writer.drain()
        async with asyncio.timeout(10):
            acks = [acknowledged(str(await reader.readmessage())) for _ in range(300)]
    finally:
        writer.close()
        await writer.wait_closed()
    assert acks == [("AA", str(number)) for number in range(300)]


def test_hl7apys_server_reads_our_frames_and_we_read_its_answers():
    class Answers(AbstractHandler):
        def reply(self) -> str:
            return "\x0b" + self.incoming_message.replace("ADT", "ACK") + "\x1c\r"

    with MLLPServer("127.0.0.1", 0, {"ADT^A01^ADT_A01": (Answers,)}) as server:
        serving = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        serving.start()
        try:
            with socket.create_connection(server.server_address, timeout=5) as sock:
                sock.sendall(encode(MESSAGE.format(1).encode()))
                framer, pieces = Framer(), []
                while not pieces:
                    pieces = framer.feed(sock.recv(4096))
        finally:
            server.shutdown()
            serving.join()
    assert pieces == [Frame(MESSAGE.format(1).replace("ADT", "ACK").encode())]
