"""Read maps of FHIR: resources become events; what cannot be understood is said."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from engine.codecs.fhir.document import parse
from engine.domain.event import FieldType, Kind
from engine.mapping.fhir_reader import FhirReadMap, compile_reader
from engine.mapping.reader import From, Literal, ReadMap, ReadSpec
from engine.mapping.spec import SpecError

ZONE = ZoneInfo("America/Chicago")
FIELDS = {"code": "code.coding.first().code", "quantity": "quantity.value, else 1", "used_at": "occurrence"}
CHARGE = b"""{"resourceType": "ChargeItem", "id": "c1", "status": "billable", "quantity": {"value": 2.50},
  "code": {"coding": [{"code": "X1"}]}, "occurrenceDateTime": "2026-11-20T23:30:00-06:00",
  "account": [{"reference": "Account/A1"}]}"""


def spec(fields=FIELDS, *, read=("FHIR ChargeItem",), **options) -> ReadSpec:
    origins = {name: From(text) if isinstance(text, str) else text for name, text in fields.items()}
    return ReadSpec(
        name="fhir/x",
        triggers=read,
        kind=Kind.CHARGE,
        each=options.pop("each", None),
        fields=origins,
        **options,
    )


def lines(raw=CHARGE, fields=FIELDS, **options):
    return compile_reader(spec(fields, **options)).read(parse(raw), ZONE, {}, date(2026, 11, 21)).lines


def test_a_resource_is_one_line():
    (line,) = lines()
    assert line.fields == {
        "code": "X1",
        "quantity": Decimal("2.5"),
        "used_at": datetime(2026, 11, 21, 5, 30, tzinfo=UTC),
        "used_on": date(2026, 11, 20),
    }
    assert dict(line.sent) == {"code": "X1", "quantity": "2.50", "used_at": "2026-11-20T23:30:00-06:00"}
    assert line.faults == ()


def test_each_chooses_lines_and_the_resource_is_around_them():
    raw = b"""{"resourceType": "Invoice", "status": "issued", "lineItem": [
      {"chargeItemCodeableConcept": {"coding": [{"code": "A"}]}},
      {"chargeItemCodeableConcept": {"coding": [{"code": "B"}]}}]}"""
    fields = {"code": "chargeItem.ofType(CodeableConcept).coding.code", "type": "%resource.status"}
    found = lines(raw, fields, read=("FHIR Invoice",), each="lineItem")
    assert [(line.number, line.fields["code"], line.fields["type"]) for line in found] == [
        (1, "A", "issued"),
        (2, "B", "issued"),
    ]


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("quantity", "code.text, else 'many'", "MAP030"),
        ("used_at", "'2026-13-45'", "MAP031"),
        ("used_at", "'2026-11-20T99:00:00Z'", "MAP031"),
        ("used_at", "'2026-11'", "MAP031"),
        ("code", "code", "FHR012"),
        ("void", "status", "MAP032"),
    ],
)
def test_a_value_that_is_not_understood_is_a_fault_of_its_line(field, text, code):
    (line,) = lines(fields={field: text})
    assert line.fields[field] is None
    assert [fault.code for fault in line.faults] == [code]
    assert "X1" not in str(line.faults)


def test_a_flag_a_day_and_a_text_that_is_always_the_same():
    fields = {"void": "status in ('billable' | 'x')", "expiry": "'2027-02-01'", "facility": Literal("NORTH")}
    (line,) = lines(fields=fields)
    assert (line.fields["void"], line.fields["expiry"], line.fields["facility"]) == (
        True,
        date(2027, 2, 1),
        "NORTH",
    )


def test_the_first_of_a_sample_bundle_is_the_line_and_the_others_are_referred_to():
    stay = b'{"resourceType": "Encounter", "id": "e1", "account": [{"reference": "Account/A9"}]}'
    charge = b'{"resourceType": "ChargeItem", "context": {"reference": "Encounter/e1"}}'
    raw = b'{"resourceType": "Bundle", "entry": [{"resource": %b}, {"resource": %b}]}' % (charge, stay)
    (line,) = lines(raw, {"account": "context.resolve().account.getReferenceKey()"})
    assert line.fields["account"] == "A9"


def test_persons_are_read_without_the_rest():
    reader = compile_reader(spec({**FIELDS, "account": "account.getReferenceKey()"}))
    assert reader.persons(parse(CHARGE)) == {"account": "A1"}


def faults(fields=FIELDS, **options):
    with pytest.raises(SpecError) as told:
        compile_reader(spec(fields, **options))
    return [(fault.path, fault.code, fault.mend, fault.column) for fault in told.value.faults]


def test_faults_of_a_map_are_told_all_at_once():
    found = faults({"code": "id, else cod.coding.code", "account": "account.(", "nope": "id"})
    assert found == [
        (("fields", "code", "from"), "FHR011", "did you mean 'code'?", 10),
        (("fields", "account", "from"), "FHR010", "write suppliedItem.quantity.value", 9),
        (("fields", "nope"), "MAP040", found[2][2], 0),
    ]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"read": ("FHIR ChargeItm",)}, "MAP042"),
        ({"read": ("FHIR ChargeItem", "DFT^P03")}, "MAP042"),
        ({"version": "2.5.1"}, "MAP049"),
        ({"each": "lineItm"}, "FHR011"),
    ],
)
def test_what_a_map_says_of_its_messages_is_checked(options, code):
    assert code in {fault[1] for fault in faults({"type": "status"}, **options)}


def test_maps_of_hl7_are_as_they_were():
    reader = compile_reader(spec({"code": "FT1-7.1"}, read=("DFT^P03",), each="FT1"))
    assert type(reader) is ReadMap
    assert not isinstance(reader, FhirReadMap)
    assert reader.fields["facility"].type is FieldType.TEXT


DELIVERY = b"""{"resourceType": "SupplyDelivery", "status": "completed",
  "suppliedItem": {"itemReference": {"reference": "#d"}}, "contained": [{"resourceType": "Device", "id": "d",
  "udiCarrier": [{"%s": "%s"}]}]}"""
CARRIER = "suppliedItem.item.resolve().udiCarrier.first()"
DEVICE = {
    "udi": f"{CARRIER}.carrierHRF, else {CARRIER}.carrierAIDC.decode('base64')",
    "code": "%udi_di",
    "lot": "suppliedItem.item.resolve().lotNumber, else %udi_lot",
}


@pytest.mark.parametrize(
    ("element", "text"),
    [
        (b"carrierHRF", b"(01)00380652100014(10)L44(21)S88"),
        (b"carrierAIDC", b"XWQyMDEwMDM4MDY1MjEwMDAxNDEwTDQ0HTIxUzg4"),
    ],
)
def test_a_device_is_known_by_its_barcode_printed_or_scanned(element, text):
    (line,) = lines(DELIVERY % (element, text), DEVICE, read=("FHIR SupplyDelivery",))
    assert line.faults == ()
    assert (line.fields["code"], line.fields["lot"], line.fields["udi_serial"]) == (
        "00380652100014",
        "L44",
        "S88",
    )


def test_a_barcode_of_a_device_that_cannot_be_read_is_a_fault():
    (line,) = lines(DELIVERY % (b"carrierHRF", b"(01)00380652100015"), DEVICE, read=("FHIR SupplyDelivery",))
    assert [fault.code for fault in line.faults] == ["UDI002"]
    (line,) = lines(DELIVERY % (b"carrierAIDC", b"not base64"), DEVICE, read=("FHIR SupplyDelivery",))
    assert [fault.code for fault in line.faults] == ["FHR012"]


def test_what_a_map_takes_from_itself_it_reads():
    assert [fault[1] for fault in faults({"code": "%udi_di"})] == ["MAP041"]
