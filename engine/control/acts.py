"""What every verb that changes something has in common: which messages it is about, and the audit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.clock import Clock
from engine.domain.changes import Acted
from engine.domain.message import MessageId
from engine.domain.ports import Reader, Store
from engine.domain.status import MessageState
from engine.domain.views import ActView, MessageQuery
from engine.errors import UsageError

PAGE = 500

KEYS_TRIED = "keys tried"
"""The act of who had a document sent twice under one key. The newest of a far end counts; its detail: `honoured` 1 or
0, and `acknowledged` 1 where both were taken and somebody must look there."""

Answer = dict[str, Any]

_ASKED = ("feed", "type", "control_id", "document", "owner", "cause", "since_us", "until_us")


async def audit(
    store: Store,
    clock: Clock,
    actor: str,
    verb: str,
    target: str,
    reason: str,
    detail: dict[str, Any],
) -> int:
    """The act's id."""
    (act,) = await store.submit((Acted(actor, verb, target, reason, {**detail}, clock.now_us()),))
    assert isinstance(act, int)
    return act


async def keys_honoured(reader: Reader, target: str) -> ActView | None:
    """The newest trial of a far end's keys, if it showed that they are honoured."""
    trials = await reader.acts_on(KEYS_TRIED, target)
    return trials[0] if trials and trials[0].detail.get("honoured") else None


async def selected(store: Store, messages: list[int] | None, query: dict[str, Any] | None) -> list[MessageId]:
    """The messages that are named, or that a query finds, oldest first. `UsageError` for one that does not exist, or
    when nothing is said."""
    if messages:
        for number in messages:
            if await store.inbound(MessageId(number)) is None:
                raise UsageError("CTL004", f"there is no message {number}", "find it with `suture messages`")
        return sorted({MessageId(number) for number in messages})
    if not query:
        raise UsageError("CTL014", "it is not said which messages", "name them, or say --feed, --since, …")
    return await _found(store, query)


async def _found(store: Store, query: dict[str, Any]) -> list[MessageId]:
    state = MessageState[query["state"].upper()] if query.get("state") else None
    wanted = MessageQuery(state=state, limit=PAGE, **{name: query.get(name) for name in _ASKED})
    found: list[MessageId] = []
    while page := await store.messages(wanted):
        found += [view.id for view in page]
        wanted = wanted._replace(before=page[-1].id)
    return sorted(found)


def named(messages: list[MessageId]) -> str:
    """Messages as the audit calls them."""
    few = ", ".join(map(str, messages[:20]))
    return f"messages {few}" if len(messages) <= 20 else f"messages {few} and {len(messages) - 20} more"


def known_destination(known: Iterable[str], destination: str | None) -> str | None:
    """Raises `UsageError` for a name that no destination has; None is any."""
    names = list(known)
    if destination is not None and destination not in names:
        what = f"there is no destination '{destination}'"
        raise UsageError("CTL007", what, f"destinations are {', '.join(names)}")
    return destination
