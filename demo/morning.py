"""The morning of 2026-11-20 in a hospital that does not exist, written by us for the demo. Every name is made up.

Three feeds say what happened: `ehr` (charges, encounters, a merge), `cabinet` (vends, returns, refills, counts) and
`hl7-http` (charges of departments that post over HTTP). The same script gives the same bytes, always. Beside each
message stands, in `expected`, what must be in the far ends' books once everything that can be mended is mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from demo import wording
from demo.expected import Expected, Use
from demo.goods import GOODS
from demo.wording import Movement, Patient

SEVEN = datetime(2026, 11, 20, 7, 0)  # noqa: DTZ001 - as a hospital writes it: local time without a zone
SEED = 20261120
CHARGED, LATER = timedelta(minutes=40), timedelta(hours=4)
"""From a patient's coming to the first charge, and to what is told of it afterwards."""

_FAMILIES = (
    "ALDER",
    "BIRCH",
    "CEDAR",
    "DOGWOOD",
    "ELM",
    "FIR",
    "GINKGO",
    "HAZEL",
    "JUNIPER",
    "LARCH",
    "MAPLE",
    "OAK",
)
_GIVEN = ("ROSE", "OWEN", "JUNE", "PAUL", "IDA", "HUGO", "NELL", "OTIS", "VERA", "WALT", "MAY")

KITS = {
    "knee": (
        "OR-NORTH",
        "ROOM-OR-MIN",
        ["IMP-FEM-06 IMP-TIB-05 IMP-INS-12 CEM-PAL-40:2", "IMP-PAT-32 DRP-EXT-01"],
    ),
    "revision": (
        "OR-NORTH",
        "ROOM-OR-CPX",
        ["IMP-FEM-07 IMP-TIB-04 IMP-INS-10", "BON-GRF-05:2 CEM-PAL-40:3"],
    ),
    "hip": (
        "OR-NORTH",
        "ROOM-OR-MIN",
        ["IMP-HIP-STM-12 IMP-HIP-CUP-52 IMP-HIP-HED-36", "DRP-EXT-01 ESU-PEN-01"],
    ),
    "fracture": ("OR-NORTH", "ROOM-OR-MIN", ["IMP-PLT-06 IMP-SCR-35-20 IMP-SCR-35-20 IMP-SCR-35-24:2"]),
    "hernia": ("OR-NORTH", "ROOM-OR-MIN", ["IMP-MSH-15", "TRO-BLD-12:3 STP-END-45 STP-REL-45:4 DRP-LAP-01"]),
    "stent": (
        "CATH-NORTH",
        "ROOM-CATH-MIN",
        ["IMP-STN-30-18 IMP-STN-35-23", "GWR-035-150 SHE-INT-06 BAL-PTC-25:2"],
    ),
    "pacemaker": ("CATH-NORTH", "ROOM-CATH-MIN", ["IMP-PAC-DR1 IMP-LED-52:2", "SHE-INT-06 DRS-TEG-10:2"]),
    "shoulder": ("OR-NORTH", "ROOM-OR-MIN", ["IMP-ANC-55:3", "SUT-PRO-50:4 DRS-SIL-15"]),
}
"""Operation → department, room minutes, and messages of codes with their quantities."""

SUNDRIES = [
    "SUT-VIC-30",
    "SUT-VIC-40",
    "GLV-SUR-75",
    "GWN-SUR-XL:3",
    "SPG-LAP-18:4",
    "BLD-SCA-10:2",
    "CTH-FOL-16",
]
DRUGS = [
    "DRG-CEF-1G:2",
    "DRG-PRO-20",
    "DRG-FEN-100:2",
    "DRG-OND-04",
    "DRG-KET-30",
    "SOL-LR-1000:2",
    "DRG-HEP-5K",
]
WARDS = {"ICU-NORTH": "CTH-CVC-03 ETT-CUF-75 DRS-TEG-10:2", "ED-NORTH": "DRS-SIL-15 SPG-LAP-18 SUT-PRO-50:2"}
STATIONS = {"CAB-3W": "MS3W-NORTH", "CAB-ICU": "ICU-NORTH", "CAB-ED": "ED-NORTH"}
VENDED = ["DRG-CEF-1G", "DRG-OND-04", "DRG-MOR-04", "DRG-KET-30", "SOL-NS-1000", "SYR-LUR-10"]


@dataclass(slots=True)
class Talk:
    """Messages of one patient or cabinet, to be sent in order over one connection."""

    feed: str
    frames: list[bytes] = field(default_factory=list)
    broken: dict[int, bytes] = field(default_factory=dict)
    """Place of a frame → what a faulty sender pushes into its beginning: a frame that never ends."""


class Morning:
    """`early` and `late`: what is sent before and after half past ten. `posted_on`: the hospital's day of posting.

    `repeats`: messages that say nothing new; `kept_back`: lines that must stay held, for a person to judge.
    `share`: one in so many of the patients come.
    """

    def __init__(self, posted_on: date, share: int = 1) -> None:
        self.expected = Expected(posted_on)
        self.early: list[Talk] = []
        self.late: list[Talk] = []
        self.repeats = 0
        self.kept_back: dict[str, int] = {"suspected duplicate": 0, "changed after it was posted": 0}
        self._random = Random(SEED)
        self._controls = 0
        self._patients = 7100
        self._pockets = 0
        for number in range(56 // share):
            self._operation(number)
        for number in range(44 // share):
            self._ward_posts(number)
        for number in range(42 // share):
            self._cabinet_hands_out(number)
        self._cabinet_is_filled()
        self._merge()
        self._oddities()

    @property
    def messages(self) -> int:
        return sum(len(talk.frames) for talk in (*self.early, *self.late))

    @property
    def garbled(self) -> int:
        return sum(len(talk.broken) for talk in (*self.early, *self.late))

    def _operation(self, number: int) -> None:
        """A patient comes, is operated on, is charged, and some are credited or told of twice."""
        operation, (department, room, kits) = list(KITS.items())[number % len(KITS)]
        patient = self._patient("IO"[number % 5 == 4], "MCR" if operation == "pacemaker" else None, "OR")
        early, at = Talk("ehr"), SEVEN + timedelta(minutes=3 * number)
        self._say(early, wording.encounter(patient, "A01", self._control("A"), at))
        if number % 3 == 0:
            self._say(early, wording.encounter(patient, "A08", self._control("A"), at))
        self._say(early, wording.encounter(patient, "A02", self._control("A"), at + timedelta(minutes=20)))
        minutes = f"{room}:{self._random.randrange(35, 190)}"
        messages = [self._uses(department, codes.split()) for codes in kits]
        messages.append(self._uses(department, self._random.sample(SUNDRIES, 3)))
        messages.append(self._uses(department, self._random.sample(DRUGS, 2)))
        messages.append(self._uses(department, [minutes]))
        if operation == "shoulder":
            messages[0] += self._uses(department, ["ROOM-PACU-MIN:40"])
        for place, uses in enumerate(messages):
            self._charge(early, patient, uses, at + CHARGED + timedelta(minutes=5 * place))
        self.early.append(early)
        self._afterwards(number, patient, messages, early, at + LATER)

    def _afterwards(
        self, number: int, patient: Patient, messages: list[list[Use]], early: Talk, at: datetime
    ) -> None:
        late = Talk("ehr")
        if number % 5 == 0:  # not used after all: the original is named
            self._credit(late, patient, messages[0][0], at)
        if number % 13 == 6:  # ten minutes too many
            room = messages[-1][0]
            back = room._replace(quantity=Decimal(10), stated=GOODS[room.code].price * 10)
            self._credit(late, patient, back, at)
        if number % 9 == 1:  # the sender missed our answer and sends the same bytes again
            self._repeat(late, early.frames[-1])
        if number % 11 == 2:  # an interface was restarted: the same lines under a new MSH-10
            self._repeat(
                late, wording.charges(patient, messages[0], self._control("E"), at - LATER + CHARGED)
            )
        if patient.kind == "O":
            self._say(late, wording.encounter(patient, "A03", self._control("A"), at))
            self.expected.told("discharge", at.date().isoformat(), patient.account)
        if late.frames:
            self.late.append(late)

    def _ward_posts(self, number: int) -> None:
        """A department posts over HTTP; what cabinets hand out is charged here and issued there."""
        department = list(WARDS)[number % 2]
        patient, talk = self._patient("IE"[number % 2], None, department[:-6]), Talk("hl7-http")
        at = SEVEN + timedelta(minutes=4 * number)
        self._charge(talk, patient, self._uses(department, WARDS[department].split()), at)
        drugs = self._uses(department, self._random.sample(DRUGS, 2))
        self._charge(talk, patient, drugs, at + timedelta(minutes=9))
        self.early.append(talk)
        if number % 8 == 3:
            late = Talk("hl7-http")
            self._credit(late, patient, drugs[0], at + LATER)
            self.late.append(late)

    def _cabinet_hands_out(self, number: int) -> None:
        station = list(STATIONS)[number % 3]
        patient, talk = self._patient("I", None, station[4:]), Talk("cabinet")
        at = SEVEN + timedelta(minutes=4 * number)
        first, second, third = self._random.sample(VENDED, 3)
        moves = [self._move("V", first, 2, station, at), self._move("V", second, 1, station, at)]
        if number % 7 == 0:  # two equal movements in one message are two
            moves.append(moves[1])
        self._vend(talk, patient, moves, at)
        case = self._move("V", "SOL-LR-1000", 1, station, at, unit="CS" if number % 6 == 0 else "EA")
        self._vend(talk, patient, [self._move("V", third, 1, station, at), case], at + timedelta(minutes=2))
        self.early.append(talk)
        late, later = Talk("cabinet"), at + LATER
        if number % 5 == 2:
            self._return(late, patient, self._move("R", first, 1, station, later), later)
        if number % 14 == 5:  # a cabinet has no ids: told again under another number, it may be another vend
            late.frames.append(wording.movements(patient, moves, self._control("C"), later))
            self.kept_back["suspected duplicate"] += len(moves)
        if late.frames:
            self.late.append(late)

    def _cabinet_is_filled(self) -> None:
        for place, station in enumerate(STATIONS):
            talk = Talk("cabinet")
            for number, code in enumerate(VENDED):
                at = SEVEN + timedelta(minutes=10 * number + place)
                moves = [self._move(kind, code, 20, station, at) for kind in ("L", "C", "N")]
                self._say(talk, wording.movements(None, moves, self._control("C"), at))
            self.early.append(talk)

    def _merge(self) -> None:
        """One person under two accounts: charged on both, merged, told of again under the one that stays."""
        ended, survivor = self._patient("I", "COM", "OR"), self._patient("I", "COM", "OR")
        early, late = Talk("ehr"), Talk("ehr")
        uses = self._uses("OR-NORTH", ["IMP-PLT-06", "IMP-SCR-35-14:4"])
        self._charge(early, ended, uses, SEVEN)
        self._charge(early, survivor, self._uses("OR-NORTH", ["DRP-EXT-01"]), SEVEN)
        noon = SEVEN + timedelta(hours=5)
        self._say(late, wording.merge(survivor, ended, self._control("A"), noon))
        self.expected.told("account-merge", ended.account, survivor.account)
        self._repeat(late, wording.charges(survivor, uses, self._control("E"), SEVEN))
        self._charge(late, survivor, self._uses("OR-NORTH", ["DRS-SIL-15:2"]), noon)
        self.early.append(early)
        self.late.append(late)

    def _oddities(self) -> None:
        """What nobody mapped, a line without a price, payments, a pre-admission, a changed line, a broken frame."""
        for number in range(9):
            patient, talk, at = (
                self._patient("I", None, "OR"),
                Talk("ehr"),
                SEVEN + timedelta(minutes=9 * number),
            )
            code = ("IMP-NEW-01", "SUP-NEW-02", "CHG-NEW-03")[number % 3]
            self._charge(talk, patient, self._uses("OR-NORTH", [code, "IMP-SCR-35-20:3"]), at)
            self._charge(talk, patient, self._uses("NEW-DEPT", ["SPG-LAP-18:2", "GWN-SUR-XL"]), at)
            if number == 4:
                talk.broken[1] = talk.frames[1][:90]
            self.early.append(talk)
        patient, talk = self._patient("I", "COM", "OR"), Talk("ehr")
        priced = self._uses("OR-NORTH", ["ESU-PEN-01", "DRP-LAP-01"])
        self._charge(talk, patient, [priced[0]._replace(stated=None), priced[1]], SEVEN)
        screws = [use._replace(id="") for use in self._uses("OR-NORTH", ["IMP-SCR-35-24", "IMP-SCR-35-24"])]
        self._charge(talk, patient, screws, SEVEN)
        for kind in ("PY", "AJ"):
            payment = self._uses("OR-NORTH", ["DRP-LAP-01"])
            self._say(talk, wording.charges(patient, payment, self._control("E"), SEVEN, type=kind))
        planned = self._patient("P", "COM", "OR")
        self._say(
            talk, wording.charges(planned, self._uses("OR-NORTH", ["DRP-LAP-01"]), self._control("E"), SEVEN)
        )
        changed = priced[1]._replace(quantity=Decimal(2), stated=Decimal("85.00"))
        talk.frames.append(wording.charges(patient, [changed], self._control("E"), SEVEN))
        self.kept_back["changed after it was posted"] += 1
        self.early.append(talk)

    def _charge(self, talk: Talk, patient: Patient, uses: Sequence[Use], at: datetime) -> None:
        for use in uses:
            self.expected.used(use, patient.account, patient.payer)
        self._say(talk, wording.charges(patient, uses, self._control("E"), at))

    def _credit(self, talk: Talk, patient: Patient, use: Use, at: datetime) -> None:
        self.expected.used(use, patient.account, patient.payer, credit=True)
        again = use._replace(id=f"{use.id}-C")
        self._say(talk, wording.charges(patient, [again], self._control("E"), at, type="CD", reverses=use.id))

    def _vend(self, talk: Talk, patient: Patient, moves: Sequence[Movement], at: datetime) -> None:
        for move in moves:
            self.expected.vended(move.use, move.station, move.unit)
        self._say(talk, wording.movements(patient, moves, self._control("C"), at))

    def _return(self, talk: Talk, patient: Patient, move: Movement, at: datetime) -> None:
        self.expected.vended(move.use, move.station, move.unit, credit=True)
        self._say(talk, wording.movements(patient, [move], self._control("C"), at))

    def _repeat(self, talk: Talk, message: bytes) -> None:
        self.repeats += 1
        self._say(talk, message)

    @staticmethod
    def _say(talk: Talk, message: bytes) -> None:
        talk.frames.append(message)

    def _uses(self, department: str, codes: Sequence[str]) -> list[Use]:
        """`codes`: each a code, or code:quantity. The stated amount is what billing's charge master says."""
        uses = []
        for text in codes:
            code, _, quantity = text.partition(":")
            self._controls += 1
            good, count = GOODS[code], Decimal(quantity or 1)
            stated = good.price * good.charge_pack * count
            uses.append(Use(f"T{self._controls:06}", code, count, department, stated))
        return uses

    def _move(self, kind: str, code: str, count: int, station: str, at: datetime, unit: str = "") -> Movement:
        self._pockets += 1
        self._controls += 1
        use = Use("", code, Decimal(count), STATIONS[station])
        return Movement(kind, use, station, f"P{self._pockets % 90:02}", unit or GOODS[code].unit, 60, at)

    def _patient(self, kind: str, payer: str | None, ward: str) -> Patient:
        self._patients += 1
        family = _FAMILIES[self._patients % len(_FAMILIES)]
        name = f"{family}^{_GIVEN[self._patients % len(_GIVEN)]}"
        return Patient(self._patients, name, kind, payer or self._random.choice(["COM", "MCR", "MCD"]), ward)

    def _control(self, letter: str) -> str:
        self._controls += 1
        return f"{letter}{self._controls:06}"
