"""Read maps: from messages to events."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.group import Each
from engine.codecs.hl7v2.lexer import Message
from engine.domain.event import FIELDS, Event, FieldType, Kind
from engine.mapping.reader import From, Literal, Lookup, ReadMap, ReadSpec
from engine.reference.spec import TableSpec
from engine.reference.table import Table
from engine.reference.values import ColumnType

CHICAGO = ZoneInfo("America/Chicago")
RECEIVED = date(2026, 11, 21)
HEADER = (
    "MSH|^~\\&|EHR|NORTH^X|ERP||20261121070000||DFT^P03|M1|P|2.5.1",
    "EVN|P03|20261121070000",
    "PID|1||77^^^N^MR||DOE^JANE" + "|" * 13 + "ACC1",
    "PV1|1|I|OR^1||||||||||||||||V1|C",
)
FIRST = "FT1|1|T1||20261120093000|20261121|CG|IMP1^Screw|||2.00|100.5&USD^UP|50.25|DEP|||OR^R2"
SECOND = "FT1|2|T2||20261120|20261121|CD|IMP2|||||||||OR^R3"
USAGE = {
    "account": "PID-18.1, else PV1-19.1",
    "class": "PV1-2",
    "source_id": From("FT1-2", "facility"),
    "code": "FT1-7.1",
    "description": "FT1-7.2",
    "quantity": "FT1-10, else 1",
    "department": "FT1-13.1, else FT1-16.1",
    "used_at": "FT1-4.1",
    "credit": "FT1-6 == 'CD'",
    "amount": "FT1-11.1",
    "lot": "ZPM-20",
}


def message(*segments: str) -> Message:
    return Message.parse("\r".join(segments).encode())


def map_of(fields: dict[str, Any], **others: Any) -> ReadMap:
    spec: dict[str, Any] = {
        "name": "ehr",
        "triggers": ("DFT^P03", "DFT^P11"),
        "kind": Kind.USAGE,
        "each": "FT1",
    }
    forms = {name: From(form) if isinstance(form, str) else form for name, form in fields.items()}
    return ReadMap.compile(ReadSpec(fields=forms, **(spec | others)))


def read(reader: ReadMap, *segments: str, tables: dict[str, Table] | None = None) -> Event:
    return reader.read(message(*segments), CHICAGO, tables or {}, RECEIVED)


def test_a_dft_becomes_an_event_with_a_line_for_each_ft1() -> None:
    event = read(map_of(USAGE), *HEADER, FIRST, SECOND)
    assert event.kind is Kind.USAGE
    first, second = event.lines
    assert (first.number, first.faults) == (1, ())
    assert first.fields == {
        "account": "ACC1",
        "class": "I",
        "facility": "NORTH",
        "source_id": "T1",
        "code": "IMP1",
        "description": "Screw",
        "quantity": Decimal(2),
        "department": "DEP",
        "used_at": datetime(2026, 11, 20, 15, 30, tzinfo=UTC),
        "used_on": date(2026, 11, 20),
        "credit": False,
        "amount": Decimal("100.50"),
        "lot": None,
    }
    assert (str(first.fields["quantity"]), str(first.fields["amount"])) == ("2", "100.50")
    assert (second.number, second.faults) == (2, ())
    assert second.fields == first.fields | {
        "source_id": "T2",
        "code": "IMP2",
        "description": None,
        "quantity": Decimal(1),
        "department": "OR",
        "used_at": None,
        "credit": True,
        "amount": None,
    }


def test_what_was_sent_for_the_line_is_kept_as_text_and_the_header_is_not() -> None:
    first, second = read(map_of(USAGE), *HEADER, FIRST, SECOND).lines
    assert first.sent == (
        ("source_id", "T1"),
        ("code", "IMP1"),
        ("description", "Screw"),
        ("quantity", "2.00"),
        ("department", "DEP"),
        ("used_at", "20261120093000"),
        ("credit", "no"),
        ("amount", "100.5"),
    )
    assert dict(second.sent)["department"] == "OR"
    assert "account" not in dict(second.sent)


def test_a_map_says_what_it_is() -> None:
    reader = map_of(
        USAGE | {"unit": Lookup("units", ("code",)), "wing": "PV1-3.9"}, extra={"wing": FieldType.TEXT}
    )
    assert reader.triggers == {"DFT^P03", "DFT^P11"}
    assert (reader.kind, reader.each, reader.lines) == (Kind.USAGE, Each("FT1"), "delta")
    assert reader.unique_per == {"source_id": "facility"}
    assert reader.tables == {"units"}
    assert reader.fields.keys() == {*USAGE, "facility", "unit", "used_on", "wing"}
    assert reader.fields["used_on"].type is FieldType.DATE
    assert reader.fields["code"] == FIELDS[Kind.USAGE]["code"]
    assert repr(reader) == "ReadMap(ehr, 15 fields)"


def test_a_segment_of_one_group_is_not_anothers() -> None:
    zpm = "ZPM" + "|" * 20 + "LOT7"
    first, second = read(map_of(USAGE), *HEADER, FIRST, SECOND, zpm).lines
    assert (first.fields["lot"], second.fields["lot"]) == (None, "LOT7")
    assert ("lot", "LOT7") in second.sent


def test_the_same_segment_before_all_lines_is_shared_by_them() -> None:
    zpm = "ZPM" + "|" * 20 + "LOT7"
    reader = map_of(USAGE)
    for _ in range(2):  # one map reads both kinds of message, in turn
        assert [line.fields["lot"] for line in read(reader, *HEADER, zpm, FIRST, SECOND).lines] == [
            "LOT7"
        ] * 2
        assert "lot" not in dict(read(reader, *HEADER, zpm, FIRST, SECOND).lines[0].sent)
        assert [line.fields["lot"] for line in read(reader, *HEADER, FIRST, zpm, SECOND).lines] == [
            "LOT7",
            None,
        ]


def test_lines_are_apart_from_each_other() -> None:
    first, second = read(map_of(USAGE), *HEADER, FIRST, FIRST).lines
    first.fields["code"] = "other"
    assert second.fields["code"] == "IMP1"


def test_a_message_without_the_anchor_has_no_lines() -> None:
    assert read(map_of(USAGE), *HEADER) == Event(Kind.USAGE, ())


def test_without_an_anchor_the_message_is_one_line() -> None:
    reader = map_of(
        {
            "account": "PID-18.1",
            "event": "MSH-9.2",
            "occurred_at": "EVN-6, else EVN-2",
            "location": "PV1-3.1",
        },
        kind=Kind.ENCOUNTER,
        each=None,
        triggers=("ADT^A01",),
    )
    (line,) = read(reader, *HEADER).lines
    assert line.fields == {
        "account": "ACC1",
        "event": "P03",
        "occurred_at": datetime(2026, 11, 21, 13, tzinfo=UTC),
        "occurred_on": date(2026, 11, 21),
        "location": "OR",
        "facility": "NORTH",
    }
    assert line.sent == (("account", "ACC1"), ("location", "OR"))


def test_null_and_blanks_are_missing_and_the_next_alternative_is_taken() -> None:
    reader = map_of({"account": "PID-18.1, else PV1-19.1", "code": "FT1-7.1", "lot": "FT1-2"})
    line = read(reader, HEADER[0], 'PID|||||||||||||||||||""', HEADER[3], 'FT1||""|||||  IMP1  ').lines[0]
    assert line.fields == {"account": "V1", "code": "IMP1", "lot": None, "facility": "NORTH"}
    assert line.sent == (("code", "IMP1"),)


@pytest.mark.parametrize(
    ("change", "field", "code", "where"),
    [
        (("|2.00|", "|two|"), "quantity", "MAP030", "FT1[2]-10"),
        (("|100.5&", "|1.005,00&"), "amount", "MAP030", "FT1[2]-11.1"),
        (("|20261120093000|", "|yesterday|"), "used_at", "MAP031", "FT1[2]-4.1"),
        (("|20261120093000|", "|202611|"), "used_at", "MAP031", "FT1[2]-4.1"),
    ],
)
def test_a_value_not_understood_is_none_and_a_fault_of_its_line(
    change: tuple[str, str], field: str, code: str, where: str
) -> None:
    event = read(map_of(USAGE), *HEADER, FIRST, FIRST.replace(*change), SECOND)
    assert [len(line.faults) for line in event.lines] == [0, 1, 0]
    line = event.lines[1]
    assert line.fields[field] is None
    assert line.fields["code"] == "IMP1"
    assert (line.faults[0].code, line.faults[0].where) == (code, where)
    assert change[1].strip("|&") not in str(line.faults[0])
    assert dict(line.sent)[field] == change[1].strip("|&")


def test_a_moment_not_understood_has_no_day_either() -> None:
    line = read(map_of(USAGE), *HEADER, FIRST.replace("|20261120093000|", "|x|")).lines[0]
    assert (line.fields["used_at"], line.fields["used_on"]) == (None, None)


def test_a_fault_of_the_header_is_every_lines() -> None:
    reader = map_of({"admitted_at": "PV1-44", "code": "FT1-7.1"}, extra={"admitted_at": FieldType.MOMENT})
    event = read(reader, *HEADER[:3], "PV1|" + "|" * 43 + "never", FIRST, SECOND)
    assert [[fault.where for fault in line.faults] for line in event.lines] == [["PV1-44"], ["PV1-44"]]


def test_the_place_of_a_fault_is_the_path_that_had_a_value() -> None:
    reader = map_of({"quantity": "FT1-10, else FT1-12.1"})
    assert read(reader, *HEADER, "FT1||||||||||||x").lines[0].faults[0].where == "FT1[1]-12.1"


def test_a_fault_in_a_calculation_is_the_lines() -> None:
    reader = map_of({"quantity": "number(FT1-10) / number(FT1-12)", "lot": "FT1-2 + 1"})
    line = read(reader, *HEADER, "FT1||T|||||||||1||7").lines[0]
    assert [fault.code for fault in line.faults] == ["MAP010"]
    line = read(reader, *HEADER, "FT1||||||||||1||7").lines[0]
    assert [(fault.code, fault.where) for fault in line.faults] == [("MAP012", "FT1[1]-10")]


UNITS = TableSpec(
    name="units", keys=("code",), columns={"value": ColumnType.TEXT, "factor": ColumnType.RATIO}
)
ROWS = b"code,value,factor,valid_from,valid_to\nIMP1,EA,1/2,,2026-11-20\nIMP1,BX,2,2026-11-21,\nIMP3,PK,1,,\n"


def units(**others: Any) -> dict[str, Table]:
    spec = TableSpec(name="units", keys=UNITS.keys, columns=UNITS.columns, **others)
    return {"units": Table.compile(spec, ROWS, "units.csv")}


def test_a_lookup_is_as_of_the_lines_day_or_of_receipt() -> None:
    reader = map_of(USAGE | {"unit": Lookup("units", ("code",))})
    assert read(reader, *HEADER, FIRST, tables=units()).lines[0].fields["unit"] == "EA"
    assert read(reader, *HEADER, FIRST, tables=units(as_of="received")).lines[0].fields["unit"] == "BX"
    undated = FIRST.replace("|20261120093000|", "||")
    assert read(reader, *HEADER, undated, tables=units()).lines[0].fields["unit"] == "BX"
    assert "unit" not in dict(read(reader, *HEADER, FIRST, tables=units()).lines[0].sent)


def test_a_lookup_takes_the_column_it_names_and_its_field_may_go_on() -> None:
    fields = {
        "code": "FT1-7.1",
        "factor": Lookup("units", ("code",), "factor"),
        "quantity": "number(FT1-10) * factor",
    }
    reader = map_of(fields, extra={"factor": FieldType.NUMBER})
    line = read(reader, *HEADER, FIRST, tables=units(as_of="received")).lines[0]
    assert (line.fields["factor"], line.fields["quantity"], line.faults) == (Decimal(2), Decimal(4), ())


def test_a_lookup_without_a_row_does_what_its_table_says() -> None:
    reader = map_of(USAGE | {"unit": Lookup("units", ("code",))})
    held = read(reader, *HEADER, SECOND, tables=units()).lines[0]
    assert held.fields["unit"] is None
    assert [(fault.code, fault.where, fault.what) for fault in held.faults] == [
        ("MAP033", "unit", "units: code=IMP2")
    ]
    skipped = read(reader, *HEADER, SECOND, tables=units(missing="skip")).lines[0]
    assert (skipped.fields["unit"], skipped.faults) == (None, ())
    default = read(reader, *HEADER, SECOND, tables=units(missing="default", default={"value": "EA"})).lines[0]
    assert (default.fields["unit"], default.faults) == ("EA", ())


def test_literals_are_values_of_their_type() -> None:
    reader = map_of(
        {"quantity": Literal("1.0"), "unit": Literal("EA"), "credit": Literal("no"), "code": "FT1-7.1"}
    )
    line = read(reader, *HEADER, FIRST).lines[0]
    assert (line.fields["quantity"], line.fields["unit"], line.fields["credit"]) == (Decimal(1), "EA", False)
    assert line.sent == (("code", "IMP1"),)


def test_a_computed_text_is_text() -> None:
    reader = map_of(
        {"lot": "number(FT1-10)", "serial": "FT1-6 == 'CG'", "code": "FT1-7.1 + '/' + upper(FT1-7.2)"}
    )
    line = read(reader, *HEADER, FIRST).lines[0]
    assert (line.fields["lot"], line.fields["serial"], line.fields["code"]) == ("2", "yes", "IMP1/SCREW")


def test_an_occurrence_counts_in_the_message_at_the_anchor() -> None:
    reader = map_of({"code": "FT1[2]-7.1"})
    assert [line.fields["code"] for line in read(reader, *HEADER, FIRST, SECOND).lines] == ["IMP2", "IMP2"]


CONTENT = st.text(st.sampled_from('0123456789.-+^&~\\"TCXé '), max_size=12)


@given(st.lists(st.lists(CONTENT, min_size=16, max_size=16), max_size=3))
def test_no_content_raises(contents: list[list[str]]) -> None:
    lines = ["FT1|" + "|".join(values) for values in contents]
    reader = map_of(USAGE | {"expiry": "FT1-3", "performer": "FT1-8 else FT1-9[2].2.1"})
    event = read(reader, *HEADER, *lines)
    assert len(event.lines) == len(lines)
    for line in event.lines:
        assert line.fields.keys() == reader.fields.keys()
        for name, value in line.fields.items():
            kind = reader.fields[name].type
            assert value is None or isinstance(
                value,
                {
                    FieldType.TEXT: str,
                    FieldType.NUMBER: Decimal,
                    FieldType.MONEY: Decimal,
                    FieldType.MOMENT: datetime,
                    FieldType.DATE: date,
                    FieldType.FLAG: bool,
                }[kind],
            )


@given(
    st.lists(st.sampled_from([FIRST, SECOND, "ZPM" + "|" * 20 + "L1", "NTE|1||x", "DG1|1||X"]), max_size=8)
)
def test_reading_twice_gives_the_same(segments: list[str]) -> None:
    fresh, used = map_of(USAGE), map_of(USAGE)
    read(used, *HEADER, FIRST, "ZPM" + "|" * 20 + "L1")
    assert read(fresh, *HEADER, *segments) == read(used, *HEADER, *segments) == read(used, *HEADER, *segments)


DEVICE = {"udi": "scanned(PRT-10)", "lot": "agreed(PRT-19, udi_lot)", "serial": "agreed(PRT-20, udi_serial)"}
SAID = "(01)00380652100014(17)290100(10)L44(21)S88"


def prt(device: str = "", lot: str = "", serial: str = "") -> str:
    return f"PRT|1|UC||EQUIP||||||{device}^^^GS1|||||||||{lot}|{serial}"


def test_a_barcode_gives_fields_of_their_own() -> None:
    reader = map_of(DEVICE)
    (line,) = read(reader, *HEADER, FIRST, prt(SAID)).lines
    assert line.faults == ()
    assert line.fields == {
        "facility": "NORTH",
        "udi": SAID,
        "udi_di": "00380652100014",
        "udi_issuer": "gs1",
        "udi_lot": "L44",
        "udi_serial": "S88",
        "udi_expiry": date(2029, 1, 31),
        "udi_made": None,
        "lot": "L44",
        "serial": "S88",
    }
    assert dict(line.sent) == {"udi": SAID, "lot": "L44", "serial": "S88"}
    assert reader.fields.keys() == line.fields.keys()
    assert reader.fields["udi_expiry"].type is FieldType.DATE


def test_the_device_of_a_charge_stands_in_the_prt_behind_it() -> None:
    doctor = "PRT|1|UC||PP|1001^HOUSE"
    lines = read(map_of(DEVICE), *HEADER, FIRST, prt(SAID), SECOND, prt(lot="L9"), "FT1|3|T3").lines
    assert [line.fields["lot"] for line in lines] == ["L44", "L9", None]
    first_of_either = {**DEVICE, "udi": "scanned(PRT-10), else scanned(PRT[2]-10)"}
    (line,) = read(map_of(first_of_either), *HEADER, FIRST, doctor, prt(SAID)).lines
    assert line.fields["serial"] == "S88"


@pytest.mark.parametrize(
    ("segment", "code", "where"),
    [
        (prt("(01)00380652100015(21)S88"), "UDI002", "PRT[1]-10"),
        (prt("0100380652100014" + "10L4421S88"), "UDI003", "PRT[1]-10"),
        (prt(SAID, lot="L45"), "MAP016", "PRT[1]-19"),
    ],
)
def test_a_barcode_that_cannot_be_read_or_is_denied_is_a_fault_of_its_line(segment, code, where) -> None:
    line, other = read(map_of(DEVICE), *HEADER, FIRST, segment, SECOND).lines
    (fault,) = line.faults
    assert (fault.code, fault.where) == (code, where)
    assert "S88" not in str(fault)
    assert line.fields["lot"] is None
    assert other.faults == ()


@pytest.mark.parametrize("mark", ["\x1d", "\\X1D\\"])
def test_fnc1_may_be_sent_as_it_is_or_escaped(mark: str) -> None:
    (line,) = read(map_of(DEVICE), *HEADER, FIRST, prt(f"010038065210001410L4421{mark}21S88")).lines
    assert (line.fields["lot"], line.fields["serial"]) == ("L4421", "S88")
