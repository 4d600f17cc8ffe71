"""The rows of one transaction, gathered change by change and written table by table.

Ids are given here, in memory, by the one writer. Nothing is decided here: what a change means stands in `apply_inbox`,
`apply_step`, `apply_outbox` and `apply_people`; when a transaction begins and ends is `writer`'s.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import apsw

from engine.domain.message import MessageId
from engine.errors import Bug
from engine.store.queries import SQL
from engine.store.rows import ContentKind

Row = tuple[Any, ...]

_INSERTS = (
    "insert_content",
    "insert_message",
    "insert_control",
    "insert_filed",
    "insert_fact",
    "insert_sighting",
    "insert_line",
    "insert_find",
    "insert_effect",
    "insert_delivery",
    "insert_receipt",
    "insert_attempt",
    "insert_resource",
    "insert_resource_identifier",
)
_MOVES = ("route_message", "move_delivery")
"""Updates whose every row must meet its state: one that meets none is an illegal move."""


class Ids:
    """The highest id of each table whose rows come too fast to be asked for theirs."""

    __slots__ = ("attempt", "content", "delivery", "effect", "line", "message")

    def __init__(
        self, message: int, content: int, line: int, effect: int, delivery: int, attempt: int
    ) -> None:
        self.message = message
        self.content = content
        self.line = line
        self.effect = effect
        self.delivery = delivery
        self.attempt = attempt

    @classmethod
    def read(cls, connection: apsw.Connection) -> Ids:
        (row,) = connection.execute(SQL["highest_ids"]).fetchall()
        return cls(*row)  # type: ignore[arg-type]


class Batch:
    """What `put` gathered is written by `flush`; `ask` and `do` go to the store at once, after a flush, so that
    they meet all that came before them. `controls`: MSH-10 keys gathered and not yet written."""

    __slots__ = ("_connection", "_rows", "controls", "ids")

    def __init__(self, connection: apsw.Connection, ids: Ids) -> None:
        self._connection = connection
        self._rows: dict[str, list[Row]] = {name: [] for name in (*_INSERTS, *_MOVES)}
        self.controls: dict[bytes, list[tuple[bytes, MessageId, str]]] = {}
        self.ids = ids

    def put(self, name: str, row: Row) -> None:
        self._rows[name].append(row)

    def rows(self, name: str) -> list[Row]:
        """The list that `put` appends to, for who has many."""
        return self._rows[name]

    def keep(self, kind: ContentKind, body: bytes) -> int:
        """Gathers a body and gives its id."""
        self.ids.content = number = self.ids.content + 1
        self._rows["insert_content"].append((number, kind, body))
        return number

    def flush(self) -> None:
        """Raises `apsw.ConstraintError` when a key is taken, `Bug` for an illegal move."""
        for name in _MOVES:
            rows = self._rows[name]
            if rows:
                self._move(name, rows)
                rows.clear()
        for name in _INSERTS:
            rows = self._rows[name]
            if rows:
                self._connection.executemany(SQL[name], rows)
                rows.clear()
        self.controls.clear()

    def look(self, name: str, *values: Any) -> list[Any]:
        """Rows as they were before what is still gathered."""
        return self._connection.execute(SQL[name], values).fetchall()

    def ask(self, name: str, *values: Any) -> list[Any]:
        self.flush()
        return self.look(name, *values)

    def ask_many(self, name: str, numbers: Sequence[int]) -> list[Any]:
        """Rows for many ids at once."""
        return self.ask(name, apsw.carray(array("q", numbers))) if numbers else []

    def do(self, name: str, *values: Any) -> None:
        self.flush()
        self._connection.execute(SQL[name], values)

    def discard(self) -> None:
        """Forgets what was gathered: its transaction is undone."""
        for rows in self._rows.values():
            rows.clear()
        self.controls.clear()

    def _move(self, name: str, rows: list[Row]) -> None:
        before = self._connection.total_changes()
        self._connection.executemany(SQL[name], rows)
        if self._connection.total_changes() - before != len(rows):
            raise Bug(f"STO020 {name.replace('_', ' ')}: one was not in a state that allows this move")
