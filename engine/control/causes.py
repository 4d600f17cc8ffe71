"""Causes of the worklist that a row of a table mends, and the keys of rows that are spelled almost like it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from engine.errors import UsageError
from engine.reference.table import Table

COMPARED = 10_000
"""Keys of rows that are compared for one worklist: the first groups have suggestions, and it comes at once."""

_CODE = re.compile(r"^[A-Z]{3}[0-9]{3} ")
_CAUSE = re.compile(r"(?:[A-Z]{3}[0-9]{3} )?(?P<table>[a-z][a-z0-9-]*): (?P<keys>.+)")
_MISSING = "(missing)"
"""How causes are written, and a key that a line does not have."""


class Missing(NamedTuple):
    """`key`: one text for each of the table's keys, '' for what the line does not have."""

    table: Table
    key: tuple[str, ...]

    def cells(self) -> dict[str, str]:
        """The cells that the row needs. A key that the line does not have is left out: whoever maps it says `*`, or
        another."""
        return {name: text for name, text in zip(self.table.spec.keys, self.key, strict=True) if text}


def as_held(cause: str, held: Collection[str]) -> str:
    """The cause as the worklist has it, where people leave its code out, or write one. Raises `UsageError`."""
    bare = _CODE.sub("", cause)
    found = cause if cause in held else next((one for one in held if _CODE.sub("", one) == bare), None)
    if found is None:
        raise UsageError("CTL018", "nothing is held for that cause", "write it as `suture worklist` shows it")
    return found


def missing_row(cause: str, tables: Mapping[str, Table]) -> Missing | None:
    """The row that `items: facility=NORTH code=X` asks for; None for a cause that no row mends."""
    found = _CAUSE.fullmatch(cause)
    table = tables.get(found["table"]) if found else None
    key = lacking(cause, table.name, table.spec.keys) if table else None
    return Missing(table, key) if table and key is not None else None


def lacking(cause: str, table: str, keys: Sequence[str]) -> tuple[str, ...] | None:
    """One text for each key of a table, '' for what the line does not have, when the cause asks for a row of it."""
    found = _CAUSE.fullmatch(cause)
    if found is None or found["table"] != table:
        return None
    values = re.fullmatch(" ".join(f"{re.escape(key)}=(.+?)" for key in keys), found["keys"])
    return values and tuple("" if value == _MISSING else value for value in values.groups())


def nearest(causes: Iterable[str], tables: Mapping[str, Table]) -> dict[str, list[dict[str, str]]]:
    """Cause → keys of rows that are spelled almost like the missing one, the likest first."""
    suggestions: dict[str, list[dict[str, str]]] = {}
    left = COMPARED
    for cause in dict.fromkeys(causes):
        missing = missing_row(cause, tables)
        if missing is not None and len(missing.table.rows) <= left:
            left -= len(missing.table.rows)
            keys = missing.table.nearest(missing.key)
            suggestions[cause] = [dict(zip(missing.table.spec.keys, cells, strict=True)) for cells in keys]
    return suggestions
