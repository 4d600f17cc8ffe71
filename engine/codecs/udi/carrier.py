"""The text of a barcode, or what is printed under it → what it says of the device. Pure: the day comes from outside.

    ]d2010038065210001410L2217␝21S88      GS1, as scanned          (01)00380652100014(10)L2217(21)S88      as printed
    +A99912345/$$3290131L2217/SS88…       HIBC                     =/A9999XYZ100T0944=…                    ISBT 128
    00380652100014                        a GTIN alone, of 8, 12, 13 or 14 digits

Of ISBT 128 only the device identifier is read. Nothing is guessed: what can be read in two ways is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

from engine.codecs.udi import gs1, hibc
from engine.codecs.udi.device import Piece, Udi, UdiError, device

__all__ = ["Udi", "UdiError", "disguised", "looks_scanned", "parse", "serials", "tells_one"]

_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_OF_GS1 = frozenset({"]C1", "]e0", "]d2", "]Q3", "]J1"})
"""Symbols that begin with FNC1: GS1-128, DataBar, DataMatrix, QR Code and DotCode."""

_ELEMENTS = re.compile(r"(?:1[1357][0-9]{6}){0,3}01[0-9]{14}")
"""How elements begin, if no FNC1 tells them: dates may come before the GTIN."""

_SCANNED = re.compile(
    rf"\][A-Za-z][0-9A-Za-z]|\([0-9]{{2,4}}\)|\*?\+|=|{gs1.FNC1}|.*{gs1.FNC1}|{_ELEMENTS.pattern}"
)
_ISBT_PRODUCT = re.compile(r"=/([0-9A-Z]{16})(?![0-9A-Za-z])")
_BLANK = " \t\r\n"
_ANY_DAY = date(2000, 1, 1)
_HIDDEN = frozenset({"serial", "other"})


class _Read(NamedTuple):
    issuer: str
    pieces: list[Piece]

    def __repr__(self) -> str:
        return f"_Read({self.issuer})"


def parse(text: str, on: date) -> Udi:
    """`on`: the day by which years of two digits are understood. Raises `UdiError`."""
    read = _read(text)
    return device(read.issuer, read.pieces, on)


def looks_scanned(text: str) -> bool:
    """Whether it has the shape of a barcode, right or wrong: no item number has. A GTIN alone might be one."""
    return _SCANNED.match(text.strip(_BLANK)) is not None


def disguised(text: str, stand_in: Callable[[str], str]) -> str | None:
    """The same product and lot with another serial number, its check characters right. None: it cannot be read."""
    try:
        parse(text, _ANY_DAY)
        found = "".join(_written(_read(text).pieces, stand_in))
        parse(found, _ANY_DAY)
    except UdiError:
        return None
    return found


def serials(text: str) -> list[str]:
    """What tells one device from another in a barcode that can be read."""
    try:
        return [piece.text for piece in _read(text).pieces if piece.part in _HIDDEN]
    except UdiError:
        return []


def tells_one(text: str) -> bool:
    """Whether a text of a barcode's shape may tell one device from all others: by a serial number, or by what cannot
    be read."""
    return looks_scanned(text) and (disguised(text, str) is None or bool(serials(text)))


def _read(text: str) -> _Read:
    whole = text.strip(_BLANK)
    if not whole.isascii() or not whole.replace(gs1.FNC1, "").isprintable():
        raise UdiError("UDI001", "it has a character that no UDI has", "map where the barcode stands")
    found = _SYMBOLOGY.match(whole)
    symbology = found[0] if found else ""
    body = whole[len(symbology) :]
    read = _read_body(body, symbology)
    return _Read(read.issuer, [Piece(symbology), *read.pieces])


def _read_body(body: str, symbology: str) -> _Read:
    if body.startswith("("):
        return _Read("gs1", list(gs1.printed(body)))
    if symbology not in _OF_GS1 and gs1.is_gtin(body):
        return _Read("gs1", gs1.gtin(body))
    if symbology in _OF_GS1 or gs1.FNC1 in body or _ELEMENTS.match(body):
        return _Read("gs1", list(gs1.scanned(body)))
    if body.startswith(("+", "*+")):
        return _Read("hibcc", list(hibc.pieces(body)))
    if body.startswith("="):
        return _Read("iccbba", _isbt(body))
    what = "it is neither GS1, HIBC nor ISBT 128"
    raise UdiError("UDI001", what, "map where the barcode stands; scanned(…) leaves out what is none")


def _isbt(body: str) -> list[Piece]:
    found = _ISBT_PRODUCT.search(body)
    if found is None:
        what = "it is ISBT 128 without the identifier of a device"
        raise UdiError("UDI006", what, "scan the barcode that tells the product as well")
    around = (
        Piece(body[: found.start()], "other"),
        Piece("=/"),
        Piece(found[1], "di"),
        Piece(body[found.end() :], "other"),
    )
    return [piece for piece in around if piece.text]


def _written(pieces: Iterable[Piece], stand_in: Callable[[str], str]) -> Iterable[str]:
    """Each piece as it is to stand there."""
    since = ""
    for text, part, _ in pieces:
        written = stand_in(text) if part in _HIDDEN else text
        if part == "start":
            since = ""
        elif part == "check":
            written = hibc.check_of(since).replace(" ", "_")
        since += written
        yield written
