"""How the rows of a code table differ from those of another version, and two changes of one version put together. Pure.

Rows belong together by their place: the table's keys and the first valid day. Cells are compared as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from engine.reference.sheet import Sheet, write_sheet
from engine.reference.spec import FROM

_Cells = dict[str, str]
"""Column → text of one row; empty cells are left out."""
_Place = tuple[str, ...]


MANY_ROWS = 10
"""Of fewer, any may go without a word."""


def too_many_gone(gone: int, rows: int, most: int) -> bool:
    """Whether more than `most` percent of a table's rows would be gone: cut off on the way, more often than meant."""
    return rows >= MANY_ROWS and gone * 100 > rows * most


class ChangedRow(NamedTuple):
    """`row`: its place. `cells`: (column, before, after) of those that differ."""

    row: str
    cells: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        return f"{self.row}: " + ", ".join(
            f"{name} {old or '(empty)'} → {new or '(empty)'}" for name, old, new in self.cells
        )


class RowDifference(NamedTuple):
    """Rows as `column=value` text."""

    added: tuple[str, ...]
    changed: tuple[ChangedRow, ...]
    gone: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        return {"added": len(self.added), "changed": len(self.changed), "gone": len(self.gone)}

    def lines(self) -> Iterator[str]:
        """As people read it: `+` added, `~` changed, `-` gone."""
        yield from (f"+ {row}" for row in self.added)
        yield from (f"~ {row}" for row in self.changed)
        yield from (f"- {row}" for row in self.gone)

    def tree(self) -> dict[str, Any]:
        """As plain JSON values."""
        changed = [
            {"row": one.row, "cells": {name: [old, new] for name, old, new in one.cells}}
            for one in self.changed
        ]
        return {"added": list(self.added), "changed": changed, "gone": list(self.gone)}


class Filed:
    """The rows of a CSV by their place, in the order of the file."""

    def __init__(self, csv: bytes, keys: Sequence[str]) -> None:
        sheet = Sheet(csv, "")
        self.header = sheet.header
        self._keys = keys
        self.rows: list[_Cells] = [
            {name: cell for name, cell in zip(sheet.header, record.cells, strict=True) if cell}
            for record in sheet.records
        ]
        self.groups: dict[_Place, list[_Cells]] = {}
        for row in self.rows:
            self.groups.setdefault(self.place(row), []).append(row)

    def place(self, row: _Cells) -> _Place:
        return (*(row.get(key, "") for key in self._keys), row.get(FROM, ""))

    def says_of(self, place: _Place) -> Counter[frozenset[tuple[str, str]]]:
        """What its rows of a place say, whatever their order."""
        return Counter(frozenset(row.items()) for row in self.groups.get(place, ()))


def new_rows(before: bytes, after: bytes) -> list[_Cells]:
    """Rows of `after` that `before` does not have as they are."""
    known = {frozenset(row.items()) for row in Filed(before, ()).rows}
    return [row for row in Filed(after, ()).rows if frozenset(row.items()) not in known]


def row_difference(before: bytes, after: bytes, keys: Sequence[str]) -> RowDifference:
    """What became of the rows of `before`. Rows of one place that differ are changed; what one side has more is added
    or gone."""
    return _difference(Filed(before, keys), Filed(after, keys), keys)


def _difference(old: Filed, new: Filed, keys: Sequence[str]) -> RowDifference:
    added: list[str] = []
    changed: list[ChangedRow] = []
    gone: list[str] = []
    for place in dict.fromkeys((*new.groups, *old.groups)):
        was, now = old.groups.get(place, []), new.groups.get(place, [])
        if was == now:
            continue
        was, now = _without(was, now), _without(now, was)
        columns = dict.fromkeys((*new.header, *old.header))
        changed += [_changed(left, right, columns, keys) for left, right in zip(was, now, strict=False)]
        added += [_shown(row) for row in now[len(was) :]]
        gone += [_shown(row) for row in was[len(now) :]]
    return RowDifference(tuple(added), tuple(changed), tuple(gone))


class Merged(NamedTuple):
    """`csv`: both changes in one; None: `conflicts` tells the rows that both changed otherwise."""

    csv: bytes | None
    conflicts: tuple[str, ...]


def merged(base: bytes, mine: bytes, theirs: bytes, keys: Sequence[str]) -> Merged:
    """What `mine` changed of `base`, put into `theirs`. Nothing that `theirs` changed is overwritten."""
    if base == theirs:
        return Merged(mine, ())
    old, new, now = Filed(base, keys), Filed(mine, keys), Filed(theirs, keys)
    moved = [
        place
        for place in dict.fromkeys((*new.groups, *old.groups))
        if new.says_of(place) != old.says_of(place)
    ]
    lost = [
        place
        for place in moved
        if now.says_of(place) != old.says_of(place) and now.says_of(place) != new.says_of(place)
    ]
    if lost:
        return Merged(None, tuple(_named(place, keys) for place in lost))
    header = tuple(dict.fromkeys((*new.header, *now.header)))
    rows = _with_groups(now, {place: new.groups.get(place, []) for place in moved})
    return Merged(write_sheet(header, ([row.get(name, "") for name in header] for row in rows)), ())


def _with_groups(filed: Filed, groups: dict[_Place, list[_Cells]]) -> Iterator[_Cells]:
    """Its rows, with those of some places in the place of its own; new places at the end."""
    told: set[_Place] = set()
    for row in filed.rows:
        place = filed.place(row)
        if place not in groups:
            yield row
        elif place not in told:
            told.add(place)
            yield from groups[place]
    for place, rows in groups.items():
        if place not in told:
            yield from rows


def _without(rows: Iterable[_Cells], others: Iterable[_Cells]) -> list[_Cells]:
    """`rows` less those that stand in `others`, too."""
    left = Counter(frozenset(row.items()) for row in others)
    kept = []
    for row in rows:
        said = frozenset(row.items())
        if left[said]:
            left[said] -= 1
        else:
            kept.append(row)
    return kept


def _changed(was: _Cells, now: _Cells, columns: Iterable[str], keys: Sequence[str]) -> ChangedRow:
    cells = tuple(
        (name, was.get(name, ""), now.get(name, "")) for name in columns if was.get(name) != now.get(name)
    )
    return ChangedRow(_named((*(now.get(key, "") for key in keys), now.get(FROM, "")), keys), cells)


def _named(place: _Place, keys: Sequence[str]) -> str:
    return " ".join(f"{name}={cell}" for name, cell in zip((*keys, FROM), place, strict=True) if cell)


def _shown(row: _Cells) -> str:
    return " ".join(f"{name}={value}" for name, value in row.items())
