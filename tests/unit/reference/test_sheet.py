"""CSV as spreadsheets write it, and where each cell stands."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reference.sheet import Sheet, write_sheet


def test_a_byte_order_mark_and_semicolons_are_tolerated() -> None:
    sheet = Sheet("\ufeffcode;text\r\nA;b,c\r\n".encode(), "t.csv")
    assert sheet.header == ("code", "text")
    assert sheet.records[0].cells == ("A", "b,c")
    assert not sheet.faults


def test_blank_rows_and_empty_cells_at_the_end_are_passed_over() -> None:
    sheet = Sheet(b"\n,,\na,b,,\n , \n1,2,,\n", "t.csv")
    assert sheet.header == ("a", "b")
    assert sheet.header_line == 3
    assert [(record.line, record.cells) for record in sheet.records] == [(5, ("1", "2"))]
    assert not sheet.faults


def test_a_quoted_cell_may_hold_separators_quotes_and_line_ends() -> None:
    sheet = Sheet(b'a,b\n"x, ""y""\nz",2\n3,4\n', "t.csv")
    assert sheet.records[0].cells == ('x, "y"\nz', "2")
    assert sheet.records[1].line == 4


@pytest.mark.parametrize(
    ("line", "index", "place"),
    [
        (1, 1, "t.csv:1:3"),
        (2, 0, "t.csv:2:1"),
        (2, 1, "t.csv:3:4"),
        (2, 2, "t.csv:3:10"),
        (4, 2, "t.csv:4:4"),
    ],
)
def test_a_cell_is_placed_where_an_editor_shows_it(line: int, index: int, place: str) -> None:
    sheet = Sheet(b'a,b,c\n"x\ny","1,2",z\n1,,3\n', "t.csv")
    assert sheet.place(line, index) == place


def test_columns_are_counted_in_characters_behind_the_byte_order_mark() -> None:
    sheet = Sheet("\ufeffähm,b\n".encode(), "t.csv")
    assert sheet.place(1, 1) == "t.csv:1:5"


def test_text_that_is_not_utf8_is_a_fault_with_its_line() -> None:
    (fault,) = Sheet("a,b\n1,2\nü,3\n".encode("cp1252"), "t.csv").faults
    assert (fault.code, fault.where) == ("TBL001", "t.csv:3:1")


def test_quotes_that_do_not_match_are_a_fault() -> None:
    (fault,) = Sheet(b'a,b\n1,2\n"3,4\n', "t.csv").faults
    assert (fault.code, fault.where) == ("TBL002", "t.csv:3:1")


def test_rows_that_do_not_fit_the_header_are_faults_and_left_out() -> None:
    sheet = Sheet(b"a,b\n1\n1,2\n1,2,3\n", "t.csv")
    assert [fault.where for fault in sheet.faults] == ["t.csv:2:1", "t.csv:4:1"]
    assert len(sheet.records) == 1


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    sheet = Sheet(data, "t.csv")
    for record in sheet.records:
        assert len(record.cells) == len(sheet.header)
        assert sheet.place(record.line, len(record.cells) - 1).startswith("t.csv:")


_CELLS = st.lists(st.text(alphabet='ab,;"\n ü', max_size=5), min_size=3, max_size=3)


@given(st.lists(_CELLS, max_size=6))
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    written = write_sheet(("a", "b", "c"), rows)
    kept = [tuple(cell.strip() for cell in row) for row in rows if any(cell.strip() for cell in row)]
    assert [record.cells for record in Sheet(written, "t.csv").records] == kept
    assert list(csv.reader(io.StringIO(written.decode(), newline="")))[1:] == rows
