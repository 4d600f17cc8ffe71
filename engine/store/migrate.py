"""Brings a store to this engine's schema: numbered SQL files, each in one transaction, and never backwards."""

from __future__ import annotations

import os
from importlib.resources import files

import apsw

from engine.errors import StoreError

_FOLDER = files("engine.store") / "sql" / "sqlite" / "migrations"


def latest() -> int:
    """Number of the newest migration that this engine knows."""
    return max(_numbered())


def migrate(connection: apsw.Connection, site: str, environment: str, now_us: int) -> None:
    """Raises `StoreError` when the store is newer than the engine, or belongs to another site or environment."""
    version = _version(connection)
    if version > latest():
        raise StoreError(
            "STO002",
            f"the store has schema {version}, this engine knows up to {latest()}",
            "run the engine that wrote it, or a newer one",
        )
    for number in range(version + 1, latest() + 1):
        with connection:
            for _ in connection.execute(_numbered()[number]):
                pass
            connection.execute(
                "INSERT INTO meta VALUES ('schema', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (number,),
            )
    if version == 0:
        _introduce(connection, site, environment, now_us)
    _recognise(connection, site, environment)


def _introduce(connection: apsw.Connection, site: str, environment: str, now_us: int) -> None:
    rows = [
        ("site", site),
        ("environment", environment),
        ("created_us", now_us),
        ("hash_key", os.urandom(32)),
    ]
    with connection:
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)


def _recognise(connection: apsw.Connection, site: str, environment: str) -> None:
    for name, expected in (("site", site), ("environment", environment)):
        found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
        if found != expected:
            raise StoreError(
                "STO003",
                f"the store belongs to {name} '{found}', the engine runs '{expected}'",
                "give each site and environment a store of its own",
            )


def _version(connection: apsw.Connection) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").get:
        return 0
    return int(connection.execute("SELECT value FROM meta WHERE name = 'schema'").get or 0)


def _numbered() -> dict[int, str]:
    return {
        int(entry.name[:4]): entry.read_text(encoding="utf-8")
        for entry in _FOLDER.iterdir()
        if entry.name.endswith(".sql")
    }
