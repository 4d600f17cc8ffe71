"""The text of an expression as a tree: what is one, what is none, and where it goes wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.mapping.faults import ExpressionError
from engine.mapping.functions import FUNCTIONS
from engine.mapping.grammar import (
    DEEPEST,
    LONGEST,
    Arithmetic,
    Call,
    Comparison,
    Else,
    Literal,
    Logic,
    Name,
    Not,
    Path,
    parse,
)


def test_operators_bind_as_people_read_them() -> None:
    a, b, c = Name(("a",)), Name(("b",)), Name(("c",))
    assert parse("a + b * c", paths=False) == Arithmetic("+", a, Arithmetic("*", b, c))
    assert parse("a - b - c", paths=False) == Arithmetic("-", Arithmetic("-", a, b), c)
    assert parse("not a == b and c", paths=False) == Logic("and", (Not(Comparison("==", a, b)), c))
    assert parse("a or b and c", paths=False) == Logic("or", (a, Logic("and", (b, c))))
    assert parse("a + b else c", paths=False) == Else((Arithmetic("+", a, b), c))
    assert parse("a, else b else c", paths=False) == Else((a, b, c))


def test_names_may_be_those_of_functions_and_of_python() -> None:
    assert parse("class", paths=False) == Name(("class",))
    assert parse("item.number", paths=False) == Name(("item", "number"))
    assert parse("number(number)", paths=False) == Call("number", FUNCTIONS["number"], (Name(("number",)),))


def test_literals_are_texts_decimals_and_three_words() -> None:
    assert parse("'O''Neil'", paths=False) == Literal("O'Neil")
    assert parse("12.50", paths=False) == Literal(Decimal("12.50"))
    assert [parse(word, paths=False) for word in ("true", "false", "none")] == [
        Literal(True),
        Literal(False),
        Literal(None),
    ]


@pytest.mark.parametrize(
    "text", ["FT1-7.1", "PID-3[type=MR].1", "FT1[2]-10", "ZPM-20", "FT1-11.1.2", "PID-3[5=A-B]"]
)
def test_hl7_paths_are_primaries_in_read_maps_only(text: str) -> None:
    tree = parse(f"{text} else 'x'", paths=True)
    assert isinstance(tree, Else)
    assert isinstance(tree.options[0], Path)
    assert tree.options[0].path.text == text
    with pytest.raises(ExpressionError) as raised:
        parse(text, paths=False)
    assert (raised.value.code, raised.value.column) == ("MAP004", 1)


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("", "MAP001", 1),
        ("  ", "MAP001", 3),
        ("a ==", "MAP001", 5),
        ("a = 1", "MAP001", 3),
        ("a b", "MAP001", 3),
        ("a.b.", "MAP001", 4),
        ("'open", "MAP001", 1),
        ('"CD"', "MAP001", 1),
        ("a == b == c", "MAP001", 8),
        ("a in b", "MAP001", 6),
        ("a in []", "MAP001", 7),
        ("a is gone", "MAP001", 6),
        ("(a", "MAP001", 3),
        ("left(a, 1", "MAP001", 10),
        ("and a", "MAP001", 1),
        ("a and", "MAP001", 6),
        ("a,", "MAP001", 2),
        ("1 + uper(a)", "MAP002", 5),
        ("left(a)", "MAP003", 1),
        ("'x' + upper(a, b)", "MAP003", 7),
        ("a + FT1-0", "MAP004", 8),
        ("PID-3[kind=MR].1", "MAP004", 7),
    ],
)
def test_what_is_wrong_is_told_with_its_column(text: str, code: str, column: int) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(text, paths=True)
    assert (raised.value.code, raised.value.column) == (code, column)


def test_mends_name_what_was_meant() -> None:
    for text, mend in {
        "a = 1": "compare with ==",
        "uper(a)": "did you mean upper()?",
        "left(a)": "write left(x, n)",
        "a & b": "write `and`",
        "code == CD is": "",
    }.items():
        with pytest.raises(ExpressionError) as raised:
            parse(text, paths=False)
        assert raised.value.mend == mend or not mend


PYTHON = [
    "__class__",
    "().__bases__",
    "a.__class__",
    "a._private",
    "f'{a}'",
    "lambda: a",
    "[x for x in a]",
    "__import__('os')",
    "eval('1')",
    "open('x')",
    "a[0]",
    "a if b else c",
    "a; b",
    "a := 1",
    "`a`",
    "a\\n",
    "getattr(a, 'b')",
    "print",
    "'{0.__class__}'.format(a)",
    "1_000",
    "0x10",
    "1e5",
    "a ** b",
    "a // b",
    "@a",
    "b'x'",
    "'a' 'b'",
    "{}",
]


@pytest.mark.parametrize("text", [text for text in PYTHON if text != "print"])
def test_nothing_of_python_is_an_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text, paths=True)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "((" * 40 + "a" + "))" * 40,
        "not " * 100 + "a",
        "-" * 100 + "a",
        "a" + " + a" * 200,
        "a" + " else a" * 200,
        "upper(" * 50 + "a" + ")" * 50,
        "a" * (LONGEST + 1),
        "a" + ".b" * 100,
    ],
)
def test_an_expression_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(text, paths=False)
    assert raised.value.code == "MAP005"


def test_the_deepest_that_is_allowed_parses() -> None:
    parse("(" * DEEPEST + "a" + ")" * DEEPEST, paths=False)


WORDS = st.sampled_from(
    [
        *(
            "a",
            "item.number",
            "'x'",
            "1",
            "2.5",
            "true",
            "none",
            "FT1-7.1",
            "PID-3[type=MR].1",
            "left",
            "round",
        ),
        *("and", "or", "not", "in", "is", "missing", "else", "(", ")", "[", "]", ",", "==", "!=", "<", ">="),
        *("+", "-", "*", "/"),
    ]
)


@given(
    st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=30).map(" ".join), st.sampled_from(PYTHON)),
    st.booleans(),
)
@example("FT1-7[", True)
@example("A00-1[]", True)
def test_random_text_raises_nothing_but_expression_errors(text: str, paths: bool) -> None:
    try:
        parse(text, paths=paths)
    except ExpressionError as error:
        column = error.column
    else:
        column = 1
    assert 1 <= column <= len(text) + 1
