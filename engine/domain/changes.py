"""What may be done to the store: a batch is a list of these, each with an answer of its own.

A key conflict or a repeated MSH-10 is an answer, decided inside the commit; it never aborts its neighbours.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.domain.filing import FileState
from engine.domain.message import MessageId
from engine.domain.outcome import Outcome
from engine.domain.posting import Stepped
from engine.domain.resources import Notified, Write
from engine.domain.status import DeliveryState, MessageState


class Received(NamedTuple):
    """A message to keep. `control`: (key, body) digests for MSH-10 duplicates, None when it has no MSH-10.

    `edition`, `to`: see `Inbound`. `filed`: (file, place in it). Answer: `Kept`. A repeated body under the same key is
    kept as DUPLICATE of the first.
    """

    feed: str
    received_us: int
    type: str
    control_id: str
    raw: bytes
    charset: str | None
    state: MessageState  # PENDING, REFUSED, HELD: not to be stepped before a person looked, FILTERED: nothing to step
    reason: str
    answered: str
    control: tuple[bytes, bytes] | None
    replays: MessageId | None = None
    actor: str = ""
    edition: int | None = None
    to: str | None = None
    filed: tuple[int, int] | None = None


class Kept(NamedTuple):
    """`state`: PENDING, REFUSED, HELD or DUPLICATE. `first`: (id, its answer code) of the message that it repeats.
    `reused`: the control id was seen with another body."""

    id: MessageId
    state: MessageState
    first: tuple[MessageId, str] | None = None
    reused: bool = False


class Interaction(NamedTuple):
    """Resources that are stored together, or not at all: a message for each, and what it is a version of.

    `absent`: digests of identifiers that no resource may have. `notified`: the notification that it came with, itself
    the last of the messages, without a resource. Answer: `Together`, or `Conflict` when a version was written
    meanwhile, or an identifier is there: nothing was written.
    """

    messages: tuple[Received, ...]
    writes: tuple[Write, ...]
    absent: tuple[bytes, ...] = ()
    notified: Notified | None = None


class Together(NamedTuple):
    """One for each message, in their order."""

    kept: tuple[Kept, ...]


class FileBegun(NamedTuple):
    """A file is about to be taken. `sha256`: of its bytes, by which it is known in its feed; `label`: digest of the id
    that its sender gave it, or None. `cut`: digest of the messages that it was taken apart into; `held`: why they wait
    for a person, or ''. Answer: `FileKnown`, of the same file when it was begun before."""

    feed: str
    name: str
    sha256: bytes
    label: bytes | None
    messages: int
    cut: bytes
    held: str
    at_us: int


class FileKnown(NamedTuple):
    """`id`, `state`, `held`, `cut`, `began_us`: of the file; `done`: so many of its messages are durable. `other`: it
    was not begun, since that other file has its label."""

    id: int
    state: FileState
    held: str
    cut: bytes
    began_us: int
    done: int
    other: bool = False


class FileMoved(NamedTuple):
    """A file stands elsewhere. Answer: None."""

    file: int
    state: FileState


class Routed(NamedTuple):
    """A message's step becomes true: state, lines, effects, deliveries, facts, keys, in one piece.

    `born`: for each document, the state its delivery starts with (READY, or SENDING in a free lane).
    `from_state`: the state the message must still have. `supersedes`: a held message that this replay replaces
    (its held effects are cancelled, its key freed, in the same piece); with `to`, its effects at that destination.
    Answer: `RoutedAs`, or `Conflict` when a key was taken meanwhile, or an original is no longer as the step knew it:
    nothing of this message was written.
    """

    message: MessageId
    stepped: Stepped
    born: tuple[DeliveryState, ...]
    edition: int
    at_us: int
    from_state: MessageState = MessageState.PENDING
    supersedes: MessageId | None = None
    to: str | None = None


class RoutedAs(NamedTuple):
    """`deliveries`: ids, one per document. `edition`: the one with the tables that the message changed, or None."""

    deliveries: tuple[int, ...]
    edition: int | None = None


class Conflict(NamedTuple):
    """Another effect owns one of the keys, or an original with this key moved on: gather again and step again."""

    key: bytes


class Released(NamedTuple):
    """Held effects of a routed or held message are decided: a person, or a row of a table, said how.

    `stepped`: the step run again; only its effects whose (channel, line number, effect name, action) are held in
    the store count: those with a document become deliveries, those still held get their new cause, and held
    effects that the step no longer makes are CANCELLED ("not due"). Lines keep their ids.
    Answer: `RoutedAs` with ids of the new deliveries, in document order, or `Conflict`.
    """

    message: MessageId
    stepped: Stepped
    edition: int
    at_us: int
    actor: str
    reason: str


class Tabled(NamedTuple):
    """Records of a master that were held are decided: they stand in their code tables now, or are still held.

    `stepped`: only the records that were asked for, on lines that the message has (told by channel and number).
    Answer: `RoutedAs`.
    """

    message: MessageId
    stepped: Stepped
    edition: int
    at_us: int


class Corrected(NamedTuple):
    """What a message posted is taken back, and posted anew where it is due otherwise, in one piece with its act.

    `stepped`: only effects that are added, on lines that the message has (told by channel and number); its `relies`
    and `cancels` as in a step. Documents start READY. `verb`: what the audit calls it.
    Answer: `RoutedAs`, or `Conflict`.
    """

    message: MessageId
    stepped: Stepped
    edition: int
    at_us: int
    actor: str
    verb: str
    reason: str


class Sending(NamedTuple):
    """These deliveries are about to leave: committed before their first byte.

    Answer: None, or `Lost` with those that were cancelled or held meanwhile: they are not marked and must not leave.
    """

    deliveries: tuple[int, ...]
    at_us: int


class Lost(NamedTuple):
    deliveries: tuple[int, ...]


class Withdrawn(NamedTuple):
    """These marked deliveries did not leave and will not now: READY again. Answer: None."""

    deliveries: tuple[int, ...]


class Doubted(NamedTuple):
    """READY deliveries of a restored store: they may have been sent after its backup. UNKNOWN until somebody was
    asked. Answer: None."""

    deliveries: tuple[int, ...]
    at_us: int


class Recovered(NamedTuple):
    """A person ends the recovery of a restored store. Answer: None."""

    at_us: int
    actor: str
    reason: str


class Settled(NamedTuple):
    """One try or probe of a delivery ended. Answer: None.

    `state`: where the delivery stands now; `next_us` with WAITING and UNKNOWN. `counts`: False when the try
    burned no attempt. DELIVERED writes a receipt, anything else an attempt row. HELD frees the keys of its
    effects (rules of money, 1) only when `frees` is set: a final rejection, never an unknown.
    """

    delivery: int
    state: DeliveryState
    outcome: Outcome
    at_us: int
    next_us: int | None = None
    counts: bool = True
    frees: bool = False
    actor: str = ""


class Requeued(NamedTuple):
    """A person sends a held delivery again as it is (bytes as sent), at the end of its lane under a new id.

    The old row becomes CANCELLED, its effects point to the new one and own their keys again. What waited behind it
    goes again, too. Answer: `RoutedAs` with the new ids, or `Conflict` when a key was taken meanwhile or it must come
    after a document that is not delivered.
    """

    delivery: int
    at_us: int
    actor: str
    reason: str


class Dropped(NamedTuple):
    """A person decides that held effects are not to be posted. They are CANCELLED and their keys freed, and so is what
    would have taken them back. `messages`: those of them that are held without effects are done with.
    Answer: how many effects, and messages without any."""

    effects: tuple[int, ...]
    at_us: int
    actor: str
    reason: str
    messages: tuple[MessageId, ...] = ()


class Stopped(NamedTuple):
    """A destination is stopped (`stopped` True: credentials, or a person) or goes again. Answer: None."""

    destination: str
    stopped: bool
    code: str
    at_us: int
    actor: str


class TableRecorded(NamedTuple):
    """A new version of a code table. Answer: its version number."""

    name: str
    hash: str
    source: str
    csv: bytes
    at_us: int
    actor: str
    reason: str


class TableProposed(NamedTuple):
    """A version of a code table that waits for a second person. `base`: the version that it was made from; `cause`: of
    the worklist, what its approval releases. Answer: the proposal's number."""

    name: str
    base: int
    source: str
    csv: bytes
    cause: str
    at_us: int
    actor: str
    reason: str


class ProposalDecided(NamedTuple):
    """A pending proposal is approved or rejected; a decided one stays as it is. Answer: None."""

    proposal: int
    approved: bool
    at_us: int
    actor: str
    reason: str


class Activated(NamedTuple):
    """A release with table versions is what steps run with from here. Answer: the edition's id."""

    hash: str
    files: bytes
    tables: dict[str, int]
    at_us: int
    actor: str


class Acted(NamedTuple):
    """What a person did, for the audit. Answer: the act's id."""

    actor: str
    verb: str
    target: str
    reason: str
    detail: dict[str, int | str]
    at_us: int


Change = (
    Received
    | Interaction
    | FileBegun
    | FileMoved
    | Routed
    | Released
    | Tabled
    | Corrected
    | Sending
    | Withdrawn
    | Doubted
    | Recovered
    | Settled
    | Requeued
    | Dropped
    | Stopped
    | TableRecorded
    | TableProposed
    | ProposalDecided
    | Activated
    | Acted
)
Answered = Kept | Together | FileKnown | RoutedAs | Conflict | Lost | int | None
