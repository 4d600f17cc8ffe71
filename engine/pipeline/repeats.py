"""Was this line told before? Duplicate, changed, or a suspected duplicate (rules of money, 2). Pure."""

from __future__ import annotations

from engine.domain.event import Line
from engine.domain.posting import Action, Prior
from engine.domain.status import LineState
from engine.pipeline.context import Context
from engine.pipeline.dues import INTERFACE, Hold, Judged
from engine.pipeline.holding import hold_all
from engine.pipeline.identity import Identity

Earlier = dict[tuple[bytes, Action], list[tuple[int, bytes]]]
"""(key, action) → (line number, body) of the lines of this message that have effects under it."""


def told_before(
    context: Context, index: int, line: Line, identity: Identity, action: Action, earlier: Earlier
) -> Judged | None:
    """Duplicate, changed, or suspected duplicate (rule 2); None when the key is free or a person said go on."""
    priors = context.priors(index, identity, context.channel.effects, action)
    here = earlier.get((identity.key, action), [])
    if not (priors or here) or (context.channel.name, line.number) in context.decisions:
        return None
    if not identity.strong:
        if context.channel.same_line.alike == "new":
            return None
        return hold_all(context, line, identity, Hold(INTERFACE, "suspected duplicate"), action, owns=False)
    same = [f"told by line {number}" for number, body in here if body == identity.body]
    same += [_as_told(prior) for prior in priors if prior.body == identity.body]
    if same:
        return Judged(LineState.DUPLICATE, same[0])
    if context.channel.same_line.changed == "new":
        return None
    cause = "changed after it was posted" if priors else "one id with two contents in a message"
    return hold_all(context, line, identity, Hold(INTERFACE, cause), action, owns=False)


def _as_told(prior: Prior) -> str:
    return f"told by message {prior.message_id}, line {prior.number}"
