"""Small words that mend: what was probably meant, and which are known. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'items'?`, else the known words, else ''. For the end of a fault."""
    words = sorted(set(known))
    close = get_close_matches(word, words, 1, 0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not words:
        return "none is declared"
    shown = ", ".join(words[:_MOST])
    return f"known: {shown}" + (f" and {len(words) - _MOST} more" if len(words) > _MOST else "")
