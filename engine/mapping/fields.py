"""What was read for a field, as the value that its type says. Pure; faults are without the text.

Takes text as it was sent, or what an expression made of it. `reading` asks for every field but plain texts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.codecs.hl7v2.timestamp import TimestampError, instant_of, parse_timestamp
from engine.codecs.udi import carrier
from engine.domain.event import FieldType, Value
from engine.mapping.faults import EvaluationFault
from engine.mapping.operators import kind_of
from engine.reference import values

Moment = tuple[datetime | None, date]
"""The instant in UTC, None where only a day was sent, and the day in the feed's zone."""


class Moments(dict[str, Moment]):
    """Moments of one message that are understood already. `received`: when it came in, by which the hour is told
    that happens twice; None where nobody asks."""

    def __init__(self, received: datetime | None = None) -> None:
        super().__init__()
        self.received = received


_FLAGS = dict.fromkeys(("Y", "YES", "T", "TRUE", "1"), True) | dict.fromkeys(
    ("N", "NO", "F", "FALSE", "0"), False
)


def number(value: object) -> Decimal:
    """A decimal number, without needless zeros."""
    return _decimal(value, values.number)


def money(value: object) -> Decimal:
    """A decimal number with two decimals at least."""
    return _decimal(value, values.money)


def flag(value: object) -> bool:
    """Y, YES, T, TRUE, 1 or their opposites, in any case: HL7 table 0136 and what is sent for it."""
    if isinstance(value, bool):
        return value
    found = _FLAGS.get(value.upper()) if isinstance(value, str) else None
    if found is None:
        raise EvaluationFault("MAP032", f"this {kind_of(value)} is no flag", "compare it: FT1-6 == 'CD'")
    return found


def day(value: object, zone: ZoneInfo) -> date:
    """A date; of a time, its day in `zone`."""
    return _moment(value, zone)[1]


def moment(value: object, zone: ZoneInfo, known: Moments) -> Moment:
    """A moment or a day. `known`: those of this message, which its lines mostly repeat; added to."""
    if not isinstance(value, str):
        return _moment(value, zone)
    found = known.get(value)
    if found is None:
        found = known[value] = _moment(value, zone, known.received)
    return found


def udi(value: object, received: date) -> tuple[Value, ...]:
    """The barcode and what it says, in the order of `UDI_PARTS`. `received`: by which years of two digits are
    understood."""
    if not isinstance(value, str):
        raise EvaluationFault(
            "UDI001", f"this {kind_of(value)} is no barcode", "map where the barcode stands"
        )
    try:
        found = carrier.parse(value, received)
    except carrier.UdiError as error:
        raise EvaluationFault(error.code, error.what, error.mend) from None
    return value, found.di, found.issuer, found.lot, found.serial, found.expiry, found.made


def constant(kind: FieldType, text: str) -> Value:
    """A field that a map says once and for all."""
    match kind:
        case FieldType.NUMBER:
            return number(text)
        case FieldType.MONEY:
            return money(text)
        case FieldType.FLAG:
            return flag(text)
        case FieldType.DATE:
            return day(text, ZoneInfo("UTC"))
        case FieldType.MOMENT | FieldType.UDI:
            raise EvaluationFault("MAP031", f"a {kind} is never always the same", "read it from the message")
        case _:
            return text


def _decimal(value: object, read: Callable[[str], Decimal]) -> Decimal:
    try:
        if isinstance(value, str):
            return read(value)
        if isinstance(value, Decimal | int) and not isinstance(value, bool):
            return read(format(Decimal(value), "f"))
    except ValueError:
        pass
    mend = "map where the number stands; HL7 writes 1250.5"
    raise EvaluationFault("MAP030", f"this {kind_of(value)} is no number", mend)


def _moment(value: object, zone: ZoneInfo, received: datetime | None = None) -> Moment:
    if isinstance(value, datetime):
        return value, value.astimezone(zone).date()
    if isinstance(value, date):
        return None, value
    if not isinstance(value, str):
        raise EvaluationFault("MAP031", f"this {kind_of(value)} is no date or time", "map where it stands")
    if (
        value[4:5] == "-" and value[7:8] == "-"
    ):  # never so in HL7, where a year is followed by four digits of offset
        return _iso(value, zone, received)
    try:
        stamp = parse_timestamp(value, zone, received)
    except TimestampError as error:
        raise EvaluationFault("MAP031", f"this is no date or time: {error}", "map where it stands") from None
    if stamp.date is None:
        raise EvaluationFault("MAP031", "a year or month alone is no day", "ask the sender for the day")
    return stamp.instant, stamp.date


def _iso(value: str, zone: ZoneInfo, received: datetime | None) -> Moment:
    """ISO 8601, as FHIR writes it; a time without an offset is one of `zone`."""
    try:
        if len(value) == 10:
            return None, date.fromisoformat(value)
        found = datetime.fromisoformat(value)
    except ValueError:
        raise EvaluationFault("MAP031", "this is no date or time", "map where it stands") from None
    at = found if found.tzinfo else instant_of(found.replace(tzinfo=zone), received)
    return at.astimezone(UTC), at.astimezone(zone).date()
