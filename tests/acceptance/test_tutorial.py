"""docs/tutorial.md, done as it says: its files saved, its commands typed, what it says is said compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

from tests.acceptance.rig import ROOT, Far, Suture, free_port

BLOCK = re.compile(r"```(\w+)(?: file=(\S+))?\n(.*?)```", re.DOTALL)


def steps() -> Iterator[tuple[str, str, str]]:
    """(language, file, text) of each block, in order."""
    for found in BLOCK.finditer((ROOT / "docs" / "tutorial.md").read_text()):
        yield found[1], found[2] or "", found[3]


def typed(text: str) -> Iterator[tuple[str, str]]:
    """(command, what is said)."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, said = part.partition("\n")
        yield command, said


def pattern(said: str) -> str:
    """What is said, with anything in the place of …"""
    return r"\s*".join(re.escape(line).replace("…", r"[\s\S]*?") for line in said.split("\n") if line)


class Reader:
    """A newcomer with a shell. Ports are free ones, the far end is the sandbox."""

    def __init__(self, folder: Path, far: Far) -> None:
        self.folder = folder
        self.far = far
        self.port = free_port()
        self.engine: Suture | None = None
        (folder / "bin").mkdir()
        command = folder / "bin" / "suture"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m engine "$@"\n')
        command.chmod(0o755)

    def place(self) -> None:
        place = self.folder / "theatre" / "config" / "env" / "demo.yaml"
        text = place.read_text().replace("2575", str(self.port))
        place.write_text(text.replace("http://127.0.0.1:9802", self.far.urls["billing"]))

    def run(self, command: str) -> str:
        if command.startswith("suture send"):
            command += f" --to 127.0.0.1:{self.port}"
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return done.stdout + done.stderr

    def serve(self) -> None:
        """What section 7 asks for."""
        engine = Suture.__new__(Suture)
        engine.folder, engine.site = self.folder, self.folder / "theatre"
        engine.process, engine.program, engine.log_level, engine.runs = None, ("engine",), "info", 0
        engine.start()
        self.engine = engine


def test_the_tutorial_does_what_it_says(tmp_path: Path, far: Far) -> None:
    reader = Reader(tmp_path, far)
    try:
        for language, file, text in steps():
            if file:
                path = tmp_path / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                continue
            assert language == "console"
            for command, said in typed(text):
                if command.startswith("suture send") and reader.engine is None:
                    reader.serve()
                if reader.engine is not None and "reconcile" in command:
                    reader.engine.settled()
                heard = reader.run(command)
                assert re.search(pattern(said), heard), f"$ {command}\n{heard}\n-- the tutorial says:\n{said}"
                if command.startswith("suture init"):
                    reader.place()
    finally:
        if reader.engine is not None:
            reader.engine.stop(SIGKILL)


def test_every_file_is_named_where_it_is_to_be_saved() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text()
    for found in BLOCK.finditer(text):
        if found[2]:
            before = text[: found.start()].rstrip().rpartition("\n\n")[2]
            assert f"`{found[2]}`" in before, found[2]


def test_every_command_of_the_tutorial_is_a_verb() -> None:
    helped = subprocess.run(
        [sys.executable, "-m", "engine", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    text = (ROOT / "docs" / "tutorial.md").read_text()
    for verb in set(re.findall(r"suture ([a-z]+)", text)) - {"is"}:
        assert re.search(rf"^  {verb} ", helped, re.MULTILINE), verb
