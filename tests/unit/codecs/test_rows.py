"""Rows of files: cut into messages, and read as HL7."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.escape import unescape
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.rows import MOST_TOGETHER, Layout, cut
from engine.errors import MessageError

CSV = Layout("CSV usage", {"account": "Account", "code": "Item"}, ("account",))
FIXED = Layout("FIXED doses", {"account": (1, 4), "code": (5, 8)}, ("account",), skip=1)


def cells_of(raw: bytes) -> list[list[str]]:
    """What each row says, its number first."""
    message = Message.parse(raw)
    return [
        [unescape(field, message.delimiters) for field in segment.fields[1:]]
        for segment in message.segments("ROW")
    ]


def faults(layout: Layout, content: bytes, charset: str | None = None) -> tuple[str, str]:
    with pytest.raises(MessageError) as caught:
        cut((layout,), content, charset)
    assert "SECRET" not in str(caught.value)
    return caught.value.code, caught.value.where


def test_rows_that_belong_together_are_one_message_wherever_they_stand():
    content = b"Item,Account\r\nS1,A1\r\nS2,A2\r\n\r\nS3,A1\r\n"
    slips = cut((CSV,), content, None)
    assert [slip.raw for slip in slips] == [
        b"rows CSV usage 2 5\nItem,Account\nS1,A1\nS3,A1\n",
        b"rows CSV usage 3\nItem,Account\nS2,A2\n",
    ]
    assert cells_of(slips[0].raw) == [["2", "S1", "A1"], ["5", "S3", "A1"]]
    assert Message.parse(slips[0].raw).header.event == "CSV USAGE"


def test_rows_that_say_nothing_in_those_columns_stand_alone():
    assert len(cut((CSV,), b"Item,Account\nS1,\nS2,\n", None)) == 2
    assert len(cut((CSV._replace(together=()),), b"Item,Account\nS1,A1\nS1,A1\n", None)) == 2


def test_lines_of_fixed_width_are_kept_as_they_stand():
    slips = cut((FIXED,), b"HEAD\r\nA1  S1  rest|^\r\n\r\nA2  S2\r\nA1  S3\r\n", None)
    assert [slip.raw for slip in slips] == [
        b"rows FIXED doses 2 5\nA1  S1  rest|^\nA1  S3",
        b"rows FIXED doses 4\nA2  S2",
    ]
    assert cells_of(slips[0].raw) == [["2", "A1  S1  rest|^"], ["5", "A1  S3"]]


def test_headings_are_found_whatever_their_case_and_blanks_behind_lines_to_skip():
    layout = CSV._replace(skip=1, separator=";")
    (slip,) = cut((layout,), "\ufeffof the night\n ITEM ;account\nS1;A1\n".encode(), None)
    assert cells_of(slip.raw) == [["3", "S1", "A1"]]


def test_a_row_of_another_length_waits_alone_in_its_place():
    slips = cut((CSV,), b"Item,Account\nS1,A1\nS2\nS3,A3\n", None)
    assert [slip.fault[:6] for slip in slips] == ["", "FIL013", ""]
    assert slips[1].raw.startswith(b"rows CSV usage 3\n")


WHOLE = Layout(
    "CSV cases", {"account": "Account", "case": "Case", "code": "Item"}, ("account", "case"), snapshot=True
)
CASES = b"Account,Case,Item\nA1,C1,S1\nA2,C2,S2\n"


@pytest.mark.parametrize("odd", [b"A1,C1,S9,see note\n", b"A1,C1\n", b"SECRET,A1,C1,S9\n"])
def test_a_case_that_is_told_whole_waits_with_its_odd_row(odd: bytes):
    slips = cut((WHOLE,), CASES + odd, None)
    assert [slip.fault[:6] for slip in slips] == ["FIL024", "", "FIL013"]
    assert cells_of(slips[0].raw) == [["2", "A1", "C1", "S1"]]


@pytest.mark.parametrize("odd", [b"A1\n", b"A3,C3,S9,note\n", b"A1,SECRET,C1,S9\n", b"A1,C1,A2,C2,x\n"])
def test_a_file_of_whole_cases_is_refused_when_an_odd_row_does_not_tell_its_case(odd: bytes):
    assert faults(WHOLE, CASES + odd) == ("FIL024", "row 4")


def test_one_map_that_tells_whole_cases_is_enough():
    delta = WHOLE._replace(snapshot=False)
    slips = cut((delta, WHOLE), CASES + b"A1,C1\n", None)
    assert slips[0].fault[:6] == "FIL024"


def test_a_file_in_its_declared_character_set_is_kept_in_utf_8():
    content = "Item,Account\nSchraube Ø,A1\n".encode("cp1252")
    (slip,) = cut((CSV,), content, "8859/1")
    assert "Schraube Ø".encode() in slip.raw
    assert faults(CSV, content) == ("FIL010", "line 2")


@pytest.mark.parametrize(
    ("content", "code", "where"),
    [
        (b"Item,Konto\nS1,SECRET\n", "FIL011", "row 1"),
        (b"SECRET,Account\n", "FIL011", "row 1"),
        (b"Item,Account,item\nS1,A1,SECRET\n", "FIL011", "row 1"),
        (b'Item,Account\nS1,A1\nS2,"SECRET\n', "FIL012", "row 3"),
        (b'Item,Account\n"S1"SECRET,A1\n', "FIL012", "row 2"),
        (b"Item,Account\n" + b"S,SECRET\n" * (MOST_TOGETHER + 1), "FIL014", f"row {MOST_TOGETHER + 2}"),
    ],
)
def test_what_is_no_table_is_refused_whole_and_says_where(content, code, where):
    assert faults(CSV, content) == (code, where)


def test_every_map_of_a_folder_finds_its_columns():
    other = CSV._replace(columns={"account": "Account", "ward": "Ward"})
    with pytest.raises(MessageError, match="'Ward'"):
        cut((CSV, other), b"Item,Account\nS1,A1\n", None)


def test_a_file_of_headings_alone_has_no_messages():
    assert cut((CSV,), b"Item,Account\n", None) == []
    assert cut((CSV,), b"", None) == []


def test_what_only_begins_like_rows_is_told():
    with pytest.raises(MessageError, match="FIL015"):
        Message.parse(b"rows of something")


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2))
)
def test_every_cell_of_every_row_is_read_once_as_it_was_written(rows: list[list[str]]):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["Account", "Item"], *rows])
    slips = cut((CSV,), text.getvalue().encode(), None)
    found = [[cell.strip() for cell in cells[1:]] for slip in slips for cells in cells_of(slip.raw)]
    wanted = [[_meant(cell) for cell in row] for row in rows if any(cell.strip() for cell in row)]
    assert sorted(map(str, found)) == sorted(map(str, wanted))


def _meant(cell: str) -> str:
    """Line ends become those of HL7; blanks at the end of a row are not kept."""
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip()


def test_a_master_is_one_message_and_a_row_that_does_not_fit_is_in_it_and_says_nothing():
    layout = Layout("CSV centers", {"code": "Code", "name": "Name"}, whole=True)
    (slip,) = cut((layout,), b"Code,Name\nA,One\nB,Two,Three\nC,Four\n", None)
    assert slip.fault == ""
    assert cells_of(slip.raw) == [["2", "A", "One"], ["3"], ["4", "C", "Four"]]
    assert cut((layout,), b"Code,Name\n", None) == []
    many = b"Code,Name\n" + b"A,B\n" * (MOST_TOGETHER + 1)
    assert len(cut((layout,), many, None)) == 1
