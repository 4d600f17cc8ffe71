"""What far ends tell of their masters, over real sockets: JSON lists, and a Tryton ERP page by page."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from contextlib import asynccontextmanager
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.adapters.tryton import rest
from engine.errors import UsageError
from engine.far_ends import masters_of
from engine.site.release import Credentials, DestinationPlace
from engine.site.schema.destination import HttpFile, TrytonFile
from engine.site.schema.origin import OriginFile

HTTP = HttpFile.model_validate({"kind": "http", "settle": "1s"})
TRYTON = TrytonFile.model_validate(
    {"kind": "tryton", "settle": "1s", "company": "North", "payment_term": "Direct", "receivable": "1"}
)
PRODUCTS = [{"id": number, "code": f"P{number}", "default_uom": {"symbol": "u"}} for number in range(1, 6)]


@asynccontextmanager
async def far_end(answer):
    """`answer`: request line and headers → (status, body). Gives its url and what was asked."""
    asked: list[str] = []

    async def serve(reader, writer):
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                asked.append(head)
                status, body = answer(head.split()[1])
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/base", asked
    finally:
        server.close()


def source(**keys) -> OriginFile:
    return OriginFile.model_validate({"destination": "erp", "columns": {"item": "code"}, **keys})


def place(url: str, token: str | None = None, credentials: Credentials | None = None) -> DestinationPlace:
    return DestinationPlace(url, token, credentials)


async def test_a_json_list_is_read_with_its_prices_as_they_are_written():
    body = b'{"data": {"items": [{"code": "0123", "price": 12.50, "n": 3}]}}'
    async with far_end(lambda path: (200, body)) as (url, asked):
        told = await masters_of(HTTP, place(url, "secret"), source(path="/items?all=1", list="data.items"))
    assert told == [{"code": "0123", "price": Decimal("12.50"), "n": 3}]
    assert str(told[0]["price"]) == "12.50"
    assert asked[0].startswith("GET /base/items?all=1 HTTP/1.1\r\n")
    assert "Authorization: Bearer secret\r\n" in asked[0]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"", "HTTP 404"),
        (200, b"<html>", "no JSON"),
        (200, b"\xff\xfe", "no JSON"),
        (200, b'{"items": []}', "no list of records"),
        (200, b"[1, 2]", "no list of records"),
    ],
)
async def test_an_answer_that_is_no_list_of_records_is_told(status, body, why):
    async with far_end(lambda path: (status, body)) as (url, _):
        with pytest.raises(UsageError, match=f"MST004 'erp' did not tell its masters: {why}"):
            await masters_of(HTTP, place(url), source(path="/items"))


def tryton(path: str) -> tuple[int, bytes]:
    """As much of the ERP as a list of products needs."""
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    match parts.path.removeprefix("/base/rest/model/"):
        case "company.company":
            return 200, b'[{"id": 1, "currency": {"id": 1, "digits": 2}}]'
        case "account.invoice.payment_term" | "account.journal" | "account.account":
            return 200, b'[{"id": 1}]'
        case "product.product" if query["f"] == ["code", "default_uom.symbol"]:
            assert json.loads(urlsafe_b64decode(query["o"][0])) == [["id", "ASC"]]
            first, most = int(query["p"][0]), int(query["s"][0])
            return 200, json.dumps(PRODUCTS[first : first + most]).encode()
    return 500, b""


@pytest.mark.parametrize("page", [1000, 5, 2])
async def test_a_tryton_erp_is_read_page_by_page(monkeypatch, page):
    monkeypatch.setattr(rest, "PAGE", page)
    wanted = source(of="products", columns={"item": "code", "stock_unit": "default_uom.symbol"})
    async with far_end(tryton) as (url, _):
        assert await masters_of(TRYTON, place(url, "key"), wanted) == PRODUCTS


async def test_a_name_that_is_no_field_there_is_told():
    async with far_end(tryton) as (url, _):
        with pytest.raises(UsageError, match="HTTP 500"):
            await masters_of(TRYTON, place(url, "key"), source(of="products", columns={"item": "cod"}))


async def test_nobody_there_is_told():
    with pytest.raises(UsageError, match="MST004"):
        await masters_of(HTTP, place("http://127.0.0.1:1"), source(path="/items"))
