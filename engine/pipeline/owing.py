"""What a line owes by the tables: each effect due, not due, or held for what its own look-ups lack. Pure.

Rules of money, 15 to 19. Whether the line was told before is no question here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from engine.domain.event import Line
from engine.domain.money import cents
from engine.domain.posting import Action, Measure, Sighting
from engine.mapping.expression import EvaluationFault
from engine.mapping.translation import Miss
from engine.pipeline.cases import NOT_KNOWN, unheard, waits_for
from engine.pipeline.context import Context
from engine.pipeline.corroborating import sighting_of
from engine.pipeline.dues import Due, Hold, Owed
from engine.pipeline.holding import stated_amount
from engine.pipeline.numbers import PERSONS
from engine.reference.spec import Row
from engine.site.release import EffectRule


def owed(
    context: Context,
    line: Line,
    key: bytes,
    version: int,
    names: dict[str, object],
    action: Action = Action.POST,
) -> Owed:
    """The effects that are due, or held because nobody can tell.

    `names` gets the rows that were found. REVERSE: a credit that is posted alone, translated since there is nothing
    posted to build it from; its quantity is told without its sign.
    """
    if action is Action.REVERSE and isinstance(names.get("quantity"), Decimal):
        names["quantity"] = abs(names["quantity"])  # type: ignore[arg-type]
        names["original"] = {"reference": None, "document": None}
    bare = dict(names)
    misses = _translate(context, line, names)
    whole = _Part("", names, misses)
    parts: dict[str | None, list[_Part]] = {None: [whole]}
    dues: list[Due] = []
    sightings: list[Sighting] = []
    for rule in context.channel.effects:
        if rule.explodes is not None and rule.explodes not in parts:
            parts[rule.explodes] = list(_parts(context, line, rule.explodes, bare, whole))
        for part in parts[rule.explodes]:
            due = _due(rule, line, key, version, part, action)
            if due is None:
                continue
            sighting = None if due.hold else sighting_of(context, line, due)
            if sighting is not None:
                sightings.append(sighting)
            if sighting is None or sighting.owned:
                dues.append(due)
    skipped = next((miss.cause for miss in misses.values() if miss.policy == "skip"), "")
    return Owed(tuple(dues), skipped, tuple(sightings))


class _Part(NamedTuple):
    """A line, or one part of it, translated. `name`: what tells the part apart. `misses`: what no table knew."""

    name: str
    names: dict[str, object]
    misses: dict[str, Miss]


def _parts(
    context: Context, line: Line, explodes: str, bare: dict[str, object], whole: _Part
) -> Iterator[_Part]:
    """What an effect is owed for: each row that its table gives (rule 18); the line itself, when it gives none."""
    if explodes in whole.misses:
        yield whole
        return
    several = next(one for one in context.channel.translations if one.name == explodes)
    rows = several.find_all(whole.names, context.release.tables, context.dates(line.fields))
    for row in () if isinstance(rows, Miss) else rows:
        if row is whole.names[explodes]:  # the line is translated with it already
            yield whole._replace(name=several.part(row))
            continue
        names = dict(bare)
        yield _Part(several.part(row), names, _translate(context, line, names, {several.name: row}))


def _translate(
    context: Context, line: Line, names: dict[str, object], given: Mapping[str, Row] | None = None
) -> dict[str, Miss]:
    """Looks every translation up, adding rows to `names`; what no table knew is returned by name. `given`: rows that
    are chosen already."""
    dates = context.dates(line.fields)
    misses: dict[str, Miss] = {}
    for translation in context.channel.translations:
        found: Row | Miss | None = given.get(translation.name) if given else None
        lacks = waits_for(names, translation.by)
        if lacks is not None and unheard(names):
            found = Miss("", lacks, "hold")  # another row may be meant, once it is known
        elif found is None:
            found = translation.find(names, context.release.tables, dates)
        if isinstance(found, Miss):
            misses[translation.name] = Miss("", lacks, "hold") if lacks and found.policy == "hold" else found
            names[translation.name] = None
        else:
            names[translation.name] = found
    return misses


def _due(
    rule: EffectRule,
    line: Line,
    key: bytes,
    version: int,
    part: _Part,
    action: Action,
) -> Due | None:
    """One effect of a line, or of a part of it: None when it is not due."""
    names, misses = part.names, part.misses
    if rule.as_sent:
        names = {**names, **{kind: line.fields[kind] for kind in PERSONS if line.fields.get(kind)}}

    def held(hold: Hold) -> Due:
        return _held(rule, line, key, version, action, hold, part.name)

    lacking = [miss for name, miss in misses.items() if name in rule.needs]
    if rule.when is not None and "case" in rule.when.roots and unheard(names):
        return held(Hold(rule.owner, NOT_KNOWN))
    if rule.when is not None and not (rule.when.roots & misses.keys()) and not _true(rule, names):
        return None
    if any(miss.policy == "skip" for miss in lacking):
        return None
    if lacking:
        return held(Hold(lacking[0].owner or rule.owner, lacking[0].cause))
    if action is Action.REVERSE and rule.undo is None:
        return held(Hold(rule.owner, f"{rule.name} has no undo"))
    try:
        quantity = rule.quantity(names) if rule.quantity else names["quantity"]
        if not isinstance(quantity, Decimal):
            return held(Hold(rule.owner, f"no quantity for {rule.name}"))
        own_names = {**names, "quantity": quantity}
        amount = _amount(rule, line, own_names, action)
    except EvaluationFault as fault:
        return held(Hold(rule.owner, f"{fault.code} {fault.what}"))
    own_names["amount"] = abs(amount) if amount is not None and action is Action.REVERSE else amount
    return Due(
        number=line.number,
        rule=rule,
        action=action,
        key=key,
        version=version,
        quantity=quantity,
        amount=amount,
        names=own_names,
        part=part.name,
    )


def _true(rule: EffectRule, names: dict[str, object]) -> bool:
    try:
        return rule.when is None or rule.when(names) is True
    except EvaluationFault:
        return True  # cannot be told: the same fault is met again, and held, where the effect is worked out


def _held(
    rule: EffectRule, line: Line, key: bytes, version: int, action: Action, hold: Hold, part: str
) -> Due:
    quantity = line.fields.get("quantity")
    return Due(
        number=line.number,
        rule=rule,
        action=action,
        key=key,
        version=version,
        quantity=quantity if isinstance(quantity, Decimal) else None,
        amount=stated_amount(line.fields) if rule.measure is Measure.STATED else None,
        names={},
        hold=hold,
        part=part,
    )


def _amount(rule: EffectRule, line: Line, names: dict[str, object], action: Action) -> Decimal | None:
    """Signed: what a reversal gives back is negative."""
    match rule.measure:
        case Measure.STATED:
            return stated_amount(line.fields)
        case Measure.PRICED_HERE:
            price = rule.price(names) if rule.price else None
            if not isinstance(price, Decimal):
                return None
            return -cents(price) if action is Action.REVERSE else cents(price)
        case _:
            return None
