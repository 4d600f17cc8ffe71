"""What a message means, in canonical form: an event with its lines (`docs/reference/events.md`).

Field values are text, Decimal, aware datetime, date, bool or None (not sent). A read map fills them; the names
are those of `FIELDS`, or declared by the map under `extra`. Nothing here knows HL7 or FHIR.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

Value = str | Decimal | datetime | date | bool | None
Fields = dict[str, Value]


class Kind(StrEnum):
    """What an event is about. Each has the fields of `FIELDS`."""

    USAGE = "supply-usage"
    CHARGE = "charge"
    REQUISITION = "requisition"
    ENCOUNTER = "encounter"
    MERGE = "merge"
    CASE = "case"
    MASTER = "master"


class FieldType(StrEnum):
    """How a field's text is understood. A moment also gives NAME minus `_at` plus `_on`: the local date; a UDI gives
    NAME plus `_` plus each of `UDI_PARTS`."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    MOMENT = "moment"
    DATE = "date"
    FLAG = "flag"
    UDI = "udi"


class FieldSpec(NamedTuple):
    type: FieldType
    meaning: str
    example: str


_T, _N, _M, _AT, _D, _F = (
    FieldType.TEXT,
    FieldType.NUMBER,
    FieldType.MONEY,
    FieldType.MOMENT,
    FieldType.DATE,
    FieldType.FLAG,
)

UDI_PARTS = {
    "di": FieldSpec(
        _T, "device identifier: a GTIN of 14 digits, or that of HIBC or ISBT 128", "udi_di, else OBX-5.1"
    ),
    "issuer": FieldSpec(_T, "who gives out the identifier: gs1, hibcc or iccbba", ""),
    "lot": FieldSpec(_T, "lot number in the barcode", "OBX-5.2, else udi_lot"),
    "serial": FieldSpec(_T, "serial number in the barcode", "OBX-5.3, else udi_serial"),
    "expiry": FieldSpec(_D, "expiry in the barcode", "OBX-5.6, else udi_expiry"),
    "made": FieldSpec(_D, "when it was made, by the barcode", ""),
}
"""What a UDI says, in the order of `engine.codecs.udi`."""

_PERSON = {
    "account": FieldSpec(_T, "billing account of the stay", "PID-18.1"),
    "account_authority": FieldSpec(_T, "who gave the account number", "PID-18.4"),
    "visit": FieldSpec(_T, "visit or encounter number", "PV1-19.1"),
    "patient": FieldSpec(_T, "medical record number", "PID-3[type=MR].1"),
    "class": FieldSpec(_T, "patient class: I inpatient, O outpatient, E emergency, P pre-admission", "PV1-2"),
    "payer_class": FieldSpec(_T, "financial class of the payer", "PV1-20.1"),
    "facility": FieldSpec(_T, "hospital or site; MSH-4 when the map does not say", "MSH-4.1"),
    "location": FieldSpec(_T, "point of care where the patient is", "PV1-3.1"),
}
_LINE = {
    "source_id": FieldSpec(_T, "the sender's own id of the line", "FT1-2"),
    "code": FieldSpec(_T, "item, charge or procedure code as sent", "FT1-7.1"),
    "description": FieldSpec(_T, "the sender's text for the code", "FT1-7.2"),
    "quantity": FieldSpec(_N, "how many, signed as sent, in `unit`", "FT1-10, else 1"),
    "unit": FieldSpec(_T, "unit of measure of the quantity", "RQD-6.1"),
    "department": FieldSpec(_T, "department that used or charges it", "FT1-13.1"),
    "room": FieldSpec(_T, "room of the case", "FT1-16.2"),
    "station": FieldSpec(_T, "cabinet or supply station", "ZPM-3"),
    "bin": FieldSpec(_T, "drawer or bin in the station", "ZPM-4"),
    "used_at": FieldSpec(_AT, "when it was used (gives used_on as well)", "FT1-4.1"),
    "credit": FieldSpec(_F, "true when the line takes an earlier one back", "FT1-6 == 'CD'"),
    "reverses_id": FieldSpec(_T, "source_id of the line that a credit takes back", "FT1-31"),
    "amount": FieldSpec(_M, "extended amount that the sender states", "FT1-11.1"),
    "unit_amount": FieldSpec(_M, "amount per unit that the sender states", "FT1-12.1"),
    "stated_currency": FieldSpec(
        _T, "currency of what is stated; another than the site's is held", "FT1-11.1.2"
    ),
    "ndc": FieldSpec(_T, "National Drug Code of a drug", "ndc(RXA-5.1)"),
    "lot": FieldSpec(_T, "lot number", "ZPM-20"),
    "serial": FieldSpec(_T, "serial number", "ZPM-21"),
    "expiry": FieldSpec(_D, "expiry date", "ZPM-22"),
    "udi": FieldSpec(
        FieldType.UDI, "barcode of the device, as scanned or printed: GS1, HIBC or ISBT 128", "PRT-10"
    ),
    "performer": FieldSpec(_T, "id of who performed it", "FT1-20.1"),
    "procedure": FieldSpec(_T, "HCPCS or CPT code of what was done", "FT1-25.1"),
    "modifier": FieldSpec(_T, "modifier of the procedure", "FT1-26.1"),
    "case_id": FieldSpec(_T, "number of the surgical case; of a snapshot: what it tells whole", "CSR-1.1"),
    "saved_at": FieldSpec(_AT, "when a snapshot was saved; MSH-7 when the map does not say", "CSP-2"),
    "type": FieldSpec(_T, "transaction or movement type as sent", "FT1-6"),
    "void": FieldSpec(
        _F,
        "true when the line never was, or is owed no more: what was posted of it is taken back",
        "ORC-1 == 'OC'",
    ),
}

_ASKED = {name: _LINE[name] for name in ("code", "description", "quantity", "unit", "station")} | {
    "requisition": FieldSpec(_T, "the requester's number of the requisition", "ORC-2.1"),
    "requisition_line": FieldSpec(_T, "its line", "RQD-1"),
    "type": FieldSpec(_T, "order control as sent: NW new, XO changed, CA cancelled", "ORC-1"),
    "status": FieldSpec(_T, "order status as sent", "ORC-5"),
    "ordered_at": FieldSpec(_AT, "when it was asked for (gives ordered_on as well)", "ORC-9"),
    "requester": FieldSpec(_T, "id of who asked", "ORC-10.1"),
    "external_code": FieldSpec(_T, "item in the numbers of whoever supplies it", "RQD-3.1"),
    "hospital_code": FieldSpec(_T, "item in the numbers of the hospital", "RQD-4.1"),
    "non_catalog": FieldSpec(
        _F, "true when no catalog has the item, and the line itself describes it", "RQ1-4.1 is present"
    ),
    "deliver_to": FieldSpec(_T, "where it is to be delivered", "RQD-9.1"),
    "need_by": FieldSpec(_D, "day on which it is needed", "RQD-10"),
    "stated_cost_center": FieldSpec(_T, "cost center that the requester states", "RQD-7.1"),
    "natural_account": FieldSpec(_T, "natural account that the requester states", "RQD-8.1"),
    "amount": FieldSpec(_M, "anticipated price of the line", "ZRQ-1"),
    "unit_amount": FieldSpec(_M, "anticipated price for one unit", "RQ1-1.1.1"),
    "stated_currency": _LINE["stated_currency"]._replace(example="RQ1-1.1.2"),
    "vendor": FieldSpec(_T, "vendor that the requester names", "RQ1-4.1"),
    "vendor_catalog": FieldSpec(_T, "number in the vendor's catalog", "RQ1-5.1"),
    "manufacturer": FieldSpec(_T, "manufacturer that the requester names", "RQ1-2.1"),
    "manufacturer_catalog": FieldSpec(_T, "number in the manufacturer's catalog", "RQ1-3.1"),
    "void": FieldSpec(
        _F, "true when the line is asked for no more: what was ordered of it is cancelled", "ORC-1 == 'CA'"
    ),
}

FIELDS: dict[Kind, dict[str, FieldSpec]] = {
    Kind.USAGE: _PERSON | _LINE,
    Kind.CHARGE: _PERSON | _LINE,
    Kind.REQUISITION: _PERSON | _ASKED,
    Kind.ENCOUNTER: _PERSON
    | {
        "event": FieldSpec(_T, "trigger of the message", "MSH-9.2"),
        "occurred_at": FieldSpec(_AT, "when it happened, not when it was told", "EVN-6, else EVN-2"),
    },
    Kind.MERGE: {
        "event": FieldSpec(_T, "trigger of the message", "MSH-9.2"),
        "account": FieldSpec(_T, "surviving account", "PID-18.1"),
        "account_authority": FieldSpec(_T, "who gave the account number", "PID-18.4"),
        "merged_account": FieldSpec(_T, "account that ends", "MRG-3.1"),
        "patient": FieldSpec(_T, "surviving medical record number", "PID-3.1"),
        "merged_patient": FieldSpec(_T, "medical record number that ends", "MRG-1.1"),
        "visit": FieldSpec(_T, "surviving visit", "PV1-19.1"),
        "merged_visit": FieldSpec(_T, "visit that ends", "MRG-5.1"),
        "from_patient": FieldSpec(_T, "patient from whom the account is moved", "MRG-1.1"),
        "from_account": FieldSpec(_T, "account from which the visit is moved", "MRG-3.1"),
        "facility": FieldSpec(_T, "hospital or site; MSH-4 when the map does not say", "MSH-4.1"),
        "occurred_at": FieldSpec(_AT, "when it happened", "EVN-6, else EVN-2"),
    },
    Kind.CASE: {
        "case_id": _LINE["case_id"]._replace(example="SCH-2.1"),
        **{name: _PERSON[name] for name in ("account", "account_authority", "visit", "patient", "facility")},
        "event": FieldSpec(_T, "trigger of the message", "MSH-9.2"),
        "occurred_at": FieldSpec(_AT, "when it was so; MSH-7 when the map does not say", "MSH-7"),
        "location": FieldSpec(_T, "point of care of the room", "AIL-3.1"),
        "room": FieldSpec(_T, "room in which it is to be", "AIL-3.2"),
        "procedure": FieldSpec(_T, "code of what is to be done", "AIS-3.1"),
        "surgeon": FieldSpec(_T, "id of who is to do it", "AIP-3.1"),
        "scheduled_at": FieldSpec(_AT, "when it is to begin", "TQ1-7, else SCH-11.4"),
        "status": FieldSpec(_T, "status as the scheduler sends it", "SCH-25.1"),
    },
    Kind.MASTER: {
        "change": FieldSpec(
            _T,
            "MAD, MUP, MDL, MDC or MAC; MFE-1 when the map of an MFN does not say, MUP where nobody does",
            "MFE-1",
        ),
        "ends": FieldSpec(
            _F, "true when the record holds no longer; MDL and MDC when the map does not say", "ITM-3 == 'I'"
        ),
        "effective_on": FieldSpec(
            _D,
            "first day on which it holds, or holds no longer; MFE-3 when the map of an MFN does not say",
            "MFE-3",
        ),
        "whole": FieldSpec(
            _F,
            "true when the message tells all there is, so that what it does not name ends; MFI-3 == 'REP' when the map "
            "of an MFN does not say",
            "MFI-3 == 'REP'",
        ),
        "facility": FieldSpec(_T, "hospital or site; MSH-4 when the map of an MFN does not say", "MSH-4.1"),
    },
}
"""Canonical fields of each kind of event, with type, meaning and a usual source. The reference is made from it. A
master has besides whatever its map names."""

SERVICE_DAYS = ("used_on", "ordered_on", "occurred_on")
"""The day that a line is about: the first of these that it has."""


class LineFault(NamedTuple):
    """Why a line cannot be understood: a fault code, the place (`FT1[2]-10`) and the mend. No values."""

    code: str
    where: str
    what: str
    mend: str


class Line(NamedTuple):
    """One usage, charge or item: the unit of money.

    `number`: the occurrence of its group in the message, from 1. `fields`: header and line fields, flat.
    `sent`: as-sent text of the fields read from the line's own segments, for its content hash.
    """

    number: int
    fields: Fields
    sent: tuple[tuple[str, str], ...]
    faults: tuple[LineFault, ...] = ()


class Event(NamedTuple):
    """One event of a message. An event without lines (encounter, merge, case) has one entry in `lines`: itself.
    `header`: what a snapshot says of its case, also where it has no lines."""

    kind: Kind
    lines: tuple[Line, ...]
    header: Fields = {}
