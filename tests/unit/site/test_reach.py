"""Whether conditions can hold together: never called impossible when one line can have it so."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.expression import EvaluationFault, compile_expression
from engine.site.reach import possible

ITEMS = {"item": [{"kind": "implant", "stocked": True}, {"kind": "time", "stocked": False}]}


def both(*texts: str, rows=None) -> bool:
    return possible([(compile_expression(text).tree, True) for text in texts], rows or {})


@pytest.mark.parametrize(
    "texts",
    [
        ("quantity == 0",),
        ("quantity > 0 and quantity < 1",),
        ("class == 'P'", "type != 'P'"),
        ("class is missing",),
        ("not credit",),
        ("class != 'P'", "class != 'I'"),
        ("used_on > date('2026-01-01')", "used_on < date('2025-01-01')"),
        ("code == department", "code != department"),
        ("item.kind == 'time'", "not item.stocked"),
        ("item.kind is missing",),
        ("true",),
    ],
)
def test_what_a_line_can_have_is_possible(texts: tuple[str, ...]) -> None:
    assert both(*texts, rows=ITEMS)


@pytest.mark.parametrize(
    "texts",
    [
        ("false",),
        ("class == 'P'", "class == 'I'"),
        ("class in ['P', 'I']", "class not in ['P', 'I', 'O']"),
        ("class is missing", "class == 'P'"),
        ("credit", "not credit"),
        ("quantity < 0", "quantity > 0"),
        ("item.kind == 'time' and item.stocked",),
        ("item.kind == 'supply'",),
        ("(class == 'P' or class == 'I') and class == 'O'",),
    ],
)
def test_what_no_line_can_have_is_not(texts: tuple[str, ...]) -> None:
    assert not both(*texts, rows=ITEMS)


WORDS = st.sampled_from(["'P'", "'I'", "'O'"])
ATOMS = st.one_of(
    st.builds("class {} {}".format, st.sampled_from(["==", "!="]), WORDS),
    st.builds("class in [{}, {}]".format, WORDS, WORDS),
    st.builds("class not in [{}]".format, WORDS),
    st.builds("class is {}".format, st.sampled_from(["missing", "present"])),
    st.builds("quantity {} {}".format, st.sampled_from(["==", "<", ">=", "!="]), st.integers(0, 3)),
    st.just("credit"),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
    ),
    max_leaves=6,
)
LINES = st.fixed_dictionaries(
    {
        "class": st.sampled_from([None, "P", "I", "O", "X"]),
        "quantity": st.sampled_from([None, *map(Decimal, ("-1", "0", "1", "1.5", "2", "3", "9"))]),
        "credit": st.sampled_from([None, True, False]),
    }
)


@given(st.lists(CONDITIONS, min_size=1, max_size=3), LINES)
def test_what_one_line_has_is_never_called_impossible(texts: list[str], line: dict[str, object]) -> None:
    wanted = []
    for text in texts:
        expression = compile_expression(text)
        try:
            wanted.append((expression.tree, expression(line) is True))
        except EvaluationFault:
            return
    assert possible(wanted, {})
