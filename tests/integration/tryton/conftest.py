"""One real Tryton server for all tests here, seeded with the example's masters; set up at its first use."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.erp.server import seeded, server_in
from engine.adapters.tryton.adapter import TrytonEndpoint
from tests.integration.tryton.erp import Erp


@pytest.fixture(scope="session")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    folder: Path = tmp_path_factory.mktemp("tryton")
    seed = seeded("none")
    url, program = server_in(folder, seed)
    with (folder / "trytond.log").open("wb") as log:
        process = subprocess.Popen(program, stdout=log, stderr=log)
        try:
            endpoint = TrytonEndpoint(
                url=url,
                timeout=10.0,
                key=seed.key,
                company=seed.company,
                payment_term="Direct",
                receivable="1.2.1",
                values_stock=False,
            )
            far = Erp(endpoint)
            until = time.monotonic() + 30
            while not far.answers():
                assert process.poll() is None, "the ERP did not start"
                assert time.monotonic() < until, "the ERP does not answer"
                time.sleep(0.1)
            yield far
        finally:
            process.terminate()
            process.wait(15)
