"""Notifications of subscriptions, in each of their forms: what they carry is taken, what never came is told of."""

from __future__ import annotations

from typing import Any

import pytest

from engine.codecs.fhir.xml import write_xml
from engine.domain.posting import Action
from engine.pipeline.digests import Digester
from engine.reconcile.alerts import alerts
from tests.unit.pipeline.lab import Lab, supply

NAME = "https://ehr.example/fhir/Subscription/s1"
FORMS = ("R4", "R4B", "R5")


def notification(form: str, kind: str, *events: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    """`entries`: what stands behind its first entry."""
    entries = more.get("entries", [])
    if form == "R4":
        status: dict[str, Any] = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "subscription", "valueReference": {"reference": NAME}},
                {"name": "status", "valueCode": "active"},
                {"name": "type", "valueCode": kind},
                *(
                    {
                        "name": "notification-event",
                        "part": [{"name": "event-number", "valueString": str(event)}],
                    }
                    for event in events
                ),
            ],
        }
        if total is not None:
            told = {"name": "events-since-subscription-start", "valueString": str(total)}
            status["parameter"].append(told)
    else:
        status = {
            "resourceType": "SubscriptionStatus",
            "status": "active",
            "type": kind,
            "notificationEvent": [{"eventNumber": str(event)} for event in events],
            "subscription": {"reference": NAME},
        }
        if total is not None:
            status["eventsSinceSubscriptionStart"] = str(total)
        if not events:
            del status["notificationEvent"]
    return {
        "resourceType": "Bundle",
        "type": "subscription-notification" if form == "R5" else "history",
        "entry": [{"resource": status}, *({"resource": one} for one in entries)],
    }


async def tell(lab: Lab, bundle: dict[str, Any]) -> None:
    reply = await lab.ask("POST", "", bundle)
    assert (reply.status, reply.body) == (200, b"")


async def missed(lab: Lab) -> list[str]:
    digester = Digester(lab.store.hash_key)
    found = await alerts(
        lab.store,
        lab.stepper.edition.release,
        lambda account: digester.digest("survivor", account.hex()),
        10**15,
    )
    return [f"{alert.channel}: {alert.what}" for alert in found if "subscription" in alert.what]


async def reasons(lab: Lab) -> list[str]:
    return [reason for kind, _, reason in await lab.states() if kind == "FHIR notification"]


@pytest.mark.parametrize("form", FORMS)
async def test_what_an_event_carries_is_taken_as_messages(lab, form):
    await tell(lab, notification(form, "handshake", total=0))
    await tell(lab, notification(form, "event-notification", 1, entries=[supply(id="s1")]))
    assert await lab.states() == [
        ("FHIR SupplyDelivery", "routed", ""),
        ("FHIR notification", "filtered", "a notification: 1 taken"),
    ]
    assert [action for action, _, _ in await lab.documents()] == [Action.POST]
    assert (await lab.ask("GET", "SupplyDelivery/s1")).status == 200
    assert await missed(lab) == []


@pytest.mark.parametrize("form", FORMS)
async def test_a_gap_is_told_of_until_it_is_filled(lab, form):
    for number in (4, 5, 9):
        event = notification(form, "event-notification", number, entries=[supply(number, id=f"s{number}")])
        await tell(lab, event)
    told = f"lab: events 6 to 8 of the subscription {NAME} did not come"
    assert await missed(lab) == [told]
    await tell(lab, notification(form, "query-event", 7, entries=[supply(id="s7")]))
    assert await missed(lab) == [
        f"lab: event 6 of the subscription {NAME} did not come",
        f"lab: event 8 of the subscription {NAME} did not come",
    ]
    await tell(
        lab, notification(form, "event-notification", 6, 8, entries=[supply(id="s6"), supply(id="s8")])
    )
    assert await missed(lab) == []


@pytest.mark.parametrize("form", FORMS)
async def test_a_heartbeat_tells_of_events_that_never_came(lab, form):
    await tell(lab, notification(form, "heartbeat", total=3))
    await tell(lab, notification(form, "heartbeat", total=3))
    assert await lab.states() == []
    await tell(lab, notification(form, "heartbeat", total=5))
    assert await missed(lab) == [f"lab: events 4 to 5 of the subscription {NAME} did not come"]
    assert await reasons(lab) == ["a notification: brought nothing"]
    await tell(lab, notification(form, "handshake", total=0))
    assert await missed(lab) == []
    await tell(lab, notification(form, "event-notification", 1, entries=[supply(id="s1")]))
    assert await missed(lab) == []


async def test_what_names_resources_and_does_not_carry_them_is_counted(lab):
    bare = notification("R4", "event-notification", 1)
    bare["entry"].append({"fullUrl": "https://ehr.example/SupplyDelivery/1"})
    await tell(lab, bare)
    await tell(lab, notification("R5", "event-notification", 2, 3))
    await tell(
        lab, notification("R5", "event-notification", 4, entries=[{"resourceType": "Flag", "id": "f"}])
    )
    not_carried = "names a resource and does not carry it: let the subscription send full-resource"
    assert await reasons(lab) == [
        f"FHR028 a notification: 1 {not_carried}",
        f"FHR028 a notification: 2 {not_carried}",
        "FHR028 a notification: 1 is of a type that is not taken here",
    ]
    assert (await lab.ask("POST", "", b"")).status == 200
    assert (await reasons(lab))[-1].startswith("FHR028 a notification without content")


async def test_what_comes_again_or_late_changes_nothing(lab):
    def at(quantity: int, minute: int) -> dict[str, Any]:
        return supply(quantity, id="s1", meta={"lastUpdated": f"2026-11-20T10:0{minute}:00Z"})

    for number, one in ((1, at(2, 1)), (2, at(3, 3)), (2, at(3, 3)), (3, at(5, 2))):
        await tell(lab, notification("R5", "event-notification", number, entries=[one]))
        await lab.deliver()
    assert [state for kind, state, _ in await lab.states() if kind != "FHIR notification"] == [
        "routed",
        "routed",
    ]
    assert (await reasons(lab))[2:] == [
        "FHR028 a notification: 1 is stored already",
        "FHR028 a notification: 1 is older than what is stored",
    ]


async def test_of_one_resource_told_twice_the_newest_is_taken(lab):
    newer = supply(3, id="s1", meta={"lastUpdated": "2026-11-20T10:02:00Z"})
    older = supply(2, id="s1", meta={"lastUpdated": "2026-11-20T10:01:00Z"})
    await tell(lab, notification("R4B", "event-notification", 1, 2, entries=[newer, older]))
    assert [document["lines"][0]["quantity"] for _, _, document in await lab.documents()] == ["3"]


async def test_a_deletion_is_taken_back(lab):
    await tell(lab, notification("R5", "event-notification", 1, entries=[supply(id="s1")]))
    await lab.deliver()
    gone = notification("R5", "event-notification", 2)
    gone["entry"].append({"request": {"method": "DELETE", "url": "SupplyDelivery/s1"}})
    await tell(lab, gone)
    assert [action for action, _, _ in await lab.documents()] == [Action.REVERSE]


@pytest.mark.parametrize("form", FORMS)
async def test_a_notification_in_xml_is_one(lab, form):
    told = notification(form, "event-notification", 1, total=1, entries=[supply(id="s1")])
    version = "5.0" if form == "R5" else "4.0"
    if form == "R5":
        told["entry"][1]["resource"]["suppliedItem"] = [supply()["suppliedItem"]]
    kind = f"application/fhir+xml; fhirVersion={version}"
    reply = await lab.ask("POST", "", write_xml(told, "R5" if form == "R5" else "R4"), content_type=kind)
    assert reply.status == 200
    assert [kind for kind, _, _ in await lab.states()] == ["FHIR SupplyDelivery", "FHIR notification"]


async def test_a_plain_update_by_its_address_is_an_update(lab):
    for quantity, status in ((2, 201), (3, 200)):
        assert (await lab.ask("PUT", "SupplyDelivery/s1", supply(quantity, id="s1"))).status == status


@pytest.mark.parametrize("number", ["x", "-1", "1" * 30, 2.5, True, None])
async def test_a_number_that_is_none_is_none(lab, number):
    told = notification("R5", "event-notification", 1, entries=[supply(id="s1")])
    told["entry"][0]["resource"]["notificationEvent"][0]["eventNumber"] = number
    await tell(lab, told)
    assert await missed(lab) == []
