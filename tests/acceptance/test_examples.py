"""Each example of `suture init`, laid out by what was installed: checked, tested, served, balanced with the books."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import sysconfig
from base64 import b64encode
from pathlib import Path
from signal import SIGKILL
from urllib.request import Request, urlopen

import pytest

from tests.acceptance.rig import Far, Suture, built_wheel, code_of, exchange, free_ports

SAMPLES = {
    "theatre-usage": {"ehr": ["dft-knee", "dft-hip-consigned", "dft-new-implant"]},
    "cabinet-vends": {"cabinet": ["oms-vends", "oms-return", "oms-refill"]},
    "discharge-to-billing": {"ehr": ["adt-a01", "adt-a03", "adt-a40", "adt-a41"]},
    "fhir-resources": {"lab": ["supply-delivery", "encounter", "charge-with-encounter"]},
    "item-master": {"masters": ["mfn-m16-update", "mfn-m04-prices"], "ehr": ["dft-new-item"]},
}
CARRIED = {"fhir-resources": 4}
"""Messages, where a sample is not one: a transaction is one for each entry."""

BOOKED = {
    "theatre-usage": {"goods-issue": 3, "bill-only-order": 1, "cost-posting": 1, "charge": 7},
    "cabinet-vends": {"goods-issue": 1, "goods-return": 1},
    "discharge-to-billing": {"discharge": 1, "account-merge": 1},
    "fhir-resources": {"goods-issue": 1, "charge": 1},
    "item-master": {"goods-issue": 1, "charge": 1},
}


class Laid(Suture):
    """A site that `init` laid out, and the engine that serves it."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder, self.site = folder, folder / "site"
        self.ports = dict(zip(("ehr", "cabinet", "hl7-http", "lab", "masters"), free_ports(5), strict=True))
        self.environment = self.site / "config" / "env" / "demo.yaml"
        self.point_at(urls)
        self.process, self.program, self.log_level, self.runs = None, ("engine",), "info", 0


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of a wheel that was installed beside no repository."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = built_wheel(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--python",
        str(python),
        "install",
        "--no-deps",
        str(wheel),
    ]
    subprocess.run(install, check=True)
    return [str(folder / "venv" / "bin" / "suture")]


def run(command: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    libraries = sysconfig.get_path("purelib")
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False, cwd="/",
        env={**os.environ, "PYTHONPATH": libraries},
    )  # fmt: skip


def send(engine: Laid, feed: str, sample: str) -> None:
    folder = engine.site / "channels" / "samples"
    if feed == "lab":
        body = (folder / f"{sample}.json").read_bytes()
        kind = json.loads(body)["resourceType"]
        request = Request(
            f"http://127.0.0.1:{engine.ports[feed]}/fhir/{'' if kind == 'Bundle' else kind}",
            body,
            {
                "Content-Type": "application/fhir+json",
                "Authorization": f"Basic {b64encode(b'lab:demo').decode()}",
            },
        )
        with urlopen(request, timeout=20) as answer:
            assert answer.status in (200, 201)
        return
    message = (folder / f"{sample}.hl7").read_bytes().replace(b"\n", b"\r")
    (answer,) = asyncio.run(exchange(engine.ports[feed], message))
    assert code_of(answer) == "AA"


@pytest.mark.parametrize("name", SAMPLES)
def test_an_example_is_clean_and_its_samples_end_balanced(
    tmp_path: Path, far: Far, installed: list[str], name: str
) -> None:
    laid = run(installed, "init", str(tmp_path / "site"), "--example", name)
    assert laid.returncode == 0, laid.stderr
    assert (tmp_path / "site" / "README.md").is_file()
    assert (tmp_path / "site" / ".gitignore").read_text() == "var/\n"
    checked = run(installed, "check", str(tmp_path / "site"))
    assert "0 faults, 0 warnings" in checked.stdout, checked.stderr
    tested = run(installed, "test", str(tmp_path / "site"))
    assert ", 0 failed" in tested.stdout
    assert tested.returncode == 0

    engine = Laid(tmp_path, far.urls)
    try:
        engine.start()
        for feed, samples in SAMPLES[name].items():
            for sample in samples:
                send(engine, feed, sample)
                account = engine.settled()
        assert account["messages"]["total"] == CARRIED.get(name, sum(map(len, SAMPLES[name].values())))
    finally:
        if engine.process is not None:
            engine.stop(SIGKILL)
    books = {**far.books("erp")["documents"], **far.books("billing")["documents"]}
    assert {kind: count for kind, count in books.items() if count} == BOOKED[name]
    delivered = sum(effect["delivered"] for effect in account["effects"])
    expected = sum(effect["expected"] - effect["held"] for effect in account["effects"])
    assert delivered == expected


def test_the_whole_example_and_a_blank_site_are_laid_out_too(tmp_path: Path, installed: list[str]) -> None:
    assert run(installed, "init", str(tmp_path / "whole")).returncode == 0
    assert "0 faults, 0 warnings" in run(installed, "check", str(tmp_path / "whole")).stdout
    assert run(installed, "init", str(tmp_path / "blank"), "--example", "blank").returncode == 0
    assert run(installed, "check", str(tmp_path / "blank")).returncode == 0


def test_each_example_is_told_in_a_sentence(installed: list[str]) -> None:
    told = run(installed, "init", "--list").stdout
    assert [line.split()[0] for line in told.splitlines()] == [*SAMPLES, "blank"]
