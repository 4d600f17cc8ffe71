"""What FHIR takes back or finds by its identifier, at the door and in what is posted."""

from __future__ import annotations

import re
from datetime import date

import orjson
import pytest

from engine.codecs.fhir.document import parse
from engine.codecs.fhir.xml import write_xml
from engine.domain.posting import Action
from engine.domain.views import MessageQuery
from tests.unit.pipeline.lab import BASE, EXAMPLE, Lab, header, running, supply, tree

XML = "application/fhir+xml"
KEY = "identifier=urn:north:supplies|SD-7001-1"
ISSUED = "when: item.stocked and item.ownership == 'owned' and item.issued_by == 'ehr'"


async def posted(lab: Lab) -> str:
    name = header(await lab.ask("POST", "SupplyDelivery", supply()), "Location").split("/")[-3]
    await lab.deliver()
    return name


async def quantities(lab: Lab) -> list[tuple[Action, str]]:
    return [(action, document["lines"][0]["quantity"]) for action, _, document in await lab.documents()]


async def test_what_is_deleted_is_taken_back_once(lab):
    name = await posted(lab)
    for _ in range(2):
        reply = await lab.ask("DELETE", f"SupplyDelivery/{name}")
        assert (reply.status, reply.body) == (204, b"")
    assert await quantities(lab) == [(Action.REVERSE, "2")]
    assert [state for _, state, _ in await lab.states()] == ["routed", "routed"]
    assert (await lab.ask("GET", f"SupplyDelivery/{name}")).status == 410
    assert (await lab.ask("GET", f"SupplyDelivery/{name}/_history/1")).status == 200


async def test_what_is_deleted_before_it_left_is_cancelled(lab):
    reply = await lab.ask("POST", "SupplyDelivery", supply())
    await lab.ask("DELETE", header(reply, "Location").removeprefix(f"{BASE}/").partition("/_")[0])
    assert await lab.documents() == []


async def test_a_deletion_of_another_version_is_refused(lab):
    name = await posted(lab)
    assert (await lab.ask("DELETE", f"SupplyDelivery/{name}", if_match='W/"2"')).status == 412
    assert await quantities(lab) == []
    assert (await lab.ask("DELETE", f"SupplyDelivery/{name}", if_match='W/"1"')).status == 204


async def test_what_is_deleted_is_found_by_no_identifier_and_no_reference(lab):
    name = await posted(lab)
    await lab.ask("DELETE", f"SupplyDelivery/{name}")
    assert (await lab.ask("POST", "SupplyDelivery", supply(), if_none_exist=KEY)).status == 201


async def test_what_comes_back_is_posted_again(lab):
    name = await posted(lab)
    await lab.ask("DELETE", f"SupplyDelivery/{name}")
    await lab.deliver()
    assert (await lab.ask("PUT", f"SupplyDelivery/{name}", supply(id=name))).status == 201
    assert [state for _, state, _ in await lab.states()] == ["routed", "routed", "routed"]
    ((action, effect, _),) = await lab.documents()
    assert (action, effect) == (Action.POST, "issue")


async def test_what_is_told_as_it_was_before_it_changed_is_changed_back(lab):
    name = await posted(lab)
    for quantity in (3, 2):
        await lab.ask("PUT", f"SupplyDelivery/{name}", supply(quantity, id=name))
        await lab.deliver()
    assert [(state, reason) for _, state, reason in await lab.states()] == [
        ("routed", ""),
        ("routed", ""),
        ("routed", ""),
    ]


async def test_what_is_told_again_as_it_is_changes_nothing(lab):
    name = await posted(lab)
    for _ in range(2):
        await lab.ask("PUT", f"SupplyDelivery/{name}", supply(3, id=name))
        await lab.deliver()
    assert [state for _, state, _ in await lab.states()] == ["routed", "routed", "duplicate"]


async def test_a_stay_that_is_deleted_never_was(lab):
    stay = orjson.loads((EXAMPLE / "channels/samples/encounter.json").read_bytes())
    await lab.ask("PUT", "Encounter/enc7001", stay)
    await lab.ask("DELETE", "Encounter/enc7001")
    view = (await lab.store.messages(MessageQuery()))[0]
    assert (view.type, view.state.word) == ("FHIR Encounter", "filtered")
    document = parse(await lab.store.raw(view.id))
    reader = next(one.reader for one in lab.stepper.edition.release.channels if one.name == "encounters")
    release = lab.stepper.edition.release
    event = reader.read(document, release.zone, release.tables, date(2026, 11, 20))
    assert event.lines[0].fields["event"] == "A11"


async def test_an_update_by_identifier_creates_updates_or_is_refused(lab):
    first = await lab.ask("PUT", f"SupplyDelivery?{KEY}", supply())
    second = await lab.ask("PUT", f"SupplyDelivery?{KEY}", supply(3))
    assert (first.status, second.status) == (201, 200)
    places = [header(reply, "Location").partition("/_history/") for reply in (first, second)]
    assert [(place == places[0][0], version) for place, _, version in places] == [(True, "1"), (True, "2")]
    assert (await lab.ask("PUT", f"SupplyDelivery?{KEY}", supply(id="other"))).status == 400
    assert (await lab.ask("PUT", f"SupplyDelivery?{KEY}", supply(), if_match='W/"1"')).status == 412
    await lab.ask("POST", "SupplyDelivery", supply())
    assert (await lab.ask("PUT", f"SupplyDelivery?{KEY}", supply())).status == 412


async def test_a_new_one_has_the_id_that_its_sender_gave_it(lab):
    reply = await lab.ask("PUT", f"SupplyDelivery?{KEY}", supply(id="own"))
    assert header(reply, "Location") == f"{BASE}/SupplyDelivery/own/_history/1"


async def test_a_read_map_reads_xml_as_it_reads_json(lab):
    body = write_xml(supply(), "R4")
    reply = await lab.ask("POST", "SupplyDelivery", body, content_type=XML)
    assert (reply.status, header(reply, "Content-Type")) == (201, f"{XML}; charset=utf-8")
    (view,) = await lab.store.messages(MessageQuery())
    kept = parse(await lab.store.raw(view.id)).resources[0]
    assert (kept.body, kept.form) == (body, "xml-R4")
    assert await quantities(lab) == [(Action.POST, "2")]
    place = header(reply, "Location").removeprefix(f"{BASE}/")
    assert tree(await lab.ask("GET", place))["suppliedItem"] == supply()["suppliedItem"]
    shown = await lab.ask("GET", place, accept="application/json;q=0.2, application/fhir+xml")
    assert re.search(rb'<quantity><value value="2"/><unit value="EA"/></quantity>', shown.body)


async def test_a_transaction_of_xml_is_stored_whole(lab):
    bundle = orjson.loads((EXAMPLE / "channels/samples/charge-with-encounter.json").read_bytes())
    reply = await lab.ask("POST", "", write_xml(bundle, "R4"), content_type=XML)
    assert (reply.status, reply.body.count(b'<status value="201 Created"/>')) == (200, 2)
    (document,) = await lab.documents()
    assert (document[2]["account"], document[2]["lines"][0]["amount"]) == ("ACC7001", "2150.00")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"<a", 400, "FHR006"), (b'<Flag xmlns="http://hl7.org/fhir"/>', 415, "FHR008")],
)
async def test_xml_that_cannot_be_read_is_kept_and_refused(lab, body, status, code):
    reply = await lab.ask("POST", "SupplyDelivery", body, content_type=XML)
    assert (reply.status, code.encode() in reply.body) == (status, True)
    assert [state for _, state, _ in await lab.states()] == ["refused"]


async def seen(lab: Lab) -> list[tuple[bool, str]]:
    """What each feed told of issues, added up as `completeness` does."""
    return [(one.owned, str(one.quantity)) for one in await lab.store.sightings(0)]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("how", ["delete", "void"])
async def test_what_two_feeds_tell_of_and_one_takes_back(tmp_path, counts, how):
    feed = "ehr" if counts else "cabinet"

    def edit(site):
        channel = site / "channels" / "supplies.yaml"
        owned = (
            f"when: item.stocked\n    owned: {{when: item.issued_by == '{feed}', by: [facility, item.item]}}"
        )
        text = channel.read_text().replace(ISSUED, owned)
        assert owned in text
        channel.write_text(text)

    async with running(tmp_path, edit) as lab:
        name = await posted(lab)
        if how == "delete":
            await lab.ask("DELETE", f"SupplyDelivery/{name}")
        else:
            await lab.ask("PUT", f"SupplyDelivery/{name}", supply(id=name, status="entered-in-error"))
        assert await quantities(lab) == ([(Action.REVERSE, "2")] if counts else [])
        total = sum(int(quantity) for owned, quantity in await seen(lab) if owned == counts)
        assert total == 0
