"""The switch of the year: whenever a charge comes in, the rows are those of the day on which it was used."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.clock import to_us
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import NO_FACTS
from engine.pipeline.digests import Digester
from engine.pipeline.reading import read_message
from engine.pipeline.step import step
from engine.site.compile import compile_release, load_site

RELEASE = compile_release(load_site(Path(__file__).parents[3]))
DIGESTER = Digester(b"year end".ljust(32, b"."))
MIDNIGHT = datetime(2026, 12, 31, 23, 59, 59, tzinfo=ZoneInfo("America/Chicago"))
PRICES = {2026: Decimal("2480.00"), 2027: Decimal("2554.40")}
"""A consigned hip stem, size 12, in each year (mappings/tables/contract-prices.csv)."""


@given(
    st.lists(st.integers(-60 * 86_400, 60 * 86_400), min_size=1, max_size=6),
    st.integers(0, 90 * 86_400),
)
def test_a_late_charge_takes_the_rows_of_the_day_of_use(texts, seconds: list[int], late: int) -> None:
    """`seconds`: of use, from the last second of the year on; `late`: of the message after the last use."""
    used = [MIDNIGHT + timedelta(seconds=second) for second in seconds]
    lines = [
        texts.ft1(f"T{number}", code="IMP-HIP-STM-12", amount="9000.00", used=f"{at:%Y%m%d%H%M%S}")
        for number, at in enumerate(used)
    ]
    received = max(used) + timedelta(seconds=late)
    message = Inbound(MessageId(1), "ehr", to_us(received), texts.dft(*lines).encode(), None)
    stepped = step(RELEASE, DIGESTER, read_message(RELEASE, DIGESTER, message), NO_FACTS)
    bought = [effect.amount for effect in stepped.effects if effect.name == "bill-only"]
    assert sorted(bought) == sorted(PRICES[at.year] for at in used)
