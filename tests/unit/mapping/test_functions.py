"""The functions of the language, and that their table can be shown to people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from engine.mapping.expression import EvaluationFault, compile_expression
from engine.mapping.functions import FUNCTIONS, text_of

NAMES: dict[str, object] = {
    "code": " Ab-12-c ",
    "empty": "   ",
    "amount": Decimal("12.50"),
    "factor": {"value": Fraction(1, 8)},
    "yes": True,
    "day": date(2026, 11, 20),
    "at": datetime(2026, 11, 20, 18, 30, tzinfo=UTC),
    "lines": [{"n": Decimal(2), "lot": "L"}, {"n": Decimal(5), "lot": None}],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("upper('ab')", "AB"),
        ("lower('AB')", "ab"),
        ("strip(code)", "Ab-12-c"),
        ("strip(empty)", None),
        ("left('abc', 2)", "ab"),
        ("left('abc', 9)", "abc"),
        ("left('abc', 0)", None),
        ("right('abc', 2)", "bc"),
        ("right('abc', 9)", "abc"),
        ("right('abc', 0)", None),
        ("pad('77', 5, '0')", "00077"),
        ("pad('123456', 5, '0')", "123456"),
        ("replace('a-b-c', '-', '')", "abc"),
        ("replace('---', '-', '')", None),
        ("replace('abc', '', 'x')", "abc"),
        ("split('a-b', '-', 2)", "b"),
        ("split('a-b', '-', 3)", None),
        ("split('a-b', '-', 0)", None),
        ("split('a--b', '-', 2)", None),
        ("join('-', 'a', none, 'b')", "a-b"),
        ("join('-', none)", None),
        ("join('', lines.lot)", "L"),
        ("text(amount)", "12.50"),
        ("text(yes)", "yes"),
        ("text(day)", "2026-11-20"),
        ("text(at)", "2026-11-20T18:30:00Z"),
        ("text(factor.value)", "0.125"),
        ("text(none)", None),
        ("ndc('5555-1061-05')", "05555106105"),
        ("ndc('55555-201-05')", "55555020105"),
        ("ndc('55555-1061-5')", "55555106105"),
        ("ndc(' 55555-1061-05 ')", "55555106105"),
        ("ndc('5555106105')", "5555106105"),  # which of the three it is cannot be told
        ("ndc('55555106105')", "55555106105"),
        ("ndc('555-1061-05')", "555-1061-05"),
        ("ndc('5555-1061')", "5555-1061"),
        ("ndc('٥٥٥٥-1061-05')", "٥٥٥٥-1061-05"),
        ("ndc('LOCAL-1')", "LOCAL-1"),
        ("ndc(empty)", None),
        ("ndc(none)", None),
        ("number(' 2.50 ')", Decimal("2.5")),
        ("number(amount)", Decimal("12.50")),
        ("date('20261120')", date(2026, 11, 20)),
        ("date(day)", date(2026, 11, 20)),
        ("round(2.5)", Decimal(3)),
        ("round(-2.5)", Decimal(-3)),
        ("round(2.345, 2)", Decimal("2.35")),
        ("round(2, 2)", Decimal("2.00")),
        ("round(-0.001, 2)", Decimal("0.00")),
        ("abs(-12.50)", Decimal("12.50")),
        ("abs(-factor.value)", Decimal("0.125")),
        ("min(3, 1, 2)", Decimal(1)),
        ("max(lines.n)", Decimal(5)),
        ("max(1, none)", None),
        ("max('a', 'b')", "b"),
        ("agreed('a', none, 'a')", "a"),
        ("agreed(none)", None),
        ("agreed(2, 2.00)", Decimal(2)),
        ("scanned('+A99912345')", "+A99912345"),
        ("scanned(code)", None),
        ("scanned(none)", None),
        ("sum(1, 2.50)", Decimal("3.50")),
        ("sum(lines.n)", Decimal(7)),
        ("sum(1, none)", None),
        ("count(lines)", Decimal(2)),
        ("count(lines.lot)", Decimal(1)),
    ],
)
def test_functions_give_what_the_reference_says(text: str, value: object) -> None:
    given = compile_expression(text)(NAMES)
    assert given == value
    assert str(given) == str(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("upper(amount)", "MAP010"),
        ("left('abc', 1.5)", "MAP010"),
        ("left('abc', -1)", "MAP010"),
        ("pad('a', 5, '00')", "MAP010"),
        ("pad('a', 5000, '0')", "MAP010"),
        ("round('2')", "MAP010"),
        ("join(1, 'a')", "MAP010"),
        ("join('-', 1)", "MAP010"),
        ("text(lines)", "MAP010"),
        ("number('1,5')", "MAP014"),
        ("number(yes)", "MAP010"),
        ("date('2026')", "MAP014"),
        ("date(at)", "MAP010"),
        ("sum('a')", "MAP010"),
        ("max(1, 'a')", "MAP010"),
        ("count(amount)", "MAP010"),
        ("agreed('a', none, 'b')", "MAP016"),
        ("agreed('a', 1)", "MAP010"),
        ("scanned(1)", "MAP010"),
    ],
)
def test_what_a_function_cannot_take_is_a_fault_without_the_value(text: str, code: str) -> None:
    with pytest.raises(EvaluationFault) as raised:
        compile_expression(text)(NAMES)
    assert raised.value.code == code


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_shows_how_it_is_written(name: str) -> None:
    function = FUNCTIONS[name]
    assert function.signature.startswith(f"{name}(")
    assert function.meaning
    assert f"{name}(" in function.example
    compile_expression(function.example, paths=True)


def test_a_whole_row_has_no_text() -> None:
    with pytest.raises(EvaluationFault):
        text_of({"a": "b"})
