"""What takes a posted effect back, built from what was posted (rules of money, 9). Pure; nothing is translated anew.

Credits, corrections and undos all make their reversals here.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine.domain.money import cents
from engine.domain.posting import Action, Measure, Original
from engine.domain.status import Fate
from engine.pipeline.digests import Digester
from engine.pipeline.dues import Due, Hold
from engine.pipeline.record import restore
from engine.site.release import EffectRule

WAITS_FOR_HELD = "waits for its held original"
WAITS_FOR_REFUSED = "waits for its refused original"


def reversal(
    rule: EffectRule,
    number: int,
    key: bytes,
    version: int,
    original: Original,
    quantity: Decimal | None,
    names: dict[str, object],
) -> Due:
    """Takes back `quantity` of the original, in the unit of its effect; None: a quantity that does not come out.

    `number`: of the line that takes it back. Where the original has not settled, the reversal waits for it.
    """
    hold = _why_not(rule, original, quantity)
    amount = _amount_back(original, quantity) if quantity and quantity <= original.remaining else None
    return Due(
        number=number,
        rule=rule,
        action=Action.REVERSE,
        key=key,
        version=version,
        quantity=quantity,
        amount=amount,
        names={
            **names,
            **restore(original.fields),
            "number": number,
            "quantity": quantity,
            "amount": abs(amount) if amount is not None else None,
            "original": {"reference": original.reference, "document": original.document or None},
        },
        original=original,
        hold=hold,
        waits=hold is None and original.fate in (Fate.QUEUED, Fate.LEAVING),
        part=original.part,
    )


def taken_back(
    digester: Digester, rule: EffectRule, number: int, original: Original, names: dict[str, object]
) -> Due:
    """All that remains of an original, taken back by a correction or a person: under a key that no sender uses."""
    key = digester.digest("back", original.key.hex(), str(original.version))
    due = reversal(rule, number, key, 1, original, original.remaining, names)
    return replace(due, corrects=original)


def _why_not(rule: EffectRule, original: Original, quantity: Decimal | None) -> Hold | None:
    if quantity is None or quantity > original.remaining:
        return Hold(rule.owner, "credit of more than remains")
    if original.fate is Fate.HELD:
        return Hold(rule.owner, WAITS_FOR_HELD if original.delivery_state is None else WAITS_FOR_REFUSED)
    if rule.undo is None and not leaves_with(original, quantity):
        return Hold(rule.owner, f"{rule.name} has no undo")
    return None


def leaves_with(original: Original, quantity: Decimal | None) -> bool:
    """Whether taking back so much takes back the whole of what is still queued: then neither needs to leave."""
    return original.fate is Fate.QUEUED and not original.reversals and quantity == original.quantity


def _amount_back(original: Original, quantity: Decimal) -> Decimal | None:
    """Signed money of the reversal; the last one takes what is left, so that cents never drift."""
    if (
        original.measure in (Measure.FAR_END, Measure.QUANTITY_ONLY)
        or original.amount is None
        or not original.quantity
    ):
        return None
    if quantity == original.remaining:
        return -(original.amount + original.amount_back)
    return -cents(original.amount * quantity / original.quantity)
