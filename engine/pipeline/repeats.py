"""Was this line told before? Duplicate, changed, or a suspected duplicate (rules of money, 2). Pure."""

from __future__ import annotations

from decimal import Decimal

from engine.domain.event import Line
from engine.domain.posting import Action, Original, Prior, Reversal
from engine.domain.status import EffectState, LineState
from engine.pipeline.context import Context
from engine.pipeline.dues import INTERFACE, Hold, Judged
from engine.pipeline.holding import hold_all
from engine.pipeline.identity import Identity

AS_BEFORE = "told as it was before it changed"


class Earlier:
    """What the lines before this one, in the same message, owe."""

    def __init__(self) -> None:
        self._told: dict[tuple[bytes, Action], list[tuple[int, bytes]]] = {}
        self._reversals: dict[int, tuple[Reversal, ...]] = {}

    def add(self, line: Line, identity: Identity, verdict: Judged) -> None:
        if verdict.dues:
            key = (identity.key, verdict.dues[0].action)
            self._told.setdefault(key, []).append((line.number, identity.body))
        for due in verdict.dues:
            if due.original is not None and due.hold is None:
                taken = Reversal(0, 0, EffectState.ROUTED, due.quantity or Decimal(0), due.amount)
                before = self._reversals.get(due.original.effect_id, ())
                self._reversals[due.original.effect_id] = (*before, taken)

    def told(self, identity: Identity, action: Action) -> list[tuple[int, bytes]]:
        """(line number, body) of those that have effects under this key."""
        return self._told.get((identity.key, action), [])

    def after(self, original: Original) -> Original:
        """The original with what those lines take back of it."""
        taken = self._reversals.get(original.effect_id)
        return original._replace(reversals=(*original.reversals, *taken)) if taken else original


def told_before(
    context: Context, index: int, line: Line, identity: Identity, action: Action, earlier: Earlier
) -> Judged | None:
    """Duplicate, changed, or suspected duplicate (rule 2); None when the key is free or a person said go on."""
    priors = context.priors(index, identity, context.channel.effects, action)
    here = earlier.told(identity, action)
    if not (priors or here) or (context.channel.name, line.number) in context.decisions:
        return None
    if not identity.strong:
        if context.channel.same_line.alike == "new":
            return None
        return hold_all(context, line, identity, Hold(INTERFACE, "suspected duplicate"), action, owns=False)
    same = [f"told by line {number}" for number, body in here if body == identity.body]
    same += [_as_told(prior) for prior in priors if prior.body == identity.body]
    if same and (here or not _changed_since(context, index, identity, action, priors)):
        return Judged(LineState.DUPLICATE, same[0])
    if same:
        return hold_all(context, line, identity, Hold(INTERFACE, AS_BEFORE), action, owns=False)
    changed = context.channel.same_line.changed
    if changed == "new" or (changed == "correct" and not here and action is Action.POST):
        return None
    cause = "changed after it was posted" if priors else "one id with two contents in a message"
    return hold_all(context, line, identity, Hold(INTERFACE, cause), action, owns=False)


def _changed_since(
    context: Context, index: int, identity: Identity, action: Action, priors: list[Prior]
) -> bool:
    """Whether what is told again was corrected, or taken back, by what came between: an old message that is sent again
    says the same as one that is meant."""
    if not priors or context.channel.same_line.changed != "correct" or action is not Action.POST:
        return False
    newest = max(priors, key=lambda prior: prior.version)
    posted = context.posted(index, identity)
    gone = bool(posted) and not any(original.stands for original in posted)
    return gone or newest.body != identity.body


def _as_told(prior: Prior) -> str:
    return f"told by message {prior.message_id}, line {prior.number}"
