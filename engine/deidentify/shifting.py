"""Dates moved by whole weeks: time of day, weekday and the intervals between the dates of one patient stay.

A month without a day moves by a whole month at least; a year alone stays, since it is free.
"""

from __future__ import annotations

import hmac
import random
import re
from collections.abc import Hashable, Iterable, Sequence
from datetime import date, timedelta
from hashlib import sha256

WEEKS = 26
"""How far at most, forwards or back."""

OLDEST = 89
"""Years. That somebody is older may tell who it is."""

_TIMESTAMP = re.compile(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})?(?P<day>[0-9]{2})?"
    r"(?P<clock>[0-9]{6}(?:\.?[0-9]{1,9})?|[0-9]{4}|[0-9]{2}|)(?P<zone>[+-][0-9]{2}:?[0-9]{2})?"
)
_YEARS = range(1850, 2200)


def moved(text: str, days: int) -> str | None:
    """`text` so many days later, with its precision; None when it is no date."""
    found = _TIMESTAMP.fullmatch(text.strip())
    if found is None or int(found["year"]) not in _YEARS:
        return None
    year, month, day = int(found["year"]), int(found["month"] or 1), int(found["day"] or 1)
    if not found["day"]:
        return None if found["clock"] else _month(text, found, days)
    try:
        later = date(year, month, day) + timedelta(days)
    except (ValueError, OverflowError):
        return None
    return text.replace(found[0][:8], f"{later:%Y%m%d}", 1)


def _month(text: str, found: re.Match[str], days: int) -> str | None:
    if not found["month"]:
        return text
    if not 1 <= int(found["month"]) <= 12:
        return None
    months = round(days / 30) or (1 if days > 0 else -1)
    place = int(found["year"]) * 12 + int(found["month"]) - 1 + months
    return text.replace(found[0][:6], f"{place // 12:04}{place % 12 + 1:02}", 1)


def born(text: str, days: int, today: date) -> str | None:
    """A date of birth so many days later. Who is older than `OLDEST` was born `OLDEST` years ago."""
    later = moved(text, days)
    oldest = today.year - OLDEST
    if later is None or int(later.strip()[:4]) >= oldest:
        return later
    rest = later.strip()[4:]
    return f"{oldest:04}" + (f"0228{rest[4:]}" if rest.startswith("0229") else rest)


def groups_of(parts: Iterable[Iterable[Hashable]]) -> list[int]:
    """For each part of a message, which person it is about: parts that share any number are about one. From 0."""
    owners: dict[Hashable, int] = {}
    groups: list[int] = []
    for ids in parts:
        mine = {owners[one] for one in ids if one in owners}
        group = min(mine, default=len(groups))
        groups.append(group)
        groups = [group if one in mine else one for one in groups]
        owners = {one: group if owner in mine else owner for one, owner in owners.items()}
        owners.update(dict.fromkeys(ids, group))
    order = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    return [order[group] for group in groups]


def shifts(key: bytes) -> Sequence[int]:
    """Every shift in days, in an order that only the key knows."""
    weeks = [week for week in range(-WEEKS, WEEKS + 1) if week]
    random.Random(hmac.digest(key, b"weeks", sha256)).shuffle(weeks)
    return [7 * week for week in weeks]
