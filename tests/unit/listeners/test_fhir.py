"""FHIR over HTTP: an everyday client, and raw sockets for what no client would do."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import jwt
import orjson
import pytest

from engine.domain.resources import Asked, Replied
from engine.errors import StoreUnavailable
from engine.pipeline.resources import ResourceDoor
from engine.site.release import SignedTokens
from listeners.credentials import Credentials
from listeners.fhir import FhirListener
from listeners.tokens import TokenGate
from tests.unit.listeners.conftest import rest

KIND = "application/fhir+json"
HEAD = b"POST /fhir/ChargeItem HTTP/1.1\r\nHost: h\r\nContent-Type: application/fhir+json\r\n"
SECRET = "a secret that is long enough for its hash, 64 characters of it.."


class FakeResources:
    """The port, with a mood."""

    def __init__(self) -> None:
        self.accepting = True
        self.asked: list[tuple[str, Asked]] = []
        self.refused: Replied | None = None
        self.fails: Exception | None = None
        self.reply = Replied(201, (("Content-Type", KIND), ("ETag", 'W/"1"')), b'{"id":"1"}')

    def refuses(self, feed: str, asked: Asked) -> Replied | None:
        return self.refused

    def refusal(self, status: int, code: str, text: str, headers: Mapping[str, str]) -> Replied:
        body = orjson.dumps({"resourceType": "OperationOutcome", "status": status, "code": code})
        named = headers.get("x-request-id")
        return Replied(status, (("Content-Type", KIND), *([("X-Request-Id", named)] if named else ())), body)

    async def ask(self, feed: str, asked: Asked) -> Replied:
        self.asked.append((feed, asked))
        if self.fails is not None:
            raise self.fails
        return self.reply


@pytest.fixture
def resources() -> FakeResources:
    return FakeResources()


@pytest.fixture
def listen(intake, resources, reported, started):
    given = {"report": reported.append, "host": "127.0.0.1", "port": 0, "path": "/fhir"}
    return lambda **settings: started(FhirListener("lab", intake, resources, **given, **settings))


def url(listener: FhirListener, path: str = "") -> str:
    return f"http://127.0.0.1:{listener.port}/fhir{path}"


def basic(login: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


async def test_a_request_goes_on_whole_and_its_answer_comes_back(listen, client, resources):
    listener = await listen()
    headers = {
        "Content-Type": KIND,
        "If-None-Exist": "identifier=a|b",
        "Prefer": "return=minimal",
        "X-Secret": "no",
    }
    async with client.post(url(listener, "/ChargeItem?x=1"), data=b'{"a":1}', headers=headers) as answer:
        assert (answer.status, await answer.read()) == (201, b'{"id":"1"}')
        assert (answer.headers["ETag"], answer.headers["Content-Type"]) == ('W/"1"', KIND)
    ((feed, asked),) = resources.asked
    assert (feed, asked.method, asked.path, asked.query, asked.body) == (
        "lab",
        "POST",
        "ChargeItem",
        "x=1",
        b'{"a":1}',
    )
    assert asked.headers["if-none-exist"] == "identifier=a|b"
    assert "x-secret" not in asked.headers
    assert asked.base == f"http://127.0.0.1:{listener.port}/fhir"


async def test_reads_have_no_body_and_a_connection_serves_many(listen, client, resources):
    listener = await listen()
    for path in ("/metadata", "/ChargeItem/1", ""):
        async with client.get(url(listener, path)) as answer:
            assert answer.status == 201
    assert [asked.path for _, asked in resources.asked] == ["metadata", "ChargeItem/1", ""]
    assert listener.connections == 1


@pytest.mark.parametrize("path", ["/", "/fhirx", "/other/ChargeItem"])
async def test_nothing_is_beside_the_base(listen, client, resources, path):
    listener = await listen()
    async with client.post(
        f"http://127.0.0.1:{listener.port}{path}", data=b"{}", headers={"Content-Type": KIND}
    ) as answer:
        assert (answer.status, (await answer.json(content_type=None))["resourceType"]) == (
            404,
            "OperationOutcome",
        )
    assert resources.asked == []


async def test_who_has_no_credentials_learns_nothing(listen, client, resources):
    listener = await listen(credentials=Credentials(basic={"lab": "s3cret"}))
    for headers in ({}, basic("lab:wrong"), {"Authorization": "Bearer x"}):
        async with client.get(url(listener, "/ChargeItem/1"), headers=headers) as answer:
            assert answer.status == 401
            assert "Basic" in answer.headers["WWW-Authenticate"]
            assert (await answer.json(content_type=None))["code"] == "LST022"
    assert resources.asked == []
    async with client.get(url(listener, "/metadata"), headers=basic("lab:s3cret")) as answer:
        assert answer.status == 201


async def test_what_is_refused_by_its_headers_is_refused_before_its_body(listen, connect, resources):
    resources.refused = Replied(
        415, (("Content-Type", KIND), ("X-Request-Id", "7")), b'{"resourceType":"OperationOutcome"}'
    )
    reader, writer = await connect((await listen()).port)
    writer.write(HEAD + b"Content-Length: 1000000\r\n\r\n")
    answer = await rest(reader)
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"Content-Type: application/fhir+json\r\n" in answer
    assert b"X-Request-Id: 7\r\n" in answer
    assert answer.endswith(b'{"resourceType":"OperationOutcome"}')


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 101\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101]
)
async def test_a_body_is_bounded(listen, connect, resources, framing):
    reader, writer = await connect((await listen(limit=100)).port)
    writer.write(HEAD + framing)
    answer = await rest(reader)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"OperationOutcome" in answer
    assert resources.asked == []


@pytest.mark.parametrize("sent", [b"POST /fhir HTTP/1.1\r\nHos", HEAD + b"Content-Length: 9\r\n\r\n{"])
async def test_who_sends_slowly_is_cut_off(listen, connect, resources, sent):
    reader, writer = await connect((await listen(header_timeout=0.05, body_timeout=0.05)).port)
    writer.write(sent)
    answer = await rest(reader)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"OperationOutcome" in answer
    assert resources.asked == []


async def test_by_default_nobody_is_waited_for_longer_than_half_a_minute(listen):
    listener = await listen()
    assert all(seconds <= 20 for phase, seconds in listener.seconds.items() if phase.name in ("HEAD", "BODY"))


async def test_a_store_that_cannot_commit_is_said_with_when_to_come_back(listen, client, resources):
    listener = await listen()
    resources.fails = StoreUnavailable("STO001", "the disk is full")
    async with client.post(url(listener), data=b"{}", headers={"Content-Type": KIND}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    resources.accepting = False
    async with client.post(url(listener), data=b"{}", headers={"Content-Type": KIND}) as answer:
        assert answer.status == 503
    assert len(resources.asked) == 1


async def test_a_failure_of_ours_is_told_to_operators_and_not_to_senders(listen, client, resources, reported):
    resources.fails = ValueError("MRN7001")
    async with client.post(url(await listen()), data=b"{}", headers={"Content-Type": KIND}) as answer:
        assert answer.status == 500
        assert b"MRN7001" not in await answer.read()
    assert [fault.code for fault in reported] == ["LST004"]
    assert "MRN7001" not in str(reported)


@pytest.mark.parametrize("host", [b"h/evil", b"h evil", b'h"x', b"\xff"])
async def test_a_strange_host_makes_no_address(listen, connect, resources, host):
    reader, writer = await connect((await listen()).port)
    writer.write(b"GET /fhir/metadata HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    await rest(reader)
    assert [asked.base for _, asked in resources.asked] == ["/fhir"]


async def test_an_empty_body_is_refused_but_for_a_bare_notification(listen, client, resources):
    listener = await listen()
    async with client.post(url(listener, "/ChargeItem"), data=b"", headers={"Content-Type": KIND}) as answer:
        assert answer.status == 400
    assert resources.asked == []
    async with client.post(url(listener), data=b"") as answer:
        assert answer.status == 201
    assert [asked.body for _, asked in resources.asked] == [b""]


async def test_a_deletion_has_no_body(listen, connect, resources):
    reader, writer = await connect((await listen()).port)
    writer.write(b"DELETE /fhir/ChargeItem/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert (await rest(reader)).startswith(b"HTTP/1.1 201 ")
    assert [(asked.method, asked.path) for _, asked in resources.asked] == [("DELETE", "ChargeItem/1")]


@pytest.mark.parametrize("sent", [b"GET /other HTTP/1.1\r\nX-Request-Id: 77\r\n\r\n",
                                  b"POST /fhir HTTP/1.1\r\nX-Request-Id: 77\r\n\r\n"])  # fmt: skip
async def test_a_refusal_of_http_names_the_request_that_it_refuses(listen, connect, sent):
    reader, writer = await connect((await listen()).port)
    writer.write(sent)
    assert b"X-Request-Id: 77\r\n" in await rest(reader)


async def test_one_request_too_many_is_an_outcome_on_a_connection_that_stays(
    listen, client, resources, seconds, throttled, monkeypatch
):
    monkeypatch.setattr(FakeResources, "refusal", ResourceDoor.refusal)
    listener = await listen(throttle=throttled(2, 60))
    headers = {"Content-Type": KIND, "X-Request-Id": "77"}
    for path in ("/ChargeItem", "/ChargeItem"):
        async with client.post(url(listener, path), data=b"{}", headers=headers) as answer:
            assert answer.status == 201
    refused = [
        client.post(url(listener), data=b"{}", headers=headers),
        client.get(url(listener, "/metadata")),
    ]
    for number, asking in enumerate(refused):
        async with asking as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
            assert answer.headers["Content-Type"].startswith(KIND)
            assert answer.headers.get("X-Request-Id") == (None if number else "77")
            told = await answer.json(content_type=None)
            assert told["resourceType"] == "OperationOutcome"
            assert told["issue"][0]["code"] == "throttled"
            assert told["issue"][0]["diagnostics"].startswith("LST034 ")
    seconds.now += 30
    async with client.get(url(listener, "/metadata")) as answer:
        assert answer.status == 201
    assert [asked.path for _, asked in resources.asked] == ["ChargeItem", "ChargeItem", "metadata"]
    assert listener.connections == 1


async def test_each_client_of_the_authorization_server_has_a_share_of_its_own(listen, client, throttled):
    gate = TokenGate("lab", SignedTokens(audience="here", secret=SECRET))
    listener = await listen(throttle=throttled(1, 60), credentials=Credentials(signed=gate))
    seen = []
    for subject, number in (("scanner", 1), ("ehr", 1), ("scanner", 2), (None, 1), (None, 2)):
        claims = {"aud": "here", "exp": 4_102_444_800, "jti": f"{number}"} | (
            {"sub": subject} if subject else {}
        )
        shown = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}
        async with client.get(url(listener, "/metadata"), headers=shown) as answer:
            seen.append((subject, answer.status))
    assert seen == [("scanner", 201), ("ehr", 201), ("scanner", 429), (None, 201), (None, 429)]
