"""Stand-ins of the same shape: a letter for a letter, a digit for a digit, separators as they are.

Equal values have equal stand-ins, other values others, under one key; without the key, which nobody keeps, none leads
back.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from string import ascii_lowercase, ascii_uppercase, digits

from engine.errors import UsageError

_TRIES = 4096
_TINY = 3
"""Values with fewer letters and digits identify nobody, and there may be too few others of their shape."""


class Surrogates:
    """The stand-ins of one capture. `shows`: whether a text would show something that is to be hidden."""

    def __init__(self, key: bytes, shows: Callable[[str], bool]) -> None:
        self._key = key
        self._shows = shows
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    @property
    def known(self) -> Mapping[str, str]:
        """Value → stand-in."""
        return self._known

    def of(self, value: str) -> str:
        """Raises `UsageError` when every other value of that shape is taken."""
        if value not in self._known:
            self._known[value] = found = self._new(value)
            self._taken.add(found)
        return self._known[value]

    def _new(self, value: str) -> str:
        counted = sum(map(str.isalnum, value))
        if not counted:
            return _shaped(value, iter(()))
        for attempt in range(_TRIES):
            found = _shaped(value, self._numbers(value, attempt))
            if found != value and found not in self._taken and not self._shows(found):
                return found
        for attempt in range(_TRIES, 2 * _TRIES if counted < _TINY else _TRIES):
            found = _shaped(value, self._numbers(value, attempt))
            if found not in self._taken:
                return found
        raise UsageError(
            "CAP008", "there are too many values of one shape to replace", "capture fewer messages at once"
        )

    def _numbers(self, value: str, attempt: int) -> Iterator[int]:
        block = 0
        while True:
            text = f"{attempt}\0{block}\0{value}".encode("utf-8", "surrogatepass")
            yield from hmac.digest(self._key, text, sha256)
            block += 1


def _shaped(value: str, numbers: Iterator[int]) -> str:
    return "".join(_character(one, numbers) for one in value)


def _character(one: str, numbers: Iterator[int]) -> str:
    """What is neither a letter, a digit nor a plain separator may be a letter of a script, or a part of one."""
    if one.isascii() and not one.isalnum():
        return one if one.isprintable() else " "
    if one.isnumeric():
        return digits[_below(10, numbers)]
    if not one.isalnum():
        return "x"
    return (ascii_uppercase if one.isupper() else ascii_lowercase)[_below(26, numbers)]


def _below(end: int, numbers: Iterator[int]) -> int:
    """Each number as likely as any other."""
    limit = 256 - 256 % end
    return next(number for number in numbers if number < limit) % end
