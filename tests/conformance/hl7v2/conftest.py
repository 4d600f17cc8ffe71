"""The public HL7 messages under `tests/samples`: `sample` is each message in turn, `sample_file` each
file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.codecs.hl7v2.batch import split_messages

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FILES = sorted(path for folder in SAMPLES.glob("hl7v2-*") for path in folder.iterdir())
MESSAGES = {
    f"{path.name}-{n}": raw for path in FILES for n, raw in enumerate(split_messages(path.read_bytes()), 1)
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", MESSAGES.values(), ids=MESSAGES.keys())
    if "sample_file" in metafunc.fixturenames:
        metafunc.parametrize("sample_file", FILES, ids=lambda path: path.name)


@pytest.fixture
def samples() -> dict[str, bytes]:
    """Messages by file name and number: `DFT-P03-01.hl7-1`."""
    return MESSAGES


@pytest.fixture
def sample_files() -> list[Path]:
    return FILES
