"""A file that came in by a folder: where it stands, what its taking came to, and the port that takes it."""

from __future__ import annotations

from datetime import date
from enum import IntEnum
from typing import NamedTuple, Protocol

from engine.errors import Fault, SutureError


class FileState(IntEnum):
    """Stored as these numbers; they never change their meaning."""

    TAKING = 0  # some of its messages are durable, or none yet
    TAKEN = 1  # all of them are
    ARCHIVED = 2  # and the file was moved away

    @property
    def word(self) -> str:
        return {FileState.TAKING: "half taken"}.get(self, self.name.lower())


class Dropped(NamedTuple):
    """A file as it lies in a folder. `name`: as its sender called it; it may tell of a patient, so no log has it."""

    feed: str
    name: str
    content: bytes

    def __repr__(self) -> str:
        return f"Dropped({self.feed!r}, {len(self.content)} bytes)"


def readable(name: str) -> str:
    """A name as it may be kept and shown: what is no text of it, or moves a cursor, is written as an escape."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1].replace("\\udc", "\\x") for one in name)


class TakenFile(NamedTuple):
    """All messages of a file are durable. `day`: when it was first seen, in the site's zone; its archive is named so.
    `again`: they were before it was asked; `archived`: and it was moved away then."""

    id: int
    day: date
    messages: int
    again: bool = False
    archived: bool = False


class FileRefused(SutureError):
    """The file is not taken, or not to its end: `fault` says what, where and how to mend it, without content."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


class FileIntake(Protocol):
    """What a folder calls. One per engine."""

    async def take(self, dropped: Dropped) -> TakenFile:
        """Resolves when every message is durable; a file that was half taken is gone on with. Raises `FileRefused`, and
        `StoreUnavailable` when nothing more can be made durable: then it is to be asked again."""
        ...

    async def archived(self, file: int) -> None:
        """The file was moved away."""
        ...

    @property
    def accepting(self) -> bool:
        """False while the store cannot commit or the engine stops."""
        ...
