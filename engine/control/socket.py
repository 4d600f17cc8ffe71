"""The engine's local socket: one JSON line asks, one answers. Only its owner may open it.

{"verb": "release", "arguments": {"owner": "supply-chain"}, "actor": "ann"}
{"answer": {...}}   or   {"faults": [{"code": ..., "what": ..., "where": ..., "mend": ...}]}
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import orjson

from engine.control.verbs import Verbs
from engine.errors import Fault, SiteError, StoreError, SutureError, UsageError

LINE_LIMIT = 64 * 1024 * 1024
"""Of a question: a table's file fits in."""


class ControlServer:
    """A service on a Unix socket at `path`."""

    def __init__(self, path: Path, verbs: Verbs) -> None:
        self._path = path
        self._verbs = verbs
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, _short(self._path), limit=LINE_LIMIT)
        finally:
            os.umask(before)

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(orjson.dumps(await self._answer(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = orjson.loads(line)
            return {"answer": await self._verbs.call(asked["verb"], asked["arguments"], asked["actor"])}
        except SutureError as error:
            faults = [_fault(fault) for fault in faults_of(error)]
            return {"faults": faults, "usage": isinstance(error, UsageError)}
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return {"faults": [_fault(Fault("", "CTL006", "the question is not understood"))]}


def faults_of(error: SutureError) -> tuple[Fault, ...]:
    """What an error has to say, as faults."""
    if isinstance(error, SiteError):
        return error.faults
    if isinstance(error, UsageError | StoreError):
        return (error.fault,)
    return (Fault("", "BUG001", str(error)),)


async def ask(path: Path, verb: str, arguments: dict[str, Any], actor: str) -> dict[str, Any]:
    """Asks the engine that listens at `path`. Raises `ConnectionError` or `FileNotFoundError` when none does, and
    `SiteError` or `UsageError` with the engine's own faults."""
    reader, writer = await asyncio.open_unix_connection(_short(path), limit=LINE_LIMIT)
    try:
        writer.write(orjson.dumps({"verb": verb, "arguments": arguments, "actor": actor}) + b"\n")
        await writer.drain()
        reply = orjson.loads(await reader.readline())
    finally:
        writer.close()
    if "faults" in reply:
        faults = [Fault(**fault) for fault in reply["faults"]]
        if reply.get("usage"):
            raise UsageError(faults[0].code, faults[0].what, faults[0].mend)
        raise SiteError(faults)
    answer: dict[str, Any] = reply["answer"]
    return answer


def _fault(fault: Fault) -> dict[str, str]:
    return {"where": fault.where, "code": fault.code, "what": fault.what, "mend": fault.mend}


def _short(path: Path) -> str:
    """Socket names hold some hundred bytes: a long path is named from where we stand."""
    full = str(path.resolve())
    relative = os.path.relpath(full)
    return full if len(full) <= len(relative) else relative
