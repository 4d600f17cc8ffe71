"""The protocols between packages: what the middle sees of stores, listeners and adapters."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from engine.domain.changes import Answered, Change
from engine.domain.message import Answer, Arrival, Inbound, MessageId
from engine.domain.outcome import Outcome
from engine.domain.posting import FactKeys, Facts, Original, Priority
from engine.domain.resources import Asked, MissedView, Replied, ResourceView
from engine.domain.views import (
    AccountRow,
    ActView,
    AttemptView,
    CaseUse,
    DeliveryView,
    DroppedView,
    EditionView,
    EffectView,
    FilePlace,
    FileView,
    HeldGroup,
    HeldView,
    LateEffects,
    LineView,
    MessageQuery,
    MessageView,
    OtherAmount,
    Outgoing,
    ParkedLane,
    ProposalView,
    RefusedMessages,
    SightingView,
    TableTold,
    TableVersionView,
)


class Intake(Protocol):
    """What a listener calls. One per engine."""

    def receive(self, arrival: Arrival) -> asyncio.Future[Answer]:
        """Resolves after the commit. Fails with `StoreUnavailable` when nothing could be made durable: then the
        listener gives no answer and closes. Call order is inbox order."""
        ...

    def garbled(self, feed: str, raw: bytes, reason: str, peer: str) -> None:
        """A frame that cannot be answered: truncated, oversize, cut by EOF. Kept and counted."""
        ...

    @property
    def accepting(self) -> bool:
        """False while the store cannot commit or the engine stops."""
        ...


class Resources(Protocol):
    """What a listener of FHIR calls."""

    @property
    def accepting(self) -> bool:
        """False while the store cannot commit or the engine stops."""
        ...

    def refuses(self, feed: str, asked: Asked) -> Replied | None:
        """Why a request is refused once its headers are known; None: send the body."""
        ...

    async def ask(self, feed: str, asked: Asked) -> Replied:
        """Everything else. What is stored is durable when it is answered. Raises `StoreUnavailable`."""
        ...

    def refusal(self, status: int, code: str, text: str, headers: Mapping[str, str]) -> Replied:
        """For a refusal of HTTP itself: an OperationOutcome. `headers`: of the request, by small names."""
        ...


class Writer(Protocol):
    """The one way to change a store."""

    def submit(self, changes: Sequence[Change]) -> asyncio.Future[list[Answered]]:
        """Durable when it resolves; answers in the order of `changes`. Submissions commit in call order, many
        together. Fails with `StoreUnavailable` when the commit failed: then none of `changes` is true."""
        ...

    @property
    def backlog(self) -> int:
        """Changes submitted and not yet committed."""
        ...


class Reader(Protocol):
    """What may be asked. Sees what is committed. Few calls, each for many rows."""

    async def pending(self, after: int, limit: int) -> list[Inbound]:
        """Messages in state PENDING with id > `after`, in inbox order."""
        ...

    async def inbound(self, message: MessageId) -> Inbound | None: ...

    async def inbounds(self, messages: Sequence[MessageId]) -> list[Inbound]:
        """In id order."""
        ...

    async def stepped(self, first: int, last: int) -> list[tuple[str, Inbound, bytes | None]]:
        """(type, message, step record) of messages that posted something, or would have, in id order."""
        ...

    async def refused_messages(self, since_us: int) -> list[RefusedMessages]:
        """What was refused since then and not taken later, the longest ago first."""
        ...

    async def dropped(self, first: int, last: int) -> list[DroppedView]:
        """What persons decided is not to be posted, of messages in that range."""
        ...

    async def gather(self, keys: Sequence[FactKeys]) -> list[Facts]:
        """The facts named by each set of keys, in the same order."""
        ...

    async def ready(self, destination: str, priority: Priority, after: int, limit: int) -> list[Outgoing]:
        """READY deliveries of that priority with id > `after`, in id order, with payloads."""
        ...

    async def lane(self, destination: str, lane: int, limit: int) -> list[Outgoing]:
        """Open deliveries (READY, SENDING, WAITING, UNKNOWN) of one lane in id order, with payloads."""
        ...

    async def preceded(self, deliveries: Sequence[int]) -> set[int]:
        """Those of `deliveries` before which another READY one stands in their lane."""
        ...

    async def open_before(self, destination: str, lanes: Sequence[int], delivery: int) -> bool:
        """Whether any of `lanes` has an open delivery with a smaller id."""
        ...

    async def held_before(self, destination: str, lanes: Sequence[int], delivery: int) -> bool:
        """Whether anything of `lanes` that came before the delivery is held: a document, or an effect without one."""
        ...

    async def newest(self, destination: str, place: int) -> int:
        """Id of the READY delivery of priority LIVE that is at `place` from the newest, which is at 1; 0 when there
        are fewer."""
        ...

    async def parked(self, destination: str) -> list[ParkedLane]:
        """Every SENDING, WAITING and UNKNOWN delivery of a destination, in id order. Few: bounded by the
        window of documents in flight, not by the backlog."""
        ...

    async def recovering(self) -> int | None:
        """Since when (us) this store, restored from a backup, is recovering (rules of money, 33); None: it is not."""
        ...

    async def stopped(self) -> dict[str, str]:
        """Destinations that are stopped → why (code)."""
        ...

    async def resource(self, key: bytes, version: int | None = None) -> ResourceView | None:
        """That version of a resource; None: the newest."""
        ...

    async def resources_with(self, identifier: bytes) -> list[ResourceView]:
        """The newest version of each resource that has this identifier."""
        ...

    async def subscription(self, feed: str, name: str) -> int | None:
        """The number of its last event that was heard of; None: it was never heard of."""
        ...

    async def messages(self, query: MessageQuery) -> list[MessageView]: ...

    async def files(self, limit: int) -> list[FileView]:
        """Files that came in by folders, newest first."""
        ...

    async def filed_in(self, file: int) -> list[MessageId]:
        """The messages of a file, in its order."""
        ...

    async def file_of(self, message: MessageId) -> FilePlace | None:
        """The file that a message came in, or None."""
        ...

    async def raw(self, message: MessageId) -> bytes | None: ...

    async def record(self, message: MessageId) -> bytes | None:
        """The step record (`Stepped.record`), or None."""
        ...

    async def lines(self, message: MessageId) -> list[LineView]: ...

    async def effects(self, message: MessageId) -> list[EffectView]: ...

    async def deliveries(self, message: MessageId) -> list[DeliveryView]: ...

    async def delivery(self, delivery: int) -> DeliveryView | None: ...

    async def attempts(self, message: MessageId) -> list[AttemptView]: ...

    async def payload(self, delivery: int) -> bytes | None: ...

    async def originals(self, effects: Sequence[int]) -> list[Original]:
        """These posted effects, as who takes them back must know them, in id order."""
        ...

    async def posted_by(self, message: MessageId) -> list[Original]:
        """What a message posted, as who takes it back must know it, in id order."""
        ...

    async def carried_by(self, delivery: int) -> list[tuple[MessageId, str, int, bool]]:
        """(message, channel, line number, whether it owns its key still) of each effect that a delivery carries."""
        ...

    async def anything_waits(self) -> bool:
        """Whether any reversal waits, or is held."""
        ...

    async def waiting_for(self, deliveries: Sequence[int] | None) -> list[MessageId]:
        """Messages with effects that wait for their original, or are held since it is, while the last try of it has
        ended: it is there, certainly not applied, refused or cancelled. `deliveries` None: for any that has."""
        ...

    async def waiting_for_cases(self, cases: Sequence[bytes] | None) -> list[MessageId]:
        """Messages with effects that are held for want of what is known of these cases. `cases` None: of any."""
        ...

    async def worklist(self, owner: str | None = None) -> list[HeldGroup]:
        """Held effects and held deliveries grouped by owner and cause, most money first."""
        ...

    async def held_messages(
        self, owner: str | None, cause: str | None, after: int, limit: int
    ) -> list[MessageId]:
        """Messages with held effects of that owner and cause (None: any), in id order, id > `after`."""
        ...

    async def held_extent(self, owner: str | None, cause: str | None) -> tuple[int, int]:
        """How many messages `held_messages` would find, and the last of them; 0 when there are none."""
        ...

    async def holding(self, messages: Sequence[MessageId]) -> dict[MessageId, list[HeldView]]:
        """Those of `messages` that hold anything that can be released; no effects: it is held itself."""
        ...

    async def held_deliveries(self, destination: str | None, limit: int) -> list[int]:
        """Ids of HELD deliveries (None: of any destination) that are certainly not applied, oldest first: refused, or
        given up."""
        ...

    async def message_counts(self) -> dict[tuple[str, str], int]:
        """(feed, state word) → messages."""
        ...

    async def line_counts(self) -> dict[tuple[str, str], tuple[int, str]]:
        """(state word, reason) → (lines, stated money as text)."""
        ...

    async def account(self) -> list[AccountRow]: ...

    async def other_amounts(self) -> list[OtherAmount]:
        """Delivered documents with money that their far ends book with another amount, the oldest first."""
        ...

    async def sightings(self, since_us: int) -> list[SightingView]:
        """What feeds told of uses that several of them tell of, in messages received since then."""
        ...

    async def missed_events(self, since_us: int) -> list[MissedView]:
        """Events of subscriptions that never came, of which later ones told since then."""
        ...

    async def late_effects(self, channel: str, effect: str, before_us: int) -> list[LateEffects]:
        """Effects of messages received before then that are not delivered, by destination."""
        ...

    async def accounts_of_type(self, type: str, since_us: int) -> list[tuple[bytes, MessageId]]:
        """Digests of the accounts that messages of a type (`ADT^A03`) named, each with the last of them."""
        ...

    async def merged_with(self, account: bytes, reverse: bytes) -> set[bytes]:
        """Digests of the accounts that were merged into this one, or that it was. `reverse`: the key under which those
        that were merged into it stand."""
        ...

    async def has_line(self, accounts: Collection[bytes], channel: str) -> bool:
        """Whether a channel read any line for these accounts."""
        ...

    async def cases_told(self, events: Collection[str], since_us: int) -> list[bytes]:
        """Digests of the cases of which one of these events (`S15`) was told, that happened since then."""
        ...

    async def used_in_cases(self, cases: Sequence[bytes]) -> list[CaseUse]:
        """Lines that name one of these cases and of which something stands, or is to come."""
        ...

    async def documents(self, destination: str, after: int, limit: int) -> list[DeliveryView]:
        """DELIVERED documents of a destination with their receipts, in id order, id > `after`."""
        ...

    async def newest_standing(
        self, channel: str, effect: str, destination: str, since_us: int
    ) -> MessageId | None:
        """The newest message since then of which something stands that was posted under these names."""
        ...

    async def editions(self, limit: int) -> list[EditionView]:
        """Newest first: the first is the active one."""
        ...

    async def edition(self, edition: int) -> EditionView | None: ...

    async def edition_at(self, at_us: int) -> EditionView | None:
        """What was active at a moment."""
        ...

    async def release_files(self, release_hash: str) -> bytes | None: ...

    async def table_versions(self, name: str | None = None) -> list[TableVersionView]:
        """Newest first."""
        ...

    async def tables_of(self, message: MessageId) -> list[TableTold]:
        """Versions and proposals of code tables that a master made."""
        ...

    async def table_csv(self, name: str, version: int) -> bytes | None: ...

    async def proposals(self, name: str | None = None) -> list[ProposalView]:
        """Those that wait, of one table or of all, oldest first."""
        ...

    async def proposal(self, proposal: int) -> ProposalView | None: ...

    async def proposal_csv(self, proposal: int) -> bytes | None: ...

    async def acts(self, limit: int) -> list[ActView]:
        """Newest first."""
        ...

    async def act(self, act: int) -> ActView | None: ...

    async def acts_without(self, verb: str, ending: str) -> list[ActView]:
        """Acts of `verb` that no act of `ending` on the same target names as what it `ends`, oldest first."""
        ...

    async def acts_on(self, verb: str, target: str) -> list[ActView]:
        """Newest first."""
        ...

    @property
    def hash_key(self) -> bytes:
        """The store's own random key for digests of patient identifiers."""
        ...


class Store(Reader, Writer, Protocol):
    """Both, with a life of its own."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Adapter(Protocol):
    """One destination's far end. The lane adds timing, marks, breaker and log around it."""

    async def send(self, delivery: Outgoing) -> Outcome:
        """One try. Never raises for what the far end does; `NOT_SENT` only when it certainly was not applied."""
        ...

    async def send_many(self, deliveries: Sequence[Outgoing]) -> list[Outcome]:
        """One call for many documents, each with an outcome of its own, in order."""
        ...

    async def probe(self, delivery: Outgoing) -> Outcome | None:
        """Ask by reference: APPLIED, ABSENT, or UNKNOWN when the question itself failed. None: cannot ask."""
        ...

    def cut(self) -> None:
        """Close every connection, in use or idle: what comes after `unknown` must not meet its late reply."""
        ...

    async def close(self) -> None: ...
