"""The connections that a store is read by: a near one for what comes at once, a far one, on a thread of its own, for
what takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from engine.errors import StoreUnavailable
from engine.store.faults import unavailable
from engine.store.migrate import check_readable, meta
from engine.store.queries import ask

_BUSY_MS = 2000
"""How long a read waits for another process that is recovering the log."""

P = ParamSpec("P")
T = TypeVar("T")


class Connections:
    """`open_reads` and `close_reads` are for who owns it."""

    _near: apsw.Connection | None = None
    _far: apsw.Connection | None = None
    _thread: ThreadPoolExecutor
    _hash_key: bytes

    def open_reads(self, path: Path, cache_kib: int) -> None:
        """`StoreError` when the file is no store, or of another schema."""
        self._near = connect(path, cache_kib)
        self._far = connect(path, cache_kib)
        self._thread = ThreadPoolExecutor(1, "store-read")
        check_readable(self._near)
        self._hash_key = meta(self._near, "hash_key") or b""

    def close_reads(self) -> None:
        """A long read under way is broken off. Twice is fine."""
        near, self._near = self._near, None
        far, self._far = self._far, None
        if near is not None:
            near.close()
        if far is not None:
            far.interrupt()
            self._thread.shutdown()
            far.close()

    @property
    def hash_key(self) -> bytes:
        return self._hash_key

    def _rows(self, name: str, *values: Any) -> list[Any]:
        try:
            return ask(self._open(), name, *values)
        except apsw.Error as error:
            raise unavailable(error) from None

    def _body(self, name: str, *values: Any) -> bytes | None:
        rows = self._rows(name, *values)
        return rows[0][0] if rows else None

    def _open(self) -> apsw.Connection:
        if self._near is None:
            raise StoreUnavailable("STO006", "the store is closed", "start the engine")
        return self._near

    async def _long(
        self, read: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **_: P.kwargs
    ) -> T:
        """`read` on the thread, one after another."""
        self._open()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, read, self._far, *args)  # type: ignore[arg-type]
        except apsw.Error as error:
            raise unavailable(error) from None


def connect(path: Path, cache_kib: int) -> apsw.Connection:
    """A connection that reads beside the writer. No memory map: a failing disk must be an error, not a signal."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(_BUSY_MS)
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    return connection
