"""What an arrival writes: its bytes, its row, the MSH-10 by which a repeat is known (rules of money, 29), and the file
that it came in."""

from __future__ import annotations

from typing import NamedTuple

from engine.domain.changes import FileBegun, FileKnown, FileMoved, Kept, Received
from engine.domain.filing import FileState
from engine.domain.message import MessageId
from engine.domain.status import MessageState
from engine.errors import Bug
from engine.store.batch import Batch
from engine.store.rows import ContentKind

_ARRIVES = (MessageState.PENDING, MessageState.REFUSED, MessageState.HELD, MessageState.FILTERED)

REPEATED = "told before: same MSH-10 and body"


class _Told(NamedTuple):
    """`first`: the accepted message with this control id and body; `reused`: the id came with another body."""

    first: tuple[MessageId, str] | None
    reused: bool


_NEVER = _Told(None, False)


def received(batch: Batch, change: Received) -> Kept:
    """A replay is never a repeat. Only what is accepted is remembered: a refused message is judged anew, and so is one
    of a file that waits for a person, who may drop it."""
    if change.state not in _ARRIVES:
        raise Bug(f"STO021 a message cannot arrive {change.state.word}")
    control = change.control if change.replays is None else None
    told = _told(batch, control) if control is not None else _NEVER
    state: MessageState = change.state
    reason, answered, relates_to = change.reason, change.answered, change.replays
    if told.first is not None:
        state, reason = MessageState.DUPLICATE, REPEATED
        relates_to, first = told.first
        answered = first if change.state is MessageState.REFUSED else answered
    batch.ids.message = message = MessageId(batch.ids.message + 1)
    batch.put(
        "insert_message",
        (
            message,
            change.feed,
            change.received_us,
            change.type,
            change.control_id,
            state,
            reason,
            answered,
            change.charset,
            batch.keep(ContentKind.RAW, change.raw),
            relates_to,
            change.actor,
            change.edition,
            change.to,
        ),
    )
    waits = state is MessageState.HELD and change.filed is not None
    if control is not None and state is not MessageState.REFUSED and not waits and told.first is None:
        batch.put("insert_control", (*control, message))
        batch.controls.setdefault(control[0], []).append((control[1], message, answered))
    if change.filed is not None:
        batch.put("insert_filed", (*change.filed, message))
    return Kept(message, state, told.first, told.reused)


def file_begun(batch: Batch, change: FileBegun) -> FileKnown:
    known = batch.ask("known_file", change.feed, change.sha256)
    if not known and change.label is not None:
        for other, began_us in batch.ask("labelled_file", change.feed, change.label):
            return FileKnown(other, FileState.TAKEN, "", b"", began_us, 0, other=True)
    if not known:
        label = None if change.held else change.label
        batch.do(
            "insert_file",
            change.feed,
            change.name,
            change.sha256,
            label,
            change.messages,
            change.cut,
            change.held,
            change.at_us,
        )
        known = batch.look("known_file", change.feed, change.sha256)
    ((number, state, held, cut, began_us, done),) = known
    return FileKnown(number, FileState(state), held, cut, began_us, done)


def file_moved(batch: Batch, change: FileMoved) -> None:
    batch.do("move_file", change.state, change.file)


def _told(batch: Batch, control: tuple[bytes, bytes]) -> _Told:
    key, body = control
    known = batch.look("find_control", key)
    if key in batch.controls:
        known += batch.controls[key]
    for other, message, answered in known:
        if other == body:
            return _Told((message, answered), False)
    return _Told(None, True) if known else _NEVER
