"""Gathers the facts that a step names: encounters, aliases, owners of keys, originals of credits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import apsw
import orjson

from engine.domain.posting import NO_FACTS, Action, FactKeys, Facts, Measure, Original, Prior
from engine.domain.status import EffectState
from engine.store.rows import decimal_of

ALIAS_STEPS = 50
"""A chain of merges longer than this is a circle."""


class FactReader:
    """Point look-ups on a reading connection; few microseconds each."""

    def __init__(self, connection: apsw.Connection, queries: dict[str, str]) -> None:
        self._connection = connection
        self._queries = queries

    def gather(self, keys: Sequence[FactKeys]) -> list[Facts]:
        merged = self._rows("any_alias").get is not None
        return [self._facts(wanted, merged) if any(wanted) else NO_FACTS for wanted in keys]

    def _facts(self, keys: FactKeys, merged: bool) -> Facts:
        """`merged` False: no number was ever merged into another, so that none is looked for."""
        return Facts(
            _found((key, self._encounter(key)) for key in keys.encounters),
            _found((key, self._survivor(key)) for key in keys.aliases) if merged else {},
            _found((key, self._priors(key)) for key in keys.priors),
            _found((key, self._originals(key)) for key in keys.originals),
        )

    def _rows(self, name: str, *values: apsw.SQLiteValue) -> Any:
        return self._connection.execute(self._queries[name], values)

    def _encounter(self, key: bytes) -> dict[str, object] | None:
        value = self._rows("encounter", key).get
        return None if value is None else orjson.loads(value)

    def _survivor(self, key: bytes) -> str | None:
        """The number that `key` goes by in the end, chains followed, circles cut."""
        seen, survivor = {key}, None
        for _ in range(ALIAS_STEPS):
            value = self._rows("alias", key).get
            if value is None:
                break
            alias = orjson.loads(value)
            survivor = alias["to"]
            key = bytes.fromhex(alias["to_key"])
            if not key or key in seen:
                break
            seen.add(key)
        return survivor

    def _priors(self, key: bytes) -> tuple[Prior, ...]:
        return tuple(
            Prior(
                effect, message, number, destination, name, Action(action), version, EffectState(state), body
            )
            for effect, message, number, destination, name, action, version, state, body in self._rows(
                "priors", key
            )
        )

    def _originals(self, key: bytes) -> tuple[Original, ...]:
        effects = {effect for (effect,) in self._rows("originals_by_key", key)}
        effects |= {effect for (effect,) in self._rows("originals_by_find", key)}
        return tuple(self._original(effect) for effect in sorted(effects))

    def _original(self, effect: int) -> Original:
        (
            effect_id, message, number, channel, destination, name, state, delivery_state, key, version, quantity,
            measure, amount, currency, reference, document,
        ) = self._rows("original", effect).fetchone()  # fmt: skip
        back = [
            (Decimal(taken), decimal_of(money)) for taken, money in self._rows("taken_back", effect) if taken
        ]
        return Original(
            effect_id,
            message,
            number,
            channel,
            destination,
            name,
            EffectState(state),
            delivery_state,
            key,
            version,
            decimal_of(quantity),
            sum((taken for taken, _ in back), Decimal(0)),
            Measure(measure),
            decimal_of(amount),
            sum((money for _, money in back if money is not None), Decimal(0)),
            currency,
            reference,
            document,
            self._translated(message, channel, number, name),
        )

    def _translated(self, message: int, channel: str, number: int, effect: str) -> dict[str, object]:
        """The line as it was translated when it was posted, as the JSON of its step record."""
        body = self._rows("record_of", message).get
        if body is None:
            return {}
        fields: dict[str, object] = orjson.loads(body)["lines"].get(f"{channel}/{number}", {}).get(effect, {})
        return fields


def _found(pairs: Iterable[tuple[bytes, Any]]) -> dict[bytes, Any]:
    return {key: value for key, value in pairs if value}
