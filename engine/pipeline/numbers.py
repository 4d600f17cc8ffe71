"""The numbers that people and cases go by, as keyed digests; of merged ones, the others. Pure.

Rules of money, 4: keys use values as sent, accounts are compared under all their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.domain.event import Fields
from engine.domain.posting import Facts
from engine.pipeline.digests import Digester
from engine.pipeline.identity import text_of

PERSONS = ("account", "visit", "patient")
INSIDE = {"account": "visit", "patient": "account"}
"""What may be moved out of which: a visit out of its account, an account from its patient."""

_OUTWARDS = ("visit", "account", "patient")


def person_digest(digester: Digester, kind: str, fields: Mapping[str, object]) -> bytes | None:
    """Digest of the account, visit or patient that `fields` names, or None."""
    identifier = text_of(fields.get(kind))
    return digester.person(kind, authority_of(kind, fields), identifier) if identifier else None


def authority_of(kind: str, fields: Mapping[str, object]) -> str:
    """Who gave the number: its assigning authority where the map reads it, else the facility."""
    return text_of(fields.get(f"{kind}_authority")) or text_of(fields.get("facility"))


def case_digest(digester: Digester, fields: Mapping[str, object]) -> bytes | None:
    """Digest of the case that `fields` names, or None. Whoever tells of it: one facility's numbers are one."""
    number = text_of(fields.get("case_id"))
    return digester.digest("scheduled", text_of(fields.get("facility")), number) if number else None


def other_names(digester: Digester, fields: Fields, facts: Facts, *, moves: bool = True) -> list[Fields]:
    """The other numbers that account, visit and patient go by, as replacements of those fields: merged ones, and with
    `moves` the account of a visit that was moved, and the patient of such an account."""
    if not facts.aliases:
        return []
    numbers: dict[str, list[str]] = {}
    for kind in _OUTWARDS:
        numbers[kind] = known = [text] if (text := text_of(fields.get(kind))) else []
        for number in known:  # grows while it is gone through
            asked = _digests(digester, kind, {**fields, kind: number}, numbers, moves)
            for key in (key for digest in asked for key in (digest, reverse_digest(digester, digest))):
                known += [other for other in facts.aliases.get(key, ()) if other not in known]
    return [{kind: other} for kind in PERSONS for other in numbers[kind][1:]]


def surviving_persons(
    digester: Digester, names: Mapping[str, object], facts: Facts, *, moves: bool = True
) -> dict[str, str]:
    """Account, visit and patient of `names` that were merged or, with `moves`, moved: each under the number that is in
    force."""
    if not facts.aliases:
        return {}
    found: dict[str, str] = {}
    numbers: dict[str, list[str]] = {}
    for kind in _OUTWARDS:
        numbers[kind] = seen = [text] if (text := text_of(names.get(kind))) else []
        for number in seen:  # grows while it is gone through
            asked = _digests(digester, kind, {**names, **found, kind: number}, numbers, moves)
            ends = (facts.aliases[digest][0] for digest in asked if digest in facts.aliases)
            end = next((end for end in ends if end != number), None)
            if end is not None:
                found[kind] = end
                seen += [end] if end not in seen else []
    return found


def alias_keys(digester: Digester, fields: Mapping[str, object]) -> list[bytes]:
    """Under what it is kept which other numbers there are, both ways."""
    numbers = {kind: [text] for kind in PERSONS if (text := text_of(fields.get(kind)))}
    digests = [digest for kind in numbers for digest in _digests(digester, kind, fields, numbers, True)]
    return [key for digest in digests for key in (digest, reverse_digest(digester, digest))]


def inside_digest(digester: Digester, inner: bytes, outer: bytes) -> bytes:
    """Stands for the account of one visit, or for the patient of one account: what a move changes."""
    return digester.digest("inside", inner.hex(), outer.hex())


def _digests(
    digester: Digester, kind: str, fields: Mapping[str, object], numbers: Mapping[str, list[str]], moves: bool
) -> list[bytes]:
    """A number as it stands alone, and as it stands for what is inside of it."""
    own = person_digest(digester, kind, fields)
    if own is None:
        return []
    inner = INSIDE.get(kind, "")
    within = numbers.get(inner, ()) if moves else ()
    inners = (person_digest(digester, inner, {**fields, inner: number}) for number in within)
    return [own, *(inside_digest(digester, one, own) for one in inners if one)]


def reverse_digest(digester: Digester, digest: bytes) -> bytes:
    """The key under which those stand that ended in a number."""
    return digester.digest("survivor", digest.hex())
