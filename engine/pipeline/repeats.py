"""Was this line told before? Duplicate, changed, or a suspected duplicate (rules of money, 2). Pure."""

from __future__ import annotations

from engine.domain.event import Line
from engine.domain.posting import Action, Prior
from engine.domain.status import LineState
from engine.pipeline.context import Context
from engine.pipeline.dues import INTERFACE, Hold, Judged
from engine.pipeline.holding import hold_all
from engine.pipeline.identity import Identity


def told_before(
    context: Context, index: int, line: Line, identity: Identity, action: Action
) -> Judged | None:
    """Duplicate, changed, or suspected duplicate (rule 2); None when the key is free or a person said go on."""
    priors = context.priors(index, identity, context.channel.effects, action)
    if not priors or (context.channel.name, line.number) in context.decisions:
        return None
    same_body = any(prior.body == identity.body for prior in priors)
    if identity.strong:
        if same_body:
            return Judged(LineState.DUPLICATE, _as_told(priors[0]))
        if context.channel.same_line.changed == "new":
            return None
        return hold_all(
            context, line, identity, Hold(INTERFACE, "changed after it was posted"), action, owns=False
        )
    if context.channel.same_line.alike == "new":
        return None
    return hold_all(context, line, identity, Hold(INTERFACE, "suspected duplicate"), action, owns=False)


def _as_told(prior: Prior) -> str:
    return f"told by message {prior.message_id}, line {prior.number}"
