"""Two times of a code table: the day that a row is valid on, and the moment that it was recorded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

KEY = ("code=IMP-FEM-06", "payer_class=*")


@pytest.fixture
def changed(desk, monkeypatch):
    """Bob changes a charge code twice; Ann goes back to the release before."""
    monkeypatch.setenv("LOGNAME", "bob")
    path = desk.site.parent / "charges.csv"
    text = (desk.site / "mappings" / "tables" / "charges.csv").read_text()
    for code in ("111", "222"):
        path.write_text(text.replace("IMP-FEM-06,*,27810106", f"IMP-FEM-06,*,{code}"))
        desk.json("tables", "import", "charges", str(path), "--reason", f"new year {code}")
    return desk


def code_as_recorded(desk, moment: str) -> tuple[str, int]:
    told = desk.json("tables", "find", "charges", *KEY, "--as-recorded", moment)
    return told["rows"][0]["row"]["charge_code"], told["version"]


def test_a_row_is_found_as_the_engine_knew_it_at_a_moment(changed):
    moments = [row["activated_us"] for row in changed.json("releases")][::-1]
    said = [code_as_recorded(changed, iso(us)) for us in moments]
    assert said == [("27810106", 1), ("111", 2), ("222", 3)]
    assert code_as_recorded(changed, iso(moments[2] - 1)) == ("111", 2)
    assert "CLI011" in changed.run("tables", "find", "charges", *KEY, "--as-recorded", "2020-01-01").stderr
    assert "CLI001" in changed.run("tables", "find", "charges", *KEY, "--as-recorded", "then").stderr


def iso(us: int) -> str:
    seconds, rest = divmod(us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()


def test_a_history_tells_who_changed_what_and_why(changed):
    told = changed.json("tables", "history", "charges", *KEY)
    assert [(turn["version"], turn["source"], turn["reason"]) for turn in told] == [
        (1, "file", "activation"),
        (2, "import", "new year 111"),
        (3, "import", "new year 222"),
    ]
    assert {turn["actor"] for turn in told[1:]} == {"bob"}
    assert told[2]["changed"] == [
        {"row": "code=IMP-FEM-06 payer_class=*", "cells": {"charge_code": ["111", "222"]}}
    ]
    assert len(told[0]["added"]) == 1
    said = changed.run("tables", "history", "charges", "code=IMP-FEM-06").stdout
    assert "  ~ code=IMP-FEM-06 payer_class=*: charge_code 111 → 222" in said.splitlines()


def test_a_moment_is_taken_as_it_is_shown(changed):
    newest = changed.json("tables", "history", "charges", *KEY)[-1]
    assert newest["recorded"].endswith("Z")
    assert code_as_recorded(changed, newest["recorded"])[1] == 3
    assert code_as_recorded(changed, newest["recorded"].rstrip("Z").replace(" ", "T"))[1] == 3
    assert changed.run("tables", "find", "charges", *KEY, "--on", "2026-11-20").exit_code == 0


def test_a_rollback_is_a_part_of_the_history_and_of_what_was_known(changed, monkeypatch):
    first = changed.json("releases")[-1]["id"]
    monkeypatch.setenv("LOGNAME", "ann")
    changed.json("rollback", str(first), "--reason", "that was wrong")
    told = changed.json("tables", "history", "charges", *KEY)
    last = told[-1]
    assert (last["version"], last["source"], last["actor"], last["reason"]) == (
        1,
        "rollback",
        "ann",
        "that was wrong",
    )
    assert last["changed"][0]["cells"] == {"charge_code": ["222", "27810106"]}
    assert changed.json("tables", "find", "charges", *KEY)["rows"][0]["row"]["charge_code"] == "27810106"


def test_a_key_that_nothing_happened_to_has_no_more_than_its_beginning(changed):
    assert len(changed.json("tables", "history", "charges", "code=IMP-FEM-05")) == 1
    nothing = changed.run("tables", "history", "charges", "code=NOBODY")
    assert (nothing.exit_code, nothing.stdout) == (1, "no version has a row of that key\n")
    assert "CLI008" in changed.run("tables", "history", "charges", "charge_code=1").stderr
    assert "CTL005" in changed.run("tables", "history", "nothing", "code=1").stderr


def test_all_parts_of_a_kit_are_told(desk):
    key = ("tables", "find", "kit-parts", "facility=NORTH", "code=KIT-CEM-KNEE", "--on", "2026-11-20")
    assert [one["row"]["component"] for one in desk.json(*key)["rows"]] == [
        "CEM-PAL-40",
        "SUT-VIC-30",
        "GLV-SUR-70",
    ]
    assert len(desk.run(*key).stdout.splitlines()) == 3


def test_cells_are_told_as_the_table_has_them(desk):
    told = desk.run("tables", "find", "charges", *KEY).stdout
    assert "billable=yes" in told
    assert "True" not in told
    assert "None" not in told
