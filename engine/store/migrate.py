"""Brings a store to this engine's schema, never backwards, and knows whose store it is.

Migrations are numbered files, each applied in one transaction with the number it leads to. `meta` says site and
environment: a store of PROD is not opened by an engine that knows the destinations of TEST.
"""

from __future__ import annotations

import os
from importlib.resources import files

import apsw

from engine.errors import StoreError
from engine.store.queries import SQL

_FOLDER = files("engine.store") / "sql" / "sqlite" / "migrations"
_MIGRATIONS = {
    int(entry.name[:4]): entry.read_text(encoding="utf-8")
    for entry in _FOLDER.iterdir()
    if entry.name.endswith(".sql")
}
LATEST = max(_MIGRATIONS)
"""The schema that this engine writes and reads."""


def migrate(connection: apsw.Connection, site: str, environment: str, now_us: int) -> None:
    """Raises `StoreError` when the file is no store, is newer, or belongs to another site or environment."""
    version = schema_of(connection)
    if version > LATEST:
        raise _newer(version)
    if version:
        _recognise(connection, site, environment)
    for number in range(version + 1, LATEST + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_MIGRATIONS[number]).fetchall()
            _put(connection, "schema", str(number).encode())
            if number == 1:
                _introduce(connection, site, environment, now_us)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def check_readable(connection: apsw.Connection) -> None:
    """Raises `StoreError` unless the schema is exactly this engine's: a reader changes nothing."""
    version = schema_of(connection)
    if version > LATEST:
        raise _newer(version)
    if version < LATEST:
        raise StoreError(
            "STO008", f"the store has schema {version}, this engine reads {LATEST}", "start the engine once"
        )


def schema_of(connection: apsw.Connection) -> int:
    """0 for an empty file. A database that is no store raises `StoreError`: it is not ours to write."""
    if connection.execute(SQL["known"]).get:
        found = meta(connection, "schema")
        if found is not None:
            return int(found)
    if connection.execute(SQL["tables"]).get:
        raise StoreError("STO009", "this database is no store of Suture", "name another file as the store")
    return 0


def meta(connection: apsw.Connection, name: str) -> bytes | None:
    value = connection.execute(SQL["meta"], (name,)).get
    return value if isinstance(value, bytes) else None


def _introduce(connection: apsw.Connection, site: str, environment: str, now_us: int) -> None:
    _put(connection, "site", site.encode())
    _put(connection, "environment", environment.encode())
    _put(connection, "created_us", str(now_us).encode())
    _put(connection, "hash_key", os.urandom(32))


def _recognise(connection: apsw.Connection, site: str, environment: str) -> None:
    for name, expected in (("site", site), ("environment", environment)):
        found = (meta(connection, name) or b"").decode()
        if found != expected:
            raise StoreError(
                "STO003",
                f"the store belongs to {name} '{found}', the engine runs '{expected}'",
                "give each site and environment a store of its own",
            )


def _put(connection: apsw.Connection, name: str, value: bytes) -> None:
    connection.execute(SQL["put_meta"], (name, value))


def _newer(version: int) -> StoreError:
    return StoreError(
        "STO002",
        f"the store has schema {version}, this engine knows up to {LATEST}",
        "run the engine that wrote it, or a newer one",
    )
