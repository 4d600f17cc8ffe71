"""Days of barcodes. A day 00 is the last of its month; a year of two digits lies within fifty years of a given day.

Source: GS1 General Specifications 7.12; ANSI/HIBC 2.6, table 2.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def day_of(text: str, form: str, on: date) -> date | None:
    """`form`: YYMMDD, MMYY, YYJJJ and the like, H being hours. None when there is no such day."""
    digits = {
        letter: "".join(one for one, place in zip(text, form, strict=True) if place == letter)
        for letter in form
    }
    if not text.isascii() or not text.isdigit() or int(digits.get("H", "0")) > 23:
        return None
    year = int(digits["Y"]) if len(digits["Y"]) == 4 else _year(int(digits["Y"]), on)
    try:
        if "J" in digits:
            found = date(year, 1, 1) + timedelta(int(digits["J"]) - 1)
            return found if found.year == year else None
        month, day = int(digits["M"]), int(digits.get("D", "0"))
        return date(year, month, day or calendar.monthrange(year, month)[1])
    except (ValueError, OverflowError):
        return None


def _year(two: int, on: date) -> int:
    """From 49 years before to 50 after."""
    year = on.year - on.year % 100 + two
    if year - on.year > 50:
        return year - 100
    return year + 100 if on.year - year > 49 else year
