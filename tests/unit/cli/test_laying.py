"""What `init` lays out can be put under version control as it is, with nothing of a patient."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.cli.laying import EXAMPLES
from engine.cli.main import main


@pytest.mark.parametrize("name", [None, *EXAMPLES])
def test_git_leaves_the_store_alone(tmp_path: Path, name: str | None) -> None:
    site = tmp_path / "site"
    laid = CliRunner().invoke(main, ["init", str(site), *(["--example", name] if name else [])])
    assert laid.exit_code == 0, laid.output
    (site / "var").mkdir()
    (site / "var" / "suture.db").write_bytes(b"store")
    for words in (["init", "--quiet"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=site, check=True)
    staged = subprocess.run(["git", "ls-files"], cwd=site, check=True, capture_output=True, text=True).stdout
    assert "config/suture.yaml" in staged
    assert "var/" not in staged
