"""`check` finds sixty mistakes in a site of thirty channels, each where it stands, with a mend that mends it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.errors import Fault
from engine.site import deliveries
from engine.site.compile import check, load_site
from engine.site.files import Site
from prove.house import Violation
from prove.mends import mended
from prove.report import ROOT, Proof, Scale
from prove.thirty import DEMO, HOSPITALS, renamed, renamed_file, site_of_thirty
from tests.mistakes import MISTAKES, WARNINGS, Mistake

SHORT = Scale(messages=0, faults=60, settle=0)
FULL = Scale(messages=0, faults=len(MISTAKES) + len(WARNINGS), settle=0)
SABOTAGE = "names-in-write-maps-are-not-looked-at"
WITHIN = 2.0
_TELLINGS = 4
"""How often at most the mend of one mistake is done: it may be told of several channels."""
TOGETHER = 25
"""So many at least are told at once, in a site that has them all."""


class Seeded(NamedTuple):
    """A mistake at one hospital. `file`: where it is made; `was`, `now`: its text before and after."""

    mistake: Mistake
    hospital: str
    file: str
    was: str
    now: str


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`faults`: so many mistakes are seeded, of every code at least one."""
    if sabotage:
        deliveries._check_leaf = lambda *_: None  # type: ignore[assignment]
    site = site_of_thirty(load_site(ROOT), seed)
    began = time.perf_counter()
    clean = check(site)
    seconds = time.perf_counter() - began
    channels = sum(file.startswith("channels/") and file.endswith(".yaml") for file in site.files)
    if channels != 30:
        raise Violation(f"the site has {channels} channels")
    violations = [f"the untouched site: {fault}" for fault in clean]
    chance = random.Random(seed)
    mistakes = _chosen(site, chance, scale.faults)
    seeds = [_seeded(site, mistake, chance) for mistake in mistakes]
    by_mend = 0
    for one in seeds:
        wrong, done = _looked_at(site, one)
        violations += wrong
        by_mend += done
    if seconds > WITHIN:
        violations.append(f"checking took {seconds:.1f} s")
    together = _together(site, [one for one in mistakes if one not in WARNINGS])
    if together < TOGETHER:
        violations.append(f"only {together} were told at once")
    told = (
        f"{len(seeds)} mistakes in {channels} channels of {len(site.files)} files, checked in {seconds:.2f} s: "
        f"{by_mend} mended as told, {len(seeds) - by_mend} by hand at the place; {together} told at once"
    )
    return Proof(told, violations[:20])


def _chosen(site: Site, chance: random.Random, count: int) -> list[Mistake]:
    """Of those in files that the hospitals have: every code first, then others."""
    every = [
        one
        for one in (*MISTAKES, *WARNINGS)
        if renamed_file(one.told or one.file, HOSPITALS[0]) in site.files
    ]
    chance.shuffle(every)
    first = {mistake.code: mistake for mistake in every}
    others = [mistake for mistake in every if first[mistake.code] is not mistake]
    return [*first.values(), *others][:count]


def _seeded(site: Site, mistake: Mistake, chance: random.Random) -> Seeded:
    """At a hospital that has the text which is written otherwise; the one that is like the example has all."""
    hospitals = [*HOSPITALS]
    chance.shuffle(hospitals)
    for hospital in (*hospitals, HOSPITALS[0]):
        seeded = _at(site, mistake, hospital)
        if seeded is not None:
            return seeded
    raise Violation(f"no hospital has {mistake.old!r}")


def _at(site: Site, mistake: Mistake, hospital: str) -> Seeded | None:
    """The mistake at one hospital, or None where its text is not there, or is that of all."""
    file = renamed_file(mistake.file, hospital)
    was = site.files.get(file, b"").decode()
    old = renamed(mistake.file, mistake.old, hospital)
    new = renamed(mistake.file, mistake.new, hospital)
    ours = file != mistake.file or old != mistake.old or hospital == HOSPITALS[0]
    told_there = mistake.told == "" or renamed_file(mistake.told, hospital) in site.files
    if old not in was or not ours or not told_there:
        return None
    return Seeded(mistake, hospital, file, was, was.replace(old, new, 1))


def _looked_at(site: Site, seeded: Seeded) -> tuple[list[str], bool]:
    """(what was not as it should be, whether the mend could be done as it is told)."""
    mistake = seeded.mistake
    broken = _with(site, {seeded.file: seeded.now})
    faults = check(broken)
    name = f"{mistake.code} {mistake.at.strip()!r} in {seeded.file}"
    found = _fault(faults, seeded, broken)
    if found is None:
        return [f"{name} was not found there; told were {[str(fault) for fault in faults[:3]]}"], False
    besides = {fault.code for fault in faults if fault.severity == "error"} - {mistake.code, mistake.also}
    if besides:
        return [f"{name}: told besides were {sorted(besides)}"], False
    if not found.mend:
        return [f"{name}: no mend is told"], False
    better = broken
    for _ in range(_TELLINGS):
        file = found.where.rsplit(":", 2)[0]
        text = mended(better.files[file].decode(), found)
        if text is None:
            return [], False  # what to write is left to a person: the text as it was is right, and was clean
        better = _with(better, {file: text})
        left = check(better)
        found = next((fault for fault in left if fault.code == mistake.code), found)
        if not left:
            break
    return [f"{name}: after '{found.mend}' there still is {one}" for one in left[:2]], True


def _fault(faults: list[Fault], seeded: Seeded, site: Site) -> Fault | None:
    """The fault of the mistake, at exactly its place."""
    mistake = seeded.mistake
    told = renamed_file(mistake.told or mistake.file, seeded.hospital)
    wanted = [*_spelled(mistake.told or mistake.file, mistake.at, seeded.hospital)]
    for fault in faults:
        file, line, column = fault.where.rsplit(":", 2)
        lines = site.files[file].decode().split("\n") if file in site.files else []
        rest = "\n".join(lines[int(line) - 1 :])[int(column) - 1 :]
        if fault.code == mistake.code and file == told and any(rest.startswith(one) for one in wanted):
            return fault
    return None


def _spelled(file: str, at: str, hospital: str) -> Iterator[str]:
    """How the hospital may spell what stands at the place."""
    yield renamed(file, at, hospital)
    yield at
    yield f"{hospital}-{at}"


def _together(site: Site, mistakes: list[Mistake]) -> int:
    """How many are told at once in a site that has all of them that do not hide each other: one to a file, and none in
    a file whose fault keeps others from being looked at."""
    some: dict[str, Seeded] = {}
    for mistake in mistakes:
        for hospital in HOSPITALS:
            seeded = _at(site, mistake, hospital)
            if seeded is not None and seeded.file not in some:
                some[seeded.file] = seeded
                break
    while some:
        broken = _with(site, {seeded.file: seeded.now for seeded in some.values()})
        faults = check(broken)
        unseen = [file for file, seeded in some.items() if _fault(faults, seeded, broken) is None]
        if not unseen:
            return len(some)
        for file in _hiding(some, unseen):
            del some[file]
    return 0


def _hiding(some: dict[str, Seeded], unseen: list[str]) -> list[str]:
    """Those of the shared files first, then those that were not seen."""
    shared = [file for file in some if file in ("config/suture.yaml", DEMO)]
    return shared or unseen


def _with(site: Site, files: dict[str, str]) -> Site:
    return Site(site.folder, {**site.files, **{file: text.encode() for file, text in files.items()}})
