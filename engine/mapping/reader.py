"""SKELETON, being filled in: signatures are final.

Read maps: how a feed's messages are read into events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from engine.domain.event import Event, FieldSpec, FieldType, Kind
from engine.reference.table import Table


@dataclass(frozen=True, slots=True)
class From:
    """A path or expression. `unique_per`: facility | feed | day | None."""

    text: str
    unique_per: str | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table's column `take` by fields of this map, as of the event's day."""

    table: str
    by: tuple[str, ...]
    take: str = "value"


@dataclass(frozen=True, slots=True)
class Literal:
    """Always this text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """A read map as its YAML says it. `triggers`: `DFT^P03`. `each`: anchor segment of a line, None: the message is
    the line. `lines`: delta | snapshot. `extra`: fields beyond those of the kind."""

    name: str
    triggers: tuple[str, ...]
    kind: Kind
    each: str | None
    fields: Mapping[str, From | Lookup | Literal]
    lines: str = "delta"
    extra: Mapping[str, FieldType] = field(default_factory=dict)


class ReadMap:
    """A compiled read map. `fields`: every name an event of this map has → its spec (moments give `_on` too).
    `tables`: names of tables it looks up in. `unique_per`: field → facility | feed | day."""

    __slots__ = ("anchor", "fields", "kind", "lines", "name", "tables", "triggers", "unique_per")
    name: str
    triggers: frozenset[str]
    kind: Kind
    anchor: str | None
    lines: str
    unique_per: dict[str, str]
    fields: dict[str, FieldSpec]
    tables: frozenset[str]

    @classmethod
    def compile(cls, spec: ReadSpec) -> ReadMap:
        """Raises `SpecError` with all faults; paths begin with `fields`, `read`, `each`, `lines` or `extra`."""
        raise NotImplementedError

    def read(self, message: Any, zone: ZoneInfo, tables: Mapping[str, Table], received: date) -> Event:
        """Never raises for content: what cannot be understood is a LineFault and None."""
        raise NotImplementedError
