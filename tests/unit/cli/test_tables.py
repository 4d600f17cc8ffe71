"""Code tables from the command line: versions, look-ups, imports, exports."""

from __future__ import annotations

import json

import pytest


def test_a_key_is_found_as_a_step_would_find_it(desk):
    found = desk.json("tables", "find", "items", "facility=NORTH", "code=IMP-FEM-06", "--on", "2026-11-20")
    assert found["rows"][0]["row"]["item"] == "1000106"
    assert found["nearest"] == []
    assert "item=1000106" in desk.run("tables", "find", "items", "facility=NORTH", "code=IMP-FEM-06").stdout


def test_a_key_that_no_row_has_names_those_that_look_like_it(desk):
    result = desk.run("tables", "find", "items", "facility=NORTH", "code=IMP-FEM-6", "--json")
    assert result.exit_code == 1
    assert {"facility": "NORTH", "code": "IMP-FEM-06"} in json.loads(result.stdout)["nearest"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("find", "items", "code=IMP-FEM-06"), "CLI008"),
        (("find", "items", "IMP-FEM-06"), "CLI005"),
        (("find", "nothing", "code=1"), "CTL005"),
        (("add", "nothing", "code=1"), "CTL005"),
        (("export", "nothing"), "CTL005"),
    ],
)
def test_wrong_usage_says_what_is_right(desk, arguments, code):
    result = desk.run("tables", *arguments)
    assert result.exit_code == 2
    assert code in result.stderr


def test_a_table_is_imported_whole_and_exported_as_it_is(desk, tmp_path):
    path = desk.site / "mappings" / "tables" / "charges.csv"
    csv = tmp_path / "new.csv"
    csv.write_text(path.read_text() + "NOBODY-MAPPED,*,27899999,yes,0278,1,,\n")
    told = desk.json("tables", "import", "charges", str(csv), "--reason", "new prices")
    assert (told["version"], told["same"], told["added"]) == (2, False, 1)
    again = desk.json("tables", "import", "charges", str(csv))
    assert (again["version"], again["same"]) == (2, True)
    assert desk.json("tables", "list")[0]["source"] == "import"
    assert desk.run("tables", "export", "charges").exit_code == 0
    assert path.read_text() == csv.read_text()


def test_an_import_that_does_not_fit_changes_nothing(desk, tmp_path):
    csv = tmp_path / "bad.csv"
    csv.write_text("code,payer\nA,B\n")
    result = desk.run("tables", "import", "charges", str(csv))
    assert result.exit_code == 1
    assert "charges.csv:1" in result.stderr
    assert all(row["version"] == 1 for row in desk.json("tables", "list"))


def test_an_import_never_drops_rows_without_a_word(desk):
    path = desk.site / "mappings" / "tables" / "charges.csv"
    row = [
        *("code=NOBODY-MAPPED", "payer_class=*", "charge_code=27899999", "billable=yes", "revenue_code=0278"),
        "factor=1",
    ]
    assert desk.run("tables", "add", "charges", *row, "--reason", "new").exit_code == 0
    refused = desk.run("tables", "import", "charges", str(path))
    assert refused.exit_code == 2
    assert "CTL021 1 row of table charges would be gone: code=NOBODY-MAPPED" in refused.stderr
    told = desk.json("tables", "import", "charges", str(path), "--shrinks", "--reason", "it was wrong")
    assert (told["added"], told["gone"]) == (0, 1)


def test_a_reload_never_empties_a_table_without_a_word(desk):
    path = desk.site / "mappings" / "tables" / "charges.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    refused = desk.run("reload")
    assert refused.exit_code == 1
    assert "mappings/tables/charges.csv:1:1: ACT002" in refused.stderr
    assert desk.run("diff").exit_code == 0  # what it would change can be looked at
    untested = desk.run("reload", "--shrinks")
    assert untested.exit_code == 1
    assert "ACT003" in untested.stderr
    for channel in (desk.site / "channels").glob("*.yaml"):
        channel.write_text(channel.read_text().partition("\ntests:")[0] + "\n")
    assert desk.run("reload", "--shrinks").exit_code == 0


def test_a_row_that_is_added_says_every_column(desk):
    result = desk.run("tables", "add", "items", "facility=NORTH", "code=NEW", "item=1")
    assert result.exit_code == 2
    assert "CTL020" in result.stderr
    assert "ownership= stock_unit= stocked=" in result.stderr


def test_edited_files_take_effect_with_reload_and_not_by_the_way(desk):
    """While no engine runs, a verb goes on with what was in force."""
    channel = desk.site / "channels" / "ehr-usage.yaml"
    channel.write_text(channel.read_text().replace("lane: account", "lane: acount"))
    assert desk.run("hold", "erp").exit_code == 0
    assert desk.run("reload").exit_code == 1


def test_an_import_that_drops_many_rows_says_how_many_it_does_not_name(desk, tmp_path):
    rows = (desk.site / "mappings" / "tables" / "charges.csv").read_text().splitlines(keepends=True)
    few = tmp_path / "few.csv"
    few.write_text("".join(rows[:3]))
    told = desk.run("tables", "import", "charges", str(few)).stderr
    assert f"CTL021 {len(rows) - 3} rows of table charges would be gone" in told
    assert f"; and {len(rows) - 3 - 5} more" in told
