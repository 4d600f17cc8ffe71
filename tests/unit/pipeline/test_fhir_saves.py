"""A resource of several lines, told whole at each update (`lines: snapshot`), with what is void and what another feed
counts: the books are as its newest version says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.lab import Lab, running

ISSUED = "when: item.stocked and item.ownership == 'owned' and item.issued_by == 'ehr'"
MAP = """
read: FHIR SupplyDelivery
about: What the catheterization laboratory used, a delivery of several items
version: R5
makes: supply-usage
each: suppliedItem
lines: snapshot
fields:
  facility: {text: NORTH}
  case_id: "%resource.id"
  patient: "%resource.patient.identifier.value"
  type: "%resource.status"
  void: "%resource.status = 'entered-in-error'"
  code: item.ofType(CodeableConcept).coding.first().code
  quantity: quantity.value
  unit: quantity.unit
  department: "%resource.destination.identifier.value"
  used_at: "%resource.occurrence.ofType(dateTime)"
"""
CEMENT, DRAPE = "CEM-PAL-40", "DRP-EXT-01"


def several(site: Path, counts: str = "") -> None:
    (site / "mappings" / "fhir" / "supply-delivery.yaml").write_text(MAP)
    channel = site / "channels" / "supplies.yaml"
    text = channel.read_text().replace(
        "same_line: {by: source_id, changed: correct, alike: hold}", "same_line: {by: [case_id, code]}"
    )
    if counts:
        owned = f"when: item.stocked\n    owned: {{when: item.issued_by == '{counts}', by: [facility, item.item]}}"
        assert ISSUED in text
        text = text.replace(ISSUED, owned)
    channel.write_text(text)


def delivery(used: dict[str, int], status: str = "completed") -> dict[str, Any]:
    return {
        "resourceType": "SupplyDelivery",
        "id": "case-1",
        "status": status,
        "patient": {"identifier": {"value": "MRN7001"}},
        "suppliedItem": [
            {
                "quantity": {"value": quantity, "unit": "EA"},
                "itemCodeableConcept": {"coding": [{"code": code}]},
            }
            for code, quantity in used.items()
        ],
        "occurrenceDateTime": "2026-11-20T09:55:00-06:00",
        "destination": {"identifier": {"value": "CATH-NORTH"}},
    }


async def save(lab: Lab, used: dict[str, int], status: str = "completed") -> None:
    kind = "application/fhir+json; fhirVersion=5.0"
    reply = await lab.ask("PUT", "SupplyDelivery/case-1", delivery(used, status), content_type=kind)
    assert reply.status in (200, 201), reply.body


async def books(lab: Lab, booked: dict[str, Decimal]) -> dict[str, int]:
    """Out of stock by item, once all that is ready is delivered."""
    for action, _, document in await lab.documents():
        for line in document["lines"]:
            sign = {"POST": 1, "REVERSE": -1}[action.name]
            booked[line["item"]] = booked.get(line["item"], Decimal(0)) + sign * Decimal(line["quantity"])
    await lab.deliver()
    return {item: int(quantity) for item, quantity in booked.items() if quantity}


async def test_each_version_brings_the_books_to_what_it_says(tmp_path):
    async with running(tmp_path, several) as lab:
        booked: dict[str, Decimal] = {}
        for used, expected in (
            ({CEMENT: 2, DRAPE: 1}, {"3000140": 2, "3000522": 1}),
            ({CEMENT: 3, DRAPE: 1}, {"3000140": 3, "3000522": 1}),
            ({CEMENT: 3}, {"3000140": 3}),
            ({CEMENT: 3, DRAPE: 2}, {"3000140": 3, "3000522": 2}),
            ({DRAPE: 2}, {"3000522": 2}),
        ):
            await save(lab, used)
            assert await books(lab, booked) == expected
        assert await lab.store.worklist() == []


@pytest.mark.parametrize("how", ["void", "delete", "empty"])
async def test_a_resource_that_never_was_is_taken_back_and_may_come_back(tmp_path, how):
    async with running(tmp_path, several) as lab:
        booked: dict[str, Decimal] = {}
        used = {CEMENT: 2, DRAPE: 1}
        await save(lab, used)
        assert await books(lab, booked) == {"3000140": 2, "3000522": 1}
        if how == "void":
            await save(lab, used, "entered-in-error")
        elif how == "empty":
            await save(lab, {})
        else:
            await lab.ask("DELETE", "SupplyDelivery/case-1")
        assert await books(lab, booked) == {}
        await save(lab, used)
        assert await books(lab, booked) == {"3000140": 2, "3000522": 1}


@pytest.mark.parametrize("counts", ["ehr", "cabinet"])
@pytest.mark.parametrize("how", ["void", "delete", "empty", "nothing used"])
async def test_what_is_told_no_more_is_counted_by_no_feed(tmp_path, counts, how):
    async with running(tmp_path, lambda site: several(site, counts)) as lab:
        used = {CEMENT: 2, DRAPE: 1}
        await save(lab, used)
        assert sorted(int(one.quantity) for one in await lab.store.sightings(0)) == [1, 2]
        if how == "void":
            await save(lab, used, "entered-in-error")
        elif how == "delete":
            await lab.ask("DELETE", "SupplyDelivery/case-1")
        elif how == "empty":
            await save(lab, {})
        else:
            await save(lab, {CEMENT: 0, DRAPE: 0})
        assert await lab.store.sightings(0) == []
        booked: dict[str, Decimal] = {}
        assert await books(lab, booked) == {}
