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


def other_names(digester: Digester, fields: Fields, facts: Facts) -> list[Fields]:
    """The other numbers that account, visit and patient go by, as replacements of those fields."""
    names: list[Fields] = []
    if not facts.aliases:
        return names
    for kind in PERSONS:
        digest = person_digest(digester, kind, fields)
        for known in (digest, reverse_digest(digester, digest)) if digest else ():
            others = facts.aliases.get(known, ())
            names += [{kind: other} for other in others if other != fields.get(kind)]
    return names


def surviving_persons(digester: Digester, names: Mapping[str, object], facts: Facts) -> dict[str, str]:
    """Account, visit and patient of `names` that were merged, each under the number that survived."""
    if not facts.aliases:
        return {}
    found = {}
    for kind in PERSONS:
        digest = person_digest(digester, kind, names)
        numbers = facts.aliases.get(digest) if digest else None
        if numbers:
            found[kind] = numbers[0]
    return found


def reverse_digest(digester: Digester, digest: bytes) -> bytes:
    """The key under which those stand that ended in a number."""
    return digester.digest("survivor", digest.hex())
