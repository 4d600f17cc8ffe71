"""A line that cannot go on: every effect that it might owe, held for one cause. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.domain.event import Fields, Line
from engine.domain.money import cents
from engine.domain.posting import Action, Measure, Original
from engine.domain.status import LineState
from engine.pipeline.context import Context
from engine.pipeline.dues import INTERFACE, Due, Hold, Judged
from engine.pipeline.identity import Identity, is_credit


def hold_all(
    context: Context,
    line: Line,
    identity: Identity,
    hold: Hold,
    action: Action = Action.POST,
    *,
    owns: bool = True,
    version: int = 1,
) -> Judged:
    """Every effect that the line might owe is held for one cause."""
    quantity = line.fields.get("quantity")
    owner = hold.owner if hold.owner != INTERFACE else _owner_of_row(context, hold.cause)
    dues = tuple(
        Due(
            number=line.number,
            rule=rule,
            action=action,
            key=identity.key,
            version=version,
            quantity=quantity if isinstance(quantity, Decimal) else None,
            amount=stated_amount(line.fields) if rule.measure is Measure.STATED else None,
            names={},
            hold=Hold(owner or rule.owner, hold.cause),
            owns=owns,
        )
        for rule in context.channel.effects
    )
    return Judged(LineState.HELD, hold.cause, dues)


def held_anew(
    context: Context, line: Line, identity: Identity, hold: Hold, posted: Iterable[Original]
) -> Judged:
    """What would take the place of what was posted of the line is held."""
    version = 1 + max((original.version for original in posted), default=0)
    return hold_all(context, line, identity, hold, version=version)


def _owner_of_row(context: Context, cause: str) -> str:
    """Who keeps the table in which the read map found no row; '' for other causes, and where the table does not say."""
    code, _, rest = cause.partition(" ")
    table = context.release.tables.get(rest.partition(":")[0]) if code == "MAP033" else None
    return table.spec.owner if table is not None else ""


def unreadable(context: Context, line: Line) -> str | None:
    """Why nobody can tell what the line says, or in what money."""
    if line.faults:
        return f"{line.faults[0].code} {line.faults[0].what}"
    stated = line.fields.get("stated_currency")
    return "stated in another currency" if stated and stated != context.release.currency else None


def stated_amount(fields: Fields) -> Decimal | None:
    """The extended amount that the message states, signed: negative for a credit; None when unpriced."""
    amount, unit_amount, quantity = fields.get("amount"), fields.get("unit_amount"), fields.get("quantity")
    if isinstance(amount, Decimal):
        stated = amount
    elif isinstance(unit_amount, Decimal) and isinstance(quantity, Decimal):
        stated = cents(unit_amount * quantity)
    else:
        return None
    return -abs(stated) if is_credit(fields) else stated
