"""What a FHIR server must answer, case by case over a real socket: the table of `http.html` as far as it is offered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest

from engine.app import Engine
from tests.conformance.fhir.conftest import BASIC, base, sample

JSON, XML = "application/fhir+json", "application/fhir+xml"
KEY = "identifier=urn:north:supplies|SD-7001-1"
SUPPLY: dict[str, Any] = sample("supply-delivery.json")
SUPPLY_XML = b"""<SupplyDelivery xmlns="http://hl7.org/fhir">
  <identifier><system value="urn:north:supplies"/><value value="SD-7001-1"/></identifier><status value="completed"/>
  <suppliedItem><quantity><value value="2"/><unit value="EA"/></quantity></suppliedItem></SupplyDelivery>"""
HEAD = {"resourceType": "MessageHeader", "id": "m1", "eventUri": "urn:use", "source": {"endpoint": "urn:x"}}
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the client, for a large body
OUTCOME = "OperationOutcome"


class Case(NamedTuple):
    """One request after those that make it possible. `shows`: the type of resource in the body, None without one."""

    name: str
    method: str
    path: str
    body: Any
    headers: dict[str, str]
    status: int
    shows: str | None
    issue: str = ""
    before: tuple[str, ...] = ()


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: Any = None, **more: Any) -> dict[str, Any]:
    found = {"request": {"method": method, "url": url, **more}}
    return {**found, "resource": resource} if resource else found


def own(**more: Any) -> dict[str, Any]:
    return {**SUPPLY, "id": "own", **more}


def status(kind: str, *events: int, **more: Any) -> dict[str, Any]:
    told = [{"eventNumber": str(number)} for number in events]
    return {
        "resource": {
            "resourceType": "SubscriptionStatus",
            "status": "active",
            "type": kind,
            "notificationEvent": told,
            "subscription": {"reference": "Subscription/s1"},
            **more,
        }
    }


PUT_OWN = "PUT SupplyDelivery/own"
"""Has been stored before."""

TABLE = (
    # Media types
    Case("json", "GET", "metadata", None, {"Accept": JSON}, 200, "CapabilityStatement"),
    Case("plain json", "GET", "metadata", None, {"Accept": "application/json"}, 200, "CapabilityStatement"),
    Case("xml", "GET", "metadata", None, {"Accept": XML}, 200, "CapabilityStatement"),
    Case("_format", "GET", "metadata?_format=xml", None, {}, 200, "CapabilityStatement"),
    Case("version", "GET", "metadata", None, {"Accept": f"{JSON}; fhirVersion=5.0"}, 200, "CapabilityStatement"),
    Case("406", "GET", "metadata", None, {"Accept": "text/turtle"}, 406, OUTCOME, "not-supported"),
    Case("415", "POST", "SupplyDelivery", SUPPLY, {"Content-Type": "text/csv"}, 415, OUTCOME, "not-supported"),
    Case("401", "GET", "metadata", None, {"Authorization": "Basic eDp5"}, 401, OUTCOME, "login"),
    Case("401 without", "GET", "metadata", None, {"Authorization": ""}, 401, OUTCOME, "login"),
    Case("413", "POST", "SupplyDelivery", b" " * 20_000_000, {}, 413, OUTCOME, "too-long"),
    # Create
    Case("create", "POST", "SupplyDelivery", SUPPLY, {}, 201, "SupplyDelivery"),
    Case("create in xml", "POST", "SupplyDelivery", SUPPLY_XML, {"Content-Type": XML}, 201, "SupplyDelivery"),
    Case("minimal", "POST", "SupplyDelivery", SUPPLY, {"Prefer": "return=minimal"}, 201, None),
    Case("outcome", "POST", "SupplyDelivery", SUPPLY, {"Prefer": f"return={OUTCOME}"}, 201, OUTCOME, "informational"),
    Case("unparseable", "POST", "SupplyDelivery", b"{", {}, 400, OUTCOME, "invalid"),
    Case("unparseable xml", "POST", "SupplyDelivery", b"<a", {"Content-Type": XML}, 400, OUTCOME, "invalid"),
    Case("unknown type", "POST", "Flag", {"resourceType": "Flag"}, {}, 404, OUTCOME, "not-supported"),
    Case("other type", "POST", "SupplyDelivery", {"resourceType": "Patient"}, {}, 400, OUTCOME, "invalid"),
    Case("if none exist", "POST", "SupplyDelivery", SUPPLY, {"If-None-Exist": KEY}, 201, "SupplyDelivery"),
    Case("if one exists", "POST", "SupplyDelivery", SUPPLY, {"If-None-Exist": KEY}, 200, None, "", (PUT_OWN,)),
    Case("if several exist", "POST", "SupplyDelivery", SUPPLY, {"If-None-Exist": KEY}, 412, OUTCOME,
         "multiple-matches", (PUT_OWN, "POST SupplyDelivery")),
    Case("if anything exists", "POST", "SupplyDelivery", SUPPLY, {"If-None-Exist": ""}, 400, OUTCOME, "not-supported"),
    Case("if unsupported", "POST", "SupplyDelivery", SUPPLY, {"If-None-Exist": "a=b"}, 400, OUTCOME, "not-supported"),
    # Read
    Case("read", "GET", "SupplyDelivery/own", None, {}, 200, "SupplyDelivery", "", (PUT_OWN,)),
    Case("read in xml", "GET", "SupplyDelivery/own", None, {"Accept": XML}, 200, "SupplyDelivery", "", (PUT_OWN,)),
    Case("vread", "GET", "SupplyDelivery/own/_history/1", None, {}, 200, "SupplyDelivery", "", (PUT_OWN, PUT_OWN)),
    Case("unchanged", "GET", "SupplyDelivery/own", None, {"If-None-Match": 'W/"1"'}, 304, None, "", (PUT_OWN,)),
    Case("not there", "GET", "SupplyDelivery/none", None, {}, 404, OUTCOME, "not-found"),
    Case("search", "GET", "SupplyDelivery?status=x", None, {}, 405, OUTCOME, "not-supported"),
    # Update
    Case("update as create", "PUT", "SupplyDelivery/own", own(), {}, 201, "SupplyDelivery"),
    Case("update", "PUT", "SupplyDelivery/own", own(), {}, 200, "SupplyDelivery", "", (PUT_OWN,)),
    Case("other id", "PUT", "SupplyDelivery/own", own(id="b"), {}, 400, OUTCOME, "invalid"),
    Case("stale", "PUT", "SupplyDelivery/own", own(), {"If-Match": 'W/"1"'}, 412, OUTCOME, "conflict",
         (PUT_OWN, PUT_OWN)),
    Case("in time", "PUT", "SupplyDelivery/own", own(), {"If-Match": 'W/"1"'}, 200, "SupplyDelivery", "", (PUT_OWN,)),
    Case("update where one", "PUT", f"SupplyDelivery?{KEY}", SUPPLY, {}, 200, "SupplyDelivery", "", (PUT_OWN,)),
    Case("update where none", "PUT", f"SupplyDelivery?{KEY}", SUPPLY, {}, 201, "SupplyDelivery"),
    Case("update where several", "PUT", f"SupplyDelivery?{KEY}", SUPPLY, {}, 412, OUTCOME, "multiple-matches",
         (PUT_OWN, "POST SupplyDelivery")),
    Case("update where all", "PUT", "SupplyDelivery?", SUPPLY, {}, 400, OUTCOME, "not-supported"),
    Case("patch", "PATCH", "SupplyDelivery/own", own(), {}, 405, OUTCOME, "not-supported", (PUT_OWN,)),
    # Delete
    Case("delete", "DELETE", "SupplyDelivery/own", None, {}, 204, None, "", (PUT_OWN,)),
    Case("delete nothing", "DELETE", "SupplyDelivery/none", None, {}, 204, None),
    Case("read deleted", "GET", "SupplyDelivery/own", None, {}, 410, OUTCOME, "deleted",
         (PUT_OWN, "DELETE SupplyDelivery/own")),
    Case("read before", "GET", "SupplyDelivery/own/_history/1", None, {}, 200, "SupplyDelivery", "",
         (PUT_OWN, "DELETE SupplyDelivery/own")),
    Case("bring back", "PUT", "SupplyDelivery/own", own(), {}, 201, "SupplyDelivery", "",
         (PUT_OWN, "DELETE SupplyDelivery/own")),
    Case("delete where", "DELETE", f"SupplyDelivery?{KEY}", None, {}, 405, OUTCOME, "not-supported"),
    # Bundles
    Case("transaction", "POST", "", bundle("transaction", entry("POST", "SupplyDelivery", SUPPLY)), {}, 200, "Bundle"),
    Case("bad transaction", "POST", "", bundle("transaction", entry("POST", "Flag", {"resourceType": "Flag"})), {},
         404, OUTCOME, "not-supported"),
    Case("stale transaction", "POST", "",
         bundle("transaction", entry("PUT", "SupplyDelivery/own", own(), ifMatch='W/"7"')), {}, 412, OUTCOME,
         "conflict", (PUT_OWN,)),
    Case("transaction that deletes", "POST", "", bundle("transaction", entry("DELETE", "SupplyDelivery/own")), {},
         200, "Bundle", "", (PUT_OWN,)),
    Case("transaction that reads", "POST", "",
         bundle("transaction", entry("GET", "SupplyDelivery/own"), entry("PUT", "SupplyDelivery/own", own())), {},
         200, "Bundle"),
    Case("batch", "POST", "", bundle("batch", entry("GET", "SupplyDelivery/none")), {}, 200, "Bundle"),
    Case("other Bundle", "POST", "", bundle("collection"), {}, 422, OUTCOME, "not-supported"),
    Case("message", "POST", "$process-message", bundle("message", {"resource": HEAD}, {"resource": SUPPLY}), {},
         200, "Bundle"),
    Case("message, later", "POST", "$process-message?async=true", bundle("message", {"resource": HEAD}), {}, 202, None),
    Case("no message", "POST", "$process-message", bundle("batch"), {}, 400, OUTCOME, "invalid"),
    # Notifications
    Case("handshake", "POST", "", bundle("history", status("handshake")), {}, 200, None),
    Case("heartbeat", "POST", "", bundle("subscription-notification", status("heartbeat")), {}, 200, None),
    Case("event", "POST", "", bundle("subscription-notification", status("event-notification", 1),
         {"resource": own()}), {}, 200, None),
    Case("event without", "POST", "", bundle("history", status("event-notification", 1)), {}, 200, None),
    Case("query", "POST", "", bundle("history", status("query-status")), {}, 200, None),
    Case("bare", "POST", "", b"", {}, 200, None),
    Case("history", "POST", "", bundle("history"), {}, 422, OUTCOME, "not-supported"),
)  # fmt: skip


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


async def told(
    client: aiohttp.ClientSession, engine: Engine, method: str, path: str, body: Any, **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
    given = {"Authorization": BASIC, **({"Content-Type": JSON} if data else {}), **headers}
    place = f"{base(engine)}/{path}".rstrip("/")
    async with client.request(method, place, data=data, headers=given) as answer:
        return answer.status, answer.headers, await answer.read()


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
async def test_it_answers(client, engine, case):
    for request in case.before:
        method, path = request.split(" ")
        body = None if method == "DELETE" else own() if "/" in path else SUPPLY
        assert (await told(client, engine, method, path, body))[0] < 300
    headers = {**case.headers, "X-Request-Id": f"r-{case.name}"}
    status, head, body = await told(client, engine, case.method, case.path, case.body, **headers)
    assert (status, kind_of(head, body)) == (case.status, case.shows), body
    assert head["X-Request-Id"] == f"r-{case.name}"
    if case.issue:
        assert re.search(rf'"code":"{case.issue}"|<code value="{case.issue}"/>'.encode(), body)
    if status == 401:
        assert "Basic" in head["WWW-Authenticate"]
    if status == 405:
        assert head["Allow"]
    if status in (200, 201) and case.method in ("POST", "PUT") and case.shows == "SupplyDelivery":
        assert re.fullmatch(rf"{base(engine)}/SupplyDelivery/[0-9a-z]+/_history/[0-9]+", head["Location"])
        assert re.fullmatch(r'W/"[0-9]+"', head["ETag"])
        assert head["Last-Modified"].endswith("GMT")
    assert b"MRN7001" not in body or case.shows in ("SupplyDelivery", "Bundle")


def kind_of(head: Mapping[str, str], body: bytes) -> str | None:
    """The type of the resource in a body, which is of the format that it says."""
    if not body:
        return None
    media, _, parameter = head["Content-Type"].partition("; ")
    assert parameter == "charset=utf-8"
    if media == XML:
        found = re.match(rb"<\?xml[^>]*>\s*<([A-Za-z]+) xmlns=\"http://hl7.org/fhir\"", body)
        assert found
        return found[1].decode()
    assert media == JSON
    return str(orjson.loads(body)["resourceType"])


async def test_the_capabilities_say_what_the_table_does(client, engine):
    _, _, body = await told(client, engine, "GET", "metadata", None)
    (rest,) = orjson.loads(body)["rest"]
    for resource in rest["resource"]:
        assert {one["code"] for one in resource["interaction"]} == {
            "read",
            "vread",
            "create",
            "update",
            "delete",
        }
        assert (resource["conditionalCreate"], resource["conditionalUpdate"]) == (True, True)
        assert resource["conditionalDelete"] == "not-supported"
    assert [one["code"] for one in rest["interaction"]] == ["transaction", "batch"]
    assert [one["name"] for one in rest["operation"]] == ["process-message"]


async def test_a_transaction_is_answered_entry_by_entry_in_its_order(client, engine):
    asked = bundle(
        "transaction",
        entry("GET", "SupplyDelivery/own"),
        entry("PUT", "SupplyDelivery/own", own()),
        entry("POST", "SupplyDelivery", SUPPLY, ifNoneExist="identifier=a|b"),
        entry("DELETE", "SupplyDelivery/none"),
    )
    for kind in (JSON, XML):
        _, _, body = await told(client, engine, "POST", "", asked, Accept=kind)
        statuses = re.findall(rb'"status":"([0-9]{3})|<status value="([0-9]{3})', body)
        expected = [b"200", b"201", b"201", b"204"] if kind == JSON else [b"200", b"200", b"201", b"204"]
        assert [one or other for one, other in statuses if one or other] == expected
