"""One line at a time: skipped, told before, held, or owing its effects. Pure.

The order of the questions is the order of rules of money 2, 10, 15 to 19: can it be read, is it skipped, is it a
credit, was it told before, do the tables know it, what is due.
"""

from __future__ import annotations

from decimal import Decimal

from engine.domain.event import Line
from engine.domain.money import cents
from engine.domain.posting import Action, Measure
from engine.domain.status import LineState
from engine.mapping.expression import EvaluationFault
from engine.mapping.translation import Miss
from engine.pipeline.context import AS_NEW, Context
from engine.pipeline.crediting import judge_credit
from engine.pipeline.dues import INTERFACE, Due, Hold, Judged
from engine.pipeline.holding import hold_all, stated_amount
from engine.pipeline.identity import Identity, is_credit
from engine.pipeline.reading import ChannelRead
from engine.pipeline.repeats import Earlier, told_before
from engine.site.release import EffectRule


def judge_lines(context: Context, part: ChannelRead) -> list[Judged]:
    """What becomes of each line of an event, in order."""
    earlier: Earlier = {}
    verdicts = []
    for index, (line, identity) in enumerate(zip(part.event.lines, part.identities, strict=True)):
        verdict = judge(context, index, line, identity, earlier)
        if verdict.dues:
            action = verdict.dues[0].action
            earlier.setdefault((identity.key, action), []).append((line.number, identity.body))
        verdicts.append(verdict)
    return verdicts


def judge(context: Context, index: int, line: Line, identity: Identity, earlier: Earlier) -> Judged:
    """What becomes of a line. `index`: its place in the event, for its identity under other account numbers."""
    names = context.base_names(line)
    because = _skipped(context, names)
    if because is not None:
        return Judged(LineState.FILTERED, because)
    if line.faults:
        return hold_all(
            context, line, identity, Hold(INTERFACE, f"{line.faults[0].code} {line.faults[0].what}")
        )
    if is_credit(line.fields):
        return judge_credit(context, index, line, identity, names, earlier)
    quantity = line.fields.get("quantity")
    if not isinstance(quantity, Decimal) or quantity == 0:
        return hold_all(context, line, identity, Hold(INTERFACE, "quantity missing or zero"))
    told = told_before(context, index, line, identity, Action.POST, earlier)
    if told is not None:
        return told
    return _post(context, index, line, identity, names, earlier)


def _skipped(context: Context, names: dict[str, object]) -> str | None:
    for skip in context.channel.skips:
        try:
            if skip.when(names) is True:
                return skip.because
        except EvaluationFault:
            continue
    return None


def _post(
    context: Context, index: int, line: Line, identity: Identity, names: dict[str, object], earlier: Earlier
) -> Judged:
    """The effects that a new line owes, each due, not due, or held for what its own tables lack."""
    misses = _translate(context, line, names)
    key, version = _key_and_version(context, index, line, identity, earlier)
    dues = []
    for rule in context.channel.effects:
        due = _due(rule, line, key, version, names, misses)
        if due is not None:
            dues.append(due)
    if not dues:
        skipped = next((miss.cause for miss in misses.values() if miss.policy == "skip"), "no effect is due")
        return Judged(LineState.FILTERED, skipped)
    held = all(due.hold is not None for due in dues)
    return Judged(
        LineState.HELD if held else LineState.POSTED,
        dues[0].hold.cause if held and dues[0].hold else "",
        tuple(dues),
    )


def _translate(context: Context, line: Line, names: dict[str, object]) -> dict[str, Miss]:
    """Looks every translation up, adding rows to `names`; what no table knew is returned by name."""
    dates = context.dates(line.fields)
    misses: dict[str, Miss] = {}
    for translation in context.channel.translations:
        found = translation.find(names, context.release.tables, dates)
        if isinstance(found, Miss):
            misses[translation.name] = found
            names[translation.name] = None
        else:
            names[translation.name] = found
    return misses


def _key_and_version(
    context: Context, index: int, line: Line, identity: Identity, earlier: Earlier
) -> tuple[bytes, int]:
    """A line that a person (or the channel) took as new beside an equal one has a key, or a version, of its own."""
    if context.decisions.get((context.channel.name, line.number)) == AS_NEW and not identity.strong:
        return context.digester.digest("again", identity.key.hex(), str(context.read.inbound.id)), 1
    priors = context.priors(index, identity, context.channel.effects, Action.POST)
    here = earlier.get((identity.key, Action.POST), [])
    if identity.strong or not (priors or here):
        return identity.key, 1 + max((prior.version for prior in priors), default=0) + len(here)
    return context.digester.digest("again", identity.key.hex(), str(context.read.inbound.id)), 1


def _due(
    rule: EffectRule, line: Line, key: bytes, version: int, names: dict[str, object], misses: dict[str, Miss]
) -> Due | None:
    """One effect of a line: None when it is not due."""
    lacking = [miss for name, miss in misses.items() if name in rule.needs]
    if rule.when is not None and not (rule.when.roots & misses.keys()) and not _true(rule, names):
        return None
    if any(miss.policy == "skip" for miss in lacking):
        return None
    if lacking:
        return _held(rule, line, key, version, Hold(lacking[0].owner, lacking[0].cause))
    try:
        quantity = rule.quantity(names) if rule.quantity else line.fields["quantity"]
        if not isinstance(quantity, Decimal):
            return _held(rule, line, key, version, Hold(rule.owner, f"no quantity for {rule.name}"))
        own_names = {**names, "quantity": quantity}
        amount = _amount(rule, line, own_names)
    except EvaluationFault as fault:
        return _held(rule, line, key, version, Hold(rule.owner, f"{fault.code} {fault.what}"))
    own_names["amount"] = amount
    return Due(
        number=line.number,
        rule=rule,
        action=Action.POST,
        key=key,
        version=version,
        quantity=quantity,
        amount=amount,
        names=own_names,
    )


def _true(rule: EffectRule, names: dict[str, object]) -> bool:
    try:
        return rule.when is None or rule.when(names) is True
    except EvaluationFault:
        return True  # cannot be told: the same fault is met again, and held, where the effect is worked out


def _held(rule: EffectRule, line: Line, key: bytes, version: int, hold: Hold) -> Due:
    quantity = line.fields.get("quantity")
    return Due(
        number=line.number,
        rule=rule,
        action=Action.POST,
        key=key,
        version=version,
        quantity=quantity if isinstance(quantity, Decimal) else None,
        amount=stated_amount(line.fields) if rule.measure is Measure.STATED else None,
        names={},
        hold=hold,
    )


def _amount(rule: EffectRule, line: Line, names: dict[str, object]) -> Decimal | None:
    match rule.measure:
        case Measure.STATED:
            return stated_amount(line.fields)
        case Measure.PRICED_HERE:
            price = rule.price(names) if rule.price else None
            return cents(price) if isinstance(price, Decimal) else None
        case _:
            return None
