"""Resources of FHIR at the door and in the store: what is asked, what is answered, what is written together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.domain.message import MessageId


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `path`: below the base, without a slash before it; `headers`: by small names."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    base: str
    peer: str
    body: bytes = field(default=b"", repr=False)


class Replied(NamedTuple):
    """What is answered. The repr of the body is its size."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Replied({self.status}, {len(self.body)} bytes)"


class Write(NamedTuple):
    """One version of a resource. `key`: digest of feed, type and id; `identifiers`: digests of its identifiers.
    `deleted`: from this version on it is no more."""

    key: bytes
    version: int
    identifiers: tuple[bytes, ...]
    deleted: bool = False


class ResourceView(NamedTuple):
    """A version of a resource, and the message that told it."""

    key: bytes
    version: int
    message: MessageId
    at_us: int
    deleted: bool = False


class Notified(NamedTuple):
    """What a notification says of its subscription. `name`: as the sender calls it; `events`: numbers of those that it
    brings; `total`: how many there were, or None; `begins`: the subscription begins, or begins anew."""

    feed: str
    name: str
    events: tuple[int, ...]
    total: int | None
    begins: bool
    at_us: int


class MissedView(NamedTuple):
    """Events of a subscription that never came. `message`: the notification that told of a later one."""

    feed: str
    name: str
    first: int
    last: int
    since_us: int
    message: MessageId
