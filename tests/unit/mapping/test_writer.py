"""Write maps: what they write, what they refuse, and where they say it is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.expression import EvaluationFault
from engine.mapping.spec import SpecError
from engine.mapping.writer import MissingField, WriteMap, WriteSpec
from engine.reference.spec import Row

DOCUMENT: dict[str, object] = {
    "reference": "REF1",
    "posting_date": date(2026, 11, 20),
    "received_at": datetime(2026, 11, 20, 18, 30, tzinfo=UTC),
    "account": "ACC1",
    "lot": "of the first line",
    "currency": "USD",
}


def line(number: int, **others: object) -> dict[str, object]:
    return {
        "number": number,
        "item": Row({"number": f"00{number}", "factor": Fraction(1, 4), "stocked": True}),
        "quantity": Decimal(number),
        "amount": Decimal("12.50"),
        **others,
    }


def map_of(document: Any) -> WriteMap:
    return WriteMap.compile(WriteSpec(name="erp/issue", path="/issues", document=document))


def write(document: Any, *lines: dict[str, object], **names: object) -> str:
    return map_of(document).render(DOCUMENT | names, lines).decode()


def test_a_document_is_written_in_the_order_of_its_map() -> None:
    tree = {
        "reference": "reference",
        "posted": "posting_date",
        "lines": {
            "each": "lines",
            "give": {"item": "item.number", "quantity": "quantity", "price": "amount"},
        },
        "at": "received_at",
    }
    assert write(tree, line(1), line(2)) == (
        '{"reference":"REF1","posted":"2026-11-20","lines":['
        '{"item":"001","quantity":"1","price":"12.50"},{"item":"002","quantity":"2","price":"12.50"}],'
        '"at":"2026-11-20T18:30:00Z"}'
    )


def test_leaves_that_are_no_text_are_themselves_and_texts_may_be_literal() -> None:
    tree = {
        "a": 1,
        "b": True,
        "c": None,
        "d": {"text": "reference"},
        "e": "'x'",
        "f": "12.50",
        "g": {"text": 7},
        "h": [],
    }
    assert write(tree) == '{"a":1,"b":true,"c":null,"d":"reference","e":"x","f":"12.50","g":"7","h":[]}'


def test_a_number_has_the_very_digits_of_the_decimal() -> None:
    tree = {
        "a": {"number": "amount"},
        "b": {"number": "quantity * 0.1"},
        "c": {"number": "count(lines)"},
        "d": "n",
    }
    names = {"amount": Decimal("12.50"), "quantity": Decimal("12345678901234567890.1"), "n": 3}
    assert write(tree, line(1), **names) == '{"a":12.50,"b":1234567890123456789.01,"c":1,"d":3}'


def test_a_key_with_a_question_mark_is_left_out_when_its_value_is_missing() -> None:
    tree = {
        "unit?": "unit",
        "n?": {"number": "unit"},
        "to?": {"room?": "room", "ward?": "ward"},
        "list?": [],
        "x?": "account",
    }
    assert write(tree) == '{"x":"ACC1"}'
    assert (
        write({"unit?": "unit", "to?": {"ward?": "ward"}}, unit="EA", ward="W")
        == '{"unit":"EA","to":{"ward":"W"}}'
    )
    assert write({"a?": {"number": 5}, "b": {"text": True}}) == '{"a":{"number":5},"b":{"text":true}}'
    assert write({"a?": None, "b?": False, "c?": {"text": ""}}) == '{"a":null,"b":false,"c":""}'
    assert write({"lines?": {"each": "lines", "give": {"a": "number"}}}) == "{}"


def test_names_inside_each_are_the_lines_and_only_a_few_the_documents() -> None:
    tree = {
        "lines": {
            "each": "lines",
            "give": {
                "ref": "reference",
                "on": "posting_date",
                "lot?": "lot",
                "original?": "original.document",
            },
        }
    }
    original = {"document": "D9"}
    assert write(tree, line(1), line(2, lot="L2", reference="OWN", original=original)) == (
        '{"lines":[{"ref":"REF1","on":"2026-11-20"},{"ref":"OWN","on":"2026-11-20","lot":"L2","original":"D9"}]}'
    )


def test_entries_of_each_may_be_single_values_and_lists() -> None:
    assert write({"a": {"each": "lines", "give": "number"}}, line(1), line(2)) == '{"a":[1,2]}'
    assert (
        write({"a": [{"each": "lines", "give": ["number", "item.number"]}, "account"]}, line(1))
        == '{"a":[[[1,"001"]],"ACC1"]}'
    )
    assert write({"a": {"each": "lines", "give": "number"}}) == '{"a":[]}'


def test_totals_are_taken_over_lines() -> None:
    tree = {
        "total": "sum(lines.amount)",
        "n": {"number": "count(lines)"},
        "part": {"each": "lines", "give": "count(lines)"},
    }
    assert write(tree, line(1), line(2)) == '{"total":"25.00","n":2,"part":["2","2"]}'


def test_moments_are_written_in_utc_and_flags_as_they_are() -> None:
    written = write({"at": "received_at", "stocked": "item.stocked"}, item=Row({"stocked": False}))
    assert written == '{"at":"2026-11-20T18:30:00Z","stocked":false}'
    east = datetime(2026, 11, 20, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    assert json.loads(write({"at": "at"}, at=east))["at"] == "2026-11-20T20:30:00+02:00"


@pytest.mark.parametrize(
    ("tree", "path", "expression", "index"),
    [
        ({"unit": "unit"}, "unit", "unit", None),
        ({"a": {"b": ["account", "unit"]}}, "a.b[2]", "unit", None),
        ({"n": {"number": "unit"}}, "n", "unit", None),
        ({"l": {"each": "lines", "give": {"to": {"bin": "bin"}}}}, "l[2].to.bin", "bin", 1),
        ({"l": {"each": "lines", "give": "bin"}}, "l[2]", "bin", 1),
        ({"l": {"each": "lines", "give": {"a": "number"}}, "z": "unit"}, "z", "unit", None),
        ({"a": "none"}, "a", "none", None),
    ],
)
def test_a_missing_value_is_told_with_its_place(
    tree: Any, path: str, expression: str, index: int | None
) -> None:
    with pytest.raises(MissingField) as raised:
        write(tree, line(1, bin="B"), line(2))
    assert (raised.value.path, raised.value.expression, raised.value.line) == (path, expression, index)
    assert str(raised.value).startswith(f"{path} MAP020 `{expression}` is missing")


@pytest.mark.parametrize(
    ("tree", "code", "where", "index"),
    [
        ({"l": {"each": "lines", "give": {"q": "quantity / bin"}}}, "MAP012", "l[2].q `quantity / bin`", 1),
        ({"l": {"each": "lines", "give": {"q": {"number": "code"}}}}, "MAP010", "l[2].q `code`", 1),
        ({"a?": "account + 1"}, "MAP010", "a `account + 1`", None),
        ({"a": "item"}, "MAP013", "a `item`", None),
        ({"b": "upper(account)", "a": "item"}, "MAP013", "a `item`", None),
        ({"b": "upper(account)", "l": {"each": "lines", "give": "item"}}, "MAP013", "l[1] `item`", 0),
        ({"a?": "item"}, "MAP013", "a `item`", None),
        ({"a": "lines"}, "MAP013", "a `lines`", None),
        ({"a": "lines.number"}, "MAP013", "a `lines.number`", None),
        ({"a": "account.number"}, "MAP013", "a `account.number`", None),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_place(
    tree: Any, code: str, where: str, index: int | None
) -> None:
    with pytest.raises(EvaluationFault) as raised:
        write(tree, line(1, bin=Decimal(1), code=1), line(2, bin=Decimal(7), code="X"), item=Row({}))
    assert (raised.value.code, raised.value.where, raised.value.line) == (code, where, index)


def test_what_json_cannot_hold_is_a_fault_without_the_value() -> None:
    for value in ("\ud800secret", 1 << 70, object()):
        with pytest.raises(EvaluationFault) as raised:
            write({"a": "account"}, account=value)
        assert raised.value.code == "MAP021"
        assert "secret" not in str(raised.value)


def test_a_map_tells_which_names_it_uses_and_where() -> None:
    written = map_of(
        {
            "ref": "reference",
            "total?": "sum(lines.charge.amount)",
            "l": {"each": "lines", "give": {"i": "item.number", "q": {"number": "quantity * item.factor"}}},
        }
    )
    assert written.roots == {"reference", "lines", "charge", "item", "quantity"}
    assert written.line_roots == {"charge", "item", "quantity"}
    assert [(leaf.node, leaf.place, leaf.expression.text, leaf.in_lines) for leaf in written.leaves] == [
        (("document", "ref"), "ref", "reference", False),
        (("document", "total?"), "total", "sum(lines.charge.amount)", False),
        (("document", "l", "give", "i"), "l[*].i", "item.number", True),
        (("document", "l", "give", "q", "number"), "l[*].q", "quantity * item.factor", True),
    ]
    assert (written.name, written.path) == ("erp/issue", "/issues")
    assert repr(written) == "WriteMap(erp/issue, 4 expressions)"


def test_all_faults_of_a_map_are_told_with_their_places() -> None:
    deep: Any = "account"
    for _ in range(30):
        deep = {"a": deep}
    with pytest.raises(SpecError) as raised:
        map_of(
            {
                "a": "uper(account)",
                "b": 1.5,
                "c": {"each": "items", "give": {}},
                "d": {"each": "lines"},
                "e": {"each": "lines", "give": {"f": {"each": "lines", "give": "number"}}},
                "g": "account",
                "g?": "account",
                "h": {"number": "a b"},
                "i": ["account", "=="],
                "j": deep,
                "k": {1: "account"},
            }
        )
    found = {(".".join(map(str, fault.path)), fault.code, fault.column) for fault in raised.value.faults}
    assert found == {
        ("document.a", "MAP002", 1),
        ("document.b", "MAP050", 0),
        ("document.c", "MAP051", 0),
        ("document.d", "MAP051", 0),
        ("document.e.give.f", "MAP051", 0),
        ("document.g?", "MAP052", 0),
        ("document.h.number", "MAP001", 3),
        ("document.i.1", "MAP001", 1),
        ("document.j" + ".a" * 19, "MAP053", 0),
        ("document.k", "MAP050", 0),
    }


def test_a_document_is_a_tree_of_names() -> None:
    for document in ("account", ["account"], None):
        with pytest.raises(SpecError, match="MAP050"):
            map_of(document)


def test_keys_of_any_text_stay_keys() -> None:
    names = ["it's", 'say "x"', "a\\nb", "{x}", "a\nb", "é", "__class__", "]=1;x=("]
    assert orjson.loads(write(dict.fromkeys(names, "account"))) == dict.fromkeys(names, "ACC1")


VALUES = st.one_of(
    st.none(), st.text(max_size=5), st.decimals(-(10**6), 10**6, places=2), st.booleans(), st.dates()
)
TREES = st.recursive(
    st.sampled_from(["a", "b", "'t'", "a else b", 1, None, True])
    | st.sampled_from([{"text": "x"}, {"each": "lines", "give": {"v?": "a"}}]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "l?", "m", "n?"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def _expected(tree: Any, names: dict[str, object], lines: list[dict[str, object]]) -> Any:
    """The same document, built the slow way; LookupError when a value is missing."""
    match tree:
        case {"text": text}:
            return text
        case {"each": _, "give": give}:
            return [_expected(give, one, lines) for one in lines]
        case dict():
            built = {}
            for key, below in tree.items():
                try:
                    value = _expected(below, names, lines)
                except LookupError:
                    if key.endswith("?") and isinstance(below, str):
                        continue
                    raise
                if not key.endswith("?") or value not in ({}, []) or not isinstance(value, dict | list):
                    built[key.removesuffix("?")] = value
            return built
        case list():
            return [_expected(below, names, lines) for below in tree]
        case "'t'":
            return "t"
        case str():
            found = next((names[name] for name in tree.split(" else ") if names.get(name) is not None), None)
            if found is None:
                raise LookupError
            if isinstance(found, Decimal):
                return format(found, "f")
            return found.isoformat() if isinstance(found, date) else found
        case _:
            return tree


@given(TREES, VALUES, VALUES, st.lists(VALUES, max_size=2))
def test_a_compiled_map_agrees_with_a_plain_walk(
    tree: Any, a: object, b: object, values: list[object]
) -> None:
    names = {"a": a, "b": b}
    lines = [{"a": value} for value in values]
    compiled = map_of({"tree": tree})
    try:
        expected = _expected({"tree": tree}, names, lines)
    except LookupError:
        with pytest.raises(MissingField):
            compiled.render(names, lines)
    else:
        assert orjson.loads(compiled.render(names, lines)) == expected
