"""Finds messages, newest first. The condition that finds fewest leads the plan; the others only sieve what it finds.

A unary plus before a column keeps its index out of the plan: without it, SQLite may lead with `feed`, which is half of
the store, because it has an index too.
"""

from __future__ import annotations

from typing import Any

import apsw

from engine.domain.status import MessageState
from engine.domain.views import MessageQuery, MessageView
from engine.store.queries import SQL

_NARROWEST_FIRST = (
    ("document", SQL["with_document"]),
    ("control_id", "m.control_id = :control_id"),
    ("account", "m.account = :account"),
    ("patient", "m.patient = :patient"),
    ("owner", SQL["with_held"]),
    ("cause", SQL["with_held"]),
    ("state", "m.state = :state"),
    ("feed", "m.feed = :feed"),
    ("type", "m.type = :type"),
)

_RANGES = (("before", "m.id < :before"), ("since_us", SQL["since"]), ("until_us", SQL["until"]))
"""Ranges of ids. They go with any lead, since every index is in the order of ids within a value."""


def find_messages(connection: apsw.Connection, query: MessageQuery) -> list[MessageView]:
    statement = f"{SQL['messages']} WHERE {where(query)} ORDER BY m.id DESC LIMIT :limit"
    return [_view(row) for row in connection.execute(statement, query._asdict()).fetchall()]


def where(query: MessageQuery) -> str:
    """The conditions of a query, its lead first."""
    asked = [name for name, _ in _NARROWEST_FIRST if getattr(query, name) is not None]
    if query.state is MessageState.ROUTED and asked[-1] != "state":
        asked.remove("state")  # most messages are: anything else finds fewer
        asked.append("state")
    texts = dict(_NARROWEST_FIRST)
    if query.state is MessageState.HELD:
        texts["state"] = SQL["with_held"]  # a message that was routed may have held lines, too
    conditions = list(dict.fromkeys(texts[name] for name in asked))
    if asked[:1] == ["state"] and query.state is not MessageState.HELD:
        conditions[0] += " AND m.state = 0" if query.state is MessageState.PENDING else " AND m.state > 0"
    sieves = [f"+{condition}" for condition in conditions[1:]]
    ranges = [text for name, text in _RANGES if getattr(query, name) is not None]
    return " AND ".join([*conditions[:1], *sieves, *ranges]) or "TRUE"


def _view(row: Any) -> MessageView:
    message, feed, received_us, kind, control_id, state, *rest = row
    return MessageView(message, feed, received_us, kind, control_id, MessageState(state), *rest)
