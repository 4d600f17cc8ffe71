"""Was this line told before? Duplicate, changed, or a suspected duplicate (rules of money, 2). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.domain.event import Line
from engine.domain.posting import Action, Original, Prior, Reversal
from engine.domain.status import EffectState, LineState
from engine.pipeline.context import AS_NEW, Context
from engine.pipeline.dues import INTERFACE, Due, Hold, Judged
from engine.pipeline.holding import hold_all
from engine.pipeline.identity import Identity, as_new, is_credit, of_other_account, says_same

CHANGED = "changed after it was posted"


class Meant(NamedTuple):
    """A line of this message with what it owes. `taken_back`: how much of it other credits of the message mean."""

    line: Line
    dues: tuple[Due, ...]
    taken_back: Decimal

    @property
    def sent(self) -> Decimal:
        """Its quantity; zero where it has none."""
        quantity = self.line.fields.get("quantity")
        return quantity if isinstance(quantity, Decimal) else Decimal(0)

    @property
    def left(self) -> Decimal:
        """What of it can be taken back."""
        return self.sent - self.taken_back


class Earlier:
    """What the lines before this one, in the same message, owe."""

    def __init__(self) -> None:
        self._told: dict[tuple[bytes, Action], list[tuple[int, bytes]]] = {}
        self._stands: dict[bytes, list[tuple[int, bytes]]] = {}
        self._reversals: dict[int, tuple[Reversal, ...]] = {}
        self._new: list[tuple[Line, Identity, Judged]] = []
        self._withdrawn: set[int] = set()
        self._taken_back: defaultdict[int, Decimal] = defaultdict(Decimal)

    def add(self, line: Line, identity: Identity, verdict: Judged, *, takes: bool = True) -> None:
        """`takes`: what it takes back is not among the facts."""
        self._withdrawn.update(verdict.withdraws)
        if takes and verdict.takes_back is not None:
            number, quantity = verdict.takes_back
            self._taken_back[number] += quantity
        if verdict.dues and all(due.is_new for due in verdict.dues):
            self._new.append((line, identity, verdict))
        if verdict.dues:  # a change, and what is void, may owe but what it takes back
            action = verdict.dues[0].action if is_credit(line.fields) else Action.POST
            self._told.setdefault((identity.key, action), []).append((line.number, identity.body))
        elif verdict.state is LineState.DUPLICATE and not is_credit(line.fields):
            self._stands.setdefault(identity.key, []).append((line.number, identity.body))
        for due in verdict.dues if takes else ():
            if due.original is not None and due.hold is None:
                taken = Reversal(0, 0, EffectState.ROUTED, due.quantity or Decimal(0), due.amount)
                before = self._reversals.get(due.original.effect_id, ())
                self._reversals[due.original.effect_id] = (*before, taken)

    def told(self, identity: Identity, action: Action) -> list[tuple[int, bytes]]:
        """(line number, body) of those that have effects under this key."""
        return self._told.get((identity.key, action), [])

    def posts(self, identity: Identity) -> list[tuple[int, bytes]]:
        """The same of those that post something, or say what stands already."""
        return [*self.told(identity, Action.POST), *self._stands.get(identity.key, ())]

    def meant(self, way: Sequence[bytes]) -> list[Meant]:
        """New lines that a credit finds under these digests."""
        return [
            Meant(line, verdict.dues, self._taken_back[line.number])
            for line, identity, verdict in self._new
            if not {identity.key, *identity.finds}.isdisjoint(way)
        ]

    def replaced(self, original: Original) -> bool:
        """Whether one of those lines takes its place."""
        return original.effect_id in self._withdrawn

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
        replayed = _told_by_the_replayed(context, priors)
        if replayed is not None and replayed.body == identity.body:
            return Judged(LineState.DUPLICATE, _as_told(replayed))
        if replayed is not None:
            return hold_all(context, line, identity, Hold(INTERFACE, CHANGED), action, owns=False)
        if context.channel.same_line.alike == "new":
            return None
        return hold_all(context, line, identity, Hold(INTERFACE, "suspected duplicate"), action, owns=False)
    same = [f"told by line {number}" for number, body in here if body == identity.body]
    bodies = context.bodies(index, identity)
    same += [_as_told(prior) for prior in priors if any(says_same(prior.body, body) for body in bodies)]
    if same:
        return Judged(LineState.DUPLICATE, same[0])
    if context.channel.same_line.changed == "new":
        return None
    cause = CHANGED if priors else "one id with two contents in a message"
    if any(of_other_account(prior.body, identity.body) for prior in priors):
        cause = "told before for another account"
    return hold_all(context, line, identity, Hold(INTERFACE, cause), action, owns=False)


def _told_by_the_replayed(context: Context, priors: Sequence[Prior]) -> Prior | None:
    """What the message that is replayed made of a line: one without an id is the same one there, and nowhere else."""
    inbound = context.read.inbound
    mine = (prior for prior in priors if prior.told == inbound.told)
    return None if inbound.replays is None else next(mine, None)


def key_and_version(
    context: Context, index: int, line: Line, identity: Identity, earlier: Earlier, action: Action
) -> tuple[bytes, int]:
    """A line that a person (or the channel) took as new beside an equal one has a key, or a version, of its own."""
    if context.decisions.get((context.channel.name, line.number)) == AS_NEW and not identity.strong:
        return as_new(context.digester, identity, context.read.inbound.told), 1
    priors = context.priors(index, identity, context.channel.effects, action)
    here = earlier.told(identity, action)
    if identity.strong or not (priors or here):
        return identity.key, 1 + max((prior.version for prior in priors), default=0) + len(here)
    return as_new(context.digester, identity, context.read.inbound.told), 1


def _as_told(prior: Prior) -> str:
    return f"told by message {prior.message_id}, line {prior.number}"
