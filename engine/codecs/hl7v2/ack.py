"""Acknowledgments: whether and how to answer a message, the answer's bytes, and what somebody else's answer
says.

Never echoes a value but the sender's own header; ERR names places and codes only, since it is logged at the
other side. Source: HL7 v2.8.2 §2.9 (who answers what), §2.14.2 and §2.14.5 (MSA, ERR), tables 0155 and 0357;
v2.4 §2.16.5 (ERR-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from engine.codecs.hl7v2.delimiters import Delimiters
from engine.codecs.hl7v2.escape import escape, unescape
from engine.codecs.hl7v2.header import Header
from engine.codecs.hl7v2.lexer import Message, Segment
from engine.codecs.hl7v2.path import PathError, Selector, compile_path
from engine.errors import MessageError

AckCode = Literal["AA", "AE", "AR", "CA", "CE", "CR"]
Setting = Literal["original", "enhanced", "by header"]
Outcome = Literal["accepted", "error", "rejected"]

CONDITIONS: dict[int, str] = {
    0: "Message accepted",
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    104: "Value too long",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    205: "Duplicate key identifier",
    206: "Application record locked",
    207: "Application internal error",
}
"""HL7 table 0357."""

TYPED: dict[str, tuple[str, dict[str, str]]] = {
    "OMS": ("ORS", {"O01": "O02", "O05": "O06"}),
    "OMN": ("ORN", {"O01": "O02", "O07": "O08"}),
    "ORM": ("ORR", {"O01": "O02"}),
    "RDS": ("RRD", {"O01": "O02", "O13": "O14"}),
}
"""Orders: the type of their own answer, and its trigger by theirs. `O01` is that of versions before 2.4."""

MASTER = "MFN"
"""Master files: answered with MFK, whatever their trigger."""

ANSWERS = frozenset({
    "ACK", "MCF", "MFK", "ORD", "ORG", "ORI", "ORL", "ORN", "ORP", "ORR", "ORS", "RRA", "RRD", "RRE", "RRG", "RRI",
})  # fmt: skip
"""Message types that are answers themselves."""

TEXT_LIMIT = 80
"""Characters of MSA-3 (ST; withdrawn in 2.7, where ERR-8 says it)."""

_LETTERS: dict[Outcome, int] = {"accepted": 0, "error": 1, "rejected": 2}
_ORIGINAL: tuple[AckCode, ...] = ("AA", "AE", "AR")
_ENHANCED: tuple[AckCode, ...] = ("CA", "CE", "CR")


class Location(NamedTuple):
    """ERR-2: a place in a message. Numbers count from 1; 0: not said."""

    segment: str
    sequence: int = 1
    field: int = 0
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0


class AckError(NamedTuple):
    """One error of an acknowledgment. `code`: table 0357. `severity`: E error, W warning, I information."""

    location: Location | None
    code: int
    text: str = ""
    severity: str = "E"

    @classmethod
    def of(cls, where: str, code: int, text: str = "", severity: str = "E") -> AckError:
        """From a fault's place: `FT1[2]-7.1`, `PID`, or '' and anything else that is no place in HL7."""
        return cls(read_location(where), code, text, severity)


class Ack(NamedTuple):
    """What an acknowledgment says. `code`: MSA-1 in upper case; `control_id`: MSA-2 as sent, to be compared
    with the MSH-10 it answers; `text`: MSA-3. Codes that cannot be read are 207."""

    code: str
    control_id: str
    text: str
    errors: tuple[AckError, ...]

    @property
    def positive(self) -> bool:
        """AA or CA: the far end has it."""
        return self.code in ("AA", "CA")


def accept_answer(header: Header | None, setting: Setting, outcome: Outcome) -> AckCode | Literal[""]:
    """The code to answer with once the message is stored or refused; '' for silence.

    `header` None: nothing to answer to. An acknowledgment is never answered. `setting`: the listener's (rules
    of money, 27).
    - original: always AA, AE or AR, whatever MSH-15 and MSH-16 ask: very many senders write `AL|NE` and take
      only AA.
    - enhanced: CA, CE or CR where MSH-15 asks for it (empty asks always).
    - by header: original when MSH-15 and MSH-16 are both empty, else enhanced.

    Where enhanced senders want no accept acknowledgment of what became of it (MSH-15 NE, or ER of a message that is
    taken) but an application acknowledgment, they get that one: by the standard, `NE|AL` is original mode said in
    other words. Both NE: silence. What comes after an accept acknowledgment is `application_answer`.
    """
    if header is None or header.type in ANSWERS:
        return ""
    accept, application = header.accept_ack, header.app_ack
    letter = _LETTERS[outcome]
    if setting == "original" or (setting == "by header" and not accept and not application):
        return _ORIGINAL[letter]
    if accept == "" and application not in ("", "NE") and setting == "by header":
        accept = "NE"  # only the application acknowledgment was asked for
    if _wanted(accept, outcome):
        return _ENHANCED[letter]
    return _ORIGINAL[letter] if application and _wanted(application, outcome) else ""


def application_answer(header: Header, accepted: AckCode) -> AckCode | Literal[""]:
    """The application acknowledgment that follows the accept acknowledgment `accepted`, as MSH-16 asks; '' for none.

    Only what is taken has one: the sender of a CE or CR has still to mend its message. A business failure is AA."""
    if accepted != "CA":
        return ""
    application = header.app_ack
    return "AA" if application and _wanted(application, "accepted") else ""


def _wanted(condition: str, outcome: Outcome) -> bool:
    """Table 0155. A value that is not in it asks for an answer."""
    if condition == "ER":
        return outcome != "accepted"
    if condition == "SU":
        return outcome == "accepted"
    return condition != "NE"


def build_ack(
    header: Header,
    code: AckCode,
    *,
    now: datetime,
    control_id: str,
    text: str = "",
    errors: Sequence[AckError] = (),
    typed: bool = False,
    last: bool = False,
    records: Sequence[str] = (),
) -> bytes:
    """The acknowledgment of the message with `header`, in its own delimiters, version and character set.

    `now`: aware, for MSH-7. `control_id`: this answer's own MSH-10. `text`: MSA-3, up to 2.6, cut after `TEXT_LIMIT`
    characters. MSA-2 is the message's MSH-10 as it was sent. Characters that the set lacks become `?`. `typed`: an
    application acknowledgment of an order, or of a master, has an answer type of its own. `last`: it
    says in MSH-15 and -16 that it wants no acknowledgment itself, as an application acknowledgment that is a message of
    its own. `records`: what a typed answer to a master says beside (`master.answered`).
    """
    marks = header.delimiters
    separator = marks.field
    msh = [
        "MSH",
        header.field(2),
        header.receiving_app,
        header.receiving_facility,
        header.sending_app,
        header.sending_facility,
        f"{now:%Y%m%d%H%M%S%z}",
        "",
        _ack_type(header, typed and code in _ORIGINAL),
        escape(control_id, marks, header.codec),
        header.field(11),
        header.field(12),
    ]
    if last:
        msh += ["", "", "NE", "NE"]
    if header.charset:
        msh += [""] * (17 - len(msh)) + [header.charset]
    msa = ["MSA", code, header.control_id]
    if text and not _since(header.version[:8], 2, 7):
        msa.append(escape(text[:TEXT_LIMIT], marks, header.codec))
    lines = [separator.join(msh), separator.join(msa)]
    if errors:
        lines += _error_lines(header, errors)
    lines += records
    lines.append("")
    return "\r".join(lines).encode(header.codec, "replace")


def _ack_type(header: Header, typed: bool) -> str:
    """MSH-9: the trigger since 2.2, the structure since 2.3.1."""
    if not header.trigger:
        return "ACK"
    kind, trigger, structure = "ACK", header.trigger, "ACK"
    if typed and header.type == MASTER:
        kind, structure = "MFK", "MFK_M01"
    elif typed and header.type in TYPED and header.trigger in TYPED[header.type][1]:
        kind, trigger = TYPED[header.type][0], TYPED[header.type][1][header.trigger]
        structure = f"{kind}_{trigger}"
    mark = header.delimiters.component
    return f"{kind}{mark}{trigger}" + (f"{mark}{structure}" if _since(header.version[:8], 2, 3, 1) else "")


def _error_lines(header: Header, errors: Sequence[AckError]) -> list[str]:
    """One ERR for each error since 2.5, one ERR with repetitions before."""
    marks = header.delimiters
    if _since(header.version[:8], 2, 5):
        return [_err(error, marks, header.codec) for error in errors]
    return [marks.field.join(("ERR", marks.repetition.join(_old_error(error, marks) for error in errors)))]


def _old_error(error: AckError, marks: Delimiters) -> str:
    """ERR-1 up to 2.4: segment, sequence, field, code."""
    place = error.location
    parts = (place.segment, str(place.sequence), str(place.field or "")) if place else ("", "", "")
    return marks.component.join((*parts, str(error.code)))


def _err(error: AckError, marks: Delimiters, codec: str) -> str:
    """ERR since 2.5: 2 place, 3 code, 4 severity, 8 text for the user."""
    place = marks.component.join(str(part or "") for part in error.location) if error.location else ""
    condition = marks.component.join((str(error.code), CONDITIONS.get(error.code, ""), "HL70357"))
    fields = ["ERR", "", place.rstrip(marks.component), condition, error.severity]
    if error.text:
        fields += ["", "", "", escape(error.text, marks, codec)]
    return marks.field.join(fields)


@lru_cache(maxsize=64)
def _since(version: str, *release: int) -> bool:
    """Whether MSH-12 says this release or a later one. An unknown version is an early one."""
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return False
    return tuple(map(int, parts)) >= release


def read_location(where: str) -> Location | None:
    """The place that a fault's `where` names, or None."""
    whole_segment = "-" not in where
    try:
        path = compile_path(f"{where}-1" if whole_segment else where)
    except PathError:
        return None
    if whole_segment:
        return Location(path.segment, path.occurrence or 1)
    repetition = 1 if isinstance(path.repetition, Selector) else path.repetition
    parts = (path.component or 0, path.subcomponent or 0)
    return Location(path.segment, path.occurrence or 1, path.field, repetition, *parts)


def parse_ack(raw: bytes) -> Ack | None:
    """What an answer says; None when it is no acknowledgment: not HL7, unreadable, or without MSA."""
    try:
        message = Message.parse(raw)
    except MessageError:
        return None
    found = message.segments("MSA")
    if not found:
        return None
    msa = found[0]
    errors = [error for segment in message.segments("ERR") for error in _read_errors(segment, message)]
    return Ack(
        _field(msa, 1).strip().upper(),
        _field(msa, 2),
        unescape(_field(msa, 3), message.delimiters, message.codec),
        tuple(errors),
    )


def _field(segment: Segment, number: int) -> str:
    return segment.fields[number] if number < len(segment.fields) else ""


def _read_errors(segment: Segment, message: Message) -> list[AckError]:
    """ERR in the form of 2.5 where ERR-3 or ERR-4 is there, else each repetition of ERR-1."""
    marks = message.delimiters
    if _field(segment, 3) or _field(segment, 4):
        code = _field(segment, 3).split(marks.component)[0]
        text = unescape(_field(segment, 8), marks, message.codec)
        place = _location(_field(segment, 2).split(marks.repetition)[0].split(marks.component))
        return [AckError(place, _count(code, 207), text, _field(segment, 4).strip() or "E")]
    errors = []
    for repetition in _field(segment, 1).split(marks.repetition):
        if repetition:
            parts = [*repetition.split(marks.component), "", "", ""]
            code = parts[3].split(marks.subcomponent)[0]
            errors.append(AckError(_location(parts[:3]), _count(code, 207)))
    return errors


def _location(parts: list[str]) -> Location | None:
    if not parts[0].strip():
        return None
    numbers = [_count(part, 0) for part in parts[1:6]]
    sequence = numbers[0] if numbers else 1
    return Location(parts[0].strip().upper(), sequence or 1, *numbers[1:])


def _count(text: str, otherwise: int) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise
