"""Files that come in by a folder: known, taken apart, and each message durable, once, whatever dies on the way.

A file is known by its bytes and by the id that its sender gave it. Its messages are committed some at a time, each with
the file and its place in it, so that a file that was half taken is gone on with where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import blake2b, sha256
from typing import NamedTuple, Protocol

from engine.clock import Clock, to_datetime
from engine.codecs.hl7v2.batch import open_envelopes
from engine.codecs.hl7v2.header import peek
from engine.codecs.rows import Layout, Slip
from engine.codecs.rows import cut as cut_rows
from engine.domain.changes import FileBegun, FileKnown, FileMoved, Kept, Received
from engine.domain.filing import Dropped, FileRefused, FileState, TakenFile, readable
from engine.domain.message import Arrival, Inbound
from engine.domain.ports import Writer
from engine.domain.status import MessageState
from engine.errors import Bug, Fault, MessageError
from engine.pipeline.digests import control_digests
from engine.pipeline.intake import JudgeObserver, admit, judged
from engine.pipeline.refusing import Refusals
from engine.site.release import Listener, Release

TOGETHER = 32
"""Messages committed in one go: few commits for a file, and between two of them whoever sends live has a turn."""

MISCOUNTED = "FIL006 what the file says of itself is not what it holds"


class Contents(NamedTuple):
    """A file taken apart. `type`: of its rows, '' where each message says its own. `label`: what its sender calls
    it, with who the sender is; empty: nothing. `miscounts`: where its counts are others than what was found."""

    messages: Sequence[Slip]
    type: str = ""
    label: bytes = b""
    miscounts: tuple[str, ...] = ()


class _Plan(NamedTuple):
    contents: Contents
    begun: FileBegun


class FilingObserver(JudgeObserver, Protocol):
    """What is told to the log. Never content, nor names of files."""

    def received(self, feed: str, kept: Kept, received: Received) -> None: ...

    def filed(self, feed: str, file: int, messages: int, held: str) -> None: ...


class Filing:
    """The `FileIntake` port. `kept` is called with each message that awaits its step, in inbox order."""

    def __init__(
        self,
        writer: Writer,
        release: Callable[[], Release],
        clock: Clock,
        kept: Callable[[Inbound], None],
        observer: FilingObserver,
        accepting: Callable[[], bool],
    ) -> None:
        self._writer = writer
        self._release = release
        self._clock = clock
        self._kept = kept
        self._observer = observer
        self._accepting = accepting

    @property
    def accepting(self) -> bool:
        return self._accepting()

    async def take(self, dropped: Dropped) -> TakenFile:
        release = self._release()
        listener = release.listeners[dropped.feed]
        now_us = self._clock.now_us()
        plan = await asyncio.to_thread(_plan, listener, release.rows_of(dropped.feed), dropped, now_us)
        (known,) = await self._writer.submit((plan.begun,))
        if not isinstance(known, FileKnown):
            raise Bug("a file that begins is answered by something else than what is known of it")
        day = to_datetime(known.began_us).astimezone(release.zone)
        if known.other:
            raise _same_label(known.id, day)
        messages = plan.contents.messages
        if known.state is not FileState.TAKING:
            archived = known.state is FileState.ARCHIVED
            return TakenFile(known.id, day.date(), len(messages), again=True, archived=archived)
        if known.cut != plan.begun.cut:
            raise _cut_otherwise(known, len(messages))
        for start in range(known.done, len(messages), TOGETHER):
            some = messages[start : start + TOGETHER]
            last = start + TOGETHER >= len(messages)
            received = []
            for place, slip in enumerate(some, start + 1):
                received.append(self._received(listener, plan.contents.type, slip, known, place))
                if listener.naks is not None:
                    await asyncio.sleep(0)  # what is judged may take its time: others have a turn
            await self._keep(received, FileMoved(known.id, FileState.TAKEN) if last else None)
        self._observer.filed(dropped.feed, known.id, len(messages), known.held.partition(" ")[0])
        return TakenFile(known.id, day.date(), len(messages))

    async def archived(self, file: int) -> None:
        await self._writer.submit((FileMoved(file, FileState.ARCHIVED),))

    def _received(self, listener: Listener, rows: str, slip: Slip, file: FileKnown, place: int) -> Received:
        """As at other doors, but that nobody waits for an answer: what a channel refuses is held, and so is a row that
        does not fit, since a person must tell the sender."""
        now_us = self._clock.now_us()
        state, reason, control = MessageState.PENDING, "", None
        header = None
        refused = Refusals((), slip.fault)
        arrival = Arrival(listener.name, slip.raw, "", "file")
        try:
            if not rows:
                header = peek(slip.raw, None, listener.default_charset)
                admit(listener, header, arrival)
                sender = (listener.name, header.sending_app, header.sending_facility)
                control = control_digests(sender, header.control_id.encode(), slip.raw)
            if not slip.fault:
                event = header.event if header else rows
                refused = judged(listener, event, arrival, now_us, self._clock, self._observer)
        except MessageError as error:
            reason = error.code
        if reason:
            state = MessageState.REFUSED
        elif refused.reason or file.held:
            state, reason = MessageState.HELD, refused.reason or file.held
        return Received(
            feed=listener.name,
            received_us=now_us,
            type=header.event if header else rows,
            control_id=header.control_id if header else "",
            raw=slip.raw,
            charset=None,
            state=state,
            reason=reason,
            answered="",
            control=control,
            filed=(file.id, place),
        )

    async def _keep(self, received: Sequence[Received], end: FileMoved | None) -> None:
        """One commit: these messages, and with the last of them that the file is taken."""
        answers = await self._writer.submit((*received, *((end,) if end else ())))
        for change, kept in zip(received, answers, strict=False):
            if not isinstance(kept, Kept):
                raise Bug("a received message is answered by something else than Kept")
            if kept.state is MessageState.PENDING:
                self._kept(Inbound(kept.id, change.feed, change.received_us, change.raw, change.charset))
            self._observer.received(change.feed, kept, change)


def _plan(listener: Listener, layouts: Sequence[Layout], dropped: Dropped, now_us: int) -> _Plan:
    """Raises `FileRefused`."""
    if len(dropped.content) > listener.limit_bytes:
        what = f"the file has {len(dropped.content)} bytes, the listener takes {listener.limit_bytes}"
        raise FileRefused(Fault("", "FIL004", what, "raise the listener's limit, or send smaller files"))
    contents = open_file(layouts, dropped.content, listener.default_charset)
    if not contents.messages:
        what, mend = "there is no message in the file", "ask the sender whether it was meant to be empty"
        raise FileRefused(Fault("line 1", "FIL001", what, mend))
    held = ""
    if contents.miscounts and listener.files.hold_miscounted:
        held = f"{MISCOUNTED}: {'; '.join(contents.miscounts[:3])}"
    label = blake2b(contents.label, digest_size=16).digest() if contents.label else None
    cut = blake2b(digest_size=16)
    for slip in contents.messages:
        cut.update(len(slip.raw).to_bytes(8))
        cut.update(slip.raw)
    return _Plan(
        contents,
        FileBegun(
            dropped.feed,
            readable(dropped.name),
            sha256(dropped.content).digest(),
            label if listener.files.ids_are_unique else None,
            len(contents.messages),
            cut.digest(),
            held,
            now_us,
        ),
    )


def open_file(layouts: Sequence[Layout], content: bytes, charset: str | None) -> Contents:
    """A file of rows, or of HL7 messages where there are no `layouts`. Raises `FileRefused`."""
    if not layouts:
        found = open_envelopes(content)
        label = found.id and found.sender + b"\x1f" + found.id
        return Contents([Slip(raw) for raw in found.messages], "", label, found.miscounts)
    try:
        return Contents(cut_rows(layouts, content, charset), layouts[0].type.upper())
    except MessageError as error:
        raise FileRefused(error.fault) from None


def _same_label(other: int, day: datetime) -> FileRefused:
    what = f"file {other} of {day:%Y-%m-%d} has the same FHS-11 or BHS-11, and other content"
    mend = "ask the sender for an id of its own; where its ids are always the same: files: {same_id: take}"
    return FileRefused(Fault("FHS-11", "FIL003", what, mend))


def _cut_otherwise(known: FileKnown, found: int) -> FileRefused:
    what = f"{known.done} of its messages are taken as file {known.id}; it is taken apart otherwise now, into {found}"
    mend = "go back to the release that began it, and drop the file again; what is taken is not taken twice"
    return FileRefused(Fault("", "FIL007", what, mend))
