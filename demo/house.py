"""The demo's house: a site in a temporary folder, the sandbox and the engine as processes of their own.

Never leaves anything running: whoever leaves the `async with` has its processes ended, by their ids.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

PROJECT = Path(__file__).resolve().parent.parent
PARTS = ("config", "channels", "mappings")
STARTING, STOPPING = 30.0, 15.0  # seconds
PAGE = 1000

ENVIRONMENT = """\
about: The demo, on free ports
store: sqlite:var/suture.db
secrets_in_clear: allowed
listeners:
  ehr: {{port: 0}}
  cabinet: {{port: 0}}
  hl7-http: {{port: 0, user: ehr, password: demo}}
destinations:
  erp: {{url: "{erp}"}}
  billing: {{url: "{billing}"}}
"""


class Trouble(Exception):
    """The demo cannot go on; says why."""


class House:
    """`ports`: feed → port of the engine's listener. `far_ends`: erp and billing → address of the far end."""

    settling = 45.0
    """Seconds until everything is delivered."""
    engine: tuple[str, ...] = ("-m", "engine")
    """The program under demonstration."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.far_ends: dict[str, str] = {}
        self._folder = self._site = Path()
        self._log = Path()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with self._stack as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="suture-demo-"))
            self._folder, self._log = Path(folder), Path(folder) / "engine.log"
            self._site = self._folder / "site"
            try:
                await self._open_far_ends()
                self._lay_out()
                await self._serve()
            except (Trouble, OSError) as error:
                raise Trouble(f"{error or 'not ready in time'}\n{self.complaints()}") from None
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def store(self) -> Path:
        """The engine's store."""
        return self._site / "var/suture.db"

    async def suture(self, *words: str) -> Any:
        """What the command `suture` answers, as JSON."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine", *words, "--json", "--site", str(self._site), "--env", "demo",
            cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            answer, complaint = await process.communicate()
        except asyncio.CancelledError:
            await _end(process)
            raise
        if process.returncode != 0:
            raise Trouble(f"suture {' '.join(words)} failed: {complaint.decode().strip()}")
        return json.loads(answer)

    async def settled(self) -> dict[str, Any]:
        """The engine's account, once every message is stepped and nothing is on its way."""
        async with asyncio.timeout(self.settling):
            while True:
                account: dict[str, Any] = await self.suture("reconcile")
                if account["settled"]:
                    return account
                await asyncio.sleep(0.2)

    async def books(self) -> dict[str, dict[str, Any]]:
        """The sandbox's own books, `documents` replaced by every document booked."""
        async with aiohttp.ClientSession() as session:
            return {side: await _books(session, url) for side, url in self.far_ends.items()}

    def delivered(self) -> dict[str, list[str]]:
        """References that the engine's store says are delivered, by destination; read beside it."""
        store = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        with closing(store):
            rows = store.execute("SELECT destination, reference FROM delivery WHERE state = 4").fetchall()
        return {
            side: [reference for destination, reference in rows if destination == side]
            for side in self.far_ends
        }

    def complaints(self) -> str:
        """The end of the engine's log."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-15:])

    async def _open_far_ends(self) -> None:
        masters = str(PROJECT / "engine" / "sandbox" / "masters.json")
        process = await self._start(
            sys.executable,
            "-m",
            "engine.sandbox",
            "--erp-port",
            "0",
            "--billing-port",
            "0",
            "--masters",
            masters,
        )
        self.far_ends = json.loads(await _line(process))

    def _lay_out(self) -> None:
        for part in PARTS:
            shutil.copytree(PROJECT / part, self._site / part)
        (self._site / "config/env/demo.yaml").write_text(ENVIRONMENT.format(**self.far_ends))

    async def _serve(self) -> None:
        process = await self._start(
            sys.executable, *self.engine, "serve", "--site", str(self._site), "--env", "demo"
        )
        while (line := await _line(process)) != "ready":
            words = line.split()
            if words[0] == "listening:":
                self.ports[words[1]] = int(words[-1])

    async def _start(self, *program: str) -> asyncio.subprocess.Process:
        """A process whose first lines we read; its log goes to a file."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *program,
                cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )  # fmt: skip
        self._stack.push_async_callback(_end, process)
        return process


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(STARTING):
        line = await process.stdout.readline()
    if not line:
        raise Trouble("a process ended before it was ready")
    return line.decode().strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and what does not heed it is killed."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOPPING):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _books(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(f"{url}/books") as answer:
        books: dict[str, Any] = await answer.json()
    documents: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        async with session.get(f"{url}/books/documents?after={after}&limit={PAGE}") as answer:
            page = await answer.json()
        documents += page["documents"]
        after = page["next"]
    return {**books, "documents": documents}
