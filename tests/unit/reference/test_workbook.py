"""Excel workbooks: each cell becomes the exact text that its column wants, or is told with its place."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time
from io import BytesIO

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SiteError
from engine.reference import workbook
from engine.reference.sheet import Sheet, write_sheet
from engine.reference.spec import TableSpec
from engine.reference.values import ColumnType
from engine.reference.workbook import csv_of_workbook, workbook_of_csv

SPEC = TableSpec(
    name="items",
    keys=("code",),
    columns={
        "item": ColumnType.TEXT,
        "price": ColumnType.MONEY,
        "weight": ColumnType.NUMBER,
        "factor": ColumnType.RATIO,
        "stocked": ColumnType.FLAG,
        "since": ColumnType.DATE,
    },
)
HEADER = ["code", "item", "price", "weight", "factor", "stocked", "since", "valid_from", "valid_to"]


def book(*rows, **sheets) -> bytes:
    made = openpyxl.Workbook()
    made.active.title = "Sheet1"
    for row in rows:
        made.active.append(row)
    for title, more in sheets.items():
        page = made.create_sheet(title)
        for row in more:
            page.append(row)
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def read(data: bytes, sheet: str | None = None) -> list[str]:
    return csv_of_workbook(data, "items.xlsx", SPEC, sheet).decode().splitlines()


def faults(data: bytes, sheet: str | None = None) -> list[tuple[str, str]]:
    with pytest.raises(SiteError) as caught:
        read(data, sheet)
    return [(fault.where, fault.code) for fault in caught.value.faults]


def test_each_cell_becomes_the_text_that_its_column_wants():
    row = ["0123", "001", 12.5, 3, 0.5, True, date(2026, 11, 20), date(2026, 1, 1), None]
    assert read(book(HEADER, row)) == [",".join(HEADER), "0123,001,12.50,3,0.5,yes,2026-11-20,2026-01-01,"]


def test_text_stays_as_it_was_typed():
    row = ["0123", " 7 ", "12.50", "3.0", "1/50", "No", "2026-11-20", "", None]
    assert read(book(HEADER, row))[1] == "0123,7,12.50,3.0,1/50,No,2026-11-20,,"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.1, "0.1"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (1234567890123, "1234567890123"), (12.0, "12")],
)
def test_a_number_is_written_as_excel_shows_it(number, text):
    assert read(book(HEADER, ["A", "1", 1, number]))[1] == f"A,1,1.00,{text},,,,,"


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ([123, "1"], "A2"),
        (["A", 12.0], "B2"),
        (["A", True], "B2"),
        (["A", date(2026, 1, 2)], "B2"),
        (["A", "1", date(2026, 1, 2)], "C2"),
        (["A", "1", 1, True], "D2"),
        (["A", "1", 1, 1, 1, 1], "F2"),
        (["A", "1", 1, 1, 1, True, 45000], "G2"),
        (["A", "1", 1, 1, 1, True, datetime.combine(date(2026, 1, 2), time(12))], "G2"),
    ],
)
def test_what_its_column_does_not_take_is_told_with_its_place(row, where):
    assert faults(book(HEADER, row)) == [(f"items.xlsx:Sheet1:{where}", "XLS003")]


def test_a_column_of_numbers_is_one_fault_that_counts_them():
    with pytest.raises(SiteError) as caught:
        read(book(HEADER, ["A", 1], ["B", 2], ["C", 3]))
    (fault,) = caught.value.faults
    assert fault.where == "items.xlsx:Sheet1:B2"
    assert "2 more cells" in fault.what
    assert fault.mend == "format the column as text and type its codes again"


def test_formulas_without_a_value_and_errors_are_told():
    assert faults(book(HEADER, ["A", "=B9"])) == [("items.xlsx:Sheet1:B2", "XLS004")]
    data = book(HEADER, ["A", "#N/A"])
    assert faults(data) == [("items.xlsx:Sheet1:B2", "XLS004")]


def test_a_formula_that_excel_has_computed_has_its_value():
    data = edited(book(HEADER, ["A", "1", "=1+1"]), "<f>1+1</f><v/>", "<f>1+1</f><v>2</v>")
    assert read(data)[1].startswith("A,1,2.00,")


def edited(data: bytes, old: str, new: str) -> bytes:
    """The workbook with one text of its sheet replaced."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.infolist():
            body = source.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                body = body.replace(b" />", b"/>").replace(b"<v></v>", b"<v/>")  # with lxml, or without
                assert old in body.decode()
                body = body.decode().replace(old, new).encode()
            target.writestr(entry.filename, body)
    return out.getvalue()


def test_what_the_table_refuses_is_told_by_cell_although_blank_rows_stand_between():
    data = book([], HEADER, [], ["A", "1", "12,5"], [], ["B\nC", "1"], ["A", "2"])
    assert faults(data) == [("items.xlsx:Sheet1:C4", "TBL006")]
    assert faults(book([], HEADER, ["A\nB", "1"], [], ["A\nB", "2"])) == [("items.xlsx:Sheet1:A5", "TBL009")]
    assert faults(book(["code", "itm"], ["A", "1"]))[0] == ("items.xlsx:Sheet1:A1", "TBL005")
    assert ("items.xlsx:Sheet1:B1", "TBL004") in faults(book(["code", "itm"], ["A", "1"]))


def test_one_sheet_in_sight_is_taken_and_of_several_one_is_named():
    data = book(HEADER, ["A", "1"], Other=[HEADER, ["B", "2"]])
    assert faults(data) == [("items.xlsx", "XLS002")]
    assert read(data, "Other")[1].startswith("B,2")
    assert faults(data, "Nowhere") == [("items.xlsx", "XLS002")]
    hidden = openpyxl.load_workbook(BytesIO(data))
    hidden["Other"].sheet_state = "hidden"
    out = BytesIO()
    hidden.save(out)
    assert read(out.getvalue())[1].startswith("A,1")


@pytest.mark.parametrize("data", [b"", b"code,item\nA,1\n", b"PK\x03\x04broken"])
def test_what_is_no_workbook_says_so(data):
    assert faults(data) == [("items.xlsx", "XLS001")]


def test_a_zip_without_a_workbook_says_so():
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("readme.txt", "no workbook")
    assert faults(out.getvalue()) == [("items.xlsx", "XLS001")]


def test_an_empty_sheet_is_a_table_without_header():
    assert faults(book()) == [("items.xlsx:Sheet1:A1", "TBL005")]


def test_what_unpacks_to_too_much_is_not_unpacked():
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in range(3):
            with packed.open(f"xl/worksheets/sheet{part}.xml", "w", force_zip64=True) as entry:
                for _ in range(100):
                    entry.write(bytes(1024 * 1024))
    assert len(out.getvalue()) < 1024 * 1024
    assert faults(out.getvalue()) == [("items.xlsx", "XLS005")]


def test_more_rows_and_columns_than_a_table_has_are_refused(monkeypatch):
    monkeypatch.setattr(workbook, "ROWS", 3)
    monkeypatch.setattr(workbook, "COLUMNS", 9)
    rows = [["A", "1"], ["B", "2"], ["C", "3"]]
    assert faults(book(HEADER, *rows)) == [("items.xlsx", "XLS005")]
    assert len(read(book(HEADER, *rows[:2]))) == 3
    assert faults(book([*HEADER, "more"])) == [("items.xlsx", "XLS005")]


def test_a_sheet_that_claims_to_be_huge_is_read_as_it_is(monkeypatch):
    monkeypatch.setattr(workbook, "CELLS", 20)
    data = edited(book(HEADER, ["A", "1"]), '<dimension ref="A1:I2"/>', '<dimension ref="A1:XFD1048576"/>')
    assert read(data)[1].startswith("A,1,")
    assert faults(book(HEADER, ["A", "1"], ["B", "2"], [*[None] * 30, "far"])) == [("items.xlsx", "XLS005")]


def test_an_exported_workbook_holds_text_with_its_header_in_sight():
    made = openpyxl.load_workbook(BytesIO(workbook_of_csv(b"code,item\n0123,=1+1\n", "items")))
    page = made["items"]
    assert page.freeze_panes == "A2"
    assert [(cell.value, cell.data_type, cell.number_format) for cell in page[2]] == [
        ("0123", "s", "@"),
        ("=1+1", "s", "@"),
    ]


texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn")), max_size=12).map(str.strip)


@given(st.dictionaries(texts.filter(bool), texts, max_size=5))
def test_what_is_exported_is_imported_as_it_was(rows):
    spec = TableSpec(name="items", keys=("code",), columns={"item": ColumnType.TEXT})
    csv = write_sheet(("code", "item"), rows.items())
    back = csv_of_workbook(workbook_of_csv(csv, "items"), "items.xlsx", spec)
    assert Sheet(back, "").records == Sheet(csv, "").records


def test_a_title_above_the_columns_is_one_fault():
    rows = [[f"C{number}", "1", 2.5, "maybe"] for number in range(100)]
    assert faults(book(["Our items, as of November"], [], HEADER, *rows)) == [
        ("items.xlsx:Sheet1:A1", "TBL005")
    ]


def test_cells_are_told_in_the_order_of_their_rows():
    rows = [[f"C{number}", "1", None, None, "x"] for number in range(2, 13)]
    told = [where.rpartition(":")[2] for where, _ in faults(book(HEADER, *rows))]
    assert told == [f"E{row}" for row in range(2, 13)]
