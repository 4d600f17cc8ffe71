"""What the driver's errors mean to who runs the engine. The driver's own text is never shown: it may hold values."""

from __future__ import annotations

import apsw

from engine.errors import StoreUnavailable

ENVIRONMENT = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.InterruptError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)
"""Errors of the disk, the machine or another process; any other is a fault of what was asked."""

_LOCKED = ("STO011", "another program holds the store's write lock", "end it: only the engine may write")
_READ_ONLY = ("STO012", "the store cannot be written", "see the permissions of its file and folder")
_DAMAGED = ("STO013", "the store's file is damaged", "stop the engine, keep the file, restore a backup")
_TOLD: dict[type[Exception], tuple[str, str, str]] = {
    apsw.FullError: ("STO010", "the disk is full", "free space; the engine goes on by itself"),
    apsw.BusyError: _LOCKED,
    apsw.LockedError: _LOCKED,
    apsw.ReadOnlyError: _READ_ONLY,
    apsw.PermissionsError: _READ_ONLY,
    apsw.CorruptError: _DAMAGED,
    apsw.NotADBError: _DAMAGED,
}
_OTHERWISE = ("STO001", "the store cannot reach its disk", "see the disk and the system's log")


def unavailable(error: Exception) -> StoreUnavailable:
    """What senders and operators are told of a driver's error."""
    code, what, mend = next((told for kind, told in _TOLD.items() if isinstance(error, kind)), _OTHERWISE)
    return StoreUnavailable(code, f"{what} ({type(error).__name__})", mend)
