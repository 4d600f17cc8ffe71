"""What a file is called where it is kept: with its mark before it, short enough, and never like another one there."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

LONGEST = 230
"""Bytes of a name that leave room, of the 255 that file systems take, for what is written before and behind it."""

_ENDING = 16
"""Bytes: what is longer behind the last dot is no ending."""


def shortened(name: str) -> str:
    """Its ending is kept."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(os.fsencode(ending)) > _ENDING:
        stem, dot, ending = name, "", ""
    room = LONGEST - len(os.fsencode(dot + ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + dot + ending


def free_place(folder: Path, mark: str, name: str) -> Path:
    """Where nothing lies yet, not even the very same file."""
    name = shortened(name)
    for number in count(2):
        place = folder / f"{mark}-{name}"
        if not os.path.lexists(place):
            break
        mark = f"{mark.partition('-')[0]}-{number}"
    return place
