"""Clients that others wrote, against the listener on a real store and socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.app import Engine
from engine.domain.views import MessageQuery
from tests.conformance.fhir.conftest import BASIC, base, sample

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


async def kinds(engine: Engine) -> list[str]:
    reader: Any = engine._started[0]
    return [view.type for view in reversed(await reader.messages(MessageQuery()))]


async def test_fhirpy_creates_reads_updates_and_sends_transactions(engine):
    import fhirpy

    client = fhirpy.AsyncFHIRClient(base(engine), authorization=BASIC)
    stay = client.resource("Encounter", **{**sample("encounter.json"), "id": None})
    await stay.create()
    assert stay["meta"]["versionId"] == "1"
    again = await client.reference("Encounter", stay["id"]).to_resource()
    assert again["period"] == sample("encounter.json")["period"]
    again["status"] = "finished"
    again["period"] = {**again["period"], "end": "2026-11-21T10:00:00-06:00"}
    await again.update()
    assert again["meta"]["versionId"] == "2"
    answer = await client.execute("", method="post", data=sample("charge-with-encounter.json"))
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created", "201 Created"]
    assert await kinds(engine) == ["FHIR Encounter", "FHIR Encounter", "FHIR Encounter", "FHIR ChargeItem"]
    with pytest.raises(fhirpy.base.exceptions.ResourceNotFound):
        await client.reference("Encounter", "none").to_resource()
    with pytest.raises(fhirpy.base.exceptions.OperationOutcome):
        await client.execute("", method="post", data={"resourceType": "Bundle", "type": "collection"})


async def test_fhirclient_creates_reads_and_updates(engine):
    from fhirclient import client as fhirclient
    from fhirclient.models import chargeitem, fhirreference

    def speak() -> list[str]:
        smart = fhirclient.FHIRClient(settings={"app_id": "test", "api_base": base(engine)})
        smart.server.session.headers["Authorization"] = BASIC
        charge = chargeitem.ChargeItem({
            key: value
            for key, value in sample("charge-with-encounter.json")["entry"][0]["resource"].items()
            if key != "context"
        })  # fmt: skip
        account = fhirreference.FHIRReference({"reference": "Account/ACC7001"})
        charge.account = [account]
        created = charge.create(smart.server)
        name = created["id"]
        read = chargeitem.ChargeItem.read(name, smart.server)
        read.quantity.value = 2
        updated = read.update(smart.server)
        return [name, created["meta"]["versionId"], updated["meta"]["versionId"], read.status]

    name, first, second, status = await asyncio.to_thread(speak)
    assert (first, second, status) == ("1", "2", "billable")
    assert await kinds(engine) == ["FHIR ChargeItem", "FHIR ChargeItem"]
    assert name
