"""A line that takes an earlier one back: found, measured against what remains, built from what was posted. Pure.

Rules of money, 9 and 10. Nothing is translated anew: item, price, cost center and unit are those of the original.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from engine.domain.event import Line
from engine.domain.money import cents
from engine.domain.posting import Action, Measure, Original
from engine.domain.status import DeliveryState, EffectState, LineState
from engine.pipeline.context import Context
from engine.pipeline.dues import INTERFACE, Due, Hold, Judged
from engine.pipeline.holding import hold_all
from engine.pipeline.identity import Identity
from engine.pipeline.record import restore
from engine.pipeline.repeats import Earlier, told_before
from engine.site.release import EffectRule

LINE_QUANTITY = "line quantity"
"""Name under which a step record keeps the quantity as sent, beside the effect's own. No field can be called so."""


def judge_credit(
    context: Context, index: int, line: Line, identity: Identity, names: dict[str, object], earlier: Earlier
) -> Judged:
    """The reversals that a credit owes, or why it is held."""
    quantity = line.fields.get("quantity")
    if not isinstance(quantity, Decimal) or quantity == 0:
        return _hold(context, line, identity, "quantity missing or zero")
    if line.fields.get("credit") is True and quantity < 0:
        return _hold(context, line, identity, "credit with a negative quantity")
    told = told_before(context, index, line, identity, Action.REVERSE, earlier)
    if told is not None:
        return told
    originals = context.originals(index, identity)
    cause = _cannot(originals)
    if cause is not None:
        return _hold(context, line, identity, cause)
    dues = tuple(
        _reversal(rule, line, identity, original, abs(quantity), names)
        for rule in context.channel.effects
        for original in originals
        if (original.destination, original.name) == (rule.destination, rule.name)
        and original.state is not EffectState.CANCELLED
    )
    held = next((due.hold.cause for due in dues if due.hold is not None), "")
    return Judged(LineState.HELD if held and all(due.hold for due in dues) else LineState.POSTED, held, dues)


def _cannot(originals: list[Original]) -> str | None:
    """Why no original can be taken back, or None."""
    live = [original for original in originals if original.state is not EffectState.CANCELLED]
    if not live:
        return "credit without its original"
    if len({(original.message_id, original.number) for original in live}) > 1:
        return "credit with several possible originals"
    return None


def _reversal(
    rule: EffectRule,
    line: Line,
    identity: Identity,
    original: Original,
    quantity: Decimal,
    names: dict[str, object],
) -> Due:
    """One effect of the original, taken back in the proportion that the credit says."""
    hold = _not_yet(rule, original)
    posted = restore(original.fields)
    back = _proportion(original.quantity, posted.get(LINE_QUANTITY, original.quantity), quantity)
    remaining = (original.quantity or Decimal(0)) - original.taken_back
    if hold is None and (back is None or back > remaining):
        hold = Hold(rule.owner, "credit of more than remains")
    amount = None if hold else _amount_back(original, back or Decimal(0), remaining)
    return Due(
        number=line.number,
        rule=rule,
        action=Action.REVERSE,
        key=identity.key,
        version=1,
        quantity=back,
        amount=amount,
        names={
            **names,
            **posted,
            "number": line.number,
            "quantity": back,
            "amount": abs(amount) if amount is not None else None,
            "original": {"reference": original.reference, "document": original.document or None},
        },
        original=original,
        hold=hold,
    )


def _not_yet(rule: EffectRule, original: Original) -> Hold | None:
    """A credit waits while its original is held; what has no way back is a person's."""
    if rule.undo is None:
        return Hold(rule.owner, f"{rule.name} has no undo")
    if original.state is EffectState.HELD or original.delivery_state == DeliveryState.HELD:
        return Hold(rule.owner, "credit waits for its held original")
    return None


def _proportion(whole: Decimal | None, sent: object, quantity: Decimal) -> Decimal | None:
    """The credit's quantity in the unit of the effect; None when it does not come out exactly."""
    if whole is None or not isinstance(sent, Decimal) or sent == 0:
        return None
    exact = Fraction(whole) * Fraction(quantity) / Fraction(sent)
    back = Decimal(exact.numerator) / Decimal(exact.denominator)
    return back if Fraction(back) == exact else None


def _amount_back(original: Original, back: Decimal, remaining: Decimal) -> Decimal | None:
    """Signed money of the reversal; the last one takes what is left, so that cents never drift."""
    if (
        original.measure in (Measure.FAR_END, Measure.QUANTITY_ONLY)
        or original.amount is None
        or not original.quantity
    ):
        return None
    if back == remaining:
        return -(original.amount + (original.amount_back or Decimal(0)))
    return -cents(original.amount * back / original.quantity)


def _hold(context: Context, line: Line, identity: Identity, cause: str) -> Judged:
    return hold_all(context, line, identity, Hold(INTERFACE, cause), Action.REVERSE)
