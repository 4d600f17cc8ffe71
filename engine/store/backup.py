"""A store's copy, taken while an engine writes it, and put back so that nothing is posted again.

A backup is a whole store as it stood at one commit. What happened after it is not in it: documents that it calls ready
may have been sent since, and messages acknowledged since are unknown to it. So a restored store is *recovering* (rules
of money, 33): everything open in it is asked about before it is sent, until a person ends the recovery.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import apsw

from engine.errors import StoreError
from engine.store.lock import StoreLock
from engine.store.migrate import check_readable
from engine.store.queries import SQL


class Kept(NamedTuple):
    """What a backup holds. `open_deliveries`: documents not settled in it; `last_us`: receipt of its last message."""

    messages: int
    open_deliveries: int
    last_us: int | None


def back_up(store: Path, target: Path) -> Kept:
    """Copies `store` as it stands to `target`, durable when it returns. Raises `StoreError`: no store, target exists,
    or the disk fails; then there is no target."""
    if not store.exists():
        raise StoreError("STO004", "there is no store yet", "start the engine once: suture serve")
    if target.exists():
        raise StoreError(
            "STO040", "the backup's file exists already", "name a new file: a backup replaces none"
        )
    partial = target.with_name(target.name + ".partial")
    try:
        _copy(store, partial)
        kept = _look(partial)
        os.rename(partial, target)
        _sync(target.parent)
    except (apsw.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(
            "STO041",
            f"the backup cannot be written ({type(error).__name__})",
            "see the target's disk and folder",
        ) from None
    return kept


def restore(backup: Path, store: Path, now_us: int) -> Kept:
    """Puts a backup in the place of `store`, recovering. What was there is kept beside it as `NAME.replaced-N`.
    Raises `StoreError` when an engine holds the store or the backup is none."""
    if not backup.exists():
        raise StoreError(
            "STO042", "there is no backup at that place", "name the file that `suture backup` wrote"
        )
    store.parent.mkdir(parents=True, exist_ok=True)
    lock = StoreLock(store)
    partial = store.with_name(store.name + ".partial")
    try:
        _copy(backup, partial)
        kept = _look(partial)
        _begin_recovery(partial, now_us)
        _set_aside(store)
        os.rename(partial, store)
        _sync(store.parent)
    except (apsw.Error, OSError) as error:
        raise StoreError(
            "STO043",
            f"the backup cannot be restored ({type(error).__name__})",
            "see whether the file is whole",
        ) from None
    finally:
        partial.unlink(missing_ok=True)
        lock.release()
    return kept


def _copy(source: Path, target: Path) -> None:
    """One consistent state of `source`, whoever writes it meanwhile."""
    target.unlink(missing_ok=True)
    reading = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    os.close(os.open(target, os.O_RDWR | os.O_CREAT, 0o600))  # its owner's alone, as the store is
    writing = apsw.Connection(str(target))
    try:
        with writing.backup("main", reading, "main") as copy:
            copy.step(-1)
        writing.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        writing.close()
        reading.close()
    _sync(target)


def _look(path: Path) -> Kept:
    """What is in a copy; raises when it is damaged or no store of this engine."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        check_readable(connection)
        if connection.execute("PRAGMA quick_check(1)").get != "ok":
            raise StoreError("STO013", "the store's file is damaged", "take another backup")
        ((messages, open_deliveries, last_us),) = connection.execute(SQL["kept"]).fetchall()
    finally:
        connection.close()
    return Kept(int(str(messages)), int(str(open_deliveries)), None if last_us is None else int(str(last_us)))


def _begin_recovery(path: Path, now_us: int) -> None:
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = FULL").fetchall()
        with connection:
            connection.execute(SQL["doubt_under_way"], (now_us,))
            connection.execute(SQL["put_meta"], ("recovering_us", str(now_us).encode()))
    finally:
        connection.close()


def _set_aside(store: Path) -> None:
    """The replaced store with its log, under the first free number."""
    number = 1
    while store.with_name(f"{store.name}.replaced-{number}").exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        old = store.with_name(store.name + suffix)
        if old.exists():
            os.rename(old, store.with_name(f"{store.name}.replaced-{number}{suffix}"))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
