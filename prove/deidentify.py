"""A captured message shows nobody: identifiers of every kind, planted wherever they may stand, are gone; what belongs
together still does; codes, quantities and structure are as they were. What is kept and should not be is refused."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from engine.codecs.hl7v2.batch import split_messages
from engine.codecs.hl7v2.lexer import Message
from engine.deidentify import rules
from engine.deidentify.dataset import Clean, Dataset, Given
from engine.deidentify.kinds import KINDS
from engine.deidentify.reads import Reading
from engine.errors import MessageError
from engine.site.compile import compile_release, load_site
from engine.site.names import private_fields
from prove.house import chance_of
from prove.planting import Marks, Story, story_of
from prove.report import ROOT, Proof, Scale

SHORT = Scale(messages=5_000, faults=20, settle=0)
FULL = Scale(messages=100_000, faults=2_000, settle=0)
SABOTAGE = "names-are-codes"

_KEPT = ("MSH-3", "MSH-4", "MSH-9", "MSH-11", "PV1-2", "PV1-20", "FT1-6", "FT1-7.1", "FT1-7.3", "FT1-10", "FT1-11",
         "FT1-12", "FT1-13", "PRT-18", "PRT-19", "ZPM-1", "ZPM-3", "ZPM-4", "ZPM-5", "ZPM-6.1", "ZPM-8", "ZPM-10",
         "ZPM-14", "ZPM-15", "ZPM-16", "ZPM-20", "ZPM-34", "OBX-2")  # fmt: skip
_JOINED = ("PID-3", "PID-18", "PV1-19", "FT1-2", "PV1-7", "FT1-20")
_DATED = ("MSH-7", "EVN-2", "EVN-6", "PID-7", "PV1-44", "PV1-45", "FT1-4", "FT1-5", "ACC-1", "DG1-5", "PR1-5", "IN1-12",
          "ORC-9", "ZPM-19", "OBX-14")  # fmt: skip
_NOT_TO_BE_CODES = (
    "123-45-6789",
    "(555)867-5309",
    "a.person@home.org",
    "19580412",
    "MRN 7001234",
    "http://me.org",
)


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: identifiers planted, at least; `faults`: messages with an identifier where a code is kept."""
    rule = rules._RULES["PID", 5]
    if sabotage:
        rules._RULES["PID", 5] = KINDS["all"]
    try:
        return _prove(scale, chance_of(seed))
    finally:
        rules._RULES["PID", 5] = rule


def _prove(scale: Scale, chance: random.Random) -> Proof:
    readings = _readings()
    planted: Counter[str] = Counter()
    violations: list[str] = []
    stories = 0
    while planted.total() < scale.messages and len(violations) < 10:
        story = story_of(chance)
        stories += 1
        cleans = _dataset(story.raws, readings, chance).clean(chance.randrange(52))
        planted.update(kind for kind, _ in story.planted)
        violations += [f"{kind} is seen in a captured message" for kind in _seen(story, cleans)]
        violations += _unlike(story, cleans)
        violations += [f"refused: {leak.place} {leak.why.value}" for clean in cleans for leak in clean.leaks]
    refused = sum(_refused(story_of(chance), readings, chance) for _ in range(scale.faults))
    if refused < scale.faults:
        violations.append(f"{scale.faults - refused} identifiers in the place of codes were not refused")
    public = _public(readings, chance)
    told = (
        f"{planted.total()} identifiers of {len(planted)} kinds in {stories} captures; {refused} of {scale.faults} in "
        f"the place of codes refused; {public[1]} of {public[0]} public samples pass, the rest is refused"
    )
    return Proof(told, violations[:10])


def _readings() -> dict[str, Reading]:
    """By type; where several channels read it, by the first: vends, of OMS^O05."""
    release = compile_release(load_site(ROOT))
    return {
        trigger: Reading(channel.reader, private_fields(channel.reader.fields, frozenset()))
        for channel in reversed(release.channels)
        for trigger in channel.reader.triggers
    }


def _dataset(raws: list[bytes], readings: dict[str, Reading], chance: random.Random) -> Dataset:
    messages = [Message.parse(raw) for raw in raws]
    given = [Given(one, readings.get(one.header.event), None, date(2026, 11, 20)) for one in messages]
    return Dataset(given, chance.randbytes(32))


def _seen(story: Story, cleans: list[Clean]) -> Iterator[str]:
    """Kinds of what is seen: in any case, without separators and accents, escaped, in part; a date anywhere but where
    another one may have been moved to."""
    leaves = [leaf for clean in cleans for leaf in _leaves(clean.raw, story.marks).items()]
    texts = {_bare(text) for _, text in leaves}
    elsewhere = {_bare(text) for (name, *_), text in leaves if name not in _DATED}
    for kind, value in story.planted:
        for part in {value, *re.findall(r"[^\W\d_]{6,}|\d{6,}", value)} - {"Spoke"}:
            if any(_bare(part) in text for text in (elsewhere if kind == "date" else texts)):
                yield kind
                break


def _unlike(story: Story, cleans: list[Clean]) -> Iterator[str]:
    """What is not as it was."""
    stands: dict[str, str] = {}
    shifts: dict[str, int] = {}
    for raw, clean in zip(story.raws, cleans, strict=True):
        sent, found = _leaves(_utf8(raw, story.codec), story.marks), _leaves(clean.raw, story.marks)
        if sent.keys() != found.keys():
            yield "the structure is another"
            continue
        person = ""
        owners = iter([sent[key] for key in sent if key[0] == "PID-3" and key[2:] == (1, 1, 1)])
        first = next(iter(_leaves_of(sent, "PID-3")), "")
        for key, value in sent.items():
            name, _, _, component, _ = key
            person = next(owners) if name == "PID-3" and key[2:] == (1, 1, 1) else person
            if value in ("", '""') and found[key] != value:
                yield f"{name}: what was empty is not"
            if (name in _KEPT or f"{name}.{component}" in _KEPT) and found[key] != value:
                yield f"{name} is not kept"
            if name in _JOINED and component == 1 and stands.setdefault(value, found[key]) != found[key]:
                yield f"{name}: equal values are told apart"
            if name in _DATED and value:
                shift = _days(found[key]) - _days(value)
                if shifts.setdefault(person or first, shift) != shift or not shift or shift % 7:
                    yield f"{name}: an interval is another"
                if found[key][8:] != value[8:]:
                    yield f"{name}: another time of day"
    if len(set(stands.values())) < len(stands):
        yield "different values are taken for one"


def _leaves_of(leaves: dict[tuple[str, int, int, int, int], str], name: str) -> list[str]:
    return [value for key, value in leaves.items() if key[0] == name and key[2:] == (1, 1, 1)]


def _leaves(raw: bytes, marks: Marks) -> dict[tuple[str, int, int, int, int], str]:
    """(field, segment, repetition, component, subcomponent) → text, read without the engine."""
    found = {}
    text = next(raw.decode(codec) for codec in ("utf-8", "cp1252") if _decodes(raw, codec))
    for number, line in enumerate(text.splitlines()):
        fields = line.split(marks.field)
        for place, field in enumerate(fields[1:], 2 if fields[0] == "MSH" else 1):
            if (fields[0], place) == ("MSH", 2):
                continue
            for repetition, repeated in enumerate(field.split(marks.repetition), 1):
                for component, part in enumerate(repeated.split(marks.component), 1):
                    for subcomponent, leaf in enumerate(part.split(marks.subcomponent), 1):
                        key = (f"{fields[0]}-{place}", number, repetition, component, subcomponent)
                        found[key] = _meant(leaf, marks)
    return found


def _decodes(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _utf8(raw: bytes, codec: str) -> bytes:
    return raw.decode(codec).encode()


def _meant(text: str, marks: Marks) -> str:
    e = re.escape(marks.escape)
    letters = dict(zip("FSRET", marks, strict=True))
    text = re.sub(f"{e}X((?:[0-9A-F]{{2}})+){e}", lambda hit: bytes.fromhex(hit[1]).decode("latin-1"), text)
    return re.sub(f"{e}([FSRET]){e}", lambda hit: letters[hit[1]], text)


def _bare(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if one.isalnum())


def _days(text: str) -> int:
    return datetime.strptime(text[:8], "%Y%m%d").toordinal()  # noqa: DTZ007


def _refused(story: Story, readings: dict[str, Reading], chance: random.Random) -> bool:
    """Whether the gate sees an identifier that stands where a code is kept: as a department, an item or a unit."""
    raw = _utf8(story.raws[0], story.codec)
    values = [*_NOT_TO_BE_CODES, *(value for kind, value in story.planted[:9] if kind != "date")]
    value = chance.choice([value for value in values if not set(value) & set("".join(story.marks))])
    code = chance.choice((b"OR-NORTH", b"IMP-FEM-07"))
    messages = [raw.replace(code, value.encode(), 1)]
    return any(clean.leaks for clean in _dataset(messages, readings, chance).clean())


def _public(readings: dict[str, Reading], chance: random.Random) -> tuple[int, int]:
    """(public messages, those of them that pass): none is an accident."""
    seen = passed = 0
    for path in sorted((ROOT / "tests" / "samples").glob("*/*")):
        for raw in split_messages(path.read_bytes()):
            try:
                dataset = _dataset([raw], readings, chance)
            except MessageError:
                continue
            seen += 1
            passed += not any(clean.leaks for clean in dataset.clean())
    return seen, passed
