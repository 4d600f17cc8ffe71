"""What `doctor` says of a watched folder."""

from __future__ import annotations

import os
from pathlib import Path

from engine.cli.doctoring import _folder


def test_a_folder_with_links_and_subfolders_says_that_they_are_left(tmp_path: Path):
    for ours in ("archive", "refused", ".taking"):
        (tmp_path / ours).mkdir()
    (tmp_path / "night.hl7").write_bytes(b"")
    os.symlink(tmp_path / "night.hl7", tmp_path / "half.tmp")
    assert _folder("nightly", tmp_path, (".tmp",)).well
    os.symlink(tmp_path / "night.hl7", tmp_path / "link.hl7")
    (tmp_path / "sub").mkdir()
    found = _folder("nightly", tmp_path, (".tmp",))
    assert not found.well
    assert found.said.startswith("2 entries in ")
    (tmp_path / "refused" / "0-x.hl7").write_bytes(b"")
    said = _folder("nightly", tmp_path, (".tmp",)).said
    assert said.startswith("1 files in ")
    assert "; 2 entries in " in said
