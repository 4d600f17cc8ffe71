"""A line that takes an earlier one back: found, measured against what remains. Pure.

Rules of money, 9 and 10. The reversals themselves are built in `reversing`, from what was posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from engine.pipeline.pairing import cancelled
from engine.pipeline.record import restore
from engine.pipeline.repeats import Earlier, Meant, key_and_version, told_before
from engine.pipeline.reversing import reversal
from engine.site.release import EffectRule

LINE_QUANTITY = "line quantity"
"""Name under which a step record keeps the quantity as sent, beside the effect's own. No field can be called so."""

NO_ORIGINAL = "credit without its original"
OVER = "credit of more than remains"
SEVERAL = "credit with several possible originals"
PART = "credit of a part of a line of its own message"


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
    key, version = key_and_version(context, index, line, identity, earlier, Action.REVERSE)
    judged = _judged(context, index, line, identity, abs(quantity), names, earlier)
    if judged is None:
        return None
    return judged._replace(dues=tuple(replace(due, key=key, version=version) for due in judged.dues))


def _judged(
    context: Context,
    index: int,
    line: Line,
    identity: Identity,
    quantity: Decimal,
    names: dict[str, object],
    earlier: Earlier,
) -> Judged | None:
    originals, meant = _candidates(context, index, identity, earlier)
    found = choose(originals)
    if meant and found.cause in (NO_ORIGINAL, OVER):
        return _of_own_message(context, line, identity, quantity, meant)
    if any(one.left > 0 for one in meant):
        return _hold(context, line, identity, SEVERAL)
    if found.cause == NO_ORIGINAL and context.channel.no_original == "post alone":
        return None
    if found.cause:
        return _hold(context, line, identity, found.cause)
    dues = tuple(
        _credit(rule, line, identity, original, quantity, names)
        for rule in context.channel.effects
        for original in found.originals
        if (original.destination, original.name) == (rule.destination, rule.name)
    )
    held = next((due.hold.cause for due in dues if due.hold is not None), "")
    return Judged(LineState.HELD if held and all(due.hold for due in dues) else LineState.POSTED, held, dues)


def _candidates(
    context: Context, index: int, identity: Identity, earlier: Earlier
) -> tuple[list[Original], list[Meant]]:
    """What a credit may mean, by the first of its ways that finds any: what was posted, and new lines of its own
    message. When it is released, those are posted, too."""
    for way, digests in enumerate(identity.seeks):
        found = context.originals(index, identity, way)
        originals = [earlier.after(original) for original in found if not earlier.replaced(original)]
        posted = {one.number for one in originals if one.message_id == context.read.inbound.id}
        meant = [one for one in earlier.meant(digests) if one.line.number not in posted]
        if originals or meant:
            return originals, meant
    return [], []


def _of_own_message(
    context: Context, line: Line, identity: Identity, quantity: Decimal, meant: Sequence[Meant]
) -> Judged:
    """A credit of a line that came in the same message: neither leaves. Of a part, it is held, and takes it back when
    it is released, since the line is known then."""
    there = [one for one in meant if one.left > 0]
    if len(there) != 1:
        return _hold(context, line, identity, SEVERAL if there else OVER)
    (original,) = there
    if quantity > original.left:
        return _hold(context, line, identity, OVER)
    takes_back = original.line.number, quantity
    if quantity < original.sent:
        return _hold(context, line, identity, PART)._replace(takes_back=takes_back)
    dues = tuple(_never_due(due, line, identity) for due in original.dues)
    return Judged(LineState.POSTED, "", dues, takes_back=takes_back)


def _never_due(posted: Due, line: Line, identity: Identity) -> Due:
    """The other half of an effect that is not to leave."""
    amount = None if posted.amount is None else -posted.amount
    half = replace(
        posted, number=line.number, action=Action.REVERSE, key=identity.key, version=1, amount=amount
    )
    return cancelled(half)


def without_taken_back(verdicts: Sequence[Judged]) -> list[Judged]:
    """The same verdicts; of lines that a later one takes back whole, nothing leaves and nothing is seen."""
    posted = (verdict for verdict in verdicts if verdict.state is LineState.POSTED)
    gone = {verdict.takes_back[0] for verdict in posted if verdict.takes_back is not None}
    return [_never_left(one) if one.dues and one.dues[0].number in gone else one for one in verdicts]


def _never_left(verdict: Judged) -> Judged:
    return Judged(LineState.POSTED, "", tuple(map(cancelled, verdict.dues)), verdict.withdraws)


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
