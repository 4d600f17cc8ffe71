"""Looking a code up: one entry of a channel's `translate`. Pure; the tables and the days are given.

What is not found is a `Miss` with its cause in the words of the table's keys, for the worklist of whoever
owns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from engine.mapping.expression import Expression
from engine.mapping.faults import EvaluationFault
from engine.mapping.functions import text_of
from engine.reference.table import Row, Table


class Dates(NamedTuple):
    """The days that a table may be read as of."""

    service: date
    posting: date
    received: date


class Miss(NamedTuple):
    """No row. `cause`: `items: facility=NORTH code=XYZ`; `policy`: hold | skip (a default never misses)."""

    owner: str
    cause: str
    policy: str


@dataclass(frozen=True, slots=True)
class Translation:
    """`as_of`: service | posting | received; `missing`: hold | default | skip; `owner`: whose worklist: the
    channel's word, or the table's. `by`: gives the table's keys, in their order; may use rows found before.
    `default`: the row that stands in where `missing` is default."""

    name: str
    table: str
    by: tuple[Expression, ...]
    as_of: str
    missing: str
    default: Row | None
    owner: str

    def find(self, namespace: Mapping[str, object], tables: Mapping[str, Table], dates: Dates) -> Row | Miss:
        """The row of the day, or why there is none."""
        try:
            key = tuple([text_of(key(namespace)) or "" for key in self.by])
        except EvaluationFault as fault:
            return Miss(self.owner, f"{self.table}: {fault.code} {fault.what} in {fault.where}", "hold")
        row = tables[self.table].find(key, dates[_DAYS[self.as_of]])
        if row is not None:
            return row
        if self.missing == "default" and self.default is not None:
            return self.default
        return Miss(self.owner, cause_of(self.table, (key.text for key in self.by), key), self.missing)


def cause_of(table: str, names: Iterable[str], key: tuple[str, ...]) -> str:
    """Why there is no row, as worklists group it. Keys are codes; no field that tells of a patient may be
    one."""
    shown = (f"{name}={text or '(missing)'}" for name, text in zip(names, key, strict=True))
    return f"{table}: {' '.join(shown)}"


_DAYS = {"service": 0, "posting": 1, "received": 2}
