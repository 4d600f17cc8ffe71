"""Uses that several feeds tell of: one of them counts, the others corroborate (rules of money, 21). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain.event import Line
from engine.domain.posting import Action, Sighting
from engine.mapping.expression import EvaluationFault, Expression
from engine.pipeline.context import Context
from engine.pipeline.dues import Due
from engine.pipeline.identity import text_of


def sighting_of(context: Context, line: Line, due: Due) -> Sighting | None:
    """What the line tells of an effect that other feeds tell of, too; None where none does. Where it cannot be told
    which feed counts, this one does not: nothing is posted twice for want of a row."""
    owned = due.rule.owned
    if owned is None:
        return None
    texts = [_text(one, due.names) for one in owned.same]
    return Sighting(
        key=due.key,
        channel=context.channel.name,
        destination=due.rule.destination,
        name=due.rule.name,
        part=due.part,
        owned=_text(owned.when, due.names) == str(True),
        place="  ".join(
            [_day(context, line), *(f"{name}={_text(one, due.names)}" for name, one in owned.by)]
        ),
        quantity=-due.quantity if due.quantity and due.action is Action.REVERSE else due.quantity,
        same=context.digester.digest("same", *texts) if texts and all(texts) else None,
    )


def told_no_more(context: Context, key: bytes) -> tuple[Sighting, ...]:
    """A line that is void, or left out: whoever compares feeds does not count it."""
    return tuple(
        Sighting(key, context.channel.name, rule.destination, rule.name, "", False, "", None, None)
        for rule in context.channel.effects
        if rule.owned is not None
    )


def seen_anew(context: Context, key: bytes, sightings: Sequence[Sighting]) -> tuple[Sighting, ...]:
    """In the place of what the line told before: of effects that it tells no more, or in other parts, nothing stays."""
    told = {(one.destination, one.name) for one in sightings}
    exploded = {
        (rule.destination, rule.name) for rule in context.channel.effects if rule.explodes is not None
    }
    gone = (one for one in told_no_more(context, key) if (one.destination, one.name) not in told - exploded)
    return (*gone, *sightings)


def _day(context: Context, line: Line) -> str:
    """When it was used, else told."""
    return context.dates(line.fields).service.isoformat()


def _text(expression: Expression, names: dict[str, object]) -> str:
    try:
        return text_of(expression(names))
    except EvaluationFault:
        return ""
