"""The door: bytes in, durable, then the answer. Nothing is acknowledged that is not committed (promise 1).

Looks at the header only, and at what a channel refuses (`nak`); what a message means is the step's. Business failures
are AA here, always: they are held later. What only the sender can mend (no MSH-10, wrong version, unreadable bytes, a
`nak`) is refused, with its bytes kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, cast

from engine.clock import Clock, to_datetime
from engine.codecs.hl7v2.ack import (
    MASTER,
    AckCode,
    AckError,
    Outcome,
    Setting,
    accept_answer,
    application_answer,
    build_ack,
)
from engine.codecs.hl7v2.header import Header, peek
from engine.codecs.hl7v2.lexer import check_readable
from engine.codecs.hl7v2.master import answered
from engine.domain.changes import Answered, Conflict, Interaction, Kept, Received, Together
from engine.domain.message import Answer, Arrival, Inbound
from engine.domain.ports import Writer
from engine.domain.status import MessageState
from engine.errors import Bug, MessageError, StoreUnavailable, SutureError
from engine.pipeline.digests import control_digests
from engine.pipeline.refusing import NONE, Refusals
from engine.pipeline.refusing import refusals as judge
from engine.site.release import Listener

CROWDED = 2_000
"""Changes that wait for their commit at which the doors stop reading, until half of them are durable."""

CROWDED_LOOK = 0.01
"""Seconds between two looks at the backlog while the doors do not read."""

STORE_PAUSE = 1.0
"""Seconds for which nobody new is let in after a commit failed."""

SILENCE = Answer(None, "")
"""Nothing is said back."""


class Intake:
    """The `Intake` port. `kept` is called with each message that awaits its step, in inbox order."""

    def __init__(
        self,
        writer: Writer,
        listeners: Callable[[], Mapping[str, Listener]],
        clock: Clock,
        kept: Callable[[Inbound], None],
        observer: IntakeObserver,
    ) -> None:
        self._writer = writer
        self._listeners = listeners
        self._clock = clock
        self._kept = kept
        self._observer = observer
        self._open = True
        self._failing = False
        self._crowded = False
        self._doors: list[Door] = []
        self._acks = 0

    @property
    def accepting(self) -> bool:
        return self._open and not self._failing

    def pauses(self, door: Door) -> None:
        """`door` stops reading while too much waits for its commit."""
        self._doors.append(door)

    def close(self) -> None:
        """From here on nothing is taken in."""
        self._open = False

    def receive(self, arrival: Arrival) -> asyncio.Future[Answer]:
        """See the port. The answer's future resolves, or fails, in the same turn as the commit's."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        listener = self._listeners()[arrival.feed]
        now_us = self._clock.now_us()
        header: Header | None = None
        refusals = NONE
        try:
            header = peek(arrival.raw, arrival.charset, listener.default_charset)
            admit(listener, header, arrival)
            if listener.naks is not None:
                refusals = judged(listener, header.event, arrival, now_us, self._clock, self._observer)
        except MessageError as error:
            refusals = Refusals((error,), error.code)
        received = _received(arrival, header, refusals, listener, now_us)
        committed = self._writer.submit((received,))
        if not self._crowded and self._writer.backlog >= CROWDED:
            self._slow_down()
        committed.add_done_callback(
            lambda done: self._answer(
                done, answer, _Taken(arrival, listener, header, refusals.errors, received)
            )
        )
        return answer

    async def take(self, interaction: Interaction) -> Together | Conflict:
        """Resources that are stored together; each is handed on when it is durable. Raises `StoreUnavailable`."""
        committed = self._writer.submit((interaction,))
        if not self._crowded and self._writer.backlog >= CROWDED:
            self._slow_down()
        try:
            (answer,) = await committed
        except StoreUnavailable:
            self._refuse_for_a_while()
            raise
        if isinstance(answer, Conflict):
            return answer
        if not isinstance(answer, Together):
            raise Bug("resources are answered by something else than Together")
        for received, kept in zip(interaction.messages, answer.kept, strict=True):
            if kept.state is MessageState.PENDING:
                inbound = Inbound(
                    kept.id, received.feed, received.received_us, received.raw, received.charset
                )
                self._kept(inbound)
            self._observer.received(received.feed, kept, received)
        return answer

    def garbled(self, feed: str, raw: bytes, reason: str, peer: str) -> None:
        """Kept as refused, unanswered. `reason`: a word of the framing, without content."""
        received = Received(
            feed,
            self._clock.now_us(),
            "",
            "",
            raw,
            None,
            MessageState.REFUSED,
            f"garbled: {reason}",
            "",
            None,
        )
        self._writer.submit((received,)).add_done_callback(_look_at)
        self._observer.garbled(feed, len(raw), reason)

    def _answer(
        self,
        committed: asyncio.Future[list[Answered]],
        answer: asyncio.Future[Answer],
        taken: _Taken,
    ) -> None:
        """After the commit: hands the message on and resolves the sender's answer."""
        failure = committed.exception()
        if failure is not None:
            self._refuse_for_a_while()
            if not answer.done():
                self._unable(answer, failure, taken)
            return
        kept = committed.result()[0]
        if not isinstance(kept, Kept):
            raise Bug("a received message is answered by something else than Kept")
        feed, received = taken.arrival.feed, taken.received
        if kept.state is MessageState.PENDING:
            self._kept(Inbound(kept.id, feed, received.received_us, received.raw, received.charset))
        self._observer.received(feed, kept, received)
        if not answer.done():
            answer.set_result(self._ack(kept, taken))

    def _unable(self, answer: asyncio.Future[Answer], failure: BaseException, taken: _Taken) -> None:
        """Nothing is durable: no answer, or AR where the listener says so (rules of money, 28)."""
        header, listener = taken.header, taken.listener
        code = accept_answer(header, cast(Setting, listener.acks), "rejected")
        if header is None or not code or listener.when_unable != "AR":
            answer.set_exception(failure)
            return
        error = MessageError("LST030", "the message is not stored; send it again later", hl7_code=207)
        answer.set_result(Answer(self._built(header, code, taken, (error,)), code))

    def _slow_down(self) -> None:
        """The doors stop reading until enough is durable."""
        self._crowded = True
        for door in self._doors:
            door.pause()
        self._look_again()

    def _look_again(self) -> None:
        if self._writer.backlog >= CROWDED // 2:
            asyncio.get_running_loop().call_later(CROWDED_LOOK, self._look_again)
            return
        self._crowded = False
        for door in self._doors:
            door.resume()

    def _refuse_for_a_while(self) -> None:
        """The store cannot commit: nobody new is let in until it is tried again (rules of money, 28)."""
        if not self._failing:
            self._failing = True
            asyncio.get_running_loop().call_later(STORE_PAUSE, self._try_again)

    def _try_again(self) -> None:
        self._failing = False

    def _ack(self, kept: Kept, taken: _Taken) -> Answer:
        header = taken.header
        said = taken.received.answered
        if (
            kept.first
        ):  # as it would be answered by the settings of now, not as it was (rules of money, 27 and 29)
            said = accept_answer(header, cast(Setting, taken.listener.acks), "accepted")
        if header is None:
            return Answer(None, "AR")  # nothing to answer to; a door that must say something says no
        if not said:
            return SILENCE
        code = cast(AckCode, said)
        errors = () if kept.first else taken.errors  # of what was taken before only that is said again
        ack = self._built(header, code, taken, errors)
        if code != "CA" or not (follows := application_answer(header, code)):
            return Answer(ack, code)
        return Answer(ack, code, self._built(header, follows, taken, (), last=True))

    def _built(
        self, header: Header, code: AckCode, taken: _Taken, errors: Sequence[MessageError], last: bool = False
    ) -> bytes:
        self._acks += 1
        received_us = taken.received.received_us
        listener, arrival = taken.listener, taken.arrival
        records: Sequence[str] = ()
        if listener.typed and header.type == MASTER and code in ("AA", "AE", "AR"):
            records = answered(
                arrival.raw,
                arrival.charset,
                listener.default_charset,
                taken=code == "AA",
                now=to_datetime(received_us),
            )
        return build_ack(
            header,
            code,
            now=to_datetime(received_us),
            control_id=f"S{received_us}{self._acks % 1000:03d}",
            text=errors[0].what if errors else "",
            errors=[AckError.of(error.where, error.hl7_code, error.what) for error in errors],
            typed=listener.typed,
            last=last,
            records=records,
        )


class _Taken(NamedTuple):
    """A message between its arrival and its answer. `errors`: with which it is refused."""

    arrival: Arrival
    listener: Listener
    header: Header | None
    errors: Sequence[MessageError]
    received: Received


class Door(Protocol):
    """A listener, as far as intake may slow it."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class JudgeObserver(Protocol):
    """Told when what channels refuse could not be told."""

    def unjudged(self, feed: str, error: Exception) -> None: ...


class IntakeObserver(JudgeObserver, Protocol):
    """What is told to logs and metrics about the door. Never content."""

    def received(self, feed: str, kept: Kept, received: Received) -> None: ...

    def garbled(self, feed: str, size: int, reason: str) -> None: ...


def judged(
    listener: Listener, event: str, arrival: Arrival, now_us: int, clock: Clock, observer: JudgeObserver
) -> Refusals:
    """What its channels refuse. A message that a fault of ours stops is taken and held, too. Raises `MessageError` when
    the bytes are no HL7 message."""
    if listener.naks is None:
        return NONE
    begun = clock.monotonic()
    try:
        return judge(
            listener.naks,
            arrival.feed,
            event,
            arrival.raw,
            arrival.charset,
            listener.default_charset,
            now_us,
            lambda: clock.monotonic() - begun,
        )
    except SutureError:
        raise
    except Exception as error:
        observer.unjudged(arrival.feed, error)
        return Refusals((), "BUG001 what its channels refuse could not be told")


def admit(listener: Listener, header: Header, arrival: Arrival) -> None:
    """Raises `MessageError` for what this listener refuses and only the sender can mend."""
    if not header.control_id:
        raise MessageError(
            "INT001", "MSH-10 is empty", where="MSH-10", mend="send a control id", hl7_code=101
        )
    if not header.type:
        raise MessageError(
            "INT002", "MSH-9 is empty", where="MSH-9", mend="send a message type", hl7_code=200
        )
    if header.version and not header.version.startswith("2"):
        raise MessageError(
            "INT003", "MSH-12 is no HL7 version 2", where="MSH-12", mend="send version 2.x", hl7_code=203
        )
    if header.processing_id[:1] in ("T", "D") and not listener.accepts_test:
        raise MessageError(
            "INT004",
            "this listener takes production messages only",
            where="MSH-11",
            mend="send MSH-11 P, or set accepts_test",
            hl7_code=202,
        )
    check_readable(arrival.raw, arrival.charset, listener.default_charset)


def _received(
    arrival: Arrival, header: Header | None, refusals: Refusals, listener: Listener, now_us: int
) -> Received:
    answered = _code(header, refusals.errors, listener)
    state = MessageState.PENDING
    if refusals.reason:
        state = MessageState.REFUSED if refusals.errors else MessageState.HELD
    control = None
    if header is not None and header.control_id:
        sender = (arrival.feed, header.sending_app, header.sending_facility)
        control = control_digests(sender, header.control_id.encode(), arrival.raw)
    return Received(
        feed=arrival.feed,
        received_us=now_us,
        type=header.event if header else "",
        control_id=header.control_id if header else "",
        raw=arrival.raw,
        charset=arrival.charset,
        state=state,
        reason=refusals.reason,
        answered=answered,
        control=control,
    )


def _code(header: Header | None, errors: Sequence[MessageError], listener: Listener) -> str:
    """The acknowledgment code, '' for silence (rules of money, 27)."""
    return accept_answer(header, cast(Setting, listener.acks), _outcome(header, errors))


def _outcome(header: Header | None, errors: Sequence[MessageError]) -> Outcome:
    """Refused by its header is AR, by its content AE."""
    if not errors:
        return "accepted"
    by_header = header is None or any(error.where.startswith("MSH") for error in errors)
    return "rejected" if by_header else "error"


def _look_at(done: asyncio.Future[list[Answered]]) -> None:
    """A frame that could not be kept because the store is away is cut off with its connection: nobody waits."""
    done.exception()
