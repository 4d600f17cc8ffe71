"""Read maps as their YAML says them: every fault with its place, and fields in the order to read them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain.event import FieldType, Kind
from engine.mapping.sources import From, Literal, Lookup, ReadSpec, sources_of
from engine.mapping.spec import SpecError


def spec_of(fields: dict[str, Any], **others: Any) -> ReadSpec:
    spec: dict[str, Any] = {
        "name": "ehr",
        "triggers": ("DFT^P03",),
        "kind": Kind.USAGE,
        "each": "FT1",
    } | others
    return ReadSpec(
        fields={name: From(form) if isinstance(form, str) else form for name, form in fields.items()}, **spec
    )


def faults_of(fields: dict[str, Any], **others: Any) -> list[tuple[object, ...]]:
    with pytest.raises(SpecError) as raised:
        sources_of(spec_of(fields, **others))
    return [(".".join(map(str, fault.path)), fault.code, fault.column) for fault in raised.value.faults]


def test_fields_are_read_behind_what_they_need() -> None:
    sources = sources_of(
        spec_of(
            {
                "unit": Lookup("units", ("code",)),
                "amount": "unit_amount * quantity",
                "quantity": "number(FT1-10)",
                "code": "FT1-7.1",
                "unit_amount": "number(FT1-12.1)",
                "used_at": "FT1-4",
            }
        )
    )
    order = [source.name for source in sources]
    assert order == ["code", "used_at", "unit", "quantity", "unit_amount", "amount", "facility"]


def test_the_facility_is_the_senders_when_the_map_is_silent() -> None:
    assert next(iter(sources_of(spec_of({})))).origin == From("MSH-4.1")
    assert [source.origin for source in sources_of(spec_of({"facility": Literal("N")}))] == [Literal("N")]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"acount": "PID-18.1"}, ("fields.acount", "MAP040", 0)),
        ({"used_on": "FT1-4"}, ("fields.used_on", "MAP040", 0)),
        ({"code": "FT1-7.1 + "}, ("fields.code.from", "MAP001", 11)),
        ({"code": "FT1-0"}, ("fields.code.from", "MAP004", 4)),
        ({"code": "uper(FT1-7)"}, ("fields.code.from", "MAP002", 1)),
        ({"code": "CD"}, ("fields.code.from", "MAP041", 0)),
        ({"code": "lot"}, ("fields.code.from", "MAP041", 0)),
        ({"unit": Lookup("u", ("bin",))}, ("fields.unit.by.0", "MAP041", 0)),
        ({"account": "PID-18", "unit": Lookup("u", ("account",))}, ("fields.unit.by.0", "MAP045", 0)),
        ({"credit": Literal("perhaps")}, ("fields.credit.text", "MAP046", 0)),
        ({"used_at": Literal("20261120")}, ("fields.used_at.text", "MAP046", 0)),
        ({"lot": "serial", "serial": "lot"}, ("fields.lot", "MAP047", 0)),
    ],
)
def test_faults_of_fields_are_placed(fields: dict[str, Any], fault: tuple[object, ...]) -> None:
    assert faults_of(fields) == [fault]


def test_faults_of_the_message_and_of_extras_are_placed() -> None:
    found = faults_of(
        {"wing": "PV1-3.9", "seen": "PV1-44", "number": "FT1-1", "seen_on": "PV1-45"},
        triggers=("DFT-P03", "DFT^P03", "ADT"),
        each="ft1",
        extra={
            "code": FieldType.TEXT,
            "seen": FieldType.MOMENT,
            "number": FieldType.TEXT,
            "unread": FieldType.TEXT,
            "wing": FieldType.TEXT,
            "seen_at": FieldType.MOMENT,
            "seen_on": FieldType.DATE,
        },
    )
    assert {fault[:2] for fault in found} == {
        ("read", "MAP042"),
        ("each", "MAP043"),
        ("extra.code", "MAP044"),
        ("extra.seen", "MAP044"),
        ("extra.number", "MAP044"),
        ("extra.unread", "MAP044"),
        ("extra.seen_at", "MAP044"),
        ("extra.seen_on", "MAP044"),
    }


@pytest.mark.parametrize(
    ("each", "wrong"),
    [("RXA of OCR", "OCR"), ("RAX of ORC", "RAX"), ("RXA at ORC", "RXA at ORC"), ("RXA of", "RXA of")],
)
def test_a_line_below_the_head_of_its_order_is_two_segments(each: str, wrong: str) -> None:
    assert sources_of(spec_of({"code": "RXA-5.1"}, each="RXA of ORC"))
    with pytest.raises(SpecError) as raised:
        sources_of(spec_of({"code": "RXA-5.1"}, each=each))
    assert [(fault.code, fault.what) for fault in raised.value.faults] == [
        ("MAP043", f"'{wrong}' is no segment")
    ]


def test_all_faults_are_told_at_once_with_mends() -> None:
    with pytest.raises(SpecError) as raised:
        sources_of(spec_of({"acount": "PID-18.1", "lot": "FT1-7 ==", "used_on": "FT1-4"}))
    assert [fault.mend for fault in raised.value.faults] == [
        "did you mean 'account'?",
        "write names, 'texts' and numbers with an operator between each two",
        "read used_at: it gives used_on as well",
    ]
    assert "fields.acount MAP040" in str(raised.value)
