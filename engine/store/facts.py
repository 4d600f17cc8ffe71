"""Gathers the facts that steps name: encounters, cases, aliases, owners of keys, originals of credits.

Each kind is asked once for all keys of all messages, in one snapshot.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import apsw
import orjson

from engine.domain.message import MessageId
from engine.domain.posting import (
    NO_FACTS,
    Action,
    FactKeys,
    Facts,
    Measure,
    Original,
    Prior,
    Reversal,
    Save,
    Stay,
    Telling,
    kept_as,
)
from engine.domain.status import DeliveryState, EffectState, Fate
from engine.domain.told import Told
from engine.store.queries import ask, snapshot
from engine.store.rows import decimal_of


def gather(connection: apsw.Connection, wanted: Sequence[FactKeys]) -> list[Facts]:
    """For each set of keys what is known of them; a key of which nothing is known is left out."""
    with snapshot(connection):
        encounters = _told(connection, "encounter", _all(keys.encounters for keys in wanted))
        cases = _told(connection, "case", _all(keys.cases for keys in wanted))
        merged = bool(ask(connection, "any_alias"))  # where nobody was ever merged, nobody is looked for
        aliases = _aliases(connection, _all(keys.aliases for keys in wanted)) if merged else {}
        priors = _priors(connection, _all(keys.priors for keys in wanted))
        originals = _originals(connection, _all(keys.originals for keys in wanted))
        stays = _stays(connection, _all(keys.stays for keys in wanted))
        saves = _saves(connection, _all(keys.saves for keys in wanted))
        told = _tellings(connection, _all(keys.told for keys in wanted))
    if not (encounters or aliases or priors or originals or stays or saves or cases or told):
        return [NO_FACTS] * len(wanted)
    return [
        Facts(
            _known(encounters, keys.encounters),
            _known(aliases, keys.aliases),
            _known(priors, keys.priors),
            _known(originals, keys.originals),
            _known(stays, keys.stays),
            _known(saves, keys.saves),
            _known(cases, keys.cases),
            _known(told, keys.told),
        )
        for keys in wanted
    ]


def _all(keys: Iterable[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    return tuple({key for some in keys for key in some})


def _known(found: dict[bytes, Any], keys: tuple[bytes, ...]) -> dict[bytes, Any]:
    return {key: found[key] for key in keys if key in found} if found else {}


def _told(connection: apsw.Connection, kind: str, keys: tuple[bytes, ...]) -> dict[bytes, tuple[Told, ...]]:
    if not keys:
        return {}
    told: dict[bytes, list[Told]] = {}
    for key, at_us, value in ask(connection, "told_of", kind, apsw.carray(keys)):
        told.setdefault(key, []).append(Told.kept(at_us, value))
    return {key: tuple(one) for key, one in told.items()}


def _aliases(connection: apsw.Connection, keys: tuple[bytes, ...]) -> dict[bytes, tuple[str, ...]]:
    if not keys:
        return {}
    rows = ask(connection, "latest_facts", "alias", apsw.carray(keys))
    return {key: _numbers(connection, key) for key, value in rows if value is not None}


class _End(NamedTuple):
    """Where merges left a number: what it goes by, the key of that, and the key under which those stand that ended in
    it. `key`, `back`: b'' where nothing was merged on."""

    number: str
    key: bytes
    back: bytes


def _numbers(connection: apsw.Connection, key: bytes) -> tuple[str, ...]:
    """The numbers that `key` goes by: the one that survived first, then all that ended in it, however they came
    there."""
    end = _end(connection, key)
    return tuple(
        dict.fromkeys([end.number, *(number for number, _ in _ended_in(connection, end.back or key))])
    )


def merged_with(connection: apsw.Connection, key: bytes, reverse: bytes) -> set[bytes]:
    """Keys of all that `key` was merged with, through chains. `reverse`: the key under which those stand that ended in
    it."""
    end = _end(connection, key)
    return {end.key, *(ended for _, ended in _ended_in(connection, end.back or reverse))} - {b"", key}


def _end(connection: apsw.Connection, key: bytes) -> _End:
    """In a circle of merges the latest of them says who survived."""
    seen: dict[bytes, tuple[int, int, _End]] = {}
    end = _End("", b"", b"")
    while key not in seen:
        found = ask(connection, "latest_alias", key)
        if not found:
            return end
        at_us, message, value = found[0]
        alias = orjson.loads(value)
        on = bytes.fromhex(alias["to_key"])
        end = _End(alias["to"], on, bytes.fromhex(alias.get("back", "")) if on else b"")
        seen[key] = (at_us, message, end)
        key = on
    circle = list(seen)[list(seen).index(key) :]
    return max(seen[member] for member in circle)[2]


def _ended_in(connection: apsw.Connection, back: bytes) -> Iterator[tuple[str, bytes]]:
    """(number, key) of each that ended in a survivor, or in one that ended in it."""
    seen, waiting = set[bytes](), [back]
    while waiting:
        ended = waiting.pop()
        if not ended or ended in seen:
            continue
        seen.add(ended)
        for (value,) in ask(connection, "aliases_of", apsw.carray((ended,))):
            alias = orjson.loads(value)
            if not alias["to_key"]:
                yield alias["to"], bytes.fromhex(alias.get("from_key", ""))
                waiting.append(bytes.fromhex(alias.get("back", "")))


def _priors(connection: apsw.Connection, keys: tuple[bytes, ...]) -> dict[bytes, tuple[Prior, ...]]:
    found: dict[bytes, tuple[Prior, ...]] = {}
    if not keys:
        return found
    for key, effect, message, number, destination, name, action, version, state, *said in ask(
        connection, "priors", apsw.carray(keys)
    ):
        prior = Prior(
            effect, message, number, destination, name, Action(action), version, EffectState(state), *said
        )
        found[key] = (*found.get(key, ()), prior)
    return found


def _originals(connection: apsw.Connection, keys: tuple[bytes, ...]) -> dict[bytes, tuple[Original, ...]]:
    if not keys:
        return {}
    effects: dict[bytes, set[int]] = {}
    for name in ("originals_by_key", "originals_by_find"):
        for key, effect in ask(connection, name, apsw.carray(keys)):
            effects.setdefault(key, set()).add(effect)
    if not effects:
        return {}
    originals = read_originals(connection, sorted(set().union(*effects.values())))
    return {key: tuple(originals[effect] for effect in sorted(found)) for key, found in effects.items()}


def _stays(connection: apsw.Connection, accounts: tuple[bytes, ...]) -> dict[bytes, Stay]:
    """What was posted for accounts and is not taken back whole, and the messages that asked a person about it."""
    found: dict[bytes, Stay] = {}
    for account in accounts:
        ids = [effect for (effect,) in ask(connection, "posted_for_account", account)]
        stands = (Fate.QUEUED, Fate.LEAVING, Fate.THERE)
        posted = [
            effect
            for effect, original in read_originals(connection, ids).items()
            if original.fate in stands and (original.remaining > 0 or original.quantity is None)
        ]
        waiting = [MessageId(message) for (message,) in ask(connection, "stays_to_decide", account)]
        if posted or waiting:
            found[account] = Stay(tuple(posted), tuple(waiting))
    return found


def _saves(connection: apsw.Connection, cases: tuple[bytes, ...]) -> dict[bytes, Save]:
    """`INSERT OR REPLACE` keeps one fact for each message; the newest of them counts, of two the one told last."""
    found = {}
    for case in cases:
        for at_us, message in ask(connection, "newest_save", case):
            keys = tuple(key for key, _ in ask(connection, "keys_of_case", case))
            found[case] = Save(at_us, MessageId(message), keys)
    return found


def _tellings(connection: apsw.Connection, keys: tuple[bytes, ...]) -> dict[bytes, tuple[Telling, ...]]:
    found: dict[bytes, list[Telling]] = {}
    for key, message, value, held in ask(connection, "tellings", apsw.carray(keys)) if keys else ():
        beside = tuple(map(int, held.split(","))) if held else ()
        found.setdefault(key, []).append(Telling(MessageId(message), value, beside))
    return {key: tuple(told) for key, told in found.items()}


def read_originals(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, Original]:
    """These posted effects, as who takes them back must know them."""
    if not ids:
        return {}
    effects = array("q", ids)
    reversals: dict[int, tuple[Reversal, ...]] = {}
    held: dict[int, tuple[Reversal, ...]] = {}
    cancelled: dict[int, tuple[int, ...]] = {}
    for original, effect, message, state, quantity, amount in ask(
        connection, "reversals", apsw.carray(effects)
    ):
        one = Reversal(effect, message, EffectState(state), abs(Decimal(quantity or 0)), decimal_of(amount))
        if one.state is EffectState.CANCELLED:
            cancelled[original] = (*cancelled.get(original, ()), message)
            continue
        found = held if one.state is EffectState.HELD else reversals
        found[original] = (*found.get(original, ()), one)
    records: dict[int, dict[str, Any]] = {}
    originals = {}
    for row in ask(connection, "originals", apsw.carray(effects)):
        effect, message, number, channel, destination, name, state, owns, delivery, standing, *more = row
        shares, key, version, quantity, measure, amount, currency, *rest = more
        reference, document, receipt, edition, record, part = rest
        if record is not None and record not in records:
            records[record] = _translated(connection, record)
        originals[effect] = Original(
            effect,
            message,
            number,
            channel,
            destination,
            name,
            EffectState(state),
            bool(owns),
            delivery,
            None if standing is None else DeliveryState(standing),
            shares,
            key,
            version,
            decimal_of(quantity),
            Measure(measure),
            decimal_of(amount),
            currency,
            reference,
            document,
            decimal_of(receipt),
            edition,
            records.get(record, {}).get(f"{channel}/{number}", {}).get(kept_as(name, part), {}),
            reversals.get(effect, ()),
            part,
            held.get(effect, ()),
            cancelled.get(effect, ()),
        )
    return originals


def _translated(connection: apsw.Connection, record: int) -> dict[str, Any]:
    """The lines of a step record, as they were translated when they were posted."""
    for (body,) in ask(connection, "record_body", record):
        lines: dict[str, Any] = orjson.loads(body).get("lines", {})
        return lines
    return {}
