"""HL7 as the demo's EHR and cabinets write it. Only text: what is said, and why, is the morning's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from demo.expected import Use
from demo.goods import GOODS


class Patient(NamedTuple):
    """A made-up person with one account. `payer`: payer class, PV1-20."""

    number: int
    name: str
    kind: str
    payer: str
    ward: str

    @property
    def account(self) -> str:
        return f"ACC{self.number}"

    @property
    def mrn(self) -> str:
        return f"MRN{self.number}"


class Movement(NamedTuple):
    """One ZPM of a cabinet. `type`: V vend, R return, L load, C count, N nothing taken."""

    type: str
    use: Use
    station: str
    pocket: str
    unit: str
    begin: int
    at: datetime


def header(app: str, event: str, control: str, at: datetime) -> str:
    structure = {"DFT^P03": "DFT_P03", "OMS^O05": "OMS_O05", "ADT^A41": "ADT_A39"}.get(
        event, event.replace("^", "_")
    )
    return (
        rf"MSH|^~\&|{app}|NORTH|SUTURE|ERP|{_moment(at)}||{event}^{structure}|{control}|P|2.5.1"
        "|||AL|NE|USA|UNICODE UTF-8"
    )


def person(patient: Patient) -> list[str]:
    return [
        f"PID|1||{patient.mrn}^^^NORTH^MR||{patient.name}||19600101|U||||||||||{patient.account}^^^NORTH^AN",
        f"PV1|1|{patient.kind}|{patient.ward}^1^A^NORTH||||||||||||||||VN{patient.number}^^^NORTH^VN|{patient.payer}",
    ]


def encounter(patient: Patient, event: str, control: str, at: datetime) -> bytes:
    """ADT of one patient: `event` such as A01."""
    evn = f"EVN|{event}|{_moment(at)}||||{_moment(at)}"
    return _message(header("EHRADT", f"ADT^{event}", control, at), evn, *person(patient))


def merge(survivor: Patient, ended: Patient, control: str, at: datetime) -> bytes:
    """A41: `ended` is `survivor` from here on."""
    return _message(
        header("EHRADT", "ADT^A41", control, at),
        f"EVN|A41|{_moment(at)}||||{_moment(at)}",
        person(survivor)[0],
        f"MRG|{ended.mrn}^^^NORTH^MR||{ended.account}^^^NORTH^AN",
    )


def charges(
    patient: Patient, uses: Sequence[Use], control: str, at: datetime, *, type: str = "CG", reverses: str = ""
) -> bytes:
    """DFT^P03, one FT1 for each use. `type`: FT1-6; `reverses`: the id that a credit takes back, FT1-31."""
    body: list[str] = []
    for place, use in enumerate(uses, 1):
        unit_price = "" if use.stated is None else str(use.stated / use.quantity)
        fields = [
            "FT1", str(place), use.id, "", _moment(at), _moment(at), type, f"{use.code}^{use.code} USED^LOCAL", "", "",
            str(use.quantity), "" if use.stated is None else str(use.stated), unit_price,
            f"{use.department}^^^NORTH", "", "", f"{patient.ward}^1^A^NORTH",
        ]  # fmt: skip
        if reverses:
            fields += [""] * (31 - len(fields)) + [reverses]
        body.append("|".join(fields))
        if GOODS[use.code].taken_by == "consigned" and not reverses:
            body.append(
                f"PRT|{place}|UC||EQUIP^Equipment^HL70912||||||||||||||20290630|LOT{patient.number}|SN-{use.id}"
            )
    evn = f"EVN|P03|{_moment(at)}"
    return _message(header("EHRSURG", "DFT^P03", control, at), evn, *person(patient), *body)


def movements(patient: Patient | None, moves: Sequence[Movement], control: str, at: datetime) -> bytes:
    """OMS^O05 of a cabinet. Without a patient: the cabinet was filled or counted."""
    head = person(patient) if patient else []
    return _message(
        header("CABINET", "OMS^O05", control, at),
        *head,
        f"ORC|RE|{control}|||||||{_moment(at)}",
        *map(_zpm, moves),
    )


def _zpm(move: Movement) -> str:
    fields = [
        "ZPM", move.type, "DISPENSE", move.station, "D1", move.pocket, f"{move.use.code}^{move.use.code}", "MED",
        str(move.begin), str(move.begin), str(move.use.quantity), "N4410^ELM^IDA", "", "", "NORTH",
        move.use.department, "S1", "", "", _moment(move.at), *[""] * 14, move.unit,
    ]  # fmt: skip
    return "|".join(fields)


def _message(*segments: str) -> bytes:
    return "".join(f"{segment}\r" for segment in segments).encode()


def _moment(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}"
