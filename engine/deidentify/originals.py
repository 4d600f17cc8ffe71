"""What was taken out of the messages, and whether a text shows any of it again: whole, in part, without separators, in
other case, without accents or with the letters that stand for them, names joined, days the other way round.

Trivially short values are nobody's: under three letters, or under five digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import permutations

_SHORTEST = 3
_DIGITS = 5
_LETTERS_WITHIN = 6
_WORD = re.compile(r"[^\W_]+")
_SPLIT_NUMBER = re.compile(r"\(?[0-9]{2,4}[-. )/]{1,2}[0-9]{2,4}[-. /][0-9]{3,6}")
_NAMESPACE = re.compile(r"[0-2](?:\.[0-9]+){3,}|DNS|EUI64|GUID|HCD|HL7|ISO|URI|UUID")
"""What names who gave a number, and how: HL7 table 0301."""

_SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)
"""How names are written where a keyboard lacks the letter, as passports do (ICAO 9303, part 3, section 6)."""

_LONG_NUMBER = re.compile(r"[0-9]{6,}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


class Originals:
    """Filled with values, then asked."""

    def __init__(self) -> None:
        self._wholes: set[str] = set()
        self._words: set[str] = set()
        self._within: set[str] = set()
        self._weak: set[str] = set()
        self._lengths: set[int] = set()

    def add(self, value: str) -> None:
        """A value that identifies as a whole."""
        if _NAMESPACE.fullmatch(value):
            return
        bare = bare_of(value)
        if bare.isdigit():
            self._add_digits(bare)
        elif len(bare) >= _SHORTEST:
            self._wholes.add(bare)
            if len(bare) >= _LETTERS_WITHIN or (len(bare) >= _DIGITS and _has_digit(bare)):
                self._hide(bare)
        for word in _words(value):
            if word.isdigit():
                self._add_digits(word)
            elif _has_digit(word) and len(word) >= _DIGITS:
                self._hide(word, *_LONG_NUMBER.findall(word))
        self._add_parts(value)

    def add_name(self, value: str) -> None:
        """A value each of whose words identifies."""
        for spelled in _spellings(value):
            self.add(spelled)
            self._words.update(
                word for word in _words(spelled) if len(word) >= _SHORTEST and not word.isdigit()
            )

    def add_person(self, names: Sequence[str]) -> None:
        """The names of one person: any two of them identify where they stand joined, however short they are."""
        for two in permutations(dict.fromkeys(spelled for name in names for spelled in _spellings(name)), 2):
            first, last = map(bare_of, two)
            if min(len(first), len(last)) > 1 and len(first + last) >= _LETTERS_WITHIN:
                self._hide(first + last)

    def add_text(self, value: str) -> None:
        """Free text, or what nobody says the meaning of: numbers and addresses in it identify, its words may be any."""
        if _NAMESPACE.fullmatch(value):
            return
        bare = bare_of(value)
        if len(bare) > _SHORTEST and not any(map(str.isdigit, bare)):
            self._weak.add(bare)
        for word in [*_words(value), *value.split()]:
            if sum(map(str.isdigit, word)) >= _DIGITS:
                self.add(word)
        self._add_parts(value)

    def add_day(self, value: str) -> None:
        """A date of the patient's."""
        digits = bare_of(value)[:8]
        if len(digits) == 8 and digits.isdigit():
            year, month, day = digits[:4], digits[4:6], digits[6:]
            self._hide(digits, day + month + year, month + day + year)

    def shown_by(self, text: str, *, weak: bool = False) -> bool:
        """Whether `text` shows any. `weak`: also what may be a word like any other."""
        bare = bare_of(text)
        if bare in self._wholes or (weak and bare in self._weak):
            return True
        return self._holds(bare) or not self._words.isdisjoint(_words(text))

    def __repr__(self) -> str:
        return f"Originals({len(self._wholes) + len(self._within)})"

    def _add_parts(self, value: str) -> None:
        """Numbers with blanks in them, and addresses."""
        for pattern in (_SPLIT_NUMBER, _ADDRESS):
            parts = map(bare_of, pattern.findall(value))
            self._hide(*(part for part in parts if len(part) > _DIGITS))

    def _add_digits(self, digits: str) -> None:
        if len(digits) == _DIGITS:
            self._wholes.add(digits)
            self._words.add(digits)
        elif len(digits) > _DIGITS:
            self._hide(digits)

    def _hide(self, *parts: str) -> None:
        """What must not stand within anything."""
        self._within.update(parts)
        self._lengths.update(map(len, parts))

    def _holds(self, bare: str) -> bool:
        """One look for each length and place: there may be very many values."""
        return any(
            bare[start : start + length] in self._within
            for length in self._lengths
            for start in range(len(bare) - length + 1)
        )


def bare_of(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    return "".join(one for one in _folded(text) if one.isalnum())


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one)).casefold()


def _spellings(name: str) -> set[str]:
    """A name without its accents, and with the letters that stand for them."""
    return {name, name.casefold().translate(_SPELLED_OUT)}


def _words(text: str) -> Iterator[str]:
    return (found[0] for found in _WORD.finditer(_folded(text)))


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
