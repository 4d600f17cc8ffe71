from __future__ import annotations

import pytest

from engine.domain.event import Kind
from engine.mapping.expression import compile_expression
from engine.site.names import DOCUMENT_NAMES, MESSAGE_NAMES, Privacy, Scope, offset_of

SCOPE = Scope(
    kind=Kind.USAGE,
    reader="hl7/x",
    fields=frozenset({"code", "quantity", "account", "serial", "credit", "wing", "ward"}),
    private=frozenset({"wing"}),
    rows={"item": frozenset({"code", "supplier", "stocked"}), "lost": None},
    flags=frozenset({"credit", "item.stocked"}),
    others=MESSAGE_NAMES | DOCUMENT_NAMES,
)


@pytest.mark.parametrize(
    "name",
    [
        "code",
        "item",
        "item.supplier",
        "lost.anything",
        "posting_date",
        "lines",
        "lines.code",
        "lines.item.supplier",
        "encounter",
        "encounter.class",
        "amount",
    ],
)
def test_what_is_provided_is_no_fault(name: str) -> None:
    assert SCOPE.unknown(name) is None


@pytest.mark.parametrize(
    ("name", "code", "mend"),
    [
        ("cod", "SIT027", "did you mean 'code'?"),
        ("item.suplier", "SIT028", "did you mean 'supplier'?"),
        ("lines.item.suplier", "SIT028", "did you mean 'supplier'?"),
        ("lines.cod", "SIT027", "did you mean 'code'?"),
        ("code.part", "SIT028", "write code"),
        ("encounter.clas", "SIT028", "did you mean 'class'?"),
        ("lot", "SIT026", "mappings/hl7/x.yaml"),
        ("original.reference", "SIT029", "undo map"),
    ],
)
def test_what_nothing_provides_is_told_with_what_was_meant(name: str, code: str, mend: str) -> None:
    told = SCOPE.unknown(name)
    assert told is not None
    assert told[0] == code
    assert mend in told[2]


@pytest.mark.parametrize(
    ("name", "privacy"),
    [
        ("code", Privacy.REFUSED),
        ("ward", Privacy.REFUSED),
        ("item.code", Privacy.REFUSED),
        ("used_on", Privacy.ALLOWED),
        ("account", Privacy.ALLOWED),
        ("lines.account", Privacy.ALLOWED),
        ("encounter.visit", Privacy.ALLOWED),
        ("encounter.class", Privacy.REFUSED),
        ("performer", Privacy.ALLOWED),
        ("wing", Privacy.ALLOWED),
        ("serial", Privacy.LIMITED),
        ("lines.serial", Privacy.LIMITED),
        ("udi", Privacy.LIMITED),
        ("lines.udi_serial", Privacy.LIMITED),
        ("udi_lot", Privacy.REFUSED),
    ],
)
def test_each_name_gives_away_so_much_of_a_patient(name: str, privacy: Privacy) -> None:
    assert SCOPE.privacy(name) is privacy


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("credit", False),
        ("item.stocked", False),
        ("lost.flag", False),
        ("nothing", False),
        ("true", False),
        ("code == 'X'", False),
        ("code is present", False),
        ("code", True),
        ("item.supplier", True),
        ("'X'", True),
    ],
)
def test_a_value_that_is_not_yes_or_no_is_no_condition(text: str, never: bool) -> None:
    assert SCOPE.never_true(compile_expression(text)) is never


@pytest.mark.parametrize(
    ("text", "name", "offset"),
    [("item.code == code", "code", 13), ("codes else code", "code", 11), ("lines.code", "lines.code", 0)],
)
def test_a_name_is_found_as_a_whole_word(text: str, name: str, offset: int) -> None:
    assert offset_of(compile_expression(text), name) == offset
