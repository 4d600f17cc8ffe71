"""What is known of the case that a line names: where it is, and whose it is. Pure.

Rules of money, 20: usage is placed by its case before ADT catches up. What only the case can tell, and does not tell
yet, is waited for: `NOT_KNOWN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.domain.case import Case, fold_case
from engine.domain.event import Fields
from engine.domain.posting import Facts
from engine.mapping.expression import EvaluationFault, Expression
from engine.pipeline.digests import Digester
from engine.pipeline.numbers import case_digest, other_names
from engine.site.release import Channel

NOT_KNOWN = "case not known yet"
"""How the cause of what waits for its case begins."""

_OF_PERSONS = ("account", "account_authority", "visit", "patient")


def case_of(digester: Digester, fields: Mapping[str, object], facts: Facts) -> Case | None:
    """The case that the fields name, as it is known; None: nothing was told of it, or none is named."""
    digest = case_digest(digester, fields) if facts.cases else None
    return fold_case(facts.cases.get(digest, ())) if digest else None


def names_of_case(case: Case | None, zone: ZoneInfo) -> dict[str, object] | None:
    """What expressions know as `case`."""
    if case is None:
        return None
    names: dict[str, object] = {name: text for name, text in case.fields.items() if text}
    if "scheduled_at" in names:
        names["scheduled_at"] = moment = datetime.fromisoformat(str(names["scheduled_at"]))
        names["scheduled_on"] = moment.astimezone(zone).date()
    return {**names, "state": case.state or None, "event": case.event or None}


def persons_of_case(digester: Digester, channel: Channel, fields: Fields, facts: Facts) -> Fields:
    """Whose a line without an account is by its case, where the channel says so: what to add to its fields."""
    if channel.account_from is None or fields.get("account"):
        return {}
    case = case_of(digester, fields, facts)
    if case is None or not case.fields.get("account"):
        return {}
    return {name: case.fields[name] for name in _OF_PERSONS if case.fields.get(name) and not fields.get(name)}


def known_names(
    digester: Digester, channel: Channel, header: Fields, facts: Facts, *, moves: bool = True
) -> tuple[Fields, ...]:
    """Under which other numbers lines may have been told: the account of their case, and those of merged and moved
    ones, as replacements of fields."""
    given = persons_of_case(digester, channel, header, facts)
    others = ({**given, **names} for names in other_names(digester, {**header, **given}, facts, moves=moves))
    return (given, *others) if given else tuple(others)


def unheard(names: Mapping[str, object]) -> bool:
    """Whether a case is named of which nothing was told. `names`: those of expressions."""
    return bool(names.get("case_id")) and names.get("case") is None


def waits_for_account(channel: Channel, names: Mapping[str, object]) -> str | None:
    """The cause of a line of which nobody can tell whose it is before its case is known."""
    if channel.account_from is None or names.get("account") or not names.get("case_id"):
        return None
    return NOT_KNOWN if unheard(names) else f"{NOT_KNOWN}: case.account"


def waits_for(names: Mapping[str, object], expressions: Iterable[Expression]) -> str | None:
    """The cause of a value that is missing since the case does not tell it; None: no case is named, or asked."""
    if not names.get("case_id"):
        return None
    for expression in expressions:
        asked = sorted(name for name in expression.names if name.startswith("case."))
        if asked and _missing(expression, names):
            return NOT_KNOWN if unheard(names) else f"{NOT_KNOWN}: {asked[0]}"
    return None


def _missing(expression: Expression, names: Mapping[str, object]) -> bool:
    try:
        return expression(names) is None
    except EvaluationFault:
        return False
