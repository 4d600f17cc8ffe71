"""Dates and times of HL7 v2, with the precision they were sent with. Never invents a time, never echoes a
value.

`YYYY[MM[DD[HH[MM[SS[.ffff]]]]]][±ZZZZ]`, HL7 v2.8.2 §2A.3.22. A time without an offset is in the feed's zone,
not in UTC. Tolerated, since they are sent: fractions without their dot (16 or 17 digits) and of up to nine
digits, `+02:15`.

Of the hour that happens twice when clocks go back, whoever knows when the text was received may tell the passing
(`instant_of`); without that it is the first. A time in the hour that is
skipped when they go forward is as much later as the gap is long (02:30 is 03:30), so it keeps its date.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import IntEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo


class TimestampError(ValueError):
    """Text that is no date or time. Says what was expected, not what was found."""


class Precision(IntEnum):
    """The smallest part that was sent. FRACTION is of a second."""

    YEAR = 4
    MONTH = 6
    DAY = 8
    HOUR = 10
    MINUTE = 12
    SECOND = 14
    FRACTION = 15


class Timestamp(NamedTuple):
    """`instant`: UTC, None unless an hour at least was sent. `date`: the day in the feed's zone, or as sent
    where no hour was; None for a year or a month."""

    instant: datetime | None
    date: date | None
    precision: Precision


_TIMESTAMP = re.compile(r"([0-9]{4,14})(?:\.?([0-9]{1,9}))?(?:([+-])([0-9]{2}):?([0-9]{2}))?")
_LENGTHS = {precision.value: precision for precision in Precision if precision is not Precision.FRACTION}


AHEAD = timedelta(minutes=5)
"""How far a sender's clock may be before ours: what it says to be later is not later, it is the first passing."""

PROMPT = timedelta(hours=1)
"""What was received so soon after the second passing tells of that; of a time that is long ago nobody knows, and all
that speaks of it is taken alike."""


def parse_timestamp(text: str, zone: ZoneInfo, received: datetime | None = None) -> Timestamp:
    """What `text` says. `zone`: the feed's, for a time without an offset. Raises `TimestampError`."""
    found = _TIMESTAMP.fullmatch(text.strip())
    precision = _LENGTHS.get(len(found[1])) if found else None
    if found is None or precision is None or (found[2] and precision is not Precision.SECOND):
        raise TimestampError("not of the form YYYY[MM[DD[HH[MM[SS[.ffff]]]]]][+ZZZZ]")
    try:
        return _timestamp(found, precision, zone, received)
    except (ValueError, OverflowError):
        pass
    raise TimestampError("no such day or time in the calendar")


def instant_of(local: datetime, received: datetime | None) -> datetime:
    """UTC of what a wall clock says in its zone: of the two that it may be, the second where it came in about then."""
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if received is None or second <= first:
        return first
    return second if -AHEAD <= received - second <= PROMPT else first


def _timestamp(
    found: re.Match[str], precision: Precision, zone: ZoneInfo, received: datetime | None
) -> Timestamp:
    digits = found[1]
    year, month, day = int(digits[:4]), int(digits[4:6] or 1), int(digits[6:8] or 1)
    stated = date(year, month, day)
    if precision < Precision.HOUR:
        return Timestamp(None, stated if precision is Precision.DAY else None, precision)
    clock = int(digits[8:10]), int(digits[10:12] or 0), int(digits[12:14] or 0)
    fraction = found[2]
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    offset = _offset(found)
    said = datetime(year, month, day, *clock, micros, tzinfo=offset or zone)
    instant = said.astimezone(UTC) if offset else instant_of(said, received)
    on = instant.astimezone(zone).date() if offset else stated
    return Timestamp(instant, on, Precision.FRACTION if fraction else precision)


def _offset(found: re.Match[str]) -> tzinfo | None:
    if not found[3]:
        return None
    hours, minutes = int(found[4]), int(found[5])
    if minutes > 59:
        raise ValueError
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(ahead if found[3] == "+" else -ahead)
