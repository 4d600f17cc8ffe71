"""Schema numbers, and whose store it is."""

from __future__ import annotations

import apsw
import pytest

from engine.errors import StoreError
from engine.store import migrate as module
from engine.store.migrate import LATEST, check_readable, meta, migrate, schema_of


@pytest.fixture
def connection():
    made = apsw.Connection(":memory:")
    yield made
    made.close()


def test_an_empty_file_becomes_a_store_with_a_key_of_its_own(connection):
    assert schema_of(connection) == 0
    migrate(connection, "north", "test", 7)
    assert schema_of(connection) == LATEST
    assert meta(connection, "site") == b"north"
    assert meta(connection, "created_us") == b"7"
    key = meta(connection, "hash_key")
    assert len(key) == 32
    migrate(connection, "north", "test", 8)
    assert (meta(connection, "hash_key"), meta(connection, "created_us")) == (key, b"7")
    other = apsw.Connection(":memory:")
    migrate(other, "north", "test", 7)
    assert meta(other, "hash_key") != key


@pytest.mark.parametrize(("site", "environment"), [("south", "test"), ("north", "prod")])
def test_another_site_or_environment_is_refused(connection, site, environment):
    migrate(connection, "north", "test", 7)
    with pytest.raises(StoreError, match=r"STO003 .* '(north|test)'"):
        migrate(connection, site, environment, 8)


def test_a_newer_schema_is_refused_by_who_writes_and_who_reads(connection):
    migrate(connection, "north", "test", 7)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (str(LATEST + 1).encode(),))
    with pytest.raises(StoreError, match="STO002"):
        migrate(connection, "north", "test", 8)
    with pytest.raises(StoreError, match="STO002"):
        check_readable(connection)


def test_a_database_that_is_no_store_is_left_alone(connection):
    connection.execute("CREATE TABLE patient (name TEXT)")
    with pytest.raises(StoreError, match="STO009"):
        migrate(connection, "north", "test", 7)
    connection.execute("CREATE TABLE meta (name TEXT, value BLOB)")
    with pytest.raises(StoreError, match="STO009"):
        migrate(connection, "north", "test", 7)


def test_a_reader_does_not_migrate(connection):
    with pytest.raises(StoreError, match="STO008"):
        check_readable(connection)
    migrate(connection, "north", "test", 7)
    check_readable(connection)


def test_later_migrations_are_applied_in_order_and_once(connection, monkeypatch):
    migrate(connection, "north", "test", 7)
    next_two = (LATEST + 1, LATEST + 2)
    later = ("CREATE TABLE second (id INTEGER)", "ALTER TABLE second ADD COLUMN third TEXT")
    added = dict(zip(next_two, later, strict=True))
    monkeypatch.setattr(module, "_MIGRATIONS", {**module._MIGRATIONS, **added})
    monkeypatch.setattr(module, "LATEST", LATEST + 2)
    migrate(connection, "north", "test", 8)
    migrate(connection, "north", "test", 9)
    assert schema_of(connection) == LATEST + 2
    connection.execute("SELECT third FROM second")


def test_a_migration_that_fails_leaves_the_schema_as_it_was(connection, monkeypatch):
    migrate(connection, "north", "test", 7)
    broken = {LATEST + 1: "CREATE TABLE second (id INTEGER); SELECT no_such_column FROM second"}
    monkeypatch.setattr(module, "_MIGRATIONS", {**module._MIGRATIONS, **broken})
    monkeypatch.setattr(module, "LATEST", LATEST + 1)
    with pytest.raises(apsw.SQLError):
        migrate(connection, "north", "test", 8)
    assert schema_of(connection) == LATEST
    assert not connection.table_exists(None, "second")


def test_effects_of_a_store_without_parts_are_those_of_the_lines_themselves(connection, monkeypatch):
    """A store of schema 3 with effects in it opens, and a component of a kit stands beside them, each once."""
    with monkeypatch.context() as older:
        older.setattr(module, "LATEST", 3)
        migrate(connection, "north", "test", 7)
    effect = {"line_id": 1, "message_id": 1, "destination": "erp", "name": "issue", "action": 1}
    effect |= {"key": b"k", "owns": 1, "state": 1, "quantity": "2", "measure": 0, "currency": "USD"}
    _insert(connection, effect)

    migrate(connection, "north", "test", 8)

    assert connection.execute("SELECT key, part, quantity, version FROM effect").get == (b"k", "", "2", 1)
    with pytest.raises(apsw.ConstraintError):
        _insert(connection, effect)
    _insert(connection, effect | {"part": "SCREW"})
    with pytest.raises(apsw.ConstraintError):
        _insert(connection, effect | {"part": "SCREW"})


def _insert(connection, row):
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO effect ({names}) VALUES ({values})", row)
