"""A line that takes an earlier one back: found, measured against what remains. Pure.

Rules of money, 9 and 10. The reversals themselves are built in `reversing`, from what was posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from engine.domain.event import Line
from engine.domain.posting import Action, Original
from engine.domain.status import Fate, LineState
from engine.pipeline.context import Context
from engine.pipeline.dues import INTERFACE, Due, Hold, Judged
from engine.pipeline.holding import hold_all
from engine.pipeline.identity import Identity
from engine.pipeline.record import restore
from engine.pipeline.repeats import Earlier, told_before
from engine.pipeline.reversing import reversal
from engine.site.release import EffectRule

LINE_QUANTITY = "line quantity"
"""Name under which a step record keeps the quantity as sent, beside the effect's own. No field can be called so."""

NO_ORIGINAL = "credit without its original"
OVER = "credit of more than remains"
SEVERAL = "credit with several possible originals"


class Found(NamedTuple):
    """The originals of one line, one for each of its effects and their parts; none, and why."""

    originals: tuple[Original, ...]
    cause: str = ""


def judge_credit(
    context: Context, index: int, line: Line, identity: Identity, names: dict[str, object], earlier: Earlier
) -> Judged | None:
    """The reversals that a credit owes, or why it is held. None: its original is not known here, and the channel lets
    it post alone."""
    quantity = line.fields["quantity"]
    assert isinstance(quantity, Decimal)
    told = told_before(context, index, line, identity, Action.REVERSE, earlier)
    if told is not None:
        return told
    found = choose([earlier.after(original) for original in context.originals(index, identity)])
    if found.cause == NO_ORIGINAL and context.channel.no_original == "post alone":
        return None
    if found.cause:
        return _hold(context, line, identity, found.cause)
    dues = tuple(
        _credit(rule, line, identity, original, abs(quantity), names)
        for rule in context.channel.effects
        for original in found.originals
        if (original.destination, original.name) == (rule.destination, rule.name)
    )
    held = next((due.hold.cause for due in dues if due.hold is not None), "")
    return Judged(LineState.HELD if held and all(due.hold for due in dues) else LineState.POSTED, held, dues)


def choose(originals: Sequence[Original]) -> Found:
    """Which of the candidates is meant: the one line of which something remains.

    What was refused and posted again since is not the original any more; nor is what was credited whole, while
    another of its kind is not.
    """
    live = [original for original in originals if _stands(original, originals)]
    if not live:
        return Found((), OVER if originals else NO_ORIGINAL)
    open_keys = {original.key for original in live if original.remaining > 0}
    if not open_keys:
        return Found((), OVER)
    if len(open_keys) > 1:
        return Found((), SEVERAL)
    mine = [original for original in live if original.key in open_keys]
    newest: dict[tuple[str, str, str], Original] = {}
    for original in sorted(mine, key=lambda one: (one.remaining > 0, one.version)):
        newest[original.place] = original
    if any(one.remaining > 0 and one not in newest.values() for one in mine):
        return Found((), SEVERAL)
    return Found(tuple(newest.values()))


def _stands(original: Original, originals: Sequence[Original]) -> bool:
    if original.fate is Fate.CANCELLED:
        return False
    return original.owns or not any(
        other.owns and other.place == original.place and other.key == original.key for other in originals
    )


def _credit(
    rule: EffectRule,
    line: Line,
    identity: Identity,
    original: Original,
    quantity: Decimal,
    names: dict[str, object],
) -> Due:
    """One effect of the original, taken back in the proportion that the credit says."""
    sent = restore(original.fields).get(LINE_QUANTITY, original.quantity)
    back = _proportion(original.quantity, sent, quantity)
    return reversal(rule, line.number, identity.key, 1, original, back, names)


def _proportion(whole: Decimal | None, sent: object, quantity: Decimal) -> Decimal | None:
    """The credit's quantity in the unit of the effect; None when it does not come out exactly."""
    if whole is None or not isinstance(sent, Decimal) or sent == 0:
        return None
    exact = Fraction(whole) * Fraction(quantity) / Fraction(sent)
    back = Decimal(exact.numerator) / Decimal(exact.denominator)
    return back if Fraction(back) == exact else None


def _hold(context: Context, line: Line, identity: Identity, cause: str) -> Judged:
    return hold_all(context, line, identity, Hold(INTERFACE, cause), Action.REVERSE)
