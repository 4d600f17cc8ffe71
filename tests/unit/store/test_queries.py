"""SQL by name, and the plans of what is asked while senders wait."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest

import engine.store
from engine.store import queries
from engine.store.migrate import migrate
from engine.store.queries import SQL, load, snapshot

FRAGMENTS = {"since", "until", "with_document", "with_held"}
"""Conditions of a search, no statements of their own."""

GROWS = {
    "account",
    "far_end_money",
    "files",
    "doubt_under_way",
    "held_deliveries",
    "held_messages",
    "held_extent",
    "kept",
    "known",
    "line_counts",
    "message_counts",
    "messages",
    "other_amounts",
    "stopped",
    "table_versions",
    "tables",
    "worklist",
    "worklist_applied",
    "worklist_samples",
    "worklist_stakes",
    "documents",
    "edition_at",
    "editions",
    "proposals",
    "acts",
    "waiting_in_vain",
    "waiting_for_any_case",
    "late_effects",
    "accounts_of_type",
    "missed_events",
}
"""Reads of the whole (on their thread), of tables that stay small, or by id up to a limit."""


@pytest.fixture
def connection(tmp_path):
    made = apsw.Connection(str(tmp_path / "suture.db"))
    migrate(made, "north", "test", 1)
    yield made
    made.close()


def plan(connection: apsw.Connection, name: str) -> list[str]:
    statement = SQL[name]
    numbered = [int(number) for number in re.findall(r"\?(\d+)", statement)]
    wanted = max([len(re.findall(r"\?(?!\d)", statement)), *numbered])
    bindings = [apsw.carray((b"k",)) if "carray" in statement else None] * wanted
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bindings)]


@pytest.mark.parametrize("name", sorted(set(SQL) - FRAGMENTS))
def test_every_query_fits_the_schema(connection, name):
    plan(connection, name)


@pytest.mark.parametrize("name", sorted(set(SQL) - FRAGMENTS - GROWS))
def test_nothing_that_a_sender_waits_for_reads_a_whole_table(connection, name):
    steps = plan(connection, name)
    made = {step.split()[1] for step in steps if step.startswith(("MATERIALIZE ", "CO-ROUTINE "))}
    scans = [step for step in steps if re.match(r"SCAN (?!CONSTANT ROW|k VIRTUAL|carray)", step)]
    assert [step for step in scans if step.split()[1] not in made] == []


def test_every_query_is_used():
    folder = Path(engine.store.__file__).parent
    code = "".join(module.read_text() for module in folder.glob("*.py"))
    assert [name for name in SQL if not re.search(f"[\"']{name}[\"']", code)] == []


def test_a_name_that_stands_twice_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "sql" / "sqlite"
    folder.mkdir(parents=True)
    (folder / "one.sql").write_text("-- name: same\nSELECT 1\n")
    (folder / "two.sql").write_text("-- name: same\nSELECT 2\n")
    (folder / "notes.txt").write_text("-- name: other\n")
    monkeypatch.setattr(queries, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="same stands twice"):
        load("sqlite")


def test_comments_above_a_name_belong_to_nobody(tmp_path, monkeypatch):
    folder = tmp_path / "sql" / "sqlite"
    folder.mkdir(parents=True)
    (folder / "one.sql").write_text(
        "-- What this is.\n\n-- name: first\nSELECT 1\n\n-- name: second\nSELECT 2\n"
    )
    monkeypatch.setattr(queries, "files", lambda _: tmp_path)
    assert load("sqlite") == {"first": "SELECT 1", "second": "SELECT 2"}


def test_a_snapshot_sees_one_commit_and_ends_even_after_a_fault(connection, tmp_path):
    other = apsw.Connection(str(tmp_path / "suture.db"))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    before = connection.execute("SELECT count(*) FROM act").get
    with snapshot(connection):
        assert connection.execute("SELECT count(*) FROM act").get == before
        other.execute(SQL["insert_act"], (1, "ann", "v", "t", "", "{}"))
        assert connection.execute("SELECT count(*) FROM act").get == before
    with pytest.raises(apsw.SQLError), snapshot(connection):
        connection.execute("no sql")
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM act").get == before + 1
    other.close()
