"""What is shipped: a wheel, taken apart beside no repository, checks and tests the example."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.rig import ROOT, built_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(built_wheel(folder)) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(wheel: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from engine.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, str(wheel), *words],
        cwd=wheel.parent,
        env={**os.environ, "PYTHONPATH": str(wheel), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_of_the_repository_is_in_the_wheel(wheel: Path) -> None:
    there = {str(path.relative_to(wheel)) for path in wheel.rglob("*.py")}
    ours = {
        str(path.relative_to(ROOT))
        for name in ("engine", "listeners")
        for path in (ROOT / name).rglob("*.py")
    }
    assert ours <= there, ours - there


def test_what_was_installed_starts_and_checks_the_example(wheel: Path) -> None:
    assert run(wheel, "--version").stdout.startswith("suture")
    checked = run(wheel, "check", str(ROOT))
    assert checked.returncode == 0, checked.stderr
    assert "SIT005" in run(wheel, "explain", "SIT005").stdout
