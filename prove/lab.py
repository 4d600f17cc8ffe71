"""A department that tells what it used by FHIR, beside the example site's other feeds, and a client for it."""

from __future__ import annotations

import asyncio
import json
import shutil
from base64 import b64encode
from collections.abc import Sequence

import aiohttp

from prove.house import ANSWER_WITHIN, House
from tests.acceptance.rig import ROOT, free_port

EXAMPLE = ROOT / "engine" / "cli" / "examples" / "fhir-resources"
LOGIN = b64encode(b"lab:demo").decode()
LISTENER = """
  lab:
    about: What the laboratory used
    kind: fhir
    sends: [FHIR SupplyDelivery]
    path: /fhir
"""
CODE = "  code: suppliedItem.item.ofType(Reference).resolve().type.coding.first().code, else "
FIELDS = """
  case_id: basedOn.first().identifier.value
  serial: suppliedItem.item.ofType(Reference).resolve().serialNumber
"""
CHANNEL = """channel: lab-usage
about: What the laboratory used leaves stock where it counts.
from: lab
read: fhir/supply-delivery
same_line: {by: source_id, changed: correct, alike: hold}
lane: patient
translate:
  item:        {table: items, by: [facility, code]}
  pack:        {table: units, by: [item.item, unit, item.stock_unit]}
  cost_center: {table: cost-centers, by: [facility, department]}
  place:       {table: locations, by: [facility, department]}
deliver:
  issue:
    to: erp
    when: item.stocked and item.ownership == 'owned'
    owned: {when: item.issued_by == 'lab', by: [facility, item.item], same: [case_id, serial]}
    map: erp/goods-issue
    undo: erp/goods-return
    bad_line: waits alone
    quantity: counted(quantity * pack.factor)
    money: far end
    owner: supply-chain
"""

Resource = dict[str, object]


def open_lab(house: House) -> int:
    """Adds the door, its map and its channel to the site, before it starts. Returns its port."""
    site, port = house.suture.site, free_port()
    config = site / "config" / "suture.yaml"
    config.write_text(config.read_text().replace("\ndestinations:", f"{LISTENER}\ndestinations:", 1))
    place = f"\n  lab: {{port: {port}, user: lab, password: demo}}\n\ndestinations:"
    environment = house.suture.environment
    environment.write_text(environment.read_text().replace("\ndestinations:", place, 1))
    read = (EXAMPLE / "mappings" / "fhir" / "supply-delivery.yaml").read_text()
    read = (
        read.replace("{text: NORTH}", "supplier.identifier.value").replace("  code: ", CODE).rstrip() + FIELDS
    )
    (site / "mappings" / "fhir").mkdir()
    (site / "mappings" / "fhir" / "supply-delivery.yaml").write_text(read)
    (site / "channels" / "lab-usage.yaml").write_text(CHANNEL)
    return port


def open_example(house: House, limit: str) -> int:
    """Adds the feed of the example of FHIR to the site, before it starts; `limit`: of both its doors of HTTP. Returns
    its port."""
    port, site = free_port(), house.suture.site
    config = site / "config" / "suture.yaml"
    says = f"about: Resources, kind: fhir, path: /fhir, limit: {limit}, sends: [FHIR Patient]"
    listener = f"listeners:\n  lab: {{{says}}}\n"
    text = config.read_text().replace("    path: /hl7\n", f"    path: /hl7\n    limit: {limit}\n")
    config.write_text(text.replace("listeners:\n", listener, 1))
    environment = house.suture.environment
    entry = f"listeners:\n  lab: {{port: {port}, user: lab, password: demo}}\n"
    environment.write_text(environment.read_text().replace("listeners:\n", entry, 1))
    shutil.copytree(EXAMPLE / "mappings" / "fhir", site / "mappings" / "fhir")
    for name in ("charges", "supplies", "encounters"):
        text = (EXAMPLE / "channels" / f"{name}.yaml").read_text().partition("\ntests:")[0]
        channel = text.replace(f"channel: {name}", f"channel: lab-{name}") + "\n"
        (site / "channels" / f"lab-{name}.yaml").write_text(channel)
    return port


def delivery(
    number: int, day: str, facility: str, code: str, quantity: int, *, case: str = "", serial: str = ""
) -> Resource:
    """A SupplyDelivery. With a serial its item is a Device that is contained, as R4 has it."""
    coded = {"coding": [{"system": "urn:north:items", "code": code}]}
    item: Resource = {"itemCodeableConcept": coded}
    told: Resource = {}
    if serial:
        item = {"itemReference": {"reference": "#d"}}
        told["contained"] = [{"resourceType": "Device", "id": "d", "serialNumber": serial, "type": coded}]
    if case:
        told["basedOn"] = [{"identifier": {"value": case}}]
    return {
        "resourceType": "SupplyDelivery",
        "identifier": [{"system": "urn:north:supplies", "value": f"L{number}"}],
        "status": "completed",
        "patient": {"identifier": {"value": f"M{number}"}},
        "suppliedItem": {"quantity": {"value": quantity, "unit": "EA"}, **item},
        "occurrenceDateTime": f"{day[:4]}-{day[4:6]}-{day[6:]}T09:50:00-06:00",
        "destination": {"identifier": {"value": f"OR-{facility}"}},
        "supplier": {"identifier": {"value": facility}},
        **told,
    }


async def send(port: int, resources: Sequence[Resource], connections: int) -> None:
    """Creates each of them once, by `If-None-Exist`, and again until it is answered so."""
    waiting = iter(resources)
    url = f"http://127.0.0.1:{port}/fhir/SupplyDelivery"
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_send(session, url, waiting))


async def _send(session: aiohttp.ClientSession, url: str, waiting: object) -> None:
    for resource in waiting:  # type: ignore[attr-defined]
        number = resource["identifier"][0]["value"]
        headers = {
            "Content-Type": "application/fhir+json",
            "Authorization": f"Basic {LOGIN}",
            "If-None-Exist": f"identifier=urn:north:supplies|{number}",
        }
        while True:
            try:
                async with session.post(url, data=json.dumps(resource), headers=headers) as answer:
                    if answer.status in (200, 201):
                        break
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.02)
