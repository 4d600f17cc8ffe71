"""The engine with the example of FHIR, on a real store and socket."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.app import Engine
from engine.site.files import load_site

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "engine" / "cli" / "examples" / "fhir-resources"
BASIC = f"Basic {base64.b64encode(b'lab:demo').decode()}"


@pytest.fixture
async def engine(tmp_path: Path):
    for name, data in load_site(EXAMPLE).files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data.replace(b"port: 8082", b"port: 0"))
    (tmp_path / "var").mkdir()
    running = Engine(tmp_path, "demo")
    await running.start()
    yield running
    await running.stop()


def base(engine: Engine) -> str:
    return f"http://127.0.0.1:{engine.listeners[0].port}/fhir"


def sample(name: str) -> dict[str, Any]:
    return orjson.loads((EXAMPLE / "channels" / "samples" / name).read_bytes())
