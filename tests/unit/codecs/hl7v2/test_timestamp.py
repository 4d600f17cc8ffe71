"""Dates and times with the precision they were sent with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.hl7v2.timestamp import Precision, TimestampError, parse_timestamp

YEAR_1900, YEAR_2200 = datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2200-01-01")
CHICAGO = ZoneInfo("America/Chicago")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "instant", "day", "precision"),
    [
        ("2026", None, None, Precision.YEAR),
        ("202611", None, None, Precision.MONTH),
        ("20261120", None, date(2026, 11, 20), Precision.DAY),
        ("20261120+0100", None, date(2026, 11, 20), Precision.DAY),
        ("2026112010", utc(2026, 11, 20, 16), date(2026, 11, 20), Precision.HOUR),
        ("202611201015", utc(2026, 11, 20, 16, 15), date(2026, 11, 20), Precision.MINUTE),
        ("20261120101502", utc(2026, 11, 20, 16, 15, 2), date(2026, 11, 20), Precision.SECOND),
        ("20261120101502.5", utc(2026, 11, 20, 16, 15, 2, 500000), date(2026, 11, 20), Precision.FRACTION),
        ("20261120101502.1234", utc(2026, 11, 20, 16, 15, 2, 123400), date(2026, 11, 20), Precision.FRACTION),
        ("2026112010150212", utc(2026, 11, 20, 16, 15, 2, 120000), date(2026, 11, 20), Precision.FRACTION),
        ("20261120101502123", utc(2026, 11, 20, 16, 15, 2, 123000), date(2026, 11, 20), Precision.FRACTION),
        ("20261120101502+0215", utc(2026, 11, 20, 8, 0, 2), date(2026, 11, 20), Precision.SECOND),
        ("20261120101502-05:00", utc(2026, 11, 20, 15, 15, 2), date(2026, 11, 20), Precision.SECOND),
        ("202611200030+0000", utc(2026, 11, 20, 0, 30), date(2026, 11, 19), Precision.MINUTE),
        ("202607011200", utc(2026, 7, 1, 17), date(2026, 7, 1), Precision.MINUTE),
        (" 20261120 ", None, date(2026, 11, 20), Precision.DAY),
        ("20240229", None, date(2024, 2, 29), Precision.DAY),
    ],
)
def test_as_much_is_known_as_was_sent(
    text: str, instant: datetime | None, day: date | None, precision: Precision
) -> None:
    assert parse_timestamp(text, CHICAGO) == (instant, day, precision)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00000000",
        "Aug 15, 1942",
        "2026-11-20",
        "20261120T1015",
        "20261",
        "2026112",
        "202611201",
        "20261120101",
        "20261301",
        "20260230",
        "2026112024",
        "202611201060",
        "20261120.5",
        "202611201015.5",
        "20261120101502.",
        "20261120101502+25",
        "20261120101502+0160",
        "20261120101502+9900",
        "00010101000000+1400",
        "２０２６",
        "20261120101502Z",
        "2026112010150212345678901",
    ],
)
def test_what_is_no_date_is_refused_without_being_echoed(text: str) -> None:
    with pytest.raises(TimestampError) as caught:
        parse_timestamp(text, CHICAGO)
    assert not text or text not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_hour_that_happens_twice_is_taken_as_its_first_passing() -> None:
    assert parse_timestamp("202611010130", CHICAGO).instant == utc(2026, 11, 1, 6, 30)
    assert parse_timestamp("202611010130-0600", CHICAGO).instant == utc(2026, 11, 1, 7, 30)


NIGHTS = {
    "America/Chicago": datetime(2026, 11, 1, 6, tzinfo=UTC),
    "Europe/Berlin": datetime(2026, 10, 25, 0, tzinfo=UTC),
}
"""When the hour begins that happens twice."""


@given(
    st.sampled_from(sorted(NIGHTS)),
    st.lists(st.tuples(st.integers(-3600, 3 * 3600), st.integers(-4 * 60, 54 * 60)), min_size=2, max_size=6),
)
def test_what_comes_within_the_hour_is_told_as_it_was_in_whatever_order_it_comes(
    name: str, sent: list[tuple[int, int]]
) -> None:
    """Each is said by a wall clock without an offset, and is received so much later, or by a clock that is behind."""
    zone = ZoneInfo(name)
    for after, late in sent:
        said = NIGHTS[name] + timedelta(seconds=after)
        received = said + timedelta(seconds=late)
        assert parse_timestamp(f"{said.astimezone(zone):%Y%m%d%H%M%S}", zone, received).instant == said


@given(st.sampled_from(sorted(NIGHTS)), st.integers(0, 3599), st.integers(3 * 3600, 10**8), st.booleans())
def test_of_a_night_that_is_long_past_or_to_come_all_is_taken_as_the_first_passing(
    name: str, after: int, away: int, past: bool
) -> None:
    zone, first = ZoneInfo(name), NIGHTS[name] + timedelta(seconds=after)
    received = first + timedelta(seconds=away if past else -away)
    text = f"{(first + timedelta(hours=1)).astimezone(zone):%Y%m%d%H%M%S}"
    assert parse_timestamp(text, zone, received).instant == first


def test_a_time_in_the_skipped_hour_is_later_by_the_gap_and_keeps_its_date() -> None:
    skipped = parse_timestamp("202603080230", CHICAGO)
    assert skipped.instant == utc(2026, 3, 8, 8, 30)
    assert skipped.date == date(2026, 3, 8)


@given(st.datetimes(YEAR_1900, YEAR_2200), st.integers(-840, 840))
def test_an_offset_says_the_instant_whatever_the_zone(moment: datetime, minutes: int) -> None:
    sign, away = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{moment:%Y%m%d%H%M%S.%f}{sign}{away // 60:02}{away % 60:02}"
    read = parse_timestamp(text, CHICAGO)
    assert read.instant == moment.replace(tzinfo=UTC) - timedelta(minutes=minutes)
    assert read.instant is not None
    assert read.date == read.instant.astimezone(CHICAGO).date()


@given(st.text(alphabet="0123456789.+-:", max_size=30))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        parse_timestamp(text, CHICAGO)
    except TimestampError:
        return
