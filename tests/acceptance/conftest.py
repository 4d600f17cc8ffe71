"""A far end and an engine for each test, ended by their process ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.acceptance.rig import Far, Suture


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    box = Far(tmp_path)
    yield box
    box.close()


@pytest.fixture
def suture(tmp_path: Path, far: Far) -> Iterator[Suture]:
    engine = Suture(tmp_path, far.urls)
    yield engine
    if engine.process is not None:
        engine.stop(SIGKILL)
