"""What is kept of a step comes back as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.posting import NO_FACTS
from engine.pipeline.record import pack, unpack_lines

VALUES = st.one_of(
    st.text(),
    st.booleans(),
    st.none(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.fractions(),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
)


@given(st.dictionaries(st.text(min_size=1), VALUES | st.dictionaries(st.text(min_size=1), VALUES)))
def test_every_value_survives_the_record(values):
    packed = pack(NO_FACTS, {"or/1": {"issue": values}})
    assert unpack_lines(packed) == {"or/1": {"issue": values}}


def test_nothing_to_keep_is_no_record():
    assert pack(NO_FACTS, {}) == b""


def test_kinds_stay_apart():
    values = {
        "n": Decimal("1.50"),
        "d": date(2026, 11, 20),
        "t": datetime(2026, 11, 20, tzinfo=UTC),
        "r": Fraction(1, 50),
    }
    restored = unpack_lines(pack(NO_FACTS, {"a/1": {"e": values}}))["a/1"]["e"]
    assert {name: type(value) for name, value in restored.items()} == {n: type(v) for n, v in values.items()}
