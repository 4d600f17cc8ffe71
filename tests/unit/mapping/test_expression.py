"""The small language as its users have it: what expressions give, and that they are exact and harmless."""

from __future__ import annotations

import types
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.emitter import Emitter
from engine.mapping.expression import EvaluationFault, ExpressionError, compile_expression
from engine.mapping.grammar import DEEPEST
from engine.reference.spec import Row

NAMES: dict[str, object] = {
    "class": "I",
    "code": "AB-12",
    "quantity": Decimal(3),
    "number": 2,
    "credit": False,
    "lot": None,
    "used_on": date(2026, 11, 20),
    "used_at": datetime(2026, 11, 20, 18, 30, tzinfo=UTC),
    "item": Row(
        {
            "number": "0077",
            "stocked": True,
            "owned": None,
            "price": Decimal("12.50"),
            "factor": Fraction(1, 50),
        }
    ),
    "gone": None,
    "lines": [
        {"amount": Decimal("1.10"), "item": {"number": "A"}},
        {"amount": Decimal(2), "item": {"number": "B"}},
    ],
}


def give(text: str) -> object:
    return compile_expression(text)(NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("code", "AB-12"),
        ("nowhere", None),
        ("item.number", "0077"),
        ("item.nowhere", None),
        ("gone.number", None),
        ("nowhere.number", None),
        ("class == 'I'", True),
        ("class != 'I'", False),
        ("'I' == class", True),
        ("class in ['I', 'O']", True),
        ("class not in ['I', 'O']", False),
        ("class in [code, class]", True),
        ("quantity in [1, 3]", True),
        ("item.stocked and not credit", True),
        ("item.stocked and item.owned", False),
        ("item.owned or item.stocked", True),
        ("not item.owned", True),
        ("not none and true", True),
        ("item.stocked == true", True),
        ("quantity > 2 and quantity <= 3", True),
        ("used_on >= date('2026-11-20')", True),
        ("used_on < date('20261120')", False),
        ("code + '/' + class", "AB-12/I"),
        ("-quantity", Decimal(-3)),
        ("quantity * item.price", Decimal("37.50")),
        ("item.price * quantity - 0.50", Decimal("37.00")),
        ("quantity * item.factor", Decimal("0.06")),
        ("item.factor * quantity", Decimal("0.06")),
        ("item.factor", Decimal("0.02")),
        ("quantity / 4", Decimal("0.75")),
        ("round(quantity / 7, 2)", Decimal("0.43")),
        ("number + 1", Decimal(3)),
        ("lot else class", "I"),
        ("lot, else gone, else 'x'", "x"),
        ("lot else gone", None),
        ("sum(lines.amount)", Decimal("3.10")),
        ("count(lines)", Decimal(2)),
        ("join(' ', lines.item.number)", "A B"),
    ],
)
def test_expressions_give_what_they_say(text: str, value: object) -> None:
    given_value = give(text)
    assert given_value == value
    assert type(given_value) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lot * 2", None),
        ("2 + lot", None),
        ("lot / 0", None),
        ("-lot", None),
        ("lot + 'x'", None),
        ("upper(lot)", None),
        ("lot == 'x'", False),
        ("lot != 'x'", False),
        ("lot == gone", False),
        ("lot < 1", False),
        ("lot >= 1", False),
        ("lot in ['x']", False),
        ("lot not in ['x']", False),
        ("lot not in [1]", False),
        ("lot is missing", True),
        ("lot is present", False),
        ("lot == none", True),
        ("none != code", True),
        ("code is present", True),
        ("lot and item.stocked", False),
        ("item.stocked and lot", False),
    ],
)
def test_a_missing_value_goes_through_arithmetic_and_fails_comparisons(text: str, value: object) -> None:
    assert give(text) is value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("quantity == '3'", "MAP010"),
        ("code == 3", "MAP010"),
        ("credit == 0", "MAP010"),
        ("code < 3", "MAP010"),
        ("credit < true", "MAP010"),
        ("used_on == used_at", "MAP010"),
        ("code in [1]", "MAP010"),
        ("quantity in ['a']", "MAP010"),
        ("item == item", "MAP010"),
        ("code + 1", "MAP010"),
        ("code and credit", "MAP010"),
        ("not code", "MAP010"),
        ("quantity - 3 or credit", "MAP010"),
        ("credit + 1", "MAP010"),
        ("quantity / 0", "MAP011"),
        ("quantity / 7", "MAP012"),
        ("item.factor / 3", "MAP012"),
        ("code.part", "MAP013"),
    ],
)
def test_what_does_not_fit_is_a_fault_with_the_text_and_without_values(text: str, code: str) -> None:
    with pytest.raises(EvaluationFault) as raised:
        give(text)
    assert (raised.value.code, raised.value.where) == (code, text)
    shown = str(raised.value).replace(text, "")
    assert not any(value in shown for value in ("AB-12", "0077", "12.50"))


def test_an_expression_tells_its_names_and_paths() -> None:
    expression = compile_expression("item.stocked and class in ['I', charge.kind] or upper(code) == 'X'")
    assert expression.names == {"item.stocked", "class", "charge.kind", "code"}
    assert expression.roots == {"item", "class", "charge", "code"}
    assert expression.paths == ()
    assert compile_expression("FT1-10, else PID-3.1", paths=True).paths == ("FT1-10", "PID-3.1")


def test_a_name_reaches_only_the_namespace() -> None:
    for text in ("print", "str", "names", "get", "class", "import", "exec", "self"):
        assert compile_expression(text)({}) is None
        assert compile_expression(f"item.{text}")({"item": {}}) is None
    assert compile_expression("item.keys")({"item": Row({})}) is None


@pytest.mark.parametrize(
    "text",
    [
        "(" * DEEPEST + "a" + ")" * DEEPEST,
        "not " * (DEEPEST - 1) + "a",
        "-" * (DEEPEST - 1) + "a",
        "a" + " + a" * (DEEPEST - 1),
        "a" + " else a" * (DEEPEST - 2),
        "upper(" * (DEEPEST - 1) + "a" + ")" * (DEEPEST - 1),
        "a in [(" * (DEEPEST // 2) + "a" + ")]" * (DEEPEST // 2),
        "(a else " * (DEEPEST // 2 - 1) + "a" + ")" * (DEEPEST // 2 - 1),
        "a" + ".b" * (DEEPEST - 1),
        "a == '" + "x" * 1900 + "'",
        "a in [" + ", ".join(["'x'"] * 300) + "]",
    ],
)
def test_the_largest_expressions_compile(text: str) -> None:
    try:
        compile_expression(text)({"a": None})
    except EvaluationFault as fault:
        assert fault.code == "MAP010"  # noqa: PT017 - that it compiles is the point


NUMBERS = st.decimals(-(10**9), 10**9, places=4)
RATIOS = st.fractions(Fraction(1, 1000), 1000, max_denominator=1000)


@given(NUMBERS, NUMBERS, RATIOS)
def test_arithmetic_is_exact(a: Decimal, b: Decimal, ratio: Fraction) -> None:
    names = {"a": a, "b": b, "row": {"factor": ratio}}
    for text, exact in {
        "a + b": Fraction(a) + Fraction(b),
        "a - b": Fraction(a) - Fraction(b),
        "a * b": Fraction(a) * Fraction(b),
        "a * row.factor": Fraction(a) * ratio,
        "row.factor * a + b": ratio * Fraction(a) + Fraction(b),
        "a / row.factor": Fraction(a) / ratio,
    }.items():
        denominator = exact.denominator
        while denominator % 2 == 0:
            denominator //= 2
        while denominator % 5 == 0:
            denominator //= 5
        if denominator != 1:
            with pytest.raises(EvaluationFault, match="MAP012"):
                compile_expression(text)(names)
        else:
            value = compile_expression(text)(names)
            assert isinstance(value, Decimal)
            assert Fraction(value) == exact


@given(st.integers(0, 10**6), RATIOS)
def test_units_convert_exactly_or_the_line_is_held(quantity: int, factor: Fraction) -> None:
    """Counted items come out whole or not at all; converting back gives what was sent."""
    names = {"quantity": Decimal(quantity), "pack": {"factor": factor}}
    exact = quantity * factor
    counted = compile_expression("counted(quantity * pack.factor)")
    if exact.denominator != 1:
        with pytest.raises(EvaluationFault, match=r"MAP01[25]"):
            counted(names)
        return
    assert counted(names) == exact
    back = compile_expression("quantity / pack.factor")({**names, "quantity": counted(names)})
    assert back == quantity


@given(NUMBERS, st.integers(1, 144))
def test_an_order_is_rounded_up_to_its_multiple(quantity: Decimal, multiple: int) -> None:
    value = compile_expression("up(a, b)")({"a": quantity, "b": Decimal(multiple)})
    assert value % multiple == 0
    assert quantity <= value < quantity + multiple


@given(NUMBERS, RATIOS, st.integers(0, 6))
def test_rounding_is_half_up_of_the_exact_value(a: Decimal, ratio: Fraction, places: int) -> None:
    value = compile_expression(f"round(a * row.factor, {places})")({"a": a, "row": {"factor": ratio}})
    assert isinstance(value, Decimal)
    distance = (Fraction(value) - Fraction(a) * ratio) * 10**places
    assert abs(distance) <= Fraction(1, 2)
    if abs(distance) == Fraction(1, 2):
        assert (distance > 0) == (a > 0)
    assert value.as_tuple().exponent == -places


VALUES = st.one_of(
    st.none(),
    st.text(max_size=5),
    NUMBERS,
    st.integers(-5, 5),
    st.booleans(),
    st.dates(),
    st.lists(NUMBERS, max_size=3),
    st.fixed_dictionaries({"x": st.one_of(st.none(), NUMBERS, st.text(max_size=3), RATIOS)}),
)
TERMS = st.sampled_from(["a", "b", "a.x", "c.x", "'t'", "''", "2", "0.5", "true", "none"])
FORMS = st.sampled_from(
    [
        *(
            "({} + {})",
            "({} - {})",
            "({} * {})",
            "({} / {})",
            "({} == {})",
            "({} != {})",
            "({} < {})",
            "({} >= {})",
        ),
        *("({} and {})", "({} or not {})", "({} in [{}, 1])", "({} not in ['x', {}])", "({}, else {})"),
        *("join({}, {})", "left({}, {})", "round({}, {})", "max({}, {})", "sum({}, {})", "split({}, {}, 1)"),
        *("replace({}, {}, 'q')", "pad(text({}), {}, '0')", "(count({}) + abs({}))"),
        "(number({}) is missing or date({}) is present)",
    ]
)
TEXTS = st.recursive(
    TERMS, lambda inner: st.tuples(FORMS, inner, inner).map(lambda x: x[0].format(x[1], x[2])), max_leaves=6
)


@given(TEXTS, VALUES, VALUES, VALUES)
def test_evaluation_raises_nothing_but_its_faults_and_gives_no_python(
    text: str, a: object, b: object, c: object
) -> None:
    try:
        value = compile_expression(text)({"a": a, "b": b, "c": c})
    except EvaluationFault:
        return
    assert not isinstance(value, float | Fraction | types.FunctionType | types.ModuleType | type)


@given(st.text(max_size=60))
def test_random_text_compiles_to_something_harmless_or_not_at_all(text: str) -> None:
    try:
        expression = compile_expression(text)
    except ExpressionError as error:
        code = error.code
    else:
        code = "MAP001"
        assert expression.text == text
    assert code.startswith("MAP0")


def test_generated_code_has_no_builtins() -> None:
    function = Emitter(lambda name: name).function("probe", "", ["return __builtins__"])
    assert function() == {}
