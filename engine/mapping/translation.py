"""Looking a code up: one entry of a channel's `translate`. Pure; the tables and the days are given.

What is not found is a `Miss` with its cause in the words of the table's keys, for the worklist of whoever
owns it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from engine.mapping.expression import Expression
from engine.mapping.faults import EvaluationFault
from engine.mapping.functions import text_of
from engine.reference.spec import Row
from engine.reference.table import Table


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
    `default`: the row that stands in where `missing` is default. `parts`: columns that tell the rows of one key apart,
    where the table gives several; else empty."""

    name: str
    table: str
    by: tuple[Expression, ...]
    as_of: str
    missing: str
    default: Row | None
    owner: str
    parts: tuple[str, ...] = ()

    def find(self, namespace: Mapping[str, object], tables: Mapping[str, Table], dates: Dates) -> Row | Miss:
        """The row of the day, the first of several, or why there is none."""
        key = self._key(namespace)
        if isinstance(key, Miss):
            return key
        table = tables[self.table]
        row = table.find(key, dates[_DAYS[self.as_of]])
        return self._missed(table, key) if row is None else row

    def find_all(
        self, namespace: Mapping[str, object], tables: Mapping[str, Table], dates: Dates
    ) -> tuple[Row, ...] | Miss:
        """All rows of the day, in the order of the table, or why there is none."""
        key = self._key(namespace)
        if isinstance(key, Miss):
            return key
        table = tables[self.table]
        rows = table.find_all(key, dates[_DAYS[self.as_of]])
        missed = None if rows else self._missed(table, key)
        return missed if isinstance(missed, Miss) else (missed,) if missed is not None else rows

    def part(self, row: Row) -> str:
        """What tells a row apart from the others of its key: '' of a default row, or where there are no others."""
        texts = [text_of(row[name]) or "" for name in self.parts]
        return " / ".join(text.replace("/", "//") for text in texts) if any(texts) else ""

    def _key(self, namespace: Mapping[str, object]) -> tuple[str, ...] | Miss:
        try:
            return tuple([text_of(key(namespace)) or "" for key in self.by])
        except EvaluationFault as fault:
            return Miss(self.owner, f"{self.table}: {fault.code} {fault.what} in {fault.where}", "hold")

    def _missed(self, table: Table, key: tuple[str, ...]) -> Row | Miss:
        if self.missing == "default" and self.default is not None:
            return self.default
        return Miss(self.owner, cause_of(table, key), self.missing)


def cause_of(table: Table, key: tuple[str, ...]) -> str:
    """Why there is no row, as worklists group it: the key columns of the row that would mend it. They are codes; no
    field that tells of a patient may be one."""
    shown = (f"{name}={text or '(missing)'}" for name, text in zip(table.spec.keys, key, strict=True))
    return f"{table.name}: {' '.join(shown)}"


_DAYS = {"service": 0, "posting": 1, "received": 2}
