import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from engine.sandbox import Masters, Sandbox
from engine.sandbox.moods import Mood

CUT = aiohttp.ClientConnectionError  # what a client sees of a connection that was cut without a reply
HALF = aiohttp.ClientPayloadError  # and of one that was cut within the reply

Post = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def post(box: Sandbox, client: aiohttp.ClientSession) -> Post:
    """Posts a charge, or what is given, and reads the whole reply."""

    async def post(tree: object, path: str = "/charges", **headers: str) -> tuple[int, Any]:
        url = (box.billing_url if path in ("/charges", "/credits", "/batch") else box.erp_url) + path
        async with client.post(url, json=tree, headers=headers) as response:
            return response.status, await response.json()

    return post


def counts(box: Sandbox) -> dict[str, int]:
    counted = box.billing.books()["documents"]
    assert isinstance(counted, dict)
    return counted


async def probed(box: Sandbox, client: aiohttp.ClientSession, reference: str) -> int:
    async with client.get(f"{box.billing_url}/documents/{reference}") as response:
        return response.status


async def test_every_document_is_posted_over_http(sent: SimpleNamespace, box: Sandbox, post: Post) -> None:
    posts = [
        ("/goods-issues", sent.issue(), "GI-000001"),
        ("/goods-returns", sent.goods_return(), "GR-000001"),
        ("/bill-only-orders", sent.order(), "PO-000001"),
        ("/bill-only-cancellations", {"reference": "X1", "original": "P1"}, "PX-000001"),
        ("/requisitions", sent.requisition(), "RQ-000001"),
        ("/requisition-cancellations", {"reference": "X3", "original": "Q1"}, "RX-000001"),
        ("/cost-postings", sent.costs(), "CP-000001"),
        ("/cost-reversals", {"reference": "X2", "original": "K1"}, "CX-000001"),
        ("/charges", sent.charge(), "CH-000001"),
        ("/credits", sent.credit(), "CD-000001"),
    ]
    for path, tree, number in posts:
        status, receipt = await post(tree, path)
        assert (status, receipt["document"], receipt["reference"]) == (201, number, tree["reference"])
    books = box.books()
    assert sum(books["erp"]["documents"].values()) == 8
    assert books["billing"]["documents"] == {"charge": 1, "credit": 1}


async def test_a_batch_is_posted_over_http(sent: SimpleNamespace, post: Post) -> None:
    entries = [{"path": "/charges", "body": sent.charge(f"F{n}")} for n in range(3)]
    status, tree = await post({"documents": entries}, "/batch")
    assert status == 200
    assert [result["status"] for result in tree["results"]] == [201, 201, 201]


async def test_books_and_pages_are_read_over_http(
    sent: SimpleNamespace, box: Sandbox, client: aiohttp.ClientSession, post: Post
) -> None:
    await post(sent.charge("F 1/ü"))
    async with client.get(f"{box.billing_url}/books") as response:
        assert await response.json() == box.books()["billing"]
    async with client.get(f"{box.billing_url}/books/documents?after=0&limit=1") as response:
        assert (await response.json())["documents"][0]["reference"] == "F 1/ü"
    async with client.get(f"{box.billing_url}/documents/F%201%2F%C3%BC") as response:
        assert response.status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b"\xff"])
async def test_a_body_that_is_no_json_is_a_bad_request(
    box: Sandbox, client: aiohttp.ClientSession, body: bytes
) -> None:
    async with client.post(f"{box.billing_url}/charges", data=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "malformed_json"


async def test_an_idempotency_key_is_read_from_its_header(
    sent: SimpleNamespace, box: Sandbox, client: aiohttp.ClientSession, post: Post
) -> None:
    async with client.post(f"{box.billing_url}/settings", json={"duplicates": "idempotent"}) as response:
        assert response.status == 200
    first = await post(sent.charge(), **{"Idempotency-Key": "k"})
    again = await post(sent.charge(), **{"Idempotency-Key": "k"})
    assert (first[0], again[0]) == (201, 200)
    assert first[1] == again[1]
    assert counts(box) == {"charge": 1}


async def test_a_token_is_read_from_its_header(
    masters: Masters, sent: SimpleNamespace, client: aiohttp.ClientSession
) -> None:
    async with Sandbox(masters, billing_token="geheim") as box:
        for token, status in (("geheim", 201), ("other", 401)):
            headers = {"Authorization": f"Bearer {token}"}
            async with client.post(
                f"{box.billing_url}/charges", json=sent.charge(), headers=headers
            ) as response:
                assert response.status == status
        async with client.post(f"{box.erp_url}/goods-issues", json=sent.issue()) as response:
            assert response.status == 201


# ---------------------------------------------------------------------------------------------------- moods


@pytest.mark.parametrize(
    ("fields", "status", "retry_after"),
    [
        ({"mood": "unavailable"}, 503, None),
        ({"mood": "unavailable", "retry_after": 9}, 503, "9"),
        ({"mood": "throttle", "retry_after": 2}, 429, "2"),
        ({"mood": "refuse"}, 422, None),
        ({"mood": "credentials"}, 401, None),
        ({"mood": "credentials", "status": 403}, 403, None),
    ],
)
async def test_a_mood_that_answers_books_nothing(
    sent: SimpleNamespace,
    box: Sandbox,
    client: aiohttp.ClientSession,
    fields: dict[str, Any],
    status: int,
    retry_after: str | None,
) -> None:
    async with client.post(f"{box.billing_url}/moods", json=fields | {"times": 1}) as told:
        assert told.status == 201
    async with client.post(f"{box.billing_url}/charges", json=sent.charge()) as response:
        assert (response.status, response.headers.get("Retry-After")) == (status, retry_after)
        assert "error" in await response.json()
    assert counts(box) == {}
    async with client.post(f"{box.billing_url}/charges", json=sent.charge()) as response:
        assert response.status == 201


async def test_down_cuts_the_connection_and_books_nothing(
    sent: SimpleNamespace, box: Sandbox, post: Post, client: aiohttp.ClientSession
) -> None:
    box.billing.moods.tell(Mood(mood="down"))
    with pytest.raises(CUT):
        await post(sent.charge())
    with pytest.raises(CUT):
        await probed(box, client, "F1")
    async with client.delete(f"{box.billing_url}/moods") as response:
        assert response.status == 200
    assert await probed(box, client, "F1") == 404


async def test_moods_of_one_side_leave_the_other_alone(
    sent: SimpleNamespace, box: Sandbox, post: Post
) -> None:
    box.billing.moods.tell(Mood(mood="down"))
    assert (await post(sent.issue(), "/goods-issues"))[0] == 201


async def test_lose_reply_books_and_cuts(
    sent: SimpleNamespace, box: Sandbox, post: Post, client: aiohttp.ClientSession
) -> None:
    box.billing.moods.tell(Mood(mood="lose-reply", path="/charges"))
    with pytest.raises(CUT):
        await post(sent.charge())
    assert await probed(box, client, "F1") == 200


async def test_half_books_and_cuts_within_the_reply(sent: SimpleNamespace, box: Sandbox, post: Post) -> None:
    box.billing.moods.tell(Mood(mood="half"))
    with pytest.raises(HALF):
        await post(sent.charge())
    assert counts(box) == {"charge": 1}


async def test_slow_books_at_once_and_answers_later(sent: SimpleNamespace, box: Sandbox, post: Post) -> None:
    box.billing.moods.tell(Mood(mood="slow", seconds=0.05))
    begun = time.monotonic()
    assert (await post(sent.charge()))[0] == 201
    assert time.monotonic() - begun >= 0.05


async def test_a_client_that_gives_up_on_slow_finds_the_document_booked(
    sent: SimpleNamespace, box: Sandbox, client: aiohttp.ClientSession
) -> None:
    box.billing.moods.tell(Mood(mood="slow", seconds=30, path="/charges"))
    hurry = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(TimeoutError):
        await client.post(f"{box.billing_url}/charges", json=sent.charge(), timeout=hurry)
    assert await probed(box, client, "F1") == 200


async def test_late_cuts_at_once_and_is_still_booking_when_asked(
    sent: SimpleNamespace, box: Sandbox, post: Post, client: aiohttp.ClientSession
) -> None:
    box.billing.moods.tell(Mood(mood="late", seconds=0.05, times=1))
    with pytest.raises(CUT):
        await post(sent.charge())
    assert await probed(box, client, "F1") == 404
    async with asyncio.timeout(5):
        while await probed(box, client, "F1") == 404:
            pass
    assert counts(box) == {"charge": 1}


async def test_a_late_booking_dies_with_the_sandbox(masters: Masters, sent: SimpleNamespace) -> None:
    async with Sandbox(masters) as box, aiohttp.ClientSession() as client:
        box.billing.moods.tell(Mood(mood="late", seconds=0.01))
        with pytest.raises(CUT):
            await client.post(f"{box.billing_url}/charges", json=sent.charge())
        await box.stop()
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(0.03, done.set)
        await done.wait()
        assert counts(box) == {}


@pytest.mark.parametrize("applied", [True, False])
async def test_a_proxy_answers_html_whether_or_not_it_was_booked(
    sent: SimpleNamespace, box: Sandbox, client: aiohttp.ClientSession, applied: bool
) -> None:
    box.billing.moods.tell(Mood(mood="proxy", applied=applied, path="/charges"))
    async with client.post(f"{box.billing_url}/charges", json=sent.charge()) as response:
        assert (response.status, response.content_type) == (502, "text/html")
        assert "<html>" in await response.text()
    assert await probed(box, client, "F1") == (200 if applied else 404)


async def test_garbage_books_and_answers_no_json(
    sent: SimpleNamespace, box: Sandbox, client: aiohttp.ClientSession
) -> None:
    box.billing.moods.tell(Mood(mood="garbage"))
    async with client.post(f"{box.billing_url}/charges", json=sent.charge()) as response:
        assert response.status == 200
        with pytest.raises(json.JSONDecodeError):
            await response.json()
    assert counts(box) == {"charge": 1}


@pytest.fixture
async def wire(box: Sandbox) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to billing: what comes on it is seen as it comes."""
    host, port = box.billing_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield reader, writer
    writer.close()
    await writer.wait_closed()


def request(tree: object) -> bytes:
    body = json.dumps(tree).encode()
    return b"POST /charges HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def reply(reader: asyncio.StreamReader) -> Any:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


async def test_twice_sends_the_reply_twice_and_keeps_the_connection(
    sent: SimpleNamespace, box: Sandbox, wire: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    reader, writer = wire
    box.billing.moods.tell(Mood(mood="twice", times=1))
    async with asyncio.timeout(5):
        writer.write(request(sent.charge("F1")))
        first, second = await reply(reader), await reply(reader)
        writer.write(request(sent.charge("F2")))
        third = await reply(reader)
    assert first == second
    assert [first["reference"], third["reference"]] == ["F1", "F2"]
    assert counts(box) == {"charge": 2}


async def test_requests_on_one_connection_are_answered_in_order(
    sent: SimpleNamespace, wire: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    reader, writer = wire
    writer.write(b"".join(request(sent.charge(f"F{n}")) for n in range(5)))
    async with asyncio.timeout(5):
        assert [(await reply(reader))["reference"] for _ in range(5)] == [f"F{n}" for n in range(5)]


# --------------------------------------------------------------------------------------- starting, stopping


async def test_stopping_does_not_wait_for_a_slow_answer(masters: Masters, sent: SimpleNamespace) -> None:
    box = Sandbox(masters)
    await box.start()
    box.billing.moods.tell(Mood(mood="slow", seconds=60, path="/charges"))
    async with aiohttp.ClientSession() as client, asyncio.timeout(5):
        waiting = asyncio.create_task(client.post(f"{box.billing_url}/charges", json=sent.charge()))
        while await probed(box, client, "F1") == 404:
            pass
        await box.stop()
        with pytest.raises(CUT):
            await waiting


async def test_stopping_twice_or_before_starting_is_fine(masters: Masters) -> None:
    box = Sandbox(masters)
    await box.stop()
    await box.start()
    assert box.erp_url.startswith("http://127.0.0.1:")
    await box.stop()
    await box.stop()
    with pytest.raises(RuntimeError):
        _ = box.erp_url


async def test_a_taken_port_opens_neither_side(masters: Masters) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
        other.close()
        box = Sandbox(masters, erp_port=free, billing_port=taken.getsockname()[1])
        with pytest.raises(OSError):
            await box.start()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", free)
