"""What can be asked of the store, as rows. Counts, ids and codes; bodies are fetched one at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from engine.domain.filing import FileState
from engine.domain.message import MessageId
from engine.domain.posting import Action, Measure, Priority
from engine.domain.status import DeliveryState, EffectState, LineState, MessageState


class Outgoing(NamedTuple):
    """A delivery as the lane takes it. `joins`: lanes whose earlier documents must be gone before it leaves."""

    id: int
    destination: str
    effect: str
    action: Action
    lane: int
    priority: Priority
    reference: str
    path: str
    payload: bytes
    attempts: int
    state: DeliveryState
    next_us: int | None
    joins: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Outgoing({self.id}, {self.reference}, {self.effect} to {self.destination}, {self.state.word})"
        )


class ParkedLane(NamedTuple):
    """The head of a lane that waits (WAITING) or must be asked about (UNKNOWN, or SENDING after a crash)."""

    delivery: int
    lane: int
    state: DeliveryState
    next_us: int | None
    sent_us: int | None


class MessageView(NamedTuple):
    id: MessageId
    feed: str
    received_us: int
    type: str
    control_id: str
    state: MessageState
    reason: str
    answered: str
    charset: str | None
    edition: int | None
    stepped_us: int | None
    relates_to: int | None
    actor: str
    size: int


class FileView(NamedTuple):
    """A file that came in by a folder. `held`: why it waits as a whole, as long as it does. So many of its messages are
    `done`: durable; `refused`; `waiting` for a person."""

    id: int
    feed: str
    name: str
    messages: int
    held: str
    began_us: int
    state: FileState
    done: int
    refused: int
    waiting: int


class FilePlace(NamedTuple):
    """Where a message stood in which file, from 1."""

    file: int
    name: str
    place: int
    messages: int


class LineView(NamedTuple):
    id: int
    channel: str
    number: int
    strong: bool
    credit: bool
    state: LineState
    reason: str
    stated: Decimal | None
    currency: str
    owner: str = ""


class EffectView(NamedTuple):
    id: int
    line_id: int
    number: int
    destination: str
    name: str
    action: Action
    version: int
    state: EffectState
    delivery_id: int | None
    reverses: int | None
    quantity: Decimal | None
    measure: Measure
    amount: Decimal | None
    currency: str
    owner: str
    cause: str
    part: str = ""


class HeldView(NamedTuple):
    """An effect that is held or waits, as a release must know it. `gone`: another part of its line's effect is on its
    way, or there."""

    channel: str
    number: int
    name: str
    action: Action
    state: EffectState
    cause: str
    part: str = ""
    gone: bool = False

    @property
    def place(self) -> tuple[str, int, str, Action, str]:
        return self.channel, self.number, self.name, self.action, self.part


class DroppedView(NamedTuple):
    """What a person decided is not to be posted. `destination` and all behind it None: of the line, whatever it owes;
    `channel` and `number` None as well: of the message."""

    message: MessageId
    channel: str | None
    number: int | None
    destination: str | None
    name: str | None
    action: int | None
    part: str | None


class DeliveryView(NamedTuple):
    id: int
    message_id: MessageId
    channel: str
    destination: str
    effect: str
    action: Action
    reference: str
    path: str
    state: DeliveryState
    attempts: int
    created_us: int
    next_us: int | None
    settled_us: int | None
    code: str
    document: str
    amount: Decimal | None


class AttemptView(NamedTuple):
    delivery_id: int
    at_us: int
    verdict: int
    code: str


class HeldGroup(NamedTuple):
    """One cause on the worklist. `at_stake`: stated money of its lines, each line once; None: unpriced only.
    `applied`: lines of which another destination has applied its side already."""

    owner: str
    cause: str
    effects: int
    lines: int
    messages: int
    at_stake: Decimal | None
    unpriced: int
    first_us: int
    last_us: int
    samples: tuple[MessageId, ...]
    applied: int = 0


class AccountRow(NamedTuple):
    """Rule 24 for one destination, effect, action and measure. Amounts are debits or credits, never net."""

    destination: str
    name: str
    action: Action
    measure: Measure
    state: str  # delivered | waiting | unknown | held | cancelled
    effects: int
    amount: Decimal
    unpriced: int


class OtherAmount(NamedTuple):
    """A document that its far end books with another amount than was posted. Both are as large as they are, whichever
    way they go."""

    destination: str
    effect: str
    reference: str
    document: str
    message: MessageId
    posted: Decimal
    booked: Decimal


class SightingView(NamedTuple):
    """What a feed told of a use that others tell of as well: see `Sighting`."""

    destination: str
    effect: str
    place: str
    channel: str
    owned: bool
    quantity: Decimal
    same: bytes | None
    message: MessageId


class RefusedMessages(NamedTuple):
    """Messages that one listener refused for one reason, and that did not come again. `message`: the last of them."""

    feed: str
    reason: str
    messages: int
    oldest_us: int
    message: MessageId


class LateEffects(NamedTuple):
    """Effects at one destination that should be there: `held` of them wait for a person."""

    destination: str
    effects: int
    held: int
    oldest_us: int
    message: MessageId


class CaseUse(NamedTuple):
    """Lines of a channel that name a case and of which something is posted, or is to be. `message`: the last of
    them."""

    case: bytes
    channel: str
    lines: int
    message: MessageId


class TableVersionView(NamedTuple):
    id: int
    name: str
    version: int
    hash: str
    source: str
    recorded_us: int
    actor: str
    reason: str


class TableTold(NamedTuple):
    """What a master made of a code table. `number`: of the version, or of the proposal that waits for a second person.
    `why`: what changed, in counts."""

    name: str
    number: int
    proposed: bool
    why: str
    at_us: int


class ProposalView(NamedTuple):
    """A version of a table that waits, or waited, for a second person. `state`: pending | approved | rejected."""

    id: int
    name: str
    base: int
    source: str
    cause: str
    proposed_us: int
    actor: str
    reason: str
    state: str
    decided_us: int | None
    decided_by: str
    decision: str


class EditionView(NamedTuple):
    id: int
    release_hash: str
    tables: dict[str, int]
    activated_us: int
    actor: str


class ActView(NamedTuple):
    """What a person did. `detail`: counts, ids and arguments; no content."""

    id: int
    at_us: int
    actor: str
    verb: str
    target: str
    reason: str
    detail: dict[str, int | str]


class MessageQuery(NamedTuple):
    """What to find. None: any. `account`, `patient`: keyed digests. `document`: the far end's number or our
    reference. `before`: ids below it, for paging. Newest first."""

    feed: str | None = None
    type: str | None = None
    state: MessageState | None = None
    control_id: str | None = None
    account: bytes | None = None
    patient: bytes | None = None
    document: str | None = None
    owner: str | None = None
    cause: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    before: int | None = None
    limit: int = 50
