"""What a step makes of a message: lines, effects and documents, and the facts it read and leaves behind.

All frozen values, the same bytes for the same message, release, table versions and facts (promise 5).
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from engine.domain.status import EffectState, LineState, MessageState


class Action(IntEnum):
    POST = 1
    REVERSE = 2


class Priority(IntEnum):
    """Which of two lanes goes first; inside a lane, order is id whatever the priority."""

    LIVE = 0
    LATE = 1  # it waited already, or comes in bulk


class Measure(IntEnum):
    """Where the money of an effect is said (rules of money, 23)."""

    QUANTITY_ONLY = 0
    STATED = 1
    PRICED_HERE = 2
    FAR_END = 3

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", " ")


class LineRow(NamedTuple):
    """A line as it is kept. `key`, `body`: 16-byte digests. `finds`: digests of its `credit_finds` field sets."""

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


class Document(NamedTuple):
    """One payload for one destination. `lane`: 63-bit. `path`: below the destination's address."""

    channel: str
    destination: str
    effect: str
    action: Action
    lane: int
    priority: Priority
    reference: str
    path: str
    payload: bytes

    def __repr__(self) -> str:
        return f"Document({self.reference}, {self.effect} to {self.destination}, {len(self.payload)} bytes)"


class Fact(NamedTuple):
    """Something a message tells for later ones. `key`: keyed digest; `value`: JSON; `at_us`: event time."""

    kind: str
    key: bytes
    at_us: int
    value: bytes


class Prior(NamedTuple):
    """An effect that already owns a key."""

    effect_id: int
    message_id: int
    number: int
    destination: str
    name: str
    action: Action
    version: int
    state: EffectState
    body: bytes


class Original(NamedTuple):
    """A posted line that a credit may take back, one per effect of it.

    `taken_back`: quantity that earlier credits reversed. `fields`: the line as it was translated when posted
    (names to plain JSON values). `reference`: of its document; `document`: the far end's number, '' until known.
    """

    effect_id: int
    message_id: int
    number: int
    channel: str
    destination: str
    name: str
    state: EffectState
    delivery_state: int | None
    key: bytes
    version: int
    quantity: Decimal | None
    taken_back: Decimal
    measure: Measure
    amount: Decimal | None
    amount_back: Decimal | None
    currency: str
    reference: str
    document: str
    fields: dict[str, object]


class Facts(NamedTuple):
    """All that a step may know beyond message and release: gathered by key, frozen, saved with the message.

    `encounters`: account digest → latest facts told of it. `aliases`: digest → (surviving id, digest of it).
    `priors`: business key → effects that own it. `originals`: find key → candidate effects.
    """

    encounters: dict[bytes, dict[str, object]]
    aliases: dict[bytes, str]
    priors: dict[bytes, tuple[Prior, ...]]
    originals: dict[bytes, tuple[Original, ...]]


NO_FACTS = Facts({}, {}, {}, {})


class FactKeys(NamedTuple):
    """What a message needs to know, named before anything is read."""

    encounters: tuple[bytes, ...] = ()
    aliases: tuple[bytes, ...] = ()
    priors: tuple[bytes, ...] = ()
    originals: tuple[bytes, ...] = ()


class Stepped(NamedTuple):
    """The whole result of a step. `record`: JSON of facts used and lines as translated, or b''."""

    state: MessageState
    reason: str
    lines: tuple[LineRow, ...] = ()
    effects: tuple[EffectRow, ...] = ()
    documents: tuple[Document, ...] = ()
    remember: tuple[Fact, ...] = ()
    record: bytes = b""
    account: bytes | None = None
    patient: bytes | None = None
