"""Columns of a table from a far end's own masters: the sandbox's items, over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest

from engine.sandbox.server import Sandbox

SOURCE = """source:
  destination: erp
  path: /items
  match: [item]
  columns:
    item: number
    description: description
    stock_unit: unit
    stocked: stocked
"""


@pytest.fixture(scope="module")
def far_end() -> Iterator[str]:
    """The sandbox's ERP on a thread of its own: the command has its own loop."""
    loop, box, ready = asyncio.new_event_loop(), Sandbox(), threading.Event()

    async def start() -> None:
        await box.start()
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(start()), loop.run_forever()))
    thread.start()
    assert ready.wait(10)
    yield box.erp_url
    asyncio.run_coroutine_threadsafe(box.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def declare(desk, url: str, source: str = SOURCE):
    declared = desk.site / "mappings" / "tables" / "items.yaml"
    declared.write_text(declared.read_text() + source)
    place = desk.site / "config" / "env" / "demo.yaml"
    place.write_text(place.read_text().replace("http://127.0.0.1:9801", url))
    result = desk.run("reload")
    assert result.exit_code == 0, result.stderr
    return desk


@pytest.fixture
def sourced(desk, far_end):
    return declare(desk, far_end)


def row_of(desk, code: str) -> dict:
    return desk.json("tables", "find", "items", "facility=NORTH", f"code={code}")["rows"][0]["row"]


def test_what_the_erp_says_takes_the_place_of_what_was_typed(sourced, tmp_path):
    file = tmp_path / "items.csv"
    text = (sourced.site / "mappings" / "tables" / "items.csv").read_text()
    file.write_text(
        text.replace('"Femoral component, cemented, size 6"', "Femr").replace(
            "implant,yes,owned", "own,yes,owned"
        )
    )
    sourced.json("tables", "import", "items", str(file))
    result = sourced.run("tables", "diff", "items", "--from", "erp", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert {"row": "facility=NORTH code=IMP-FEM-06", "cells": {
        "description": ["Femr", "Femoral component, cemented, size 6"]}} in told["changed"]  # fmt: skip
    assert told["gone"] == []
    version = sourced.json("tables", "import", "items", "--from", "erp", "--reason", "monthly")["version"]
    row = row_of(sourced, "IMP-FEM-06")
    assert (row["description"], row["kind"]) == ("Femoral component, cemented, size 6", "own")
    again = sourced.json("tables", "import", "items", "--from", "erp")
    assert (again["version"], again["same"]) == (version, True)
    assert sourced.run("tables", "diff", "items", "--from", "erp").exit_code == 0


def test_items_that_the_table_lacks_are_told_where_a_row_would_not_be_whole(sourced, tmp_path):
    lines = (sourced.site / "mappings" / "tables" / "items.csv").read_text().splitlines()
    file = tmp_path / "items.csv"
    file.write_text("\n".join(line for line in lines if ",1000106," not in line) + "\n")
    sourced.json("tables", "import", "items", str(file), "--shrinks")
    said = " ".join(sourced.json("tables", "import", "items", "--from", "erp")["told"])
    assert "3 records without a row: 1000106; 1000990; 3000992. " in said
    assert "Not said is code, facility, issued_by, kind, ownership, supplier:" in said


def test_new_items_become_rows_where_the_declaration_says_the_rest(desk, far_end, tmp_path):
    source = SOURCE.replace("    item: number\n", "    item: number\n    code: number\n")
    new = "  new_rows: {facility: NORTH, kind: supply, ownership: owned, issued_by: ehr, supplier: V100}\n"
    declare(desk, far_end, source + new)
    lines = (desk.site / "mappings" / "tables" / "items.csv").read_text().splitlines()
    file = tmp_path / "items.csv"
    file.write_text("\n".join(line for line in lines if ",1000106," not in line) + "\n")
    desk.json("tables", "import", "items", str(file), "--shrinks")
    told = desk.json("tables", "import", "items", "--from", "erp")
    assert (told["added"], told["gone"]) == (3, 0)
    assert row_of(desk, "1000106")["kind"] == "supply"
    assert row_of(desk, "IMP-FEM-05")["item"] == "1000105"


def test_where_the_table_asks_for_it_another_person_approves_what_the_erp_says(
    desk, far_end, tmp_path, monkeypatch
):
    declare(
        desk,
        far_end,
        "approval: second person\n"
        + SOURCE.replace("    description: description\n", "    description: unit\n"),
    )
    monkeypatch.setenv("LOGNAME", "ann")
    number = desk.json("tables", "import", "items", "--from", "erp")["proposed"]
    assert row_of(desk, "IMP-FEM-06")["description"] == "Femoral component, cemented, size 6"
    monkeypatch.setenv("LOGNAME", "bob")
    desk.json("tables", "approve", "items", str(number))
    assert row_of(desk, "IMP-FEM-06")["description"] == "EA"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("path: /items", "path: /nothing", "MST004"),
        ("path: /items", "path: /books", "MST004"),
        ("number", "nmber", "MST002"),
    ],
)
def test_what_the_far_end_does_not_tell_is_said_and_changes_nothing(desk, far_end, old, new, code):
    declare(desk, far_end, SOURCE.replace(old, new))
    result = desk.run("tables", "import", "items", "--from", "erp")
    assert result.exit_code in (1, 2)
    assert code in result.stderr
    assert {row["version"] for row in desk.json("tables", "list")} == {1}


def test_a_far_end_that_is_not_there_is_told(desk):
    declare(desk, "http://127.0.0.1:1")
    assert "MST004" in desk.run("tables", "import", "items", "--from", "erp").stderr


def test_wrong_usage_says_what_is_right(sourced):
    assert "MST005" in sourced.run("tables", "import", "charges", "--from", "erp").stderr
    assert "MST005" in sourced.run("tables", "import", "items", "--from", "billing").stderr
    assert "MST006" in sourced.run("tables", "import", "items").stderr


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("destination: erp", "destination: erpp", "SIT024"),
        ("  path: /items\n", "", "MST001"),
        ("  path: /items\n", "  path: /items\n  of: products\n", "MST001"),
        ("match: [item]", "match: [supplier]", "MST001"),
        ("    stocked: stocked\n", "    stockd: stocked\n", "SIT028"),
    ],
)
def test_a_source_that_does_not_fit_is_a_fault_of_the_site(desk, old, new, code):
    declared = desk.site / "mappings" / "tables" / "items.yaml"
    assert old in SOURCE
    declared.write_text(declared.read_text() + SOURCE.replace(old, new))
    result = desk.run("check", str(desk.site), site=False)
    assert result.exit_code == 1
    assert f"{code} " in result.stderr + result.stdout
    assert "items.yaml:" in result.stderr + result.stdout
