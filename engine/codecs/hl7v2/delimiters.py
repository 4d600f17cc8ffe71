"""The delimiters of one message, read from its own MSH-1 and MSH-2. Never assumes the usual ones.

Source: HL7 v2.8.2 §2.5.4. Seen and understood: `~` for components (VistA), other subcomponent characters
(`^~\\}`), no escape character (`^~&`), a fifth character for truncation (2.7), fewer characters than four.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from engine.errors import MessageError

ABSENT = "\r"
"""Stands for a delimiter that the sender does not use: a segment's text never contains it, so it never
matches."""


class Delimiters(NamedTuple):
    """One character each, or `ABSENT`. `truncation` is only for text that was cut (2.7 and later)."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    truncation: str


@lru_cache(maxsize=256)
def read_delimiters(separator: str, encoding: str) -> Delimiters:
    """From MSH-1 and MSH-2 as sent. Raises `MessageError` HL7003 when they cannot delimit anything."""
    component, repetition, escape, subcomponent = (*encoding[:4], *(ABSENT,) * (4 - len(encoding[:4])))
    if len(encoding) == 3 and escape != "\\":  # `^~&`: the escape character was left out, not the last one
        escape, subcomponent = ABSENT, escape
    used = [mark for mark in (separator, component, repetition, escape, subcomponent) if mark != ABSENT]
    if len(set(used)) < len(used) or not all(map(_delimits, used)):
        raise MessageError(
            "HL7003",
            "MSH-1 and MSH-2 do not name usable delimiters",
            where="MSH-2",
            mend="send distinct punctuation, as in MSH|^~\\&|",
            hl7_code=102,
        )
    truncation = encoding[4:5]
    fifth = truncation if truncation and _delimits(truncation) and truncation not in used else ABSENT
    return Delimiters(separator, component, repetition, escape, subcomponent, fifth)


def _delimits(mark: str) -> bool:
    """Letters, digits, blanks, quotes and controls would cut values, ids and the null `""` to pieces."""
    return mark.isascii() and mark.isprintable() and not mark.isalnum() and mark not in ' "'
