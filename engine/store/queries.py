"""SQL lives in files of named queries: `-- name: what it is called`, then the statement."""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(home: str) -> dict[str, str]:
    """Every named query of a home (`sqlite`), by name. A name that stands twice is a bug."""
    text = (files("engine.store") / "sql" / home / "queries.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    named = dict(zip(parts[::2], (statement.strip() for statement in parts[1::2]), strict=True))
    if len(named) * 2 != len(parts):
        raise ValueError(f"a query name stands twice in {home}/queries.sql")
    return named
