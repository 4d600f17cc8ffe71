"""What a far end's reply means, as a table; and the exchange itself over real sockets."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from engine.adapters.http import HttpAdapter, HttpEndpoint, classify, classify_batch, classify_probe
from engine.adapters.transport import Reply
from engine.domain.outcome import Verdict
from engine.domain.posting import Action
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing

END = HttpEndpoint(
    url="http://127.0.0.1:1", timeout=1.0, amount_field="value", already_exists=("409 duplicate",)
)


def outgoing(reference: str = "REF1") -> Outgoing:
    return Outgoing(
        1, "erp", "issue", Action.POST, 1, 0, reference, "/issues", b"{}", 0, DeliveryState.SENDING, None
    )


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (201, b'{"document":"GI-1","value":"12.50"}', Verdict.APPLIED),
        (200, b'{"document":7}', Verdict.APPLIED),
        (200, b"<html>", Verdict.UNKNOWN),
        (200, b"{}", Verdict.UNKNOWN),
        (409, b'{"error":{"code":"duplicate"},"document":"GI-1"}', Verdict.APPLIED),
        (409, b'{"error":{"code":"other"}}', Verdict.REJECTED),
        (422, b'{"error":{"code":"period_closed"}}', Verdict.REJECTED),
        (401, b"", Verdict.CREDENTIALS),
        (403, b"", Verdict.CREDENTIALS),
        (404, b"", Verdict.CREDENTIALS),
        (301, b"", Verdict.CREDENTIALS),
        (429, b"", Verdict.NOT_SENT),
        (503, b"", Verdict.NOT_SENT),
        (500, b"", Verdict.UNKNOWN),
        (502, b"<html>", Verdict.UNKNOWN),
        (504, b"", Verdict.UNKNOWN),
    ],
)
def test_a_reply_means_one_thing(status, body, verdict):
    assert classify(END, Reply(status, {}, body)).verdict is verdict


def test_a_receipt_has_number_and_money():
    outcome = classify(END, Reply(201, {}, b'{"document":"GI-1","value":"12.50"}'))
    assert (outcome.document, outcome.amount) == ("GI-1", Decimal("12.50"))


def test_retry_after_is_taken_when_it_is_a_length_of_time():
    assert classify(END, Reply(503, {b"retry-after": b"30"}, b"")).retry_after == 30.0
    assert classify(END, Reply(503, {b"retry-after": b"9" * 400}, b"")).retry_after is None


def test_text_of_a_reply_never_becomes_a_code():
    outcome = classify(END, Reply(422, {}, b'{"error":{"code":"no such patient: DOE JANE"}}'))
    assert outcome.code == "HTTP 422"
    assert "DOE" not in repr(outcome)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(404, Verdict.ABSENT), (500, Verdict.UNKNOWN), (401, Verdict.CREDENTIALS), (301, Verdict.UNKNOWN)],
)
def test_only_a_plain_no_is_absent(status, verdict):
    assert classify_probe(END, Reply(status, {}, b"")).verdict is verdict


def test_a_batch_is_read_by_reference_and_what_it_does_not_name_is_unknown():
    body = (
        b'{"results":[{"reference":"B","status":422,"body":{}},'
        b'{"reference":"A","status":201,"body":{"document":"1"}}]}'
    )
    outcomes = classify_batch(END, Reply(200, {}, body), [outgoing("A"), outgoing("B"), outgoing("C")])
    assert [outcome.verdict for outcome in outcomes] == [Verdict.APPLIED, Verdict.REJECTED, Verdict.UNKNOWN]


async def answered_by(*pieces: bytes, cut: bool = False):
    """A far end that answers each request with the next of `pieces`, once; `cut` closes after it."""
    left = list(pieces)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
                await reader.readexactly(size)
                writer.write(left.pop(0) if left else b"")
                await writer.drain()
                if cut or not left:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


OK = b'HTTP/1.1 201 Created\r\nContent-Length: 18\r\n\r\n{"document":"D-1"}'


@pytest.mark.parametrize(
    ("piece", "verdict"),
    [
        (OK, Verdict.APPLIED),
        (b"", Verdict.UNKNOWN),
        (OK[:30], Verdict.UNKNOWN),
        (b"garbage\r\n\r\n", Verdict.UNKNOWN),
        (
            b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n{"document":"D-1"}\r\n0\r\n\r\n',
            Verdict.APPLIED,
        ),
    ],
)
async def test_what_comes_back_over_the_wire(piece, verdict):
    server, url = await answered_by(piece)
    adapter = HttpAdapter(HttpEndpoint(url=url, timeout=2.0))
    outcome = await adapter.send(outgoing())
    assert outcome.verdict is verdict
    await adapter.close()
    server.close()


async def test_nobody_listening_is_not_sent():
    server, url = await answered_by()
    server.close()
    await server.wait_closed()
    outcome = await HttpAdapter(HttpEndpoint(url=url, timeout=1.0)).send(outgoing())
    assert (outcome.verdict, outcome.code) == (Verdict.NOT_SENT, "connection refused")


async def test_an_answer_told_twice_is_never_taken_for_the_next_request():
    server, url = await answered_by(OK + OK.replace(b"D-1", b"D-X"), OK.replace(b"D-1", b"D-2"))
    adapter = HttpAdapter(HttpEndpoint(url=url, timeout=1.0))
    first = await adapter.send(outgoing())
    second = await adapter.send(outgoing("REF2"))
    assert first.document == "D-1"
    assert second.document != "D-X"
    await adapter.close()
    server.close()
