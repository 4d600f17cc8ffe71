"""What a master writes: other rows of code tables, with the message that told them, in one piece."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import orjson

from engine.domain.changes import RoutedAs, Tabled, TableProposed, TableRecorded
from engine.domain.message import MessageId
from engine.domain.posting import Amendment, Stepped
from engine.domain.status import LineState, MessageState
from engine.errors import Bug
from engine.store.apply_people import table_proposed, table_recorded
from engine.store.batch import Batch

MASTER = "master"
"""Source of the versions and proposals that messages make."""


_STANDING = ((LineState.KEPT, MessageState.ROUTED), (LineState.HELD, MessageState.HELD))
"""Where a message stands by the furthest of its records."""


def origin(message: MessageId, beside: Iterable[MessageId] = ()) -> str:
    """Who made a version of a table that a message told, or several of them."""
    first = min((message, *beside))
    return f"message {message}" if first == message else f"messages {first} to {message}"


def amended(batch: Batch, message: MessageId, stepped: Stepped, edition: int, at_us: int) -> int | None:
    """The edition with the tables as the message leaves them, or None where it changes none. `edition`: what it was
    stepped with; what was made of other rows than those in force is never put in force."""
    if not stepped.amends:
        return None
    ((newest, release, tables),) = batch.ask("newest_edition")
    if newest != edition:
        raise Bug("STO031 a master was put into tables that are no longer in force")
    versions: dict[str, int] = orjson.loads(tables)
    before = dict(versions)
    for one in stepped.amends:
        if one.proposed:
            _proposed(batch, message, one, before[one.table], at_us)
            continue
        digest = sha256(one.csv).hexdigest()
        by = origin(message, one.beside)
        recorded = TableRecorded(one.table, digest, MASTER, one.csv, at_us, by, one.why)
        versions[one.table] = table_recorded(batch, recorded)
        for teller in (message, *one.beside) if one.beside else ():
            batch.do("insert_table_teller", teller, one.table, versions[one.table])
    if versions == before:
        return None
    said = orjson.dumps(versions, option=orjson.OPT_SORT_KEYS).decode()
    by = origin(message, [other for one in stepped.amends for other in one.beside])
    ((number,),) = batch.ask("insert_edition", release, said, at_us, by)
    return int(number)


def _proposed(batch: Batch, message: MessageId, one: Amendment, base: int, at_us: int) -> None:
    table_proposed(
        batch, TableProposed(one.table, base, MASTER, one.csv, "", at_us, origin(message), one.why)
    )


def tabled(batch: Batch, change: Tabled) -> RoutedAs:
    """Only lines that are held move."""
    message, stepped = change.message, change.stepped
    edition = amended(batch, message, stepped, change.edition, change.at_us)
    held = {(channel, number): line for channel, number, line in batch.ask("held_lines", message)}
    for row in stepped.lines:
        line = held.get((row.channel, row.number))
        if line is not None:
            batch.do("restate_line", row.state, row.reason, line)
    batch.do("restep_message", None, change.edition, change.at_us, None, None, message)
    states = {LineState(state) for (state,) in batch.ask("states_of_lines", message)}
    standing = next((to for state, to in _STANDING if state in states), MessageState.FILTERED)
    if stepped.amends:
        standing = MessageState.ROUTED
    batch.do("restate_message", standing, stepped.reason, message)
    return RoutedAs((), edition)
