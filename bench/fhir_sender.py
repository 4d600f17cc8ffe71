"""Sends transaction Bundles over many kept connections, one in flight on each; tells rate and latencies as JSON.

    python bench/fhir_sender.py PORT COUNT CONNECTIONS FIRST

A Bundle is one Encounter, three ChargeItems that refer to it, and three SupplyDeliveries, of a patient of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from typing import Any

import httptools
import uvloop

LOGIN = base64.b64encode(b"lab:demo").decode()
MARK = "N00000000N"


def main() -> None:
    port, count, connections, first = map(int, sys.argv[1:])
    uvloop.run(send(port, count, connections, first))


async def send(port: int, count: int, connections: int, first: int) -> None:
    loop = asyncio.get_running_loop()
    run = Run(first, count)
    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
    await run.done
    seconds = time.perf_counter() - began
    ordered = sorted(run.latencies)
    at = {
        name: round(ordered[int(len(ordered) * part)] * 1000, 2)
        for name, part in (("p50", 0.5), ("p99", 0.99))
    }
    print(json.dumps({"rate": round(count / seconds), "seconds": seconds, "refused": run.refused, **at}))


class Run:
    """What all connections share."""

    def __init__(self, first: int, count: int) -> None:
        self.next, self.last, self.count = first, first + count, count
        self.latencies: list[float] = []
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()


class Connection(asyncio.Protocol):
    def __init__(self, run: Run) -> None:
        self._run = run

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def _send(self) -> None:
        run = self._run
        if run.next >= run.last:
            return
        number, run.next = run.next, run.next + 1
        self._sent = time.perf_counter()
        self._transport.write(REQUEST.replace(MARK.encode(), b"N%08dN" % (number % 100_000_000)))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        run = self._run
        run.latencies.append(time.perf_counter() - self._sent)
        run.refused += self._parser.get_status_code() != 200
        if len(run.latencies) == run.count and not run.done.done():
            run.done.set_result(None)
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(ConnectionError("the engine closed a connection"))


def bundle() -> dict[str, Any]:
    """With `MARK` where a number of its own goes."""
    stay = f"urn:uuid:stay-{MARK}"
    found = [_entry(stay, _encounter())]
    found += [_entry(f"urn:uuid:charge-{number}-{MARK}", _charge(number, stay)) for number in range(3)]
    found += [_entry(f"urn:uuid:supply-{number}-{MARK}", _supply(number)) for number in range(3)]
    return {"resourceType": "Bundle", "type": "transaction", "entry": found}


def _entry(url: str, resource: dict[str, Any]) -> dict[str, Any]:
    kind = resource["resourceType"]
    return {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": kind}}


def _identified(system: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": f"urn:north:{system}", "value": value}}


def _encounter() -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "identifier": [{"use": "official", "system": "urn:north:visits", "value": f"VN{MARK}"}],
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": _identified("mrn", f"MRN{MARK}"),
        "period": {"start": "2026-11-20T07:40:00-06:00"},
        "account": [{"reference": f"Account/ACC{MARK}"}],
        "location": [{"location": {"reference": "Location/CATH-NORTH"}, "status": "active"}],
    }


def _charge(number: int, stay: str) -> dict[str, Any]:
    return {
        "resourceType": "ChargeItem",
        "identifier": [{"system": "urn:north:charges", "value": f"CI-{MARK}-{number}"}],
        "status": "billable",
        "code": {"coding": [{"system": "urn:north:charges", "code": "IMP-LED-52"}]},
        "subject": _identified("mrn", f"MRN{MARK}"),
        "context": {"reference": stay},
        "occurrenceDateTime": f"2026-11-20T09:5{number}:00-06:00",
        "quantity": {"value": 1},
        "priceOverride": {"value": 2150.00, "currency": "USD"},
        "costCenter": _identified("departments", "CATH-NORTH"),
    }


def _supply(number: int) -> dict[str, Any]:
    coding = {"system": "urn:north:items", "code": "CEM-PAL-40"}
    return {
        "resourceType": "SupplyDelivery",
        "identifier": [{"system": "urn:north:supplies", "value": f"SD-{MARK}-{number}"}],
        "status": "completed",
        "patient": _identified("mrn", f"MRN{MARK}"),
        "suppliedItem": {
            "quantity": {"value": 2, "unit": "EA"},
            "itemCodeableConcept": {"coding": [coding], "text": "Bone cement 40 g"},
        },
        "occurrenceDateTime": f"2026-11-20T09:5{number}:00-06:00",
        "destination": _identified("departments", "CATH-NORTH"),
    }


def _request() -> bytes:
    body = json.dumps(bundle(), indent=1).encode()
    head = (
        "POST /fhir HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\n"
        f"Authorization: Basic {LOGIN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


REQUEST = _request()


if __name__ == "__main__":
    main()
