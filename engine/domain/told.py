"""What messages told of a stay or a case, one entry for each, and how its fields changed. Pure.

Messages come late and out of order: what is folded goes by when things happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import orjson


class Told(NamedTuple):
    """What one message told. `at_us`: when it happened. `fields`: those that it sent; the others stay as they were.
    `sent`: MSH-7, which decides between two that happened at one moment."""

    at_us: int
    event: str
    fields: Mapping[str, str]
    sent: str = ""

    @classmethod
    def kept(cls, at_us: int, value: bytes) -> Told:
        """As a fact keeps it, in JSON."""
        fields = orjson.loads(value)
        return cls(at_us, fields.pop("event", ""), fields, fields.pop("sent", ""))


def place(one: Told, rank: int) -> tuple[int, int, str, str, str]:
    """By what entries are put in order. `rank`: of its event among those of one moment. Two that agree in all of it
    say the same."""
    return one.at_us, rank, one.sent, one.event, str(sorted(one.fields.items()))


def whole_place(fields: Mapping[str, str], names: Iterable[str]) -> Mapping[str, str]:
    """A new place says nothing of the old one's room or bed."""
    names = tuple(names)
    if not any(fields.get(name) for name in names):
        return fields
    return {**dict.fromkeys(names, ""), **fields}


def changes(entries: Iterable[tuple[int, Mapping[str, str]]]) -> Iterator[tuple[int, dict[str, str]]]:
    """(moment, fields that changed then) of entries in order."""
    known: dict[str, str] = {}
    for at_us, fields in entries:
        changed = {name: value for name, value in fields.items() if known.get(name, "") != value}
        if changed:
            known.update(changed)
            yield at_us, changed
