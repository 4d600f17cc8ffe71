"""The real command in a process of its own, on a copy of the example site, against the real sandbox."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from itertools import islice
from pathlib import Path
from random import sample

ROOT = Path(__file__).parents[2]
START, END = b"\x0b", b"\x1c\r"


_PORTS = iter(sample(range(20_000, 32_000), 12_000))
"""Below those that the system gives to whoever connects: nobody gets one between our asking and the engine's binding.
In an order of its own in each process, and none twice."""


def free_ports(count: int) -> list[int]:
    """So many ports, each another one."""
    return list(islice(filter(_is_free, _PORTS), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    return free_ports(1)[0]


def child(errors: Path, *module: str) -> subprocess.Popen:
    """`python -m MODULE ...` with its output piped to us and its errors in a file."""
    with errors.open("w") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", *module], stdout=subprocess.PIPE, stderr=sink, cwd=ROOT, text=True
        )


class Far:
    """The sandbox as a child process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = child(
            folder / "sandbox.err", "engine.sandbox", "--erp-port", "0", "--billing-port", "0", *options
        )
        assert self.process.stdout is not None
        self.urls = json.loads(self.process.stdout.readline())

    def books(self, side: str) -> dict:
        with urllib.request.urlopen(f"{self.urls[side]}/books", timeout=10) as reply:
            return json.load(reply)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Suture:
    """One site and the engine that serves it."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder = folder
        self.site = folder / "site"
        self.ports = dict(zip(("ehr", "cabinet", "hl7-http"), free_ports(3), strict=True))
        for part in ("config", "channels", "mappings"):
            shutil.copytree(ROOT / part, self.site / part)
        self.environment = self.site / "config" / "env" / "demo.yaml"
        self.point_at(urls)
        self.process: subprocess.Popen | None = None
        self.program = ("engine",)
        self.log_level = "debug"
        self.runs = 0

    def point_at(self, urls: dict[str, str]) -> None:
        text = self.environment.read_text()
        for name, port in self.ports.items():
            text = re.sub(rf"({name}: {{port: )\d+", rf"\g<1>{port}", text)
        for name, url in urls.items():
            text = re.sub(rf'({name}: {{url: ")[^"]+', rf"\g<1>{url}", text)
        self.environment.write_text(text)

    def start(self) -> float:
        """Seconds until it was ready."""
        self.runs += 1
        began = time.monotonic()
        errors = self.folder / f"serve-{self.runs}.err"
        self.process = child(
            errors, *self.program, "serve", "--site", str(self.site), "--log-level", self.log_level
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == "ready":
                return time.monotonic() - began
        raise AssertionError(f"the engine did not start: {self.log()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def log(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("serve-*.err")))

    def ask(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "engine", *arguments, "--site", str(self.site)],
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def account(self) -> dict:
        return json.loads(self.ask("reconcile", "--json").stdout)

    def settled(self, seconds: float = 20.0) -> dict:
        """The account once nothing waits any more."""
        until = time.monotonic() + seconds
        while not (account := self.account())["settled"]:
            assert time.monotonic() < until, account
        return account


async def exchange(port: int, *frames: bytes, whole: bool = True) -> list[bytes]:
    """Sends messages over one connection and gives the answers; `whole` False: as given, without framing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    try:
        async with asyncio.timeout(20):
            for frame in frames:
                writer.write(START + frame + END if whole else frame)
                await writer.drain()
                if whole:
                    answers.append((await reader.readuntil(END)).strip(START + END))
            if not whole:
                writer.write_eof()
                answers.append(await reader.read())
    finally:
        writer.close()
    return answers


def code_of(answer: bytes) -> str:
    found = re.search(rb"\rMSA\|(\w\w)", answer)
    return found.group(1).decode() if found else ""


def built_wheel(folder: Path) -> Path:
    """The wheel of the repository as it is now, built in `folder` from a copy."""
    source = folder / "source"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(
        listed, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    how = ["--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *how, "."], cwd=source, check=True)
    (built,) = folder.glob("*.whl")
    return built
