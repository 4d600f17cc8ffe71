"""Garbled bytes through the codecs, guided by what they reach: what takes a new turn in them is garbled further.

Everything pure between a socket or a folder and the store is asked (`prove.examining`): frames, headers, messages,
files, rows, paths, escapes, answers, the site's maps and steps. A turn is a pair of lines of the codecs, one run after
the other; an input that takes one that none took before is kept and is a seed from then on. Nothing may escape.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from prove.examining import ROWS, Examiner
from prove.garbling import Garbler, framed, messages_of
from prove.house import chance_of
from prove.report import ROOT, Proof, Scale

SHORT = Scale(messages=2_000, faults=0, settle=0.0)
FULL = Scale(messages=200_000, faults=0, settle=0.0)
ROUNDS = 4
SABOTAGE = "stumble"
UNTRACED = 5
"""Of so many inputs one is traced, once the first five hundred have shown the way."""

MEASURED = 100
"""Of so many inputs one is examined with an eye on its time and memory."""

FILES = 20
"""Of so many inputs one is a file of messages."""

MOST_KEPT = 20_000
"""Bytes of an input that is garbled further."""

_TRACED = (str(ROOT / "engine" / "codecs"), str(ROOT / "listeners" / "framing"))

Turn = tuple[CodeType, int, int]


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    del folder  # nothing is written
    examine = Examiner()
    chance = chance_of(seed)
    garbler = Garbler(
        [ROWS, *(one for one in messages_of("tests", "channels") if len(one) < MOST_KEPT)], chance
    )
    seeds = len(garbler.seeds)
    turns = Turns()
    escaped: Counter[str] = Counter()
    understood = 0
    began = time.monotonic()
    for raw in garbler.seeds:
        turns.new(lambda raw=raw: examine.examine(raw))
    for number in range(scale.messages):
        raw = framed(garbler.file(number, 5)[0]) if not number % FILES else garbler.message(number)
        asked = examine.measured if number % MEASURED == MEASURED - 1 else examine.examine
        try:
            if sabotage and b"9" * 300 in raw:
                raise ZeroDivisionError
            if number < 500 or not number % UNTRACED:
                taken = turns.new(lambda raw=raw: examine.examine(raw))
                if taken and len(raw) < MOST_KEPT:
                    garbler.keep(raw)
            else:
                understood += asked(raw)
        except Exception as error:
            escaped[_said(error)] += 1
    seconds = time.monotonic() - began
    return Proof(
        f"{scale.messages} garbled inputs of {seeds} samples and of {len(garbler.seeds) - seeds} that took a new turn, "
        f"{len(turns.seen)} turns of the codecs taken, {understood} messages understood, "
        f"{scale.messages / seconds:.0f} a second",
        [f"{count} times: {said}" for said, count in escaped.most_common(20)],
    )


class Turns:
    """Which line of the codecs was run after which."""

    def __init__(self) -> None:
        self.seen: set[Turn] = set()
        self._known: dict[CodeType, bool] = {}

    def new(self, call: Callable[[], object]) -> bool:
        """Whether `call` takes a turn that none took before."""
        before = len(self.seen)
        sys.settrace(self._called)
        try:
            call()
        finally:
            sys.settrace(None)
        return len(self.seen) > before

    def _called(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        known = self._known.get(code)
        if known is None:
            known = self._known[code] = code.co_filename.startswith(_TRACED)
        if not known:
            return None
        seen, last = self.seen, 0

        def run(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
            nonlocal last
            if event == "line":
                seen.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return run

        return run


def _said(error: Exception) -> str:
    """What escaped and where; none of the input."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
    return f"{type(error).__name__} {error if type(error).__name__ == 'Escaped' else ''} at {where}"
