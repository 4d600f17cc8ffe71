"""Paths as analysts say them."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.group import Each
from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import NULL, PathError, Selector, compile_path, groups, where

TEXT = (
    "MSH|^~\\&|EHR^1.2|NORTH|||20261120||DFT^P03|C1|P|2.5\r"
    'PID|1||77^^^SOUTH^PI~M-9^^^NORTH&1.2.3&ISO^MR~S\\T\\1^^^A\\T\\B^XX| |EVERYMAN&von&E^ADAM|""\r'
    "PV1|1|I^Inpatient|||||5^SMITH^ANN^^^^^^NPPES^^^^NPI~6^JONES^BO^^^^^^NORTH&9.9^^^^EI\r"
    'FT1|1|A-1|||||TUBE^Tube \\T\\ tip^L|||2|100.50&USD^UP|||||||||""^x\r'
    "ZPM|V|first\r"
    "FT1|2|A-2|||||NAIL|||1|7\r"
    "NTE|1||one\rNTE|2||two~again\r"
)
MESSAGE = Message.parse(TEXT.encode())
FIRST, SECOND = groups(MESSAGE, Each("FT1"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("PID-1", "1"),
        ("MSH-1", "|"),
        ("MSH-2", "^~\\&"),
        ("MSH-2.2", None),
        ("MSH-3", "EHR"),
        ("MSH-3.2", "1.2"),
        ("MSH-9.2", "P03"),
        ("MSH-10", "C1"),
        ("MSH-18", None),
        ("PV1-2", "I"),
        ("PV1-2.1", "I"),
        ("PV1-2.2", "Inpatient"),
        ("PV1-2.3", None),
        ("PV1-2.1.1", "I"),
        ("PV1-2.1.2", None),
        ("PID-3", "77"),
        ("PID-3[2]", "M-9"),
        ("PID-3[2].4", "NORTH"),
        ("PID-3[2].4.3", "ISO"),
        ("PID-3[4].1", None),
        ("PID-3[type=MR].1", "M-9"),
        ("PID-3[type=MR]", "M-9"),
        ("PID-3[type=AN].1", None),
        ("PID-3[5=MR].1", "M-9"),
        ("PID-3[authority=NORTH].1", "M-9"),
        ("PID-3[authority=NORTH&1.2.3&ISO].1", "M-9"),
        ("PID-3[4.2=1.2.3].1", "M-9"),
        ("PID-3[authority=A&B].1", "S&1"),
        ("PID-3[id='77'].5", "PI"),
        ("PV1-7[type=EI].1", "6"),
        ("PV1-7[authority=NPPES].2", "SMITH"),
        ("PV1-7[authority=NORTH].1", "6"),
        ("PID-5.1", "EVERYMAN"),
        ("PID-5.1.2", "von"),
        ("PID-5.1.9", None),
        ("PID-5.2", "ADAM"),
        ("PID-6", NULL),
        ("PID-6.3", NULL),
        ("PID-6[type=MR].1", NULL),
        ("PID-6[2]", NULL),
        ("FT1-20", NULL),
        ("FT1-20.2", "x"),
        ("FT1-7.2", "Tube & tip"),
        ("FT1-11", "100.50"),
        ("FT1-11.1", "100.50"),
        ("FT1-11.1.2", "USD"),
        ("FT1[2]-7", "NAIL"),
        ("FT1[1]-2", "A-1"),
        ("FT1[3]-2", None),
        ("NTE[2]-3[2]", "again"),
        ("ZZZ-1", None),
        ("PID-99", None),
        ("PID-2", None),
        ("PID-4", None),
    ],
)
def test_a_path_names_one_value(path: str, value: object) -> None:
    assert compile_path(path).read(MESSAGE) == value


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("FT1-2", "A-1", "A-2"),
        ("FT1[1]-2", "A-1", "A-1"),  # said with a number, the anchor counts in the message
        ("FT1[2]-2", "A-2", "A-2"),
        ("ZPM-2", "first", None),
        ("NTE-3", None, "one"),
        ("NTE[2]-3", None, "two"),
        ("NTE[3]-3", None, None),
        ("PID-3[type=MR].1", "M-9", "M-9"),
        ("MSH-4", "NORTH", "NORTH"),
        ("PID[2]-1", None, None),
        ("ZZZ-1", None, None),
    ],
)
def test_within_a_group_a_path_reads_the_groups_own(path: str, first: object, second: object) -> None:
    compiled = compile_path(path)
    assert (compiled.read(MESSAGE, FIRST), compiled.read(MESSAGE, SECOND)) == (first, second)


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("FT1-7.1", "FT1[1]-7.1", "FT1[2]-7.1"),
        ("PID-3[type=MR].1", "PID-3[type=MR].1", "PID-3[type=MR].1"),
        ("NTE[2]-3", "NTE[2]-3", "NTE[2]-3"),
        ("ZPM-2", "ZPM[1]-2", "ZPM-2"),
        ("FT1[2]-10", "FT1[2]-10", "FT1[2]-10"),
    ],
)
def test_a_fault_says_where_the_path_read(path: str, first: str, second: str) -> None:
    compiled = compile_path(path)
    assert (where(compiled), where(compiled, FIRST), where(compiled, SECOND)) == (path, first, second)


def test_the_same_path_reads_any_messages_delimiters() -> None:
    vista = Message.parse(b"MSH^~|\\&^V^F^^^^^OMS~O05^1\rRQD^1^ITEM~Gauze&x|TWO~b\r")
    assert compile_path("RQD-2.2.2").read(vista) == "x"
    assert compile_path("RQD-2[2].1").read(vista) == "TWO"
    bare = Message.parse(b"MSH|^|A\rPID|a~b&c\\F\\^d")
    assert compile_path("PID-1").read(bare) == "a~b&c\\F\\"
    assert compile_path("PID-1[2]").read(bare) is None


def test_a_compiled_path_says_its_parts() -> None:
    path = compile_path("FT1[2]-7[3].4.5")
    parts = (path.segment, path.occurrence, path.field, path.repetition, path.component, path.subcomponent)
    assert parts == ("FT1", 2, 7, 3, 4, 5)
    assert compile_path("PID-3[type=MR]").repetition == Selector(5, None, "MR")
    assert compile_path("PV1-7[type=MR]").repetition == Selector(13, None, "MR")
    assert compile_path("PID-3.1") == compile_path("PID-3.1")
    assert "read" not in repr(path)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("ft1-7", 1),
        ("1FT-7", 1),
        ("FT-7", 1),
        ("FT1", 4),
        ("FT1.7", 4),
        ("FT1-", 4),
        ("FT1-0", 4),
        ("FT1-x", 4),
        ("FT1[0]-7", 4),
        ("FT1[x]-7", 4),
        ("FT1-7.", 6),
        ("FT1-7.0", 6),
        ("FT1-7.1.2.3", 10),
        ("FT1-7 ", 6),
        ("PID-3[].1", 6),
        ("PID-3[*].1", 6),
        ("PID-3[type=].1", 6),
        ("PID-3[kind=MR].1", 7),
        ("PID-3[type=MR", 6),
        ("FT1-7\n", 6),
    ],
)
def test_text_that_is_no_path_is_refused_at_its_column(text: str, column: int) -> None:
    with pytest.raises(PathError) as caught:
        compile_path(text)
    assert caught.value.column == column
    assert caught.value.what


@given(st.text(alphabet="FT1PID-[]=.0129typeMR* ", max_size=20))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        path = compile_path(text)
    except PathError as error:
        column = error.column
    else:
        assert path.text == text
        path.read(MESSAGE, FIRST)
        return
    assert 1 <= column <= len(text) + 1


def test_null_is_false_and_one_of_its_kind() -> None:
    assert not NULL
    assert repr(NULL) == "NULL"
    assert copy.deepcopy(NULL) is NULL
    assert pickle.loads(pickle.dumps(NULL)) is NULL
