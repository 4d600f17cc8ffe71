"""What a barcode says of a device, and what may be wrong with one. Neither shows a serial number by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from engine.codecs.udi.days import day_of

GTIN = 14
"""Digits of a GTIN, with zeros before the shorter ones."""


class UdiError(ValueError):
    """Text that cannot be read as a UDI. Says nothing of its content but the names of its parts."""

    def __init__(self, code: str, what: str, mend: str) -> None:
        self.code, self.what, self.mend = code, what, mend
        super().__init__(f"{code} {what}")


class Piece(NamedTuple):
    """A stretch of a barcode; all of them together are its text. `part`: di, lot, serial, expiry, made; other: says
    something that is not read; start, check: of what a check character is reckoned; '': holds the others together.
    `form`: of a date."""

    text: str
    part: str = ""
    form: str = ""

    def __repr__(self) -> str:
        return f"Piece({self.part}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Udi:
    """`issuer`: gs1, hibcc or iccbba, who gives out `di`, the device identifier: a GTIN of 14 digits, the labeler,
    product and unit of a HIBC, or the product of ISBT 128."""

    di: str
    issuer: str
    lot: str | None = None
    serial: str | None = None
    expiry: date | None = None
    made: date | None = None

    def __repr__(self) -> str:
        return f"Udi({self.issuer})"


def device(issuer: str, pieces: Iterable[Piece], on: date) -> Udi:
    """What the pieces say together. `on`: the day by which a year of two digits is understood."""
    said: dict[str, str | date] = {}
    for text, part, form in pieces:
        if part not in ("di", "lot", "serial", "expiry", "made"):
            continue
        value = day_of(text, form, on) if form else text
        if part == "di" and issuer == "gs1":
            value = text.zfill(GTIN)
        if value is None:
            raise UdiError("UDI005", f"its {part} date is none", "let the sender look at the label")
        if said.setdefault(part, value) != value:
            what = f"it says its {_WORDS[part]} twice, and not the same"
            raise UdiError("UDI005", what, "let the sender look at the label")
    if "di" not in said:
        raise UdiError(
            "UDI006", "it has no device identifier", "scan the barcode that tells the product as well"
        )
    return Udi(issuer=issuer, **said)  # type: ignore[arg-type]


_WORDS = {
    "di": "device identifier",
    "lot": "lot",
    "serial": "serial number",
    "expiry": "expiry",
    "made": "day made",
}
