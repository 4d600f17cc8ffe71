"""Where feeds that tell of the same use tell different things: what one saw and the one that counts did not (rules of
money, 21). Pure. Nothing is posted from here: money is never matched by guessing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from engine.domain.message import MessageId
from engine.domain.views import SightingView


class Compared(NamedTuple):
    """One place. `counts`: quantity by the feed that owns it. `corroborated`: channel → what it told. `unmatched`:
    lines that name a thing by a shared id which the owning feed never told; `message`: one that shows it."""

    destination: str
    effect: str
    place: str
    counts: Decimal
    corroborated: dict[str, Decimal]
    unmatched: int
    message: MessageId

    @property
    def missing(self) -> Decimal:
        """How much the owning feed lacks of what another told; negative: how much no other feed saw."""
        return max(self.corroborated.values(), default=self.counts) - self.counts

    @property
    def gap(self) -> bool:
        return self.missing > 0 or self.unmatched > 0


def completeness(sightings: Iterable[SightingView]) -> list[Compared]:
    """All places that more than one feed could tell of, those with gaps first."""
    seen = list(sightings)
    owned: set[tuple[str, str, bytes | None]] = {
        (one.destination, one.effect, one.same) for one in seen if one.owned and one.same is not None
    }
    groups: dict[tuple[str, str, str], list[SightingView]] = defaultdict(list)
    for one in seen:
        groups[one.destination, one.effect, one.place].append(one)
    found = [_compared(*place, group, owned) for place, group in groups.items()]
    return sorted(found, key=lambda one: (not one.gap, one.destination, one.effect, one.place))


def _compared(
    destination: str,
    effect: str,
    place: str,
    group: list[SightingView],
    owned: set[tuple[str, str, bytes | None]],
) -> Compared:
    told: dict[str, Decimal] = defaultdict(Decimal)
    for one in group:
        if not one.owned:
            told[one.channel] += one.quantity
    unmatched = [
        one
        for one in group
        if not one.owned and one.same is not None and (destination, effect, one.same) not in owned
    ]
    counts = sum((one.quantity for one in group if one.owned), Decimal(0))
    shows = (unmatched or [one for one in group if not one.owned] or group)[-1].message
    return Compared(destination, effect, place, counts, dict(told), len(unmatched), shows)
