from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.site import yaml
from engine.site.yaml import Document, parse


@pytest.fixture(
    params=[yaml.LOADER, yaml.PythonLoader], ids=["fastest", "python"], autouse=True, scope="module"
)
def _with_each_parser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both of PyYAML's parsers read the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "LOADER", request.param)
        yield


def read(text: str) -> Document:
    document, faults = parse(text.encode(), "x.yaml")
    assert document is not None
    assert faults == []
    return document


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", "True"),
        ("0123", "0123"),
        ("12:30", "12:30"),
        ("2.10", "2.10"),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("+5", "+5"),
        (".inf", ".inf"),
        ("2026-11-20", "2026-11-20"),
        ("~", "~"),
        ("Null", "Null"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("5", 5),
        ("-7", -7),
        ("0", 0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
    ],
)
def test_only_true_false_null_and_whole_numbers_are_anything_but_text(written: str, value: object) -> None:
    found = read(f"key: {written}\n").tree["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("a: 1\nb: 2\na: 3\n", "SIT002", "x.yaml:3:1"),
        ("deep: {x: 1, y: 2, x: 3}\n", "SIT002", "x.yaml:1:20"),
        ("a: &one 1\nb: *one\n", "SIT003", "x.yaml:2:1"),
        ("a: !!str 5\n", "SIT003", "x.yaml:1:4"),
        ("a: !secret x\n", "SIT003", "x.yaml:1:4"),
        ("[a, b]: 1\n", "SIT003", "x.yaml:1:1"),
        ("a: [1, 2}\nb: 3\n", "SIT001", "x.yaml:1:9"),
        ("a: b: c\n", "SIT001", "x.yaml:1:5"),
        ("a: 1\n---\nb: 2\n", "SIT001", "x.yaml:2:1"),
        ("a: 1\nb: \x07\n", "SIT001", "x.yaml:2:1"),
        ("[" * 60 + "]" * 60, "SIT001", "x.yaml:1:42"),
    ],
)
def test_what_yaml_would_let_pass_is_a_fault_where_it_stands(text: str, code: str, where: str) -> None:
    _, faults = parse(text.encode(), "x.yaml")
    assert [(fault.code, fault.where) for fault in faults] == [(code, where)]


def test_text_that_is_not_utf8_is_a_fault_on_its_line() -> None:
    _, faults = parse(b"a: 1\nb: \xff\n", "x.yaml")
    assert [(fault.code, fault.where) for fault in faults] == [("SIT001", "x.yaml:2:1")]


def test_a_byte_order_mark_and_windows_line_ends_change_no_place() -> None:
    document, faults = parse("\ufeffa: 1\r\nb: two\r\n".encode(), "x.yaml")
    assert faults == []
    assert document is not None
    assert document.tree == {"a": 1, "b": "two"}
    assert document.where(("b",)) == "x.yaml:2:4"


def test_an_empty_file_is_an_empty_tree() -> None:
    assert read("# nothing yet\n").tree is None


def test_every_key_and_value_knows_its_place() -> None:
    document = read("deliver:\n  issue: {to: erp, when: x}\n  list:\n    - one\n    - two\n")
    assert document.where(("deliver", "issue", "when"), key=True) == "x.yaml:2:20"
    assert document.where(("deliver", "issue", "when")) == "x.yaml:2:26"
    assert document.where(("deliver", "list", 1)) == "x.yaml:5:7"


def test_what_is_not_there_is_placed_at_its_nearest_parent() -> None:
    document = read("deliver:\n  issue: {to: erp}\n")
    assert document.where(("deliver", "issue", "map", "deeper")) == "x.yaml:2:10"


@pytest.mark.parametrize(
    "written",
    [
        "a and MARK",
        "'it''s a ''quoted'' MARK'",
        '"tabs\\tand \\"quotes\\" and \\u00e9 MARK"',
        "plain that\n    goes on\n    to MARK",
        '"double that\n    goes on to MARK"',
        ">\n    folded text\n    to the MARK",
        "|\n    first line\n    second MARK",
        "|-\n    MARK",
    ],
)
def test_a_column_inside_a_text_is_found_through_quotes_escapes_and_folds(written: str) -> None:
    source = f"first: 1\nkey: {written}\nlast: 2\n"
    document = read(source)
    offset = document.tree["key"].index("MARK")
    _, line, column = document.within(("key",), offset).split(":")
    assert source.split("\n")[int(line) - 1][int(column) - 1 :].startswith("MARK")


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20), st.data()
)
def test_every_character_of_a_quoted_text_is_found_in_its_source(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text) - 1))
    source = "key: '" + text.replace("'", "''") + "'"
    document = read(source)
    assert document.tree["key"] == text
    column = int(document.within(("key",), offset).rsplit(":", 1)[1])
    assert source[column - 1] == text[offset]
