"""How the rows of a code table differ from those of another version of it. Pure."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from typing import NamedTuple

_Row = tuple[tuple[str, str], ...]


class RowDifference(NamedTuple):
    """Rows as `column=value` text: `gone` and `added`. A changed row is one of each."""

    added: tuple[str, ...]
    gone: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        return {"added": len(self.added), "gone": len(self.gone)}


def row_difference(before: str, after: str, keys: Sequence[str]) -> RowDifference:
    """Rows with the same keys and the same first day, and other values, are changed: added, and not gone."""
    old, new = _rows(before), _rows(after)
    added, gone = new - old, old - new
    replaced = Counter(_place(row, keys) for row in added.elements())
    missing = []
    for row in gone.elements():
        if replaced[_place(row, keys)]:
            replaced[_place(row, keys)] -= 1
        else:
            missing.append(_shown(row))
    return RowDifference(tuple(map(_shown, added.elements())), tuple(missing))


def _rows(text: str) -> Counter[_Row]:
    return Counter(
        tuple((name or "", value or "") for name, value in row.items())
        for row in csv.DictReader(StringIO(text))
    )


def _place(row: _Row, keys: Sequence[str]) -> tuple[str, ...]:
    cells = dict(row)
    return (*(cells.get(key, "") for key in keys), cells.get("valid_from", ""))


def _shown(row: _Row) -> str:
    return " ".join(f"{name}={value}" for name, value in row if value)
