"""Garbled bytes through the codecs, guided by what they reach: what takes a new turn in them is garbled further.

Everything pure between a socket or a folder and the store is asked (`prove.examining`): frames, headers, messages,
files, rows, paths, escapes, answers, bodies of FHIR, maps and steps. A turn is a pair of lines of the codecs, one run
after the other; an input that takes one that none took before is kept and is a seed from then on. Nothing may escape.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from prove.bodies import Bodies, samples
from prove.examining import ROWS, Examiner, measured
from prove.examining_bodies import BodyExaminer
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
    """Of five inputs one is a body of FHIR."""
    del folder  # nothing is written
    chance = chance_of(seed)
    lines = Garbler(
        [ROWS, *(one for one in messages_of("tests", "channels") if len(one) < MOST_KEPT)], chance
    )
    bodies = Bodies(samples(public=True), chance)
    hunts = {
        "HL7 and files": Hunt(Examiner().examine, [*lines.seeds], lines.keep, bool(sabotage)),
        "FHIR": Hunt(BodyExaminer().examine, [one.raw for one in bodies.seeds], bodies.keep, bool(sabotage)),
    }
    for of, make in (
        ("HL7 and files", partial(_message, lines)),
        ("FHIR", lambda number: bodies.body(number).raw),
    ):
        hunts[of].run(make, scale.messages // 5 * (1 if of == "FHIR" else 4))
    return Proof(
        "; ".join(f"{of}: {hunt.told}" for of, hunt in hunts.items()),
        [f"{count} times: {said}" for hunt in hunts.values() for said, count in hunt.escaped.most_common(20)],
    )


class Hunt:
    """Inputs through one examination. `keep`: is told what takes a new turn, to garble it further."""

    def __init__(
        self,
        examine: Callable[[bytes], int],
        seeds: list[bytes],
        keep: Callable[[bytes], None],
        sabotaged: bool,
    ) -> None:
        self.escaped: Counter[str] = Counter()
        self._examine, self._seeds, self._keep, self._sabotaged = examine, seeds, keep, sabotaged
        self._turns = Turns()
        self._inputs, self._kept, self._understood, self._seconds = 0, 0, 0, 0.0

    def run(self, make: Callable[[int], bytes], count: int) -> None:
        began = time.monotonic()
        for raw in self._seeds:
            self._turns.new(lambda raw=raw: self._examine(raw))
        for number in range(count):
            raw = make(number)
            try:
                if self._sabotaged and b"9" * 300 in raw:
                    raise ZeroDivisionError
                self._try(number, raw)
            except Exception as error:
                self.escaped[_said(error)] += 1
        self._inputs, self._seconds = count, time.monotonic() - began

    def _try(self, number: int, raw: bytes) -> None:
        def examine() -> None:
            asked = measured if number % MEASURED == MEASURED - 1 else _plainly
            self._understood += asked(self._examine, raw)

        if number >= 500 and number % UNTRACED:
            examine()
        elif self._turns.new(examine) and len(raw) < MOST_KEPT:
            self._keep(raw)
            self._kept += 1

    @property
    def told(self) -> str:
        return (
            f"{self._inputs} garbled inputs of {len(self._seeds)} samples and of {self._kept} that took a new turn, "
            f"{len(self._turns.seen)} turns of the codecs taken, {self._understood} understood, "
            f"{self._inputs / self._seconds:.0f} a second"
        )


def _plainly(examine: Callable[[bytes], int], raw: bytes) -> int:
    return examine(raw)


def _message(garbler: Garbler, number: int) -> bytes:
    return framed(garbler.file(number, 5)[0]) if not number % FILES else garbler.message(number)


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
