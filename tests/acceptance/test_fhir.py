"""Resources of FHIR against the real process: what was answered is there after a kill, and posted once."""

from __future__ import annotations

import json
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


class Lab(Suture):
    """The example of FHIR, and the engine that serves it."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder, self.site = folder, folder / "site"
        copytree(EXAMPLE, self.site)
        self.ports = {"lab": free_ports(1)[0]}
        self.environment = self.site / "config" / "env" / "demo.yaml"
        self.point_at(urls)
        self.process, self.program, self.log_level, self.runs = None, ("engine",), "info", 0

    def send(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        connection = HTTPConnection("127.0.0.1", self.ports["lab"], timeout=20)
        login = b64encode(b"lab:demo").decode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Content-Type": "application/fhir+json", "Authorization": f"Basic {login}", **named}
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
