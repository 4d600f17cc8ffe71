"""Messages and files made wrong, by chance: what senders, cables and attackers do to them.

Bytes are flipped, fields and segments cut, doubled, swapped and blown up, delimiters changed in the header alone or in
the whole message, numbers and dates put out of any bounds, envelopes broken.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from prove.report import ROOT

LARGEST = 200_000
_TOKENS = (
    b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b'""', b"\xff", b"\x00", b"\\X0D\\", b"\\.br\\", b"\\.sp99\\",
    b"\\XC3A4\\", b"\\Zno\\", b"MSH|", b"\rZPM|V|", b"\rFT1|1|", b"\xef\xbb\xbf",
)  # fmt: skip
_TIMES = (1,) * 6 + (3,) * 6 + (8,) * 3 + (500,)
_VALUES = (
    b"", b"-1", b"1e999999", b"9" * 400, b"20261399", b"00000000", b"NaN", b"\xc3\x28", b"a^b&c~d\\E\\", b'""',
    b"Infinity", b"1_000", b"\xd9\xa1", b"0x10", b"1/0", b"V", b"CD", b"MRN7002^^^NORTH^MR",
)  # fmt: skip
_MARKS = b"!#$%*+,-./:;<=>?@[]_`{}~^|&\\"
_ENVELOPES = (
    b"FHS|^~\\&|A|B",
    b"BHS|^~\\&",
    b"BTS|3",
    b"BTS|x",
    b"FTS|1",
    b"FTS|",
    b"// night",
    b"",
    b"\x1c",
    b"BHS",
)
_OWN = {b"PID": (3, 18), b"PV1": (19,)}


def messages_of(*folders: str) -> list[bytes]:
    """The HL7 messages that lie in these folders of the repository."""
    found: list[Path] = []
    for folder in folders:
        found += sorted((ROOT / folder).rglob("*.hl7"))
    texts = [path.read_bytes().replace(b"\n", b"\r") for path in found]
    return [text for text in texts if b"\x0b" not in text and b"\x1c" not in text]


class Garbler:
    """Makes garbled inputs of `seeds`: the short ones more often than the long ones."""

    def __init__(self, seeds: list[bytes], chance: random.Random) -> None:
        self.seeds = seeds
        self._chance = chance
        self._weights = [1 / len(seed) for seed in seeds]

    def keep(self, raw: bytes) -> None:
        """A seed more."""
        self.seeds.append(raw)
        self._weights.append(1 / len(raw))

    def message(self, number: int, control: str = "F") -> bytes:
        """One that stays one frame. Mostly it has a control id, a patient and an account of its own, so that it is no
        duplicate and no stay has thousands of messages."""
        raw = self._chance.choices(self.seeds, self._weights)[0]
        if self._chance.random() < 0.8:
            raw = _own(raw, b"%s%d" % (control.encode(), number))
        return framed(self.garbled(raw))

    def garbled(self, raw: bytes) -> bytes:
        """In one to four ways; now and then the end of another follows first."""
        if self._chance.random() < 0.05:
            other = self._chance.choices(self.seeds, self._weights)[0]
            raw = (
                raw[: self._chance.randrange(len(raw) + 1)] + other[self._chance.randrange(len(other) + 1) :]
            )
        for _ in range(self._chance.choice((1, 1, 2, 2, 3, 4))):
            raw = self._chance.choice(_WAYS)(raw, self._chance)
        return raw

    def file(self, first: int, count: int) -> tuple[bytes, list[str]]:
        """A file of so many messages, some of them and some of its envelopes garbled, and the control ids of those that
        are whole and stand where nothing spoils them."""
        parts: list[bytes] = []
        whole: list[str] = []
        for number in range(first, first + count):
            control = f"B{number}"
            if self._chance.random() < 0.5:
                parts.append(_own(self._chance.choices(self.seeds, self._weights)[0], control.encode()))
                if parts[-1][:3] == b"MSH" and _CONTROL.match(parts[-1]) and _single(parts[-1]):
                    whole.append(control)
            else:
                parts.append(b"MSH" + framed(self.message(number, "b"))[3:])
        if self._chance.random() < 0.9:
            parts = [
                b"FHS|^~\\&|N|N|||||||F%d" % first,
                b"BHS|^~\\&|N|N",
                *parts,
                b"BTS|%d" % count,
                b"FTS|1",
            ]
        end = self._chance.choice((b"\r", b"\n", b"\r\n"))
        for _ in range(self._chance.choice((0, 0, 1, 3))):
            parts.insert(self._chance.randrange(len(parts) + 1), self._chance.choice(_ENVELOPES))
        text = b"\r".join(part.rstrip(b"\r") for part in parts) + b"\r"
        return text if end == b"\r" else text.replace(b"\r", end), whole


_CONTROL = re.compile(rb"MSH\|(?:[^|\r]*\|){8}B\d+\|")


def _single(raw: bytes) -> bool:
    """One message, and nothing in it that begins another or an envelope."""
    return len(re.findall(rb"(?im)(?:^|[\r\n])[ \t\x00\xef\xbb\xbf]*(?:MSH|FHS|BHS|BTS|FTS)", raw)) == 1


def framed(raw: bytes) -> bytes:
    """Without the blocks of frames, not beyond all bounds, and a message: a single commit byte is none."""
    content = raw.translate(None, b"\x0b\x1c")[:LARGEST]
    return b"?" if content in (b"", b"\x06", b"\x15") else content


def _own(raw: bytes, name: bytes) -> bytes:
    """With a control id, a patient and an account of its own."""
    lines = raw.split(b"\r")
    head = lines[0].split(b"|", 10)
    if len(head) > 10:
        head[9] = name
        lines[0] = b"|".join(head)
    for place, line in enumerate(lines[1:], 1):
        for number in _OWN.get(line[:3], ()):
            fields = line.split(b"|")
            if len(fields) > number and fields[number]:
                fields[number] = (
                    name + fields[number][fields[number].find(b"^") :] if b"^" in fields[number] else name
                )
                line = b"|".join(fields)
        lines[place] = line
    return b"\r".join(lines)


def flip(raw: bytes, chance: random.Random) -> bytes:
    """Some bytes are others."""
    data = bytearray(raw or b"?")
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _insert(raw: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(raw) + 1)
    return raw[:place] + chance.choice(_TOKENS) * chance.choice(_TIMES) + raw[place:]


def cut(raw: bytes, chance: random.Random) -> bytes:
    """A piece is gone."""
    start = chance.randrange(len(raw) + 1)
    return raw[:start] + raw[start + chance.randint(0, 60) :]


def _segments(raw: bytes, chance: random.Random) -> bytes:
    parts = raw.split(b"\r")
    match chance.choice(("drop", "drop", "double", "double", "swap", "swap", "many")):
        case "drop":
            parts.pop(chance.randrange(len(parts)))
        case "double":
            parts.insert(chance.randrange(len(parts) + 1), chance.choice(parts))
        case "swap":
            body = parts[1:]
            chance.shuffle(body)
            parts[1:] = body
        case _:
            parts += [chance.choice(parts)] * chance.choice((3, 3, 3, 3, 10, 10, 10, 10, 10, 300))
    return b"\r".join(parts)


def _field(raw: bytes, chance: random.Random) -> bytes:
    """A field, component or part with something else in it."""
    fields = raw.split(mark := chance.choice((b"|", b"|", b"|", b"^", b"&")))
    if len(fields) == 1 and chance.random() < 0.99:
        return raw
    fields[chance.randrange(len(fields))] = chance.choice(_VALUES)
    return mark.join(fields)


def _delimiters(raw: bytes, chance: random.Random) -> bytes:
    """Others in the whole message; now and then in the header alone, which spoils it."""
    others = bytes(chance.sample(_MARKS, 5))
    if chance.random() < 0.3:
        return raw[:3] + others + raw[8:]
    return raw.translate(bytes.maketrans(raw[3:8], others)) if len(set(raw[3:8])) == 5 else raw


_WAYS = (flip, _insert, cut, _segments, _field, _field, _delimiters)
