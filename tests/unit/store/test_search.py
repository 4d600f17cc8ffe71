"""The plan of a search is led by its narrowest condition."""

from __future__ import annotations

import apsw
import pytest

from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.store import search
from engine.store.migrate import migrate
from engine.store.queries import SQL


@pytest.fixture
def connection():
    made = apsw.Connection(":memory:")
    migrate(made, "north", "test", 1)
    yield made
    made.close()


def leads(connection: apsw.Connection, **query) -> str:
    """What finds the messages in the plan of a query."""
    asked = MessageQuery(**query)
    statement = f"EXPLAIN QUERY PLAN {SQL['messages']} WHERE {search.where(asked)} ORDER BY m.id DESC LIMIT 9"
    steps = [row[3] for row in connection.execute(statement, asked._asdict())]
    return next(step for step in steps if step.startswith(("SEARCH m ", "SCAN m")))


@pytest.mark.parametrize(
    ("query", "lead"),
    [
        ({"control_id": "C1", "state": MessageState.HELD, "feed": "ehr"}, "message_control"),
        ({"account": b"a", "patient": b"p"}, "message_account"),
        ({"patient": b"p", "type": "DFT^P03", "before": 9}, "message_patient"),
        ({"document": "GI-1", "account": b"a", "before": 9}, "INTEGER PRIMARY KEY"),
        ({"owner": "finance", "state": MessageState.ROUTED}, "INTEGER PRIMARY KEY"),
        ({"cause": "items", "account": b"a"}, "message_account"),
        ({"state": MessageState.PENDING, "feed": "ehr"}, "message_pending"),
        ({"state": MessageState.HELD, "feed": "ehr", "since_us": 1}, "INTEGER PRIMARY KEY"),
        ({"state": MessageState.ROUTED, "feed": "ehr"}, "message_feed"),
        ({"state": MessageState.ROUTED, "before": 9}, "message_state"),
        ({"type": "ADT^A40"}, "message_type"),
        ({"since_us": 1, "until_us": 9, "before": 9}, "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ({}, "SCAN m"),
    ],
)
def test_the_narrowest_condition_leads(connection, query, lead):
    assert lead in leads(connection, **query)
