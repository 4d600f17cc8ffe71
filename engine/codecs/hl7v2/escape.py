"""Escape sequences: text as meant ↔ text as sent. Applied once to one value, after splitting; never to
delimiters.

Source: HL7 v2.8.2 §2.7. What is understood, `\\` being the message's own escape character:

    \\F\\ \\S\\ \\R\\ \\E\\ \\T\\ \\P\\        field, component, repetition, escape, subcomponent, truncation
    \\Xhh…\\                          bytes in the message's character set; neighbours are read together
    \\.br\\ \\.sp n\\ \\.ce\\              newlines
    \\.sk n\\                           blanks
    \\.in n\\ \\.ti n\\ \\.fi\\ \\.nf\\       layout, dropped
    \\H\\ \\N\\                          highlighting, dropped

All else stays as it stands: local `\\Z…\\`, character set switches `\\C…\\` `\\M…\\`, unclosed and unknown
ones.
"""

from __future__ import annotations

import re
from functools import lru_cache

from engine.codecs.hl7v2.delimiters import ABSENT, Delimiters

TRUNCATION = "#"
r"""What `\P\` means where the sender names no truncation character of its own."""

_SEQUENCES = (
    r"(?:{e}(?P<mark>[FSTREP]){e})"
    r"|(?P<hex>(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)"
    r"|(?:{e}\.(?P<layout>br|sp|ce|sk|in|ti|fi|nf) ?\+?-?(?P<count>[0-9]{{0,2}}){e})"
    r"|(?:{e}[HN]{e})"
    r"|(?P<kept>{e}(?:Z[^{e}\r\n]*|C[0-9A-Fa-f]{{4}}|M[0-9A-Fa-f]{{4}}(?:[0-9A-Fa-f]{{2}})?){e})"
)


def unescape(text: str, delimiters: Delimiters, codec: str = "utf-8") -> str:
    """`text` as meant. `codec`: the message's, for hexadecimal bytes. Line ends become `\\n`. Never fails."""
    if delimiters.escape not in text:
        return text
    return _sequences(delimiters.escape).sub(lambda found: _meaning(found, delimiters, codec), text)


def escape(text: str, delimiters: Delimiters, codec: str = "utf-8") -> str:
    """`text` as one value of a message with these delimiters. Line ends become `\\.br\\`, controls
    hexadecimal.

    What has no escape character to be written with becomes a blank: a value must never end its field or its
    frame.
    """
    return text.replace("\r\n", "\n").translate(_written(delimiters, codec))


@lru_cache(maxsize=64)
def _sequences(mark: str) -> re.Pattern[str]:
    return re.compile(_SEQUENCES.format(e=re.escape(mark)))


def _meaning(found: re.Match[str], delimiters: Delimiters, codec: str) -> str:
    kind = found.lastgroup
    if kind == "mark":
        return _character(found["mark"], delimiters, found[0])
    if kind == "hex":
        digits = found[0].replace(delimiters.escape, "").replace("X", "")
        try:
            meant = bytes.fromhex(digits).decode(codec)
        except UnicodeDecodeError:
            return found[0]
        return meant.replace("\r\n", "\n").replace("\r", "\n")
    if kind == "kept":
        return found[0]
    layout, count = found["layout"], found["count"]
    if layout == "sk":
        return " " * int(count or 1)
    if layout == "sp":
        return "\n" * int(count or 1)
    return "\n" if layout in ("br", "ce") else ""


def _character(letter: str, delimiters: Delimiters, sent: str) -> str:
    meant = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": TRUNCATION if delimiters.truncation == ABSENT else delimiters.truncation,
    }[letter]
    return sent if meant == ABSENT else meant


@lru_cache(maxsize=64)
def _written(delimiters: Delimiters, codec: str) -> dict[int, str]:
    """How each character is sent that cannot stand for itself. A blank where there is no escape character."""
    sequences = {code: "X" + chr(code).encode(codec).hex().upper() for code in (*range(32), 127)}
    sequences |= {
        ord(mark): letter for mark, letter in zip(delimiters, "FSRETP", strict=True) if mark != ABSENT
    }
    sequences |= {ord("\n"): ".br", ord("\r"): ".br"}
    mark = delimiters.escape
    return {
        code: " " if mark == ABSENT else f"{mark}{sequence}{mark}" for code, sequence in sequences.items()
    }
