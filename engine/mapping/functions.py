"""The functions of the language: one table, from which the reference docs are made. Pure.

A missing argument makes the result missing, and no function gives an empty text: that is missing as well.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from engine.codecs.udi.carrier import looks_scanned
from engine.mapping.faults import EvaluationFault
from engine.mapping.operators import EXACT, MOST_DIGITS, decimal_of, kind_of, less, number_of, unequal
from engine.mapping.operators import add as plus
from engine.reference import values

_MANY = 50


class Function(NamedTuple):
    """`signature`, `meaning` and `example` are for people; `least` and `most` bound the number of
    arguments."""

    call: Callable[..., object]
    least: int
    most: int
    signature: str
    meaning: str
    example: str


def _text(value: object, function: str) -> str:
    if isinstance(value, str):
        return value
    raise EvaluationFault(
        "MAP010", f"{function}() wants text, not {kind_of(value)}", "write text(…) around it"
    )


def _whole(value: object, function: str) -> int:
    number = number_of(value, f"{function}()")
    if number != int(number) or not 0 <= number <= MOST_DIGITS:
        raise EvaluationFault("MAP010", f"{function}() wants a whole number from 0 to {MOST_DIGITS}")
    return int(number)


def _upper(value: object) -> object:
    return None if value is None else _text(value, "upper").upper() or None


def _lower(value: object) -> object:
    return None if value is None else _text(value, "lower").lower() or None


def _strip(value: object) -> object:
    return None if value is None else _text(value, "strip").strip() or None


def _left(value: object, count: object) -> object:
    if value is None or count is None:
        return None
    return _text(value, "left")[: _whole(count, "left")] or None


def _right(value: object, count: object) -> object:
    if value is None or count is None:
        return None
    text, number = _text(value, "right"), _whole(count, "right")
    return text[max(0, len(text) - number) :] or None


def _pad(value: object, count: object, fill: object) -> object:
    if value is None or count is None or fill is None:
        return None
    if len(_text(fill, "pad")) != 1:
        raise EvaluationFault("MAP010", "pad() fills with one character", "write pad(code, 18, '0')")
    return _text(value, "pad").rjust(_whole(count, "pad"), str(fill)) or None


def _replace(value: object, old: object, new: object) -> object:
    if value is None or old is None or new is None:
        return None
    text, sought = _text(value, "replace"), _text(old, "replace")
    return (text.replace(sought, _text(new, "replace")) if sought else text) or None


def _split(value: object, separator: object, count: object) -> object:
    if value is None or separator is None or count is None:
        return None
    text, mark, number = _text(value, "split"), _text(separator, "split"), _whole(count, "split")
    parts = text.split(mark) if mark else [text]
    return (parts[number - 1] or None) if 1 <= number <= len(parts) else None


def _join(separator: object, *values: object) -> object:
    parts = [_text(value, "join") for value in _flat(values) if value is not None]
    return _text(separator, "join").join(parts) or None


def _agreed(*values: object) -> object:
    present = [value for value in _flat(values) if value is not None]
    if any(unequal(present[0], other) for other in present[1:]):
        raise EvaluationFault("MAP016", "values that should agree do not", "ask the sender which is right")
    return present[0] if present else None


def _scanned(value: object) -> object:
    return value if value is not None and looks_scanned(_text(value, "scanned")) else None


def text_of(value: object) -> str | None:
    """Any single value as text: 12.50, yes, 2026-11-20, 2026-11-20T18:30:00Z."""
    match value:
        case None | str():
            return value or None
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return format(value, "f")
        case int():
            return str(value)
        case Fraction():
            return format(decimal_of(value), "f")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
    raise EvaluationFault("MAP010", f"a {kind_of(value)} has no text", "name one of its parts")


_SPANS = {(4, 4, 2), (5, 3, 2), (5, 4, 1), (5, 4, 2)}
"""Digits between the hyphens of a National Drug Code; the last are the eleven that claims have."""


def _ndc(value: object) -> object:
    """Eleven digits, 5-4-2. Ten without hyphens could be any of three codes: they are left as they are."""
    if value is None:
        return None
    text = _text(value, "ndc").strip()
    parts = text.split("-")
    if not all(part.isdecimal() and part.isascii() for part in parts):
        return text or None
    if tuple(map(len, parts)) not in _SPANS:
        return text
    return "".join(part.zfill(width) for part, width in zip(parts, (5, 4, 2), strict=True))


def _number(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, str):
        return number_of(value, "number()")
    try:
        return values.number(value)
    except ValueError:
        pass
    raise EvaluationFault("MAP014", "number() met text that is no number", "use `else` for what is no number")


def _date(value: object) -> object:
    """From `2026-11-20` or `20261120`. A moment has no day without a zone: its field has an `_on` beside
    it."""
    if value is None or kind_of(value) == "date":
        return value
    text = _text(value, "date")
    try:
        return values.day(text if "-" in text else f"{text[:4]}-{text[4:6]}-{text[6:]}")
    except ValueError:
        pass
    raise EvaluationFault("MAP014", "date() met text that is no date", "it reads 2026-11-20 and 20261120")


def _round(value: object, places: object = Decimal(0)) -> object:
    if value is None or places is None:
        return None
    number, count = number_of(value, "round()"), _whole(places, "round")
    scaled = Fraction(number) * 10**count
    whole = (abs(scaled.numerator) * 2 + scaled.denominator) // (scaled.denominator * 2)
    if whole >= 10**MOST_DIGITS:
        raise EvaluationFault("MAP012", f"round() met more than {MOST_DIGITS} digits")
    return Decimal(whole if scaled >= 0 else -whole).scaleb(-count, EXACT)


def _counted(value: object) -> object:
    if value is None:
        return None
    number = Fraction(number_of(value, "counted()"))
    if number.denominator != 1:
        raise EvaluationFault(
            "MAP015", "what is counted does not come out whole", "correct its quantity or unit"
        )
    return Decimal(number.numerator)


def _up(value: object, step: object) -> object:
    if value is None or step is None:
        return None
    number, each = Fraction(number_of(value, "up()")), Fraction(number_of(step, "up()"))
    if each <= 0:
        raise EvaluationFault("MAP010", "up() wants a multiple above zero")
    return decimal_of(ceil(number / each) * each)


def _abs(value: object) -> object:
    if value is None:
        return None
    number = number_of(value, "abs()")
    return abs(number) if isinstance(number, Fraction) else number.copy_abs()


def _min(*arguments: object) -> object:
    return _extreme(arguments, lambda best, one: less(one, best))


def _max(*arguments: object) -> object:
    return _extreme(arguments, lambda best, one: less(best, one))


def _extreme(arguments: tuple[object, ...], better: Callable[[object, object], bool]) -> object:
    items = _flat(arguments)
    if not items or any(item is None for item in items):
        return None
    best = items[0]
    for item in items[1:]:
        best = item if better(best, item) else best
    return best


def _sum(*arguments: object) -> object:
    total: object = Decimal(0)
    for item in _flat(arguments):
        total = None if item is None or total is None else plus(total, number_of(item, "sum()"))
    return total


def _count(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise EvaluationFault("MAP010", f"count() wants lines, not {kind_of(value)}", "write count(lines)")
    return Decimal(sum(one is not None for one in value))


def _flat(items: tuple[object, ...]) -> list[object]:
    return [one for item in items for one in (item if isinstance(item, list | tuple) else (item,))]


FUNCTIONS: dict[str, Function] = {
    "upper": Function(_upper, 1, 1, "upper(x)", "text in capitals", "upper(unit)"),
    "lower": Function(_lower, 1, 1, "lower(x)", "text in small letters", "lower(facility)"),
    "strip": Function(_strip, 1, 1, "strip(x)", "text without blanks around it", "strip(code)"),
    "left": Function(_left, 2, 2, "left(x, n)", "the first n characters", "left(code, 5)"),
    "right": Function(_right, 2, 2, "right(x, n)", "the last n characters", "right(code, 4)"),
    "pad": Function(_pad, 3, 3, "pad(x, n, c)", "c before x until it has n characters", "pad(code, 18, '0')"),
    "replace": Function(
        _replace, 3, 3, "replace(x, old, new)", "every old in x made new", "replace(code, '-', '')"
    ),
    "split": Function(
        _split, 3, 3, "split(x, mark, n)", "part n, from 1, of x cut at each mark", "split(code, '-', 1)"
    ),
    "join": Function(
        _join, 2, _MANY, "join(mark, x, …)", "those present, with mark between", "join(' ', code, lot)"
    ),
    "agreed": Function(
        _agreed,
        1,
        _MANY,
        "agreed(x, …)",
        "what those present say; held when they differ",
        "agreed(OBX-5.2, udi_lot)",
    ),
    "scanned": Function(
        _scanned, 1, 1, "scanned(x)", "x if it has the shape of a scanned barcode", "scanned(OBX-5.1)"
    ),
    "text": Function(
        text_of,
        1,
        1,
        "text(x)",
        "any value as text: 12.50, yes, 2026-11-20",
        "replace(text(used_on), '-', '')",
    ),
    "ndc": Function(
        _ndc, 1, 1, "ndc(x)", "a drug code 4-4-2, 5-3-2 or 5-4-1 as 11 digits; else as it is", "ndc(RXA-5.1)"
    ),
    "number": Function(_number, 1, 1, "number(x)", "the number that a text says", "number(FT1-10) * 2"),
    "date": Function(_date, 1, 1, "date(x)", "the date that a text says", "used_on >= date('2026-10-01')"),
    "round": Function(
        _round, 1, 2, "round(x, n)", "x with n decimals, half up", "round(amount / quantity, 4)"
    ),
    "counted": Function(
        _counted, 1, 1, "counted(x)", "x, held unless it is a whole number", "counted(quantity * pack.factor)"
    ),
    "up": Function(
        _up, 2, 2, "up(x, n)", "the next multiple of n, x itself if it is one", "up(quantity, 12)"
    ),
    "abs": Function(_abs, 1, 1, "abs(x)", "x without its sign", "abs(quantity)"),
    "min": Function(_min, 1, _MANY, "min(x, …)", "the least; missing if any is", "min(lines.used_on)"),
    "max": Function(_max, 1, _MANY, "max(x, …)", "the greatest; missing if any is", "max(quantity, 1)"),
    "sum": Function(_sum, 1, _MANY, "sum(x, …)", "all together; missing if any is", "sum(lines.amount)"),
    "count": Function(_count, 1, 1, "count(x)", "how many lines are present", "count(lines)"),
}
"""Every function. A list, such as `lines.amount` in a write map, stands for its items."""
