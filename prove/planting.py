"""Made-up people, and messages in which everything that identifies them is planted: where the standard has it, and
where nobody would look."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

MARKS = ("|^~\\&", "#!*\\%", "|~^\\&", "|^~\\}", "$:;?,")
CHARSETS = {
    "UNICODE UTF-8": "utf-8",
    "8859/1": "cp1252",
    "8859/2": "iso8859-2",
    "UNICODE UTF-16": "utf-16",
    "": "utf-8",
}
_SYLLABLES = re.findall("[a-z]{3}", "bardenfolgrihuljaskemlormunnopqoritsavtulvezwimyarzod")
_ACCENTS = {"a": "á", "e": "é", "o": "ö", "u": "ü"}

Value = str | tuple[Any, ...] | list[Any]
"""A text as meant; parts of it in a tuple, repetitions in a list."""

Fields = dict[int, Value]


class Marks(NamedTuple):
    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


class Story(NamedTuple):
    """Messages of one capture. `raws`: as sent; `planted`: kind → what must not be seen; `marks`, `codec`: of each."""

    raws: list[bytes]
    planted: list[tuple[str, str]]
    marks: Marks
    codec: str


class Planter:
    """Makes the identifiers of one story and remembers them."""

    def __init__(self, chance: random.Random, *, accents: bool) -> None:
        self.chance = chance
        self.planted: list[tuple[str, str]] = []
        self._accents = accents

    def digits(self, count: int) -> str:
        return "".join(self.chance.choice("123456789") for _ in range(count))

    def word(self) -> str:
        text = "".join(self.chance.choice(_SYLLABLES) for _ in range(3)).capitalize()
        if self._accents and self.chance.randrange(3) == 0:
            text = "".join(_ACCENTS.get(one, one) for one in text)
        return text

    def of(self, kind: str) -> str:
        """A new identifier of that kind."""
        value = KINDS[kind](self)
        self.planted.append((kind, value))
        return value

    def any(self) -> str:
        return self.of(self.chance.choice([*KINDS]))

    def sentence(self) -> str:
        """What people write into notes."""
        return f"Spoke with {self.of('name')} ({self.any()}) about {self.any()}; see {self.any()}."


KINDS: dict[str, Callable[[Planter], str]] = {
    "name": Planter.word,
    "address": lambda p: f"{p.digits(4)} {p.word()} {p.word()}",
    "zip": lambda p: f"{p.digits(5)}-{p.digits(4)}",
    "date": lambda p: (
        f"{p.chance.randrange(1940, 2000)}{p.chance.randrange(1, 13):02}{p.chance.randrange(1, 29):02}"
    ),
    "phone": lambda p: f"({p.digits(3)}){p.digits(3)}-{p.digits(4)}",
    "fax": lambda p: f"+1 {p.digits(3)} {p.digits(3)} {p.digits(4)}",
    "e-mail": lambda p: f"{p.word().lower()}{p.digits(2)}@{p.word().lower()}.org",
    "ssn": lambda p: f"{p.digits(3)}-{p.digits(2)}-{p.digits(4)}",
    "mrn": lambda p: f"MRN{p.digits(7)}",
    "plan": lambda p: f"PLN-{p.digits(9)}-A",
    "account": lambda p: p.digits(9),
    "licence": lambda p: f"TX{p.digits(7)}",
    "vehicle": lambda p: f"1HG{p.digits(2)}{p.word()[:4].upper()}{p.digits(8)}",
    "device": lambda p: f"SN-{p.digits(4)}-{p.digits(4)}",
    "url": lambda p: f"https://{p.word().lower()}.org/p/{p.digits(6)}",
    "ip": lambda p: ".".join(str(p.chance.randrange(100, 255)) for _ in range(4)),
    "biometric": lambda p: f"FP{p.chance.randbytes(8).hex().upper()}",
    "photo": lambda p: base64.b64encode(p.chance.randbytes(30)).decode(),
    "other": lambda p: f"CASE{p.digits(6)}",
}
"""The eighteen of HIPAA; addresses and numbers of the post apart."""


def story_of(chance: random.Random) -> Story:
    """A charge, its credit and what a cabinet says of the same stay; or two people in one message."""
    declared = chance.choice([*CHARSETS])
    planter = Planter(chance, accents=declared != "")
    marks = Marks(*chance.choice(MARKS))
    people = [_person(planter) for _ in range(chance.choice((1, 1, 2)))]
    day = datetime(2026, chance.randrange(1, 12), chance.randrange(1, 28), 9, 30, tzinfo=UTC)
    messages = [
        _message(planter, "DFT^P03", people, day, declared, _charge),
        _message(
            planter, "DFT^P03", people, day + timedelta(days=chance.randrange(1, 30)), declared, _charge
        ),
        _message(planter, "OMS^O05", people[:1], day + timedelta(hours=3), declared, _vend),
    ]
    codec = CHARSETS[declared]
    raws = [_written(one, marks, codec, chance) for one in messages]
    return Story(raws, planter.planted, marks, codec)


def _person(planter: Planter) -> dict[str, str]:
    kinds = {
        "id": "mrn",
        "account": "account",
        "visit": "other",
        "family": "name",
        "given": "name",
        "born": "date",
    }
    return {name: planter.of(kind) for name, kind in kinds.items()} | {
        "charge": planter.of("other"),
        "doctor": planter.of("name"),
        "doctor_id": planter.of("licence"),
    }


Lines = Callable[[Planter, dict[str, str], datetime], list[tuple[str, Fields]]]


def _message(
    planter: Planter, kind: str, people: list[dict[str, str]], day: datetime, declared: str, lines: Lines
) -> list[tuple[str, Fields]]:
    at = f"{day:%Y%m%d%H%M%S}"
    one, two = kind.split("^")
    found: list[tuple[str, Fields]] = [
        ("MSH", {3: "EHR", 4: "NORTH", 5: "SUTURE", 6: "ERP", 7: at, 8: planter.any(), 9: (one, two),
                 10: planter.of("other"), 11: "P", 12: "2.5.1", 18: declared}),
        ("EVN", {1: two, 2: at, 5: (planter.of("licence"), planter.of("name")), 6: at}),
    ]  # fmt: skip
    for person in people:
        found += _identity(planter, person, day) + lines(planter, person, day) + _nobody_named(planter)
    return found


def _identity(planter: Planter, person: dict[str, str], day: datetime) -> list[tuple[str, Fields]]:
    of, at = planter.of, f"{day:%Y%m%d%H%M%S}"
    cx: Callable[[str, str], tuple[str, ...]] = lambda text, kind: (text, "", "", "NORTH", kind)  # noqa: E731
    doctor = (
        person["doctor_id"],
        person["doctor"],
        of("name"),
        "",
        "",
        "",
        "",
        "",
        "NORTH",
        "",
        "",
        "",
        "NPI",
    )
    address = (of("address"), of("address"), of("name"), "TX", of("zip"), "USA")
    return [
        ("PID", {1: "1", 2: cx(of("other"), "PI"), 3: [cx(person["id"], "MR"), cx(of("ssn"), "SS")],
                 5: [((person["family"], "van", of("name")), person["given"], of("name")), (of("name"), of("name"))],
                 6: (of("name"),), 7: person["born"], 8: "F", 9: (of("name"), of("name")), 11: [address, address],
                 13: [(of("phone"),), ("", "NET", "Internet", of("e-mail"))], 14: (of("fax"),), 16: '""',
                 18: cx(person["account"], "AN"), 19: of("ssn"), 20: (of("licence"), "TX"), 23: of("address"),
                 25: planter.any()}),
        ("PV1", {1: "1", 2: "I", 3: ("OR", planter.of("other"), "1", "NORTH"), 7: doctor, 8: [doctor, doctor],
                 17: doctor, 19: cx(person["visit"], "VN"), 20: "COM", 44: at, 45: f"{day + timedelta(days=3):%Y%m%d}",
                 50: cx(of("other"), "VN")}),
        ("NK1", {1: "1", 2: (of("name"), of("name")), 4: (of("address"), "", of("name"), "TX", of("zip")),
                 5: of("phone")}),
        ("GT1", {1: "1", 2: of("account"), 3: (of("name"), of("name")), 5: (of("address"),), 12: of("ssn")}),
        ("IN1", {1: "1", 2: of("plan"), 12: f"{day:%Y%m%d}", 16: (of("name"), of("name")), 36: of("plan"),
                 49: of("plan")}),
        ("ACC", {1: at, 3: of("vehicle"), 8: planter.any()}),
        ("DG1", {1: "1", 3: "M17.1", 4: planter.sentence(), 5: at}),
        ("PR1", {1: "1", 3: "27447", 4: planter.sentence(), 5: at, 11: doctor}),
    ]  # fmt: skip


def _charge(planter: Planter, person: dict[str, str], day: datetime) -> list[tuple[str, Fields]]:
    of, at = planter.of, f"{day:%Y%m%d}"
    return [
        ("FT1", {1: "1", 2: person["charge"], 3: of("other"), 4: f"{at}0945", 5: at, 6: "CG",
                 7: ("IMP-FEM-07", planter.sentence(), "LOCAL"), 8: planter.sentence(), 10: "2", 11: "8400.00",
                 12: "4200.00", 13: ("OR-NORTH", "", "", "NORTH"), 16: ("OR", of("other"), "", "NORTH"),
                 20: (person["doctor_id"], person["doctor"]), 23: of("other"), 25: ("27447", planter.any())}),
        ("PRT", {1: of("other"), 2: "UC", 10: (_scanned(of("device")),), 18: "20290630", 19: "LOT55A",
                 20: of("device")}),
        ("NTE", {1: "1", 3: [planter.sentence(), planter.sentence()]}),
    ]  # fmt: skip


def _scanned(device: str) -> str:
    """Half of the devices by their barcode."""
    return f"(01)00380652100014(17)290630(10)LOT55A(21){device}" if int(device[-1]) % 2 else device


def _vend(planter: Planter, person: dict[str, str], day: datetime) -> list[tuple[str, Fields]]:
    return [
        ("ORC", {1: "RE", 2: planter.of("other"), 9: f"{day:%Y%m%d%H%M}", 12: (planter.of("licence"),),
                 14: planter.of("phone")}),
        ("ZPM", {1: "V", 2: planter.any(), 3: "CAB-3W", 4: "D2", 5: "P04", 6: ("DRG-CEF-1G", planter.sentence()),
                 8: "24", 10: "2", 11: (planter.of("licence"), planter.of("name")), 14: "NORTH", 15: "MS3W-NORTH",
                 16: "S1", 19: f"{day:%Y%m%d%H%M%S}", 20: "CF2281", 21: planter.of("device"), 34: "VL"}),
    ]  # fmt: skip


def _nobody_named(planter: Planter) -> list[tuple[str, Fields]]:
    """What no rule and no map says anything of."""
    anything = {
        field: [(planter.any(), (planter.any(), planter.any())), planter.any()] for field in range(1, 6)
    }
    return [
        ("OBX", {1: "1", 2: "TX", 3: "COMMENT", 5: [planter.sentence(), planter.sentence()], 14: "20260301"}),
        ("OBX", {1: "2", 2: "ED", 3: "PHOTO", 5: ("", "IM", "JPEG", "Base64", planter.of("photo"))}),
        ("OBX", {1: "3", 2: "CWE", 3: "FREE", 5: (planter.any(), planter.sentence())}),
        ("OBX", {1: "4", 2: "NM", 3: "FINGER", 5: planter.of("account")}),
        (planter.chance.choice(("ZPD", "ZZ9", "IN2", "UB2", "CTD", "SPM")), anything),
    ]


def _written(message: list[tuple[str, Fields]], marks: Marks, codec: str, chance: random.Random) -> bytes:
    lines = []
    rarely = 0 if codec == "utf-16" else 8  # there a character has two bytes
    for name, fields in message:
        first = 3 if name == "MSH" else 1
        texts = [
            _field(fields.get(number, ""), marks, lambda: bool(rarely) and not chance.randrange(rarely))
            for number in range(first, max(fields) + 1)
        ]
        head = [name, "".join(marks[1:])] if name == "MSH" else [name]
        lines.append(marks.field.join([*head, *texts]))
    return "\r".join([*lines, ""]).encode(codec)


def _field(value: Value, marks: Marks, needless: Callable[[], bool]) -> str:
    repetitions = value if isinstance(value, list) else [value]
    return marks.repetition.join(
        marks.component.join(
            marks.subcomponent.join(_escaped(part, marks, needless) for part in _parts(component))
            for component in _parts(repetition)
        )
        for repetition in repetitions
    )


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _escaped(text: str, marks: Marks, needless: Callable[[], bool]) -> str:
    """As a sender must; some senders escape what they need not."""
    letters = dict(zip(marks, "FSRET", strict=True))
    e = marks.escape
    found = "".join(f"{e}{letters[one]}{e}" if one in letters else one for one in text)
    if text.isascii() and text.isalnum() and len(text) > 6 and needless():
        found = f"{text[:3]}{e}X{text[3:5].encode().hex().upper()}{e}{text[5:]}"
    return found
