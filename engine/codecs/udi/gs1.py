"""GS1 element strings as pieces: with FNC1 (0x1D) as scanners send them, or with parentheses as labels print them.

The list of application identifiers, their forms and the check digit are biip's, which nothing else here sees. Its dates
are not used: they depend on the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from engine.codecs.udi.device import Piece, UdiError

if TYPE_CHECKING:
    from biip.gs1_element_strings import GS1ElementString

FNC1 = "\x1d"

_SAYS = {"01": "di", "10": "lot", "11": "made", "17": "expiry", "21": "serial", "7003": "expiry"}
_DATES = {"11": "YYMMDD", "17": "YYMMDD", "7003": "YYMMDDHHXX"}
_OF_PRODUCT = frozenset({"02", "20", "30", "37", "240", "241"})
"""What it says beside, and identifies no single device: variant, counts, other product numbers."""

_PRINTED = re.compile(r"\(([0-9]{2,4})\)([^()]+)")
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_DAY = re.compile(r"[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])")
_LABEL = "let the sender look at the label"


def is_gtin(text: str) -> bool:
    """Whether it is as long as a GTIN alone, of 8, 12, 13 or 14 digits."""
    return _GTIN.fullmatch(text) is not None


def gtin(text: str) -> list[Piece]:
    """A GTIN alone."""
    _check_gtin(text)
    return [Piece(text, "di")]


def printed(text: str) -> Iterator[Piece]:
    """`(01)00380652100014(10)L2217`, as under the bars."""
    at = 0
    while at < len(text):
        found = _PRINTED.match(text, at)
        if found is None:
            what = "its parentheses do not hold application identifiers alone"
            raise UdiError("UDI001", what, "let the sender send what the scanner reads, with FNC1")
        element = _element(found[1] + found[2].rstrip(), found[1], alone=True)
        blank = found[2][len(found[2].rstrip()) :]
        yield from (Piece(f"({found[1]})"), _piece(element), Piece(blank))
        at = found.end()


def scanned(text: str) -> Iterator[Piece]:
    """`010038065210001410L2217␝21S88`, as scanners send it."""
    said: set[str] = set()
    rest = text
    while rest:
        marks = len(rest) - len(rest.lstrip(FNC1))
        if marks:
            yield Piece(rest[:marks])
            rest = rest[marks:]
            continue
        element = _element(rest)
        ai, value = element.ai.ai, element.value
        rest = rest[len(ai) + len(value) :]
        said.add(ai)
        if element.ai.separator_required and FNC1 not in text and (rest or _may_hold_more(value, said)):
            what = f"FNC1 is missing: where ({ai}) ends cannot be told"
            mend = "let the scanner send FNC1 as the character 0x1D, or the text with parentheses"
            raise UdiError("UDI003", what, mend)
        if element.ai.separator_required and rest and not rest.startswith(FNC1):
            raise UdiError("UDI005", f"({ai}) is longer than it may be", _LABEL)
        yield from (Piece(ai), _piece(element))


def _element(text: str, ai: str | None = None, *, alone: bool = False) -> GS1ElementString:
    """The first element of `text`. `ai`: which it must be; `alone`: it is the whole of it."""
    biip = _biip()
    try:
        found = biip.identifier.extract(text)
    except biip.error:
        found = None
    if found is None or (ai and found.ai != ai):
        raise UdiError("UDI004", "GS1 has no application identifier as one that stands in it", _LABEL)
    read = biip.element.parse if alone else biip.element.extract
    try:
        element = read(text, config=biip.config)
    except biip.error:
        raise UdiError("UDI005", f"({found.ai}) is not of its form", _LABEL) from None
    if found.ai == "01":
        _check_gtin(element.value)
    return element


def _piece(element: GS1ElementString) -> Piece:
    ai = element.ai.ai
    return Piece(element.value, _SAYS.get(ai, "" if ai in _OF_PRODUCT else "other"), _DATES.get(ai, ""))


def _check_gtin(digits: str) -> None:
    if str(_biip().check_digit(digits[:-1])) != digits[-1]:
        raise UdiError(
            "UDI002", "the check digit of its GTIN is wrong", "scan it again; what was typed has a slip"
        )


def _may_hold_more(value: str, said: set[str]) -> bool:
    """Whether the end of the last value could as well be a lot, serial number or date of its own."""
    return any(_goes_on(value[at:], said) for at in range(1, len(value) - 2))


def _goes_on(text: str, said: set[str]) -> bool:
    ai, rest = text[:2], text[2:]
    if ai in said or not rest:
        return False
    if ai in ("10", "21"):
        return True
    if ai not in ("11", "17") or not _DAY.match(rest):
        return False
    return len(rest) == 6 or _goes_on(rest[6:], said | {ai})


class _Biip:
    """What is used of biip, which takes 0.1 s to import: only who reads a UDI pays."""

    def __init__(self) -> None:
        from biip import ParseConfig, ParseError
        from biip.checksums import gs1_standard_check_digit
        from biip.gs1_application_identifiers import GS1ApplicationIdentifier
        from biip.gs1_element_strings import GS1ElementString

        self.config = ParseConfig(gs1_element_strings_verify_date=False)
        self.error = ParseError
        self.check_digit = gs1_standard_check_digit
        self.identifier = GS1ApplicationIdentifier
        self.element = GS1ElementString


@cache
def _biip() -> _Biip:
    return _Biip()
