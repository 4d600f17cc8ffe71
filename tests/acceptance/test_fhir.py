"""Resources of FHIR against the real process: what was answered is there after a kill, and posted once."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from shutil import copytree
from signal import SIGKILL
from typing import Any

import pytest

from tests.acceptance.rig import Far, Suture, free_ports

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "engine" / "cli" / "examples" / "fhir-resources"
LOGIN = f"Basic {b64encode(b'lab:demo').decode()}"
XML = "application/fhir+xml"


class Lab(Suture):
    """The example of FHIR, and the engine that serves it."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder, self.site = folder, folder / "site"
        copytree(EXAMPLE, self.site)
        self.ports = {"lab": free_ports(1)[0]}
        self.environment = self.site / "config" / "env" / "demo.yaml"
        self.point_at(urls)
        self.process, self.program, self.log_level, self.runs = None, ("engine",), "info", 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.ports['lab']}/fhir"

    def send(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        connection = HTTPConnection("127.0.0.1", self.ports["lab"], timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Content-Type": "application/fhir+json", "Authorization": LOGIN, **named}
        connection.request(method, f"/fhir/{path}", None if body is None else json.dumps(body), given)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(data) if data else None


@pytest.fixture
def lab(tmp_path: Path, far: Far) -> Iterator[Lab]:
    engine = Lab(tmp_path, far.urls)
    yield engine
    if engine.process is not None:
        engine.stop(SIGKILL)


def supply(number: int, quantity: int = 1, **more: Any) -> dict[str, Any]:
    tree = json.loads((EXAMPLE / "channels" / "samples" / "supply-delivery.json").read_text())
    tree["identifier"][0]["value"] = f"SD-{number}"
    tree["suppliedItem"]["quantity"]["value"] = quantity
    return {**tree, **more}


def test_what_was_answered_is_there_after_a_kill_and_has_one_effect(lab: Lab, far: Far) -> None:
    places: list[str] = []
    for round_ in range(3):
        lab.start()
        for number in range(5):
            status, headers, _ = lab.send(
                "POST", "SupplyDelivery", supply(10 * round_ + number),
                If_None_Exist=f"identifier=urn:north:supplies|SD-{10 * round_ + number}",
            )  # fmt: skip
            assert status == 201
            places.append(headers["Location"].split("/fhir/")[1])
        lab.stop(SIGKILL)
    lab.start()
    for place in places:
        assert lab.send("GET", place)[0] == 200
    assert (
        lab.send("POST", "SupplyDelivery", supply(0), If_None_Exist="identifier=urn:north:supplies|SD-0")[0]
        == 200
    )
    account = lab.settled()
    assert account["messages"]["total"] == len(places)
    assert far.books("erp")["documents"]["goods-issue"] == len(places)


def test_an_update_and_an_error_are_put_right_at_the_far_end(lab: Lab, far: Far) -> None:
    lab.start()
    _, headers, _ = lab.send("POST", "SupplyDelivery", supply(1, 2))
    name = headers["Location"].split("/")[-3]
    lab.settled()
    assert lab.send("PUT", f"SupplyDelivery/{name}", supply(1, 3, id=name), If_Match='W/"1"')[0] == 200
    lab.settled()
    wrong = supply(1, 3, id=name, status="entered-in-error")
    assert lab.send("PUT", f"SupplyDelivery/{name}", wrong, If_Match='W/"2"')[0] == 200
    lab.settled()
    books = far.books("erp")["documents"]
    assert (books["goods-issue"], books["goods-return"]) == (2, 2)
    log = lab.log()
    assert "MRN7001" not in log
    assert "SD-1" not in log


def test_a_held_resource_is_edited_and_takes_its_own_place(lab: Lab, far: Far, tmp_path: Path) -> None:
    lab.start()
    tree = supply(1)
    tree["suppliedItem"]["itemCodeableConcept"]["coding"][0]["code"] = "TYPED-WRONG"
    assert lab.send("POST", "SupplyDelivery", tree)[0] == 201
    assert lab.ask("messages", "--state", "held").returncode == 0
    file = tmp_path / "mended.txt"
    file.write_text(lab.ask("show", "1", "--raw").stdout.replace("TYPED-WRONG", "CEM-PAL-40-LONG"))
    tried = lab.ask("replay", "1", "--edit", str(file), "--dry-run")
    assert "message 1 would be held" in tried.stdout
    file.write_text(file.read_text().replace("-LONG", ""))
    assert lab.ask("replay", "1", "--edit", str(file), "--reason", "typed wrong").returncode == 0
    lab.settled()
    assert far.books("erp")["documents"]["goods-issue"] == 1
    file.write_text("no resource")
    assert (
        "CTL015 the edited message cannot be read: FHR001"
        in lab.ask("replay", "2", "--edit", str(file)).stderr
    )


def test_a_subscription_that_left_events_out_is_an_alert(lab: Lab) -> None:
    lab.start()
    for number in (1, 4):
        status = {
            "resourceType": "SubscriptionStatus", "status": "active", "type": "event-notification",
            "notificationEvent": [{"eventNumber": str(number)}], "subscription": {"reference": "Subscription/s"},
        }  # fmt: skip
        entries = [{"resource": status}, {"resource": supply(number, id=f"n{number}")}]
        bundle = {"resourceType": "Bundle", "type": "subscription-notification", "entry": entries}
        assert lab.send("POST", "", bundle)[0] == 200
    told = lab.ask("alerts")
    assert told.returncode == 1
    assert "lab: events 2 to 3 of the subscription Subscription/s did not come" in told.stdout
    shown = lab.ask("messages").stdout
    assert "FHIR notification" in shown


def curl(*arguments: str) -> str:
    """What it prints. It is a part of what runs the tests: without it they fail."""
    program = shutil.which("curl")
    assert program, "curl is not installed"
    command = [program, "--silent", "--show-error", "--max-time", "20", "--user", "lab:demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_curl_sends_xml_and_reads_it_back(lab: Lab, far: Far, tmp_path: Path) -> None:
    lab.start()
    sent = tmp_path / "supply.xml"
    sent.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><SupplyDelivery xmlns="http://hl7.org/fhir"><identifier>'
        '<system value="urn:north:supplies"/><value value="SD-9"/></identifier><status value="completed"/>'
        '<patient><identifier><value value="MRN7001"/></identifier></patient><suppliedItem><quantity>'
        '<value value="2"/><unit value="EA"/></quantity><itemCodeableConcept><coding><code value="CEM-PAL-40"/>'
        '</coding></itemCodeableConcept></suppliedItem><occurrenceDateTime value="2026-11-20T09:55:00-06:00"/>'
        '<destination><identifier><value value="CATH-NORTH"/></identifier></destination></SupplyDelivery>'
    )
    said = ["--header", f"Content-Type: {XML}", "--data-binary", f"@{sent}"]
    head = curl(
        "--dump-header", "-", "--output", str(tmp_path / "stored.xml"), *said, f"{lab.base}/SupplyDelivery"
    )
    assert head.startswith("HTTP/1.1 201 ")
    (place,) = (line.partition(": ")[2].strip() for line in head.splitlines() if line.startswith("Location"))
    shown = curl("--header", f"Accept: {XML}", place)
    assert '<code value="CEM-PAL-40"/>' in shown
    assert (tmp_path / "stored.xml").read_text() == shown
    lab.settled()
    assert far.books("erp")["documents"]["goods-issue"] == 1
    resource = place.partition("/_history")[0]
    assert curl("--request", "DELETE", "--write-out", "%{http_code}", resource) == "204"
    lab.settled()
    assert far.books("erp")["documents"]["goods-return"] == 1
    refused = curl("--header", "Expect: 100-continue", "--data", "{", "--header", "Content-Type: text/csv",
                   "--write-out", "%{http_code}", f"{lab.base}/SupplyDelivery")  # fmt: skip
    assert refused.endswith("415")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_fhirpy_and_fhirclient_are_served_and_post_once(lab: Lab, far: Far) -> None:
    from fhirclient.client import FHIRClient
    from fhirclient.models.supplydelivery import SupplyDelivery
    from fhirpy import SyncFHIRClient

    lab.start()
    client = SyncFHIRClient(lab.base, authorization=LOGIN)
    first = client.resource("SupplyDelivery", **supply(1))
    first.save()
    first["suppliedItem"]["quantity"]["value"] = 3
    first.save()
    assert first["meta"]["versionId"] == "2"
    bundle = json.loads((EXAMPLE / "channels" / "samples" / "charge-with-encounter.json").read_text())
    assert client.execute("", method="post", data=bundle)["type"] == "transaction-response"
    smart = FHIRClient(settings={"app_id": "test", "api_base": lab.base})
    smart.server.session.headers["Authorization"] = LOGIN
    second = SupplyDelivery({key: value for key, value in supply(2).items() if key != "id"})
    name = second.create(smart.server)["id"]
    read = SupplyDelivery.read(name, smart.server)
    assert read.identifier[0].value == "SD-2"
    first.delete()
    read.delete()
    lab.settled()
    assert far.books("billing")["documents"]["charge"] == 1
    books = far.books("erp")["documents"]
    assert books.get("goods-issue", 0) == books.get("goods-return", 0)
    assert not far.books("erp")["doubled"]
