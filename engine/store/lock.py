"""One engine per store: an advisory lock on `PATH.lock`, held while the descriptor is open, gone with the process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from engine.errors import StoreError


class StoreLock:
    """`StoreError` STO007 when another process holds it. Releasing twice is fine."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise StoreError(
                "STO007",
                f"process {holder} holds this store",
                "stop that engine first, or let it do what you ask",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
