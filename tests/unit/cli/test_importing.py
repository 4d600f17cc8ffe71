"""A code table from and to files: CSV and Excel, and what an import would change."""

from __future__ import annotations

import json
from io import BytesIO

import openpyxl
import pytest

WRONG, RIGHT = "IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810107"


@pytest.fixture
def edited(desk, tmp_path):
    """A file with one changed row, one new and one gone."""
    lines = (desk.site / "mappings" / "tables" / "charges.csv").read_text().replace(WRONG, RIGHT).splitlines()
    file = tmp_path / "edited.csv"
    file.write_text("\n".join([lines[0], *lines[2:], "NEW,*,27899999,yes,0278,1,,"]) + "\n")
    return file


def test_a_diff_says_what_an_import_would_change_and_changes_nothing(desk, edited):
    result = desk.run("tables", "diff", "charges", str(edited))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "+ code=NEW payer_class=* charge_code=27899999 billable=yes revenue_code=0278 factor=1",
        "~ code=IMP-FEM-06 payer_class=*: charge_code 27810106 → 27810107",
        "- code=IMP-FEM-05 payer_class=* charge_code=27810105 billable=yes revenue_code=0278 factor=1",
        "against version 1: 1 new, 1 changed, 1 gone",
    ]
    told = json.loads(desk.run("tables", "diff", "charges", str(edited), "--json").stdout)
    assert [len(told[part]) for part in ("added", "changed", "gone")] == [1, 1, 1]
    same = desk.site / "mappings" / "tables" / "charges.csv"
    assert desk.run("tables", "diff", "charges", str(same)).exit_code == 0
    assert len(desk.json("tables", "list")) == len(list((desk.site / "mappings" / "tables").glob("*.csv")))


def test_a_diff_tells_the_money_that_an_import_would_change(desk, tmp_path):
    text = (desk.site / "mappings" / "tables" / "charges.csv").read_text()
    file = tmp_path / "free.csv"
    file.write_text(text.replace(f"{WRONG},yes", f"{WRONG},no"))
    result = desk.run("tables", "diff", "charges", str(file), "--money")
    assert result.exit_code == 1
    assert "  altogether -4,200.00" in result.stdout


def test_a_diff_of_rows_that_do_not_fit_names_the_file(desk, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("code,payer\nA,B\n")
    result = desk.run("tables", "diff", "charges", str(file))
    assert result.exit_code == 1
    assert "bad.csv:1:6: TBL004" in result.stderr


def test_an_import_has_the_counts_that_its_diff_had(desk, edited):
    assert "CTL021" in desk.run("tables", "import", "charges", str(edited)).stderr
    told = desk.json("tables", "import", "charges", str(edited), "--shrinks")
    assert (told["added"], told["changed"], told["gone"]) == (1, 1, 1)


def test_a_table_goes_to_excel_and_comes_back_as_it_was(desk, tmp_path):
    file = tmp_path / "charges.xlsx"
    assert desk.json("tables", "export", "charges", "--xlsx", str(file))["version"] == 1
    assert desk.run("tables", "diff", "charges", str(file)).exit_code == 0
    book = openpyxl.load_workbook(file)
    page = book["charges"]
    (row,) = [row for row in page.iter_rows(min_row=2) if row[0].value == "IMP-FEM-06"]
    row[2].value = "27810107"
    book.save(file)
    told = desk.json("tables", "import", "charges", str(file), "--reason", "from finance")
    assert (told["version"], told["added"], told["changed"], told["gone"]) == (2, 0, 1, 0)
    found = desk.json("tables", "find", "charges", "code=IMP-FEM-06", "payer_class=X")
    assert (found["rows"][0]["row"]["charge_code"], found["rows"][0]["row"]["revenue_code"]) == (
        "27810107",
        "0278",
    )


def test_a_workbook_at_fault_is_told_by_cell_and_changes_nothing(desk, tmp_path):
    file = tmp_path / "charges.xlsx"
    desk.run("tables", "export", "charges", "--xlsx", str(file))
    book = openpyxl.load_workbook(file)
    book["charges"]["E3"].value = 278
    book.create_sheet("Notes")
    out = BytesIO()
    book.save(out)
    file.write_bytes(out.getvalue())
    assert "XLS002" in desk.run("tables", "import", "charges", str(file)).stderr
    result = desk.run("tables", "import", "charges", str(file), "--sheet", "charges")
    assert result.exit_code == 1
    assert "charges.xlsx:charges:E3: XLS003" in result.stderr
    assert desk.json("tables", "list")[0]["version"] == 1


def test_a_file_that_is_not_utf_8_is_a_fault_and_no_crash(desk, tmp_path):
    file = tmp_path / "latin.csv"
    file.write_bytes("code,item\nM\xfcller,1\n".encode("latin-1"))
    result = desk.run("tables", "import", "charges", str(file))
    assert result.exit_code == 1
    assert "latin.csv:2:1: TBL001" in result.stderr
