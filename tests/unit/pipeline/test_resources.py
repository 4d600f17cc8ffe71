"""The door of FHIR on a real store: durable before it is answered, versions, conditions, Bundles; what posts of it."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from engine.codecs.fhir.document import parse
from engine.domain.posting import Action
from engine.domain.resources import Asked
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.errors import StoreUnavailable
from tests.unit.pipeline.lab import BASE, EXAMPLE, JSON, Lab, header, supply, tree


async def created(lab: Lab, **more: Any) -> str:
    return header(await lab.ask("POST", "SupplyDelivery", supply(**more)), "Location").split("/")[-3]


async def test_what_is_created_is_kept_as_it_came_and_read_back(lab):
    body = (EXAMPLE / "channels/samples/supply-delivery.json").read_bytes()
    reply = await lab.ask("POST", "SupplyDelivery", body)
    place = header(reply, "Location").removeprefix(f"{BASE}/")
    assert (reply.status, header(reply, "ETag")) == (201, 'W/"1"')
    assert header(reply, "Last-Modified").endswith("GMT")
    (view,) = await lab.store.messages(MessageQuery())
    assert (view.type, view.control_id, view.answered) == ("FHIR SupplyDelivery", place, "201")
    raw = await lab.store.raw(view.id)
    assert parse(raw).resources[0].body == body
    for path in (place, place.partition("/_history")[0]):
        read = await lab.ask("GET", path)
        assert (read.status, header(read, "ETag")) == (200, 'W/"1"')
        assert tree(read)["meta"]["versionId"] == "1"
        assert tree(read)["suppliedItem"] == supply()["suppliedItem"]
    assert [document[:2] for document in await lab.documents()] == [(Action.POST, "issue")]


async def test_nothing_is_answered_that_is_not_committed(lab, monkeypatch):
    def fails(changes):
        answer = asyncio.get_running_loop().create_future()
        answer.set_exception(StoreUnavailable("STO001", "the disk is full"))
        return answer

    monkeypatch.setattr(lab.door._intake._writer, "submit", fails)
    with pytest.raises(StoreUnavailable):
        await lab.ask("POST", "SupplyDelivery", supply())
    assert not lab.door.accepting


async def test_an_update_of_what_was_posted_is_a_correction(lab):
    name = await created(lab)
    await lab.deliver()
    reply = await lab.ask("PUT", f"SupplyDelivery/{name}", supply(3, id=name), if_match='W/"1"')
    assert (reply.status, header(reply, "ETag")) == (200, 'W/"2"')
    assert [(action, document["lines"][0]["quantity"]) for action, _, document in await lab.documents()] == [
        (Action.REVERSE, "2"),
        (Action.POST, "3"),
    ]
    assert (
        tree(await lab.ask("GET", f"SupplyDelivery/{name}/_history/1"))["suppliedItem"]["quantity"]["value"]
        == 2
    )


@pytest.mark.parametrize("status", ["entered-in-error", "abandoned"])
async def test_what_never_was_is_taken_back_once(lab, status):
    name = await created(lab)
    await lab.deliver()
    for _ in range(2):
        await lab.ask("PUT", f"SupplyDelivery/{name}", supply(status=status, id=name))
    assert [(action, document["lines"][0]["quantity"]) for action, _, document in await lab.documents()] == [
        (Action.REVERSE, "2")
    ]
    assert [state for _, state, _ in await lab.states()] == ["routed", "routed", "duplicate"]


async def test_what_never_was_before_it_left_is_cancelled(lab):
    name = await created(lab)
    await lab.ask("PUT", f"SupplyDelivery/{name}", supply(status="entered-in-error", id=name))
    assert await lab.documents() == []


async def test_what_never_was_and_was_not_posted_posts_nothing(lab):
    await created(lab, status="entered-in-error")
    assert await lab.states() == [("FHIR SupplyDelivery", "filtered", "void: nothing of it stands")]


async def test_what_was_held_and_never_was_is_held_no_more(lab):
    unknown = supply()
    unknown["suppliedItem"]["itemCodeableConcept"]["coding"][0]["code"] = "NEW-1"
    name = header(await lab.ask("POST", "SupplyDelivery", unknown), "Location").split("/")[-3]
    assert [state for _, state, _ in await lab.states()] == ["held"]
    await lab.ask("PUT", f"SupplyDelivery/{name}", {**unknown, "id": name, "status": "entered-in-error"})
    assert await lab.store.worklist() == []
    assert await lab.documents() == []


async def test_a_resource_may_be_updated_into_being(lab):
    reply = await lab.ask("PUT", "SupplyDelivery/own-1", supply(id="own-1"))
    assert (reply.status, header(reply, "Location")) == (201, f"{BASE}/SupplyDelivery/own-1/_history/1")


@pytest.mark.parametrize("stale", ['W/"0"', 'W/"2"', "x"])
async def test_a_stale_version_is_refused(lab, stale):
    name = await created(lab)
    reply = await lab.ask("PUT", f"SupplyDelivery/{name}", supply(3, id=name), if_match=stale)
    assert (reply.status, tree(reply)["issue"][0]["code"]) == (412, "conflict")
    assert len(await lab.states()) == 1


async def test_one_of_two_updates_of_one_version_wins(lab):
    name = await created(lab)
    replies = await asyncio.gather(
        *(lab.ask("PUT", f"SupplyDelivery/{name}", supply(n, id=name), if_match='W/"1"') for n in (3, 4, 5))
    )
    assert sorted(reply.status for reply in replies) == [200, 412, 412]
    replies = await asyncio.gather(
        *(lab.ask("PUT", f"SupplyDelivery/{name}", supply(n, id=name)) for n in (6, 7))
    )
    assert sorted(header(reply, "ETag") for reply in replies) == ['W/"3"', 'W/"4"']


async def test_what_is_there_is_not_created_again(lab):
    condition = "identifier=urn:north:supplies|SD-7001-1"
    first, *others = await asyncio.gather(
        *(lab.ask("POST", "SupplyDelivery", supply(), if_none_exist=condition) for _ in range(4))
    )
    replies = [first, *others]
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 201]
    assert len({header(reply, "Location") for reply in replies}) == 1
    assert [reply.body for reply in replies if reply.status == 200] == [b"", b"", b""]
    assert len(await lab.states()) == 1
    await lab.ask("POST", "SupplyDelivery", supply())
    assert (await lab.ask("POST", "SupplyDelivery", supply(), if_none_exist=condition)).status == 412


@pytest.mark.parametrize(
    "condition", ["", "identifier=", "identifier=x", "identifier=a|", "status=x", "identifier=a|b&x=y"]
)
async def test_a_condition_that_would_match_all_is_refused(lab, condition):
    reply = await lab.ask("POST", "SupplyDelivery", supply(), if_none_exist=condition)
    assert (reply.status, tree(reply)["issue"][0]["diagnostics"][:6]) == (400, "FHR024")


@pytest.mark.parametrize(
    ("prefer", "shown"),
    [("", "SupplyDelivery"), ("return=minimal", None), ("return=OperationOutcome", "OperationOutcome"),
     ("respond-async; return=representation", "SupplyDelivery")],
)  # fmt: skip
async def test_a_sender_says_what_it_wants_to_see(lab, prefer, shown):
    reply = await lab.ask("POST", "SupplyDelivery", supply(), prefer=prefer)
    assert (tree(reply)["resourceType"] if reply.body else None) == shown


def transaction(*entries: tuple[str, str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"fullUrl": f"urn:uuid:{number}", "resource": resource, "request": {"method": method, "url": url}}
            for number, (method, url, resource) in enumerate(entries)
        ],
    }


async def test_a_transaction_is_stored_whole_and_its_references_are_kept(lab):
    reply = await lab.ask("POST", "", (EXAMPLE / "channels/samples/charge-with-encounter.json").read_bytes())
    told = tree(reply)
    assert (reply.status, told["type"]) == (200, "transaction-response")
    places = [entry["response"]["location"] for entry in told["entry"]]
    assert [place.split("/")[0] for place in places] == ["ChargeItem", "Encounter"]
    assert [kind for kind, _, _ in await lab.states()] == ["FHIR Encounter", "FHIR ChargeItem"]
    (document,) = await lab.documents()
    assert document[2]["account"] == "ACC7001"
    charge = tree(await lab.ask("GET", places[0]))
    assert charge["context"] == {"reference": places[1].partition("/_history")[0]}


async def test_a_later_charge_finds_the_stay_that_it_refers_to(lab):
    stay = orjson.loads((EXAMPLE / "channels/samples/encounter.json").read_bytes())
    await lab.ask("PUT", "Encounter/enc7001", stay)
    bundle = orjson.loads((EXAMPLE / "channels/samples/charge-with-encounter.json").read_bytes())
    charge = {**bundle["entry"][0]["resource"], "context": {"reference": "Encounter/enc7001"}}
    await lab.ask("POST", "ChargeItem", charge)
    (document,) = await lab.documents()
    assert document[2]["account"] == "ACC7001"


@pytest.mark.parametrize(
    ("bad", "status", "place"),
    [
        (("POST", "Nope", {"resourceType": "Nope"}), 404, "Bundle.entry[1].resource"),
        (("PUT", "SupplyDelivery/a", supply(id="b")), 400, "Bundle.entry[1].resource.id"),
        (("PATCH", "SupplyDelivery/a", None), 400, "Bundle.entry[1].request"),
        (("DELETE", "SupplyDelivery?identifier=a|b", None), 400, "Bundle.entry[1].request"),
        (("GET", "SupplyDelivery", None), 400, "Bundle.entry[1].request.url"),
        (("GET", "Nope/1", None), 404, "Bundle.entry[1].request.url"),
        (("POST", "SupplyDelivery", None), 400, "Bundle.entry[1].resource"),
        (("PUT", "SupplyDelivery/own", supply(id="own")), 400, "Bundle.entry"),
    ],
)
async def test_of_a_bad_transaction_nothing_is_stored(lab, bad, status, place):
    good = ("PUT", "SupplyDelivery/own", supply(id="own"))
    reply = await lab.ask("POST", "", transaction(good, bad))
    assert (reply.status, tree(reply)["issue"][0]["expression"]) == (status, [place])
    assert await lab.states() == []


async def test_each_entry_of_a_batch_is_by_itself(lab):
    bundle = transaction(
        ("PUT", "SupplyDelivery/own", supply(id="own")),
        ("PUT", "SupplyDelivery/a", supply(id="b")),
        ("GET", "SupplyDelivery/own", None),
        ("GET", "SupplyDelivery/none", None),
        kind="batch",
    )
    told = tree(await lab.ask("POST", "", bundle))
    assert [entry["response"]["status"][:3] for entry in told["entry"]] == ["201", "400", "200", "404"]
    assert told["entry"][2]["resource"]["id"] == "own"
    assert len(await lab.states()) == 1


async def test_a_message_is_taken_once(lab):
    head = {
        "resourceType": "MessageHeader",
        "id": "m1",
        "eventUri": "urn:use",
        "source": {"endpoint": "urn:x"},
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [{"resource": head}, {"resource": supply(id="s1")}],
    }
    for _ in range(2):
        reply = await lab.ask("POST", "$process-message", bundle)
        response = tree(reply)["entry"][0]["resource"]["response"]
        assert (reply.status, response) == (200, {"identifier": "m1", "code": "ok"})
    assert [kind for kind, _, _ in await lab.states()] == ["FHIR MessageHeader", "FHIR SupplyDelivery"]
    assert len(await lab.documents()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "SupplyDelivery", b'{"a":', {}, 400),
        ("POST", "SupplyDelivery", {"resourceType": "Patient"}, {}, 400),
        ("POST", "Nope", supply(), {}, 404),
        ("POST", "../x", supply(), {}, 404),
        ("PUT", "SupplyDelivery/a b", supply(id="a b"), {}, 400),
        ("GET", "SupplyDelivery/none", None, {}, 404),
        ("GET", "SupplyDelivery/none/_history/99999999999", None, {}, 404),
        ("GET", "SupplyDelivery", None, {}, 405),
        ("DELETE", "SupplyDelivery", None, {}, 405),
        ("PATCH", "SupplyDelivery/a", supply(), {}, 405),
        ("PUT", "SupplyDelivery", supply(), {}, 400),
        ("GET", "metadata", None, {"accept": "text/turtle"}, 406),
        ("GET", "metadata", None, {"accept": f"{JSON};q=0"}, 406),
        ("POST", "SupplyDelivery", supply(), {"content_type": "text/turtle"}, 415),
        ("POST", "SupplyDelivery", supply(), {"content_type": "json"}, 415),
        ("POST", "", {"resourceType": "Bundle", "type": "history", "entry": []}, {}, 422),
        ("POST", "", {"resourceType": "SupplyDelivery"}, {}, 422),
        ("POST", "SupplyDelivery", supply(), {"content_type": f"{JSON}; fhirVersion=3.0"}, 415),
        ("POST", "", {"resourceType": "Bundle", "type": "collection"}, {}, 422),
        ("POST", "$process-message", {"resourceType": "Bundle", "type": "message"}, {}, 400),
    ],
)
async def test_what_is_refused_says_why_and_nothing_of_the_content(lab, method, path, body, headers, status):
    reply = await lab.ask(method, path, body, **headers)
    outcome = tree(reply)
    assert (reply.status, outcome["resourceType"]) == (status, "OperationOutcome")
    issue = outcome["issue"][0]
    assert (issue["severity"], issue["diagnostics"][:3]) == ("error", "FHR")
    assert b"MRN7001" not in reply.body
    assert [state for _, state, _ in await lab.states()] == (["refused"] if body == b'{"a":' else [])


async def test_the_capabilities_are_what_is_there(lab):
    reply = await lab.ask("GET", "metadata", accept=f"{JSON}; fhirVersion=5.0")
    statement = tree(reply)
    assert statement["fhirVersion"] == "5.0.0"
    types = [one["type"] for one in statement["rest"][0]["resource"]]
    assert types == ["Account", "ChargeItem", "Encounter", "Patient", "SupplyDelivery"]
    for one in statement["rest"][0]["resource"]:
        assert {code["code"] for code in one["interaction"]} == {
            "read",
            "vread",
            "create",
            "update",
            "delete",
        }


async def test_another_feed_does_not_see_it(lab):
    name = await created(lab)
    asked = Asked("GET", f"SupplyDelivery/{name}", "", {}, BASE, "127.0.0.1:1")
    assert (await lab.door.ask("other", asked)).status == 404


async def test_refused_bytes_are_kept(lab):
    await lab.ask("POST", "SupplyDelivery", b'{"a":')
    (view,) = await lab.store.messages(MessageQuery())
    assert (view.state, view.reason, await lab.store.raw(view.id)) == (
        MessageState.REFUSED,
        "garbled: FHR001",
        b'{"a":',
    )


async def test_what_entries_share_is_kept_beside_each_only_while_it_is_small(lab):
    stay = orjson.loads((EXAMPLE / "channels/samples/encounter.json").read_bytes())
    charge = {"resourceType": "ChargeItem", "status": "planned", "context": {"reference": "urn:uuid:0"}}
    for size, beside in ((10, 2), (100_000, 1)):
        large = {**stay, "text": {"div": "x" * size}}
        reply = await lab.ask(
            "POST", "", transaction(("POST", "Encounter", large), ("POST", "ChargeItem", charge))
        )
        assert reply.status == 200
        view = (await lab.store.messages(MessageQuery(type="FHIR ChargeItem")))[0]
        assert len(parse(await lab.store.raw(view.id)).resources) == beside
