"""The record of a step: the facts it used and the lines as they were translated, as JSON.

A reversal is built from this, never translated anew (rules of money, 9); explain and preview run the step again
from its facts. Decimals, fractions and dates come back as what they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson

from engine.domain.posting import NO_FACTS, Facts
from engine.domain.told import Told

Translated = dict[str, dict[str, dict[str, object]]]
"""'CHANNEL/NUMBER' → effect (`kept_as`) → name → value."""


def pack(facts: Facts, lines: Translated, posted: Sequence[int] = ()) -> bytes:
    """JSON of a step's record; b'' when there is nothing to keep. `posted`: effects put before a person."""
    kept: dict[str, object] = {}
    for name, told in (("encounters", facts.encounters), ("cases", facts.cases)):
        if told:
            kept[name] = {key.hex(): [list(one) for one in entries] for key, entries in told.items()}
    if facts.aliases:
        kept["aliases"] = {key.hex(): value for key, value in facts.aliases.items()}
    if not kept and not lines and not posted:
        return b""
    record: dict[str, object] = {"facts": kept, "lines": lines}
    if posted:
        record["posted"] = list(posted)
    return orjson.dumps(record, default=_tagged, option=orjson.OPT_PASSTHROUGH_DATETIME)


def unpack_facts(record: bytes | None) -> Facts:
    """The encounters, aliases and cases that a step used: what was known when it was posted."""
    kept = orjson.loads(record)["facts"] if record else {}
    return NO_FACTS._replace(
        encounters=_told(kept.get("encounters", {})),
        aliases={bytes.fromhex(key): tuple(numbers) for key, numbers in kept.get("aliases", {}).items()},
        cases=_told(kept.get("cases", {})),
    )


def _told(kept: Mapping[str, list[Any]]) -> dict[bytes, tuple[Told, ...]]:
    return {bytes.fromhex(key): tuple(Told(*one) for one in entries) for key, entries in kept.items()}


def unpack_posted(record: bytes | None) -> tuple[int, ...]:
    """Effects that a message put before a person."""
    return tuple(orjson.loads(record).get("posted", ())) if record else ()


def unpack_lines(record: bytes) -> Translated:
    """The lines of a record, values restored."""
    return {
        line: {effect: restore(values) for effect, values in effects.items()}
        for line, effects in orjson.loads(record)["lines"].items()
    }


def restore(values: Mapping[str, Any]) -> dict[str, object]:
    """Plain JSON of one line as the values they were."""
    return {name: _untagged(value) for name, value in values.items()}


def _tagged(value: object) -> list[str]:
    if isinstance(value, Decimal):
        return ["#n", str(value)]
    if isinstance(value, datetime):
        return ["#t", value.isoformat()]
    if isinstance(value, date):
        return ["#d", value.isoformat()]
    if isinstance(value, Fraction):
        return ["#r", str(value)]
    raise TypeError(f"a step record cannot hold {type(value).__name__}")


def _untagged(value: Any) -> object:
    match value:
        case ["#n", text]:
            return Decimal(text)
        case ["#t", text]:
            return datetime.fromisoformat(text)
        case ["#d", text]:
            return date.fromisoformat(text)
        case ["#r", text]:
            return Fraction(text)
        case dict():
            return restore(value)
        case _:
            return value
