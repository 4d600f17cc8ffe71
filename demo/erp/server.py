"""A Tryton server of one's own: installed, seeded once for each way of stock accounting, and run on a copy of the seed.

Everything lies in `.erp/` beside the project's files; remove it to begin anew.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from demo.house import PROJECT

HOME = PROJECT / ".erp"
HERE = Path(__file__).parent
MASTERS = PROJECT / "engine" / "sandbox" / "masters.json"

CONFIG = """\
[database]
uri = sqlite://
path = {path}
list = True
[web]
listen = 127.0.0.1:{port}
[session]
timeout = 1
max_age = 864000
"""


class Seed(NamedTuple):
    """`database`: a SQLite file to copy, never to write to. `key`: of the engine's user. `company`: its name."""

    database: Path
    key: str
    company: str


def seeded(method: str) -> Seed:
    """The seed with this stock accounting (none | anglo_saxon | continental), made if it is not there: two minutes the
    first time, nothing afterwards."""
    told = HOME / "seeds" / f"{method}.json"
    if not told.exists():
        _seed(method, told)
    known = json.loads(told.read_text())
    return Seed(told.with_suffix(".sqlite"), known["key"], known["company"])


def server_in(folder: Path, seed: Seed) -> tuple[str, list[str]]:
    """Address of the database, and the command that serves a copy of the seed there until it is ended."""
    port = _free_port()
    config = folder / "trytond.conf"
    config.write_text(CONFIG.format(path=folder / "db", port=port))
    (folder / "db").mkdir()
    shutil.copy(seed.database, folder / "db" / "erp.sqlite")
    program = [str(_installed() / "trytond"), "--config", str(config), "--database", "erp"]
    return f"http://127.0.0.1:{port}/erp", program


def _installed() -> Path:
    """The folder with the ERP's programs."""
    programs = HOME / "venv" / "bin"
    ready = HOME / "venv" / ".ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME / "venv")], check=True)
        subprocess.run(
            [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "--requirement", str(HERE / "requirements.txt")],
            check=True,
        )  # fmt: skip
        ready.touch()
    return programs


def _seed(method: str, told: Path) -> None:
    programs = _installed()
    building = HOME / "building" / method
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    config = building / "trytond.conf"
    config.write_text(CONFIG.format(path=building, port=0))
    answer = subprocess.run(
        [str(programs / "python"), str(HERE / "seed.py"), str(MASTERS), "--config", str(config), "--db", "erp",
         "--stock-accounting", method],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    told.parent.mkdir(parents=True, exist_ok=True)
    (building / "erp.sqlite").rename(told.with_suffix(".sqlite"))
    told.write_text(answer.stdout)
    shutil.rmtree(building)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
