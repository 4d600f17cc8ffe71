"""The pages behind fault codes: what `explain` prints, and what a bare code means."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from engine.errors import UsageError

_BARE = re.compile(r"[A-Z][A-Z0-9]{2}[0-9]{3}")


def page(code: str) -> str:
    """Everything that is written about a code."""
    try:
        return _pages()[code.upper()]
    except KeyError:
        mend = "codes look like SIT005; messages are numbers"
        raise UsageError("CLI003", f"there is no fault code {code}", mend) from None


def worded(reason: str) -> str:
    """A reason that is a code alone, with what the code means; any other as it is."""
    if not _BARE.fullmatch(reason) or reason not in _pages():
        return reason
    return _pages()[reason].partition("\n")[0].removesuffix(" (a warning)")


@cache
def _pages() -> dict[str, str]:
    texts = [
        one.read_text(encoding="utf-8")
        for one in (files("engine") / "faults").iterdir()
        if one.name.endswith(".md")
    ]
    sections = (section.strip() for text in texts for section in text.split("\n## ")[1:])
    return {section.split(None, 1)[0].upper(): section for section in sections}
