"""HL7 over MLLP to far ends that misbehave: only our own acknowledgment is proof."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from engine.adapters.mllp import END, START, MllpAdapter, MllpEndpoint
from engine.domain.outcome import Verdict
from engine.domain.posting import Action, Priority
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing


def document(reference: str = "REF1") -> Outgoing:
    payload = f"MSH|^~\\&|S|E|B|H|20261120||DFT^P03|{reference}|P|2.5.1\rFT1|1\r".encode()
    return Outgoing(
        1, "billing", "charge", Action.POST, 1, Priority.LIVE, reference, "", payload, 0, DeliveryState.SENDING, None
    )  # fmt: skip


def ack(code: str, control_id: str = "REF1", more: bytes = b"") -> bytes:
    return (
        START + f"MSH|^~\\&|B|H|S|E|20261120||ACK|9|P|2.5.1\rMSA|{code}|{control_id}\r".encode() + more + END
    )


@asynccontextmanager
async def far_end(*replies: bytes | None, timeout: float = 5.0, closes: bool = False, **options):
    """Answers each message with the next of `replies`; None: closes instead. `heard` has the messages. `closes`: after
    each answer, and answers the first reply every time."""
    left, heard = list(replies), []

    async def serve(reader, writer):
        try:
            while True:
                heard.append((await reader.readuntil(END)).removesuffix(END).removeprefix(START))
                reply = replies[0] if closes else left.pop(0) if left else b""
                if reply is None:
                    break
                writer.write(reply)
                await writer.drain()
                if closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    adapter = MllpAdapter(MllpEndpoint("127.0.0.1", port, timeout, **options))
    try:
        yield adapter, heard
    finally:
        await adapter.close()
        server.close()


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (ack("AA"), Verdict.APPLIED, "AA"),
        (ack("CA"), Verdict.APPLIED, "CA"),
        (ack("AE"), Verdict.REJECTED, "AE"),
        (ack("AE", more=b"ERR||PID^1|204^Unknown key|E\r"), Verdict.REJECTED, "AE 204"),
        (ack("AR"), Verdict.REJECTED, "AR"),
        (ack("AA", "OTHER"), Verdict.UNKNOWN, "acknowledgment of another message"),
        (ack("AA", ""), Verdict.UNKNOWN, "acknowledgment of another message"),
        (ack("XX"), Verdict.UNKNOWN, "acknowledgment without a known code"),
        (START + b"hello" + END, Verdict.UNKNOWN, "no acknowledgment"),
        (b"noise\r\n" + ack("AA"), Verdict.APPLIED, "AA"),
        (None, Verdict.UNKNOWN, "cut"),
        (ack("AA")[:-4], Verdict.UNKNOWN, "timeout"),
        (b"", Verdict.UNKNOWN, "timeout"),
    ],
)
async def test_what_an_answer_proves(reply, verdict, code):
    async with far_end(reply, timeout=0.2) as (adapter, _):
        outcome = await adapter.send(document())
        assert (outcome.verdict, outcome.code) == (verdict, code)


async def test_codes_that_mean_not_now_are_tried_again():
    async with far_end(ack("AE"), ack("AR"), tried_again=("AE",)) as (adapter, _):
        assert (await adapter.send(document())).verdict is Verdict.NOT_SENT
        assert (await adapter.send(document())).verdict is Verdict.REJECTED


async def test_a_connection_is_kept_and_the_message_goes_out_as_it_is():
    async with far_end(ack("AA", "R1"), ack("AA", "R2")) as (adapter, heard):
        for reference in ("R1", "R2"):
            assert (await adapter.send(document(reference))).verdict is Verdict.APPLIED
        assert heard == [document(reference).payload for reference in ("R1", "R2")]
        assert len(adapter._open) == 1


async def test_a_late_acknowledgment_is_never_taken_for_the_next():
    async with far_end(b"", ack("AA", "R1") + ack("AA", "R2"), ack("AA", "R2"), timeout=0.1) as (adapter, _):
        assert (await adapter.send(document("R1"))).code == "timeout"
        assert (await adapter.send(document("R2"))).code == "acknowledgment of another message"
        assert (await adapter.send(document("R2"))).verdict is Verdict.APPLIED


async def test_a_connection_that_was_closed_while_it_rested_is_not_used():
    async with far_end(ack("AA"), closes=True) as (adapter, heard):
        for _ in range(3):
            assert (await adapter.send(document())).verdict is Verdict.APPLIED
        assert len(heard) == 3


async def test_an_answer_that_nobody_waits_for_closes_the_connection_and_harms_no_document():
    async with far_end(ack("AA", "R1") + ack("AA", "R1"), ack("AA", "R2")) as (adapter, _):
        assert (await adapter.send(document("R1"))).verdict is Verdict.APPLIED
        assert (await adapter.send(document("R2"))).verdict is Verdict.APPLIED


async def test_nobody_there_is_not_sent():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    outcome = await MllpAdapter(MllpEndpoint("127.0.0.1", port, 5)).send(document())
    assert (outcome.verdict, outcome.code) == (Verdict.NOT_SENT, "connection refused")


async def test_nobody_can_be_asked():
    async with far_end() as (adapter, _):
        assert await adapter.probe(document()) is None
