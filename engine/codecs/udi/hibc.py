"""HIBC as pieces: primary and secondary barcodes, alone, one behind the other or with `/` between, each with its check.

    +LLLLP…UC                    labeler, product, unit of measure, check character
    +$$3YYMMDDlot…LC             date and lot, link to the primary's check character, check character
    +LLLLP…U/$$3YYMMDDlot…/Sserial…/16DYYYYMMDDC

Source: ANSI/HIBC 2.6; printed forms stand between asterisks and write a blank check character as `_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.codecs.udi.device import Piece, UdiError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
"""In the order of their worth for the check character."""

BETWEEN = ","
"""What stands between two barcodes in one text; it is in none of them."""

_PRIMARY = re.compile(r"[A-Z][0-9A-Z]{3}[0-9A-Z]{1,18}[0-9]")
_NAME = re.compile(r"[0-9A-Z. -]{0,18}")
_COUNT = re.compile(r"8[0-9]{2}|9[0-9]{5}")
_FORMS = {"2": "MMDDYY", "3": "YYMMDD", "4": "YYMMDDHH", "5": "YYJJJ", "6": "YYJJJHH", "7": ""}
_DAY_FIRST = re.compile(r"[0-9]{5}")
_MORE = {"S": ("serial", ""), "14D": ("expiry", "YYYYMMDD"), "16D": ("made", "YYYYMMDD"), "Q": ("", "")}
_DATA = re.compile("|".join(sorted(_MORE, key=len, reverse=True)))
_LABEL = "let the sender look at the label"


def check_of(text: str) -> str:
    """The check character of `text`, which begins with +. Raises `ValueError` for what HIBC cannot carry."""
    return ALPHABET[sum(map(ALPHABET.index, text)) % len(ALPHABET)]


def pieces(text: str) -> Iterator[Piece]:
    """Of one barcode, or of a primary and a secondary one with a comma between."""
    link = None
    for number, whole in enumerate(text.split(BETWEEN)):
        symbol = whole.strip("*")
        if number:
            yield Piece(BETWEEN)
        frame = whole.partition(symbol)
        check = _checked(symbol)
        yield from (Piece(frame[0]), Piece("+", "start"))
        if symbol[1:2].isalpha():
            yield from _concatenated(symbol[1:-1])
        else:
            yield from _secondary_alone(symbol[1:-1], link)
        yield from (Piece(symbol[-1], "check"), Piece(frame[2]))
        link = check


def _checked(symbol: str) -> str:
    """Its check character, once it is right."""
    check = symbol[-1:].replace("_", " ")
    if not symbol.startswith("+") or len(symbol) < 4:
        raise UdiError("UDI001", "it is no HIBC", _LABEL)
    try:
        right = check_of(symbol[:-1])
    except ValueError:
        raise UdiError("UDI001", "it has a character that no HIBC has", _LABEL) from None
    if check == right:
        return check
    mend = "scan it again; what was typed has a slip"
    if check in ALPHABET and check_of(symbol[:-1] + check) == " ":
        mend = "its check character may be a blank that was cut off: let the sender write it as _"
    raise UdiError("UDI002", "its check character is wrong", mend)


def _concatenated(text: str) -> Iterator[Piece]:
    primary, *more = text.split("/")
    if not _PRIMARY.fullmatch(primary):
        raise UdiError("UDI005", "its labeler, product and unit are not of their form", _LABEL)
    yield Piece(primary, "di")
    yield from _rest(more, first=True)


def _secondary_alone(text: str, link: str | None) -> Iterator[Piece]:
    if link is None:
        raise UdiError("UDI006", "it has no device identifier", "join the primary before it: join(',', A, B)")
    if text[-1:] != link:
        raise UdiError(
            "UDI007", "its second barcode belongs to another product", "scan both again, of one package"
        )
    first, *more = text[:-1].split("/")
    yield from _secondary(first)
    yield from _rest(more, first=False)
    yield Piece(text[-1])


def _rest(more: list[str], *, first: bool) -> Iterator[Piece]:
    """What follows a slash. `first`: lot and date may still come."""
    for text in more:
        yield Piece("/")
        if first and (text.startswith("$") or _DAY_FIRST.match(text)):
            yield from _secondary(text)
        else:
            yield from _supplement(text)
        first = False


def _secondary(text: str) -> Iterator[Piece]:
    """Lot or serial number, with its date and how many there are."""
    if text.startswith("$$+"):
        yield Piece("$$+")
        yield from _dated(text[3:], "serial")
    elif text.startswith("$+"):
        yield from (Piece("$+"), _named(text[2:], "serial"))
    elif text.startswith("$$"):
        count = _COUNT.match(text, 2)
        at = count.end() if count else 2
        yield Piece(text[:at])
        yield from _dated(text[at:], "lot") if len(text) > at or not count else ()
    elif text.startswith("$"):
        yield from (Piece("$"), _named(text[1:], "lot"))
    elif _DAY_FIRST.match(text):
        yield from (Piece(text[:5], "expiry", "YYJJJ"), _named(text[5:], "lot"))
    else:
        raise UdiError("UDI004", "HIBC has no data as what stands in it", _LABEL)


def _dated(text: str, part: str) -> Iterator[Piece]:
    """A date by its flag, or month and year without one, before what it belongs to."""
    flag = text[:1] if text[:1] in _FORMS else ""
    form = _FORMS[flag] if flag else "MMYY"
    end = len(flag) + len(form)
    if len(text) < end:
        raise UdiError("UDI005", "its expiry is not of its form", _LABEL)
    yield Piece(flag)
    if form:
        yield Piece(text[len(flag) : end], "expiry", form)
    yield _named(text[end:], part)


def _supplement(text: str) -> Iterator[Piece]:
    found = _DATA.match(text)
    if found is None:
        raise UdiError("UDI004", "HIBC has no data as what stands in it", _LABEL)
    part, form = _MORE[found[0]]
    value = text[found.end() :]
    if form and len(value) != len(form):
        raise UdiError("UDI005", f"its data {found[0]} is not of its form", _LABEL)
    yield Piece(found[0])
    yield Piece(value, part, form) if form or not part else _named(value, part)


def _named(text: str, part: str) -> Piece:
    """A lot, which may be left out, or a serial number."""
    if not _NAME.fullmatch(text) or (part == "serial" and not text.strip()):
        raise UdiError(
            "UDI005", f"its {'serial number' if part == 'serial' else part} is not of its form", _LABEL
        )
    return Piece(text, part if text else "")
