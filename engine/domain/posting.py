"""What a step makes of a message: lines, effects and documents, and the facts it read and leaves behind.

All frozen values, the same bytes for the same message, release, table versions and facts (promise 5).
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from engine.domain.message import MessageId
from engine.domain.status import DeliveryState, EffectState, Fate, LineState, MessageState, fate_of
from engine.domain.told import Told


class Action(IntEnum):
    POST = 1
    REVERSE = 2


class Priority(IntEnum):
    """Which of two lanes goes first; inside a lane, order is id whatever the priority."""

    LIVE = 0
    LATE = 1  # it waited already, or comes again by a person's act: in bulk, perhaps


class Measure(IntEnum):
    """Where the money of an effect is said (rules of money, 23)."""

    QUANTITY_ONLY = 0
    STATED = 1
    PRICED_HERE = 2
    FAR_END = 3

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", " ")


def kept_as(name: str, part: str) -> str:
    """Under what a step's record keeps an effect of a line: `issue`, or `issue/SCREW-20` of one part of it."""
    return f"{name}/{part}" if part else name


class LineRow(NamedTuple):
    """A line as it is kept. `key`, `body`: 16-byte digests. `finds`: digests of its `credit_finds` field sets. `owner`:
    of a record of a master, whose worklist gets it while it is held; else ''."""

    channel: str
    number: int
    key: bytes
    strong: bool
    body: bytes
    credit: bool
    state: LineState
    reason: str
    stated: Decimal | None
    currency: str
    finds: tuple[bytes, ...] = ()
    owner: str = ""


class EffectRow(NamedTuple):
    """What one line does at one destination.

    `line`, `document`: indexes into `Stepped.lines` and `Stepped.documents` (document None while held).
    `amount` is signed: a reversal is negative; None when unpriced or told by the receipt.
    """

    line: int
    destination: str
    name: str
    action: Action
    key: bytes
    version: int
    state: EffectState
    document: int | None
    reverses: int | None
    quantity: Decimal | None
    measure: Measure
    amount: Decimal | None
    currency: str
    owner: str = ""
    cause: str = ""
    owns: bool = True  # False: another effect holds the key (a suspected duplicate, a changed line)
    lane: int | None = None  # while it is held: that its document would have
    part: str = ""  # of the line, where a table gives several rows for it: a component of a kit


class Document(NamedTuple):
    """One payload for one destination. `lane`: 63-bit. `path`: below the destination's address. `after`: index of the
    document of the same step that must be delivered before this one may leave. `joins`: lanes of other numbers of a
    merged account, which drain before it leaves (rules of money, 14)."""

    channel: str
    destination: str
    effect: str
    action: Action
    lane: int
    priority: Priority
    reference: str
    path: str
    payload: bytes
    after: int | None = None
    joins: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Document({self.reference}, {self.effect} to {self.destination}, {len(self.payload)} bytes)"


class Fact(NamedTuple):
    """Something a message tells for later ones. `key`: keyed digest; `value`: JSON; `at_us`: event time."""

    kind: str
    key: bytes
    at_us: int
    value: bytes


class Prior(NamedTuple):
    """An effect that already owns a key. `told`: the message that told it, of a replay the one that it tells again."""

    effect_id: int
    message_id: int
    number: int
    destination: str
    name: str
    action: Action
    version: int
    state: EffectState
    body: bytes
    told: int


class Reversal(NamedTuple):
    """What takes an original back: on its way, there, or waiting for its original (never held)."""

    effect_id: int
    message_id: int
    state: EffectState
    quantity: Decimal
    amount: Decimal | None


class Sighting(NamedTuple):
    """What one feed tells of a use that others tell of as well (rules of money, 21): of one effect of a line, or a part
    of it. `owned`: it is the one that counts, else it corroborates. `place`: what the feeds are compared by, as text.
    `quantity`: signed; None: the line is told no more. `same`: digest that two lines of one thing share."""

    key: bytes
    channel: str
    destination: str
    name: str
    part: str
    owned: bool
    place: str
    quantity: Decimal | None
    same: bytes | None


class Original(NamedTuple):
    """A posted line that a credit may take back, one per effect of it, and per `part` where a table gave it several.

    `owns`: False once it was refused for good. `shares`: effects that its document carries, itself included.
    `receipt`: money that the far end told of the document. `edition`: with which it was written. `fields`: the line
    as it was translated when posted (names to plain JSON values). `reference`: of its document; `document`: the far
    end's number, '' until known. `held`: reversals that wait for a person; they take nothing back yet. `cancelled_by`:
    messages because of which it never left.
    """

    effect_id: int
    message_id: int
    number: int
    channel: str
    destination: str
    name: str
    state: EffectState
    owns: bool
    delivery_id: int | None
    delivery_state: DeliveryState | None
    shares: int
    key: bytes
    version: int
    quantity: Decimal | None
    measure: Measure
    amount: Decimal | None
    currency: str
    reference: str
    document: str
    receipt: Decimal | None
    edition: int | None
    fields: dict[str, object]
    reversals: tuple[Reversal, ...] = ()
    part: str = ""
    held: tuple[Reversal, ...] = ()
    cancelled_by: tuple[int, ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is among the effects of its line."""
        return self.destination, self.name, self.part

    @property
    def fate(self) -> Fate:
        return fate_of(self.state, self.delivery_state)

    @property
    def taken_back(self) -> Decimal:
        """Quantity that reversals took, or will take."""
        return sum((reversal.quantity for reversal in self.reversals), Decimal(0))

    @property
    def amount_back(self) -> Decimal:
        """Money that they took: zero or negative."""
        return sum((reversal.amount or Decimal(0) for reversal in self.reversals), Decimal(0))

    @property
    def remaining(self) -> Decimal:
        """Quantity that nothing took back yet."""
        return (self.quantity or Decimal(0)) - self.taken_back

    @property
    def stands(self) -> bool:
        """Whether something of it is there, or is to come."""
        return self.fate is not Fate.CANCELLED and self.remaining > 0

    def without(self, *messages: int | None) -> Original:
        """As it is for these messages themselves: what waits of theirs is what they are about to decide."""
        others = tuple(
            reversal
            for reversal in self.reversals
            if reversal.state is not EffectState.WAITING or reversal.message_id not in messages
        )
        return self if len(others) == len(self.reversals) else self._replace(reversals=others)


class Relied(NamedTuple):
    """What a step knew of an original: the commit refuses it with a `Conflict` when that is no longer so."""

    effect_id: int
    fate: Fate
    reversals: frozenset[int]


class Stay(NamedTuple):
    """What is known of an account beyond its encounter. `posted`: ids of effects on their way or there, not taken back
    whole. `open`: messages that wait for a person since the stay was cancelled (rules of money, 11)."""

    posted: tuple[int, ...]
    open: tuple[MessageId, ...]


class Save(NamedTuple):
    """The newest that is known of a case which is told whole each time. `keys`: of all lines that it ever had, in the
    order of their coming."""

    at_us: int
    message: MessageId
    keys: tuple[bytes, ...] = ()


class Telling(NamedTuple):
    """That a message told a line which has an id of its own, and with which content. `held`: effects of it that wait
    beside those that own the line's key."""

    message: MessageId
    body: bytes
    held: tuple[int, ...] = ()


class Facts(NamedTuple):
    """All that a step may know beyond message and release: gathered by key, frozen, saved with the message.

    `encounters`: account digest → what was told of the stay. `aliases`: digest → the numbers that it goes by, first
    the one that survived.
    `priors`: business key → effects that own it. `originals`: find key → candidate effects. `stays`: account digest →
    what was posted for it. `saves`: digest of a case → its newest save. `cases`: digest of a case → what was told of
    its schedule. `told`: business key → who told the line, where the channel corrects.
    """

    encounters: dict[bytes, tuple[Told, ...]]
    aliases: dict[bytes, tuple[str, ...]]
    priors: dict[bytes, tuple[Prior, ...]]
    originals: dict[bytes, tuple[Original, ...]]
    stays: dict[bytes, Stay] = {}
    saves: dict[bytes, Save] = {}
    cases: dict[bytes, tuple[Told, ...]] = {}
    told: dict[bytes, tuple[Telling, ...]] = {}

    def plus(self, other: Facts) -> Facts:
        """What is known of both; of a key that both know, what this one knows."""
        if other == NO_FACTS:
            return self
        return Facts(
            {**other.encounters, **self.encounters},
            {**other.aliases, **self.aliases},
            {**other.priors, **self.priors},
            {**other.originals, **self.originals},
            {**other.stays, **self.stays},
            {**other.saves, **self.saves},
            {**other.cases, **self.cases},
            {**other.told, **self.told},
        )


NO_FACTS = Facts({}, {}, {}, {})


class FactKeys(NamedTuple):
    """What a message needs to know, named before anything is read."""

    encounters: tuple[bytes, ...] = ()
    aliases: tuple[bytes, ...] = ()
    priors: tuple[bytes, ...] = ()
    originals: tuple[bytes, ...] = ()
    stays: tuple[bytes, ...] = ()
    saves: tuple[bytes, ...] = ()
    cases: tuple[bytes, ...] = ()
    told: tuple[bytes, ...] = ()

    def plus(self, other: FactKeys) -> FactKeys:
        return FactKeys(*((*mine, *more) for mine, more in zip(self, other, strict=True)))

    def without(self, asked: FactKeys) -> FactKeys:
        """Those that were not asked for yet."""
        return FactKeys(
            *(tuple(key for key in mine if key not in known) for mine, known in zip(self, asked, strict=True))
        )


class Amendment(NamedTuple):
    """Other rows for a code table, as a master told them. `proposed`: they wait for a second person. `why`: what
    changes, in counts. `beside`: other messages that told some of them."""

    table: str
    csv: bytes
    proposed: bool
    why: str
    beside: tuple[MessageId, ...] = ()

    def __repr__(self) -> str:
        return f"Amendment({self.table}, {self.why})"


class Stepped(NamedTuple):
    """The whole result of a step. `record`: JSON of facts used and lines as translated, or b''.

    `relies`: what it knew of originals. `cancels`: effects of other messages that are cancelled with their documents
    before these left; their keys stay taken. `closes`: held messages that this one answers. `withdraws`: effects of
    older saves that are held or wait, and that this one takes the place of; their keys are free. `sightings`: what it
    tells of uses that other feeds tell of, too. `amends`: code tables that it changes.
    """

    state: MessageState
    reason: str
    lines: tuple[LineRow, ...] = ()
    effects: tuple[EffectRow, ...] = ()
    documents: tuple[Document, ...] = ()
    remember: tuple[Fact, ...] = ()
    record: bytes = b""
    account: bytes | None = None
    patient: bytes | None = None
    relies: tuple[Relied, ...] = ()
    cancels: tuple[int, ...] = ()
    closes: tuple[MessageId, ...] = ()
    withdraws: tuple[int, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    amends: tuple[Amendment, ...] = ()

    def late(self) -> Stepped:
        """Its documents let live ones of other lanes pass."""
        documents = tuple(document._replace(priority=Priority.LATE) for document in self.documents)
        return self._replace(documents=documents) if documents else self
