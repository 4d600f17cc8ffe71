"""What people decide beside a stopped engine: released, dropped, replayed, and each act is kept."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from engine.cli.connect import reader_of

ITEM = (
    "facility=NORTH", "code=NOBODY-MAPPED", "item=1009999", "description=New implant", "kind=implant", "stocked=yes",
    "ownership=owned", "issued_by=ehr", "stock_unit=EA", "supplier=V100",
)  # fmt: skip
UNIT = ("code=NOBODY-MAPPED", "unit=EA")


def acts(desk) -> list[tuple[str, str]]:
    with reader_of(desk.site, None) as reader:
        return [(act.verb, act.reason) for act in asyncio.run(reader.acts(20))]


def test_what_is_held_goes_out_after_its_rows_were_added(desk):
    before = desk.json("worklist")
    assert desk.run("release", "--all").exit_code == 0
    assert desk.json("worklist") == before  # nothing was mended yet
    assert desk.json("tables", "add", "items", *ITEM, "--reason", "new contract")["version"] == 2
    assert desk.json("tables", "add", "feed-units", *UNIT)["rows"] == 1
    assert desk.json("release", "--owner", "interface-team", "--reason", "row added")["released"] >= 1
    assert {group["owner"] for group in desk.json("worklist")} == {"revenue-integrity"}
    assert ("release", "row added") in acts(desk)


def test_a_release_of_nothing_in_particular_is_wrong_usage(desk):
    result = desk.run("release")
    assert result.exit_code == 2
    assert "CLI004" in result.stderr


def test_what_is_dropped_needs_a_reason_and_leaves_the_worklist(desk):
    assert desk.run("drop", "3").exit_code == 2
    assert desk.json("drop", "3", "--reason", "typed twice")["dropped"] == 4
    assert desk.json("worklist") == []
    assert ("drop", "typed twice") in acts(desk)


def test_a_replay_is_dry_first(desk):
    (tried,) = desk.json("replay", "1", "--dry-run")["would_replay"]
    assert (tried["message"], tried["state"], tried["lines"]) == (1, "duplicate", {"duplicate": 1})
    assert len(desk.json("messages")) == 3
    assert desk.json("replay", "1", "--reason", "asked for") == {"replayed": {"1": 4}}
    assert "message 1 again, as message 5" in desk.run("replay", "1").stdout


@pytest.mark.parametrize("verb", [("replay", "99"), ("release", "99"), ("drop", "99", "--reason", "x")])
def test_a_message_that_is_not_there_is_wrong_usage(desk, verb):
    result = desk.run(*verb)
    assert result.exit_code == 2
    assert "there is no message 99" in result.stderr


@pytest.mark.parametrize("verb", [("hold", "erp", "--reason", "upgrade"), ("resume", "erp")])
def test_a_destination_is_held_and_resumed(desk, verb):
    assert desk.json(*verb)["destination"] == "erp"


def test_the_files_are_reloaded_whole_or_not_at_all(desk):
    before = desk.json("reload")["release"]
    channel = desk.site / "channels" / "ehr-usage.yaml"
    channel.write_text(channel.read_text().replace("credit_finds:", "credit_fnds:"))
    result = desk.run("reload")
    assert result.exit_code == 1
    assert "channels/ehr-usage.yaml:" in result.stderr
    channel.write_text(channel.read_text().replace("credit_fnds:", "credit_finds:"))
    assert desk.json("reload")["release"] == before


def test_releasing_what_holds_nothing_says_so(desk):
    assert desk.json("release", "1")["messages"] == 0
    assert "nothing of that is held" in desk.run("release", "--owner", "nobody").stdout


def test_a_release_says_what_turned_out_not_to_be_due(desk):
    row = [
        *("facility=NORTH", "code=NOBODY-MAPPED", "item=1", "description=x", "kind=time", "stocked=no"),
        *("ownership=none", "issued_by=none", "stock_unit=EA", "supplier="),
    ]
    assert desk.run("tables", "add", "items", *row, "--reason", "new").exit_code == 0
    assert desk.run("tables", "add", "feed-units", "code=NOBODY-MAPPED", "unit=EA").exit_code == 0
    told = desk.json("release", "3", "--reason", "row added")
    assert told["not_due"] >= 2


def test_a_number_that_no_message_can_have_is_no_crash(desk):
    result = desk.run("show", "99999999999999999999")
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_store_is_its_owner_s_alone(desk):
    store = desk.site / "var" / "suture.db"
    assert store.stat().st_mode & 0o077 == 0
    backup = desk.site / "backup.db"
    assert desk.run("backup", str(backup)).exit_code == 0
    assert backup.stat().st_mode & 0o077 == 0


def test_a_held_effect_knows_the_lane_that_its_document_will_have(desk):
    """So that it can keep what comes after it waiting (rules of money, 15)."""

    def rows(statement: str) -> set:
        with closing(sqlite3.connect(desk.site / "var" / "suture.db")) as store:
            return set(store.execute(statement).fetchall())

    held = rows("SELECT lane FROM effect WHERE message_id = 3 AND destination = 'billing'")
    charge = [
        "code=NOBODY-MAPPED",
        "payer_class=*",
        "charge_code=1",
        "billable=yes",
        "revenue_code=1",
        "factor=1",
    ]
    assert desk.run("tables", "add", "charges", *charge).exit_code == 0
    assert desk.run("tables", "add", "feed-units", "code=NOBODY-MAPPED", "unit=EA").exit_code == 0
    assert desk.json("release", "3")["released"] == 1
    assert (
        rows("SELECT lane FROM delivery WHERE message_id = 3 AND destination = 'billing'")
        == held
        != {(None,)}
    )


def test_a_code_is_mapped_and_exactly_what_waited_for_it_goes(desk):
    cause = "MAP033 feed-units: code=NOBODY-MAPPED"
    seen = desk.run("map", cause.removeprefix("MAP033 "), "unit=EA", "--dry-run").stdout
    assert "table feed-units would get: code=NOBODY-MAPPED unit=EA" in seen
    assert "waiting for it: 1 line, 4 effects, 4200.00 at stake" in seen
    assert desk.json("tables", "list")[0]["version"] == 1
    told = desk.json("map", cause, "unit=EA", "--reason", "new code")
    assert (told["version"], told["released"], told["still_held"]) == (2, 0, 4)
    (charge,) = [one["cause"] for one in desk.json("worklist") if one["cause"].startswith("charges: ")]
    cells = ["charge_code=27899999", "billable=yes", "revenue_code=0278", "factor=1"]
    assert "CTL020 a row of table charges lacks payer_class" in desk.run("map", charge, *cells).stderr
    assert desk.json("map", f"MAP033 {charge}", "payer_class=*", *cells)["released"] == 1
    assert not [one for one in desk.json("worklist") if one["cause"].startswith("charges: ")]


def test_a_map_that_was_cut_short_goes_on_when_it_is_said_again(desk):
    """The row is there, and what waits for it is not released yet."""
    cause, cells = "MAP033 feed-units: code=NOBODY-MAPPED", ("unit=EA", "--reason", "new code")
    assert desk.run("tables", "add", "feed-units", "code=NOBODY-MAPPED", *cells).exit_code == 0
    told = desk.json("map", cause, *cells)
    assert (told["version"], told["messages"], told["done"]) == (2, 1, True)
    assert cause not in {group["cause"] for group in desk.json("worklist")}


def test_a_cause_that_no_row_mends_is_told(desk):
    nothing = desk.run("map", "items: facility=NORTH code=NONE", "item=1")
    assert "CTL018" in nothing.stderr
