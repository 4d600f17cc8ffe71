"""SKELETON, being filled in: signatures are final.

Looking codes up: one entry of a channel's `translate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from engine.mapping.expression import Expression
from engine.reference.table import Row, Table


class Dates(NamedTuple):
    """The days a table may be asked as of. `service`: used_on, else occurred_on, else received."""

    service: date
    posting: date
    received: date


class Miss(NamedTuple):
    """No row. `cause`: `items: facility=NORTH code=XYZ`; `policy`: hold | skip (default never misses)."""

    owner: str
    cause: str
    policy: str


@dataclass(frozen=True, slots=True)
class Translation:
    """`as_of`, `missing`, `owner`: the channel's, or the table's where it says nothing (site resolves that).
    `default`: the row taken when `missing` is default (the table's `default`, or one made with `Row`)."""

    name: str
    table: str
    by: tuple[Expression, ...]
    as_of: str
    missing: str
    default: Row | None
    owner: str

    def find(self, namespace: Mapping[str, object], tables: Mapping[str, Table], dates: Dates) -> Row | Miss:
        raise NotImplementedError
