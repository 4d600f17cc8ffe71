"""SQL lives in files of named queries: `-- name: what_it_is`, then the statement. Read once, at import.

A dialect is a folder of `sql/`; what its files are called is for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import apsw

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(dialect: str) -> dict[str, str]:
    """Every named query of a dialect, by name. A name that stands twice is a `ValueError`."""
    found: dict[str, str] = {}
    for entry in (files("engine.store") / "sql" / dialect).iterdir():
        if not entry.name.endswith(".sql"):
            continue
        _, *parts = _NAME.split(entry.read_text(encoding="utf-8"))
        for name, statement in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"the query {name} stands twice in sql/{dialect}")
            found[name] = statement.strip()
    return found


SQL = load("sqlite")
"""What the SQLite home asks and writes."""


def ask(connection: apsw.Connection, name: str, *values: Any) -> list[Any]:
    """All rows of a named query."""
    return connection.execute(SQL[name], values).fetchall()


@contextmanager
def snapshot(connection: apsw.Connection) -> Iterator[None]:
    """Within it, every read sees the same commit."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
