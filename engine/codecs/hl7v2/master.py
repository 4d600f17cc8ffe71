"""What an MFK says beside its MSA: the master file that it answers, and one MFA for each record.

The door answers once a message is durable, before any record of it is put into a table. So of a record that was taken
MFA-4 has no code of table 0181, only the text `stored`: S would say more than is known. Of a message that is refused
each record is U. MFI-6 says which of them the sender wants. Source: HL7 v2.8.2 §8.5.1 to §8.5.3, tables 0178 to 0181.
"""

from __future__ import annotations

from datetime import datetime

from engine.codecs.hl7v2.lexer import Message, Segment
from engine.errors import MessageError

_WANTED = {"NE": "", "ER": "U", "SU": "S"}
"""MFI-6 → of which records an MFA is wanted; any other: of all."""


def answered(
    raw: bytes, charset: str | None, default: str | None, *, taken: bool, now: datetime
) -> list[str]:
    """The segments, in the message's own delimiters; none when it cannot be read. `taken`: else it is refused."""
    try:
        message = Message.parse(raw, charset, default=default)
    except MessageError:
        return []
    files = message.segments("MFI")
    if not files:
        return []
    marks = message.delimiters
    wanted = _WANTED.get(_field(files[0], 6).strip().upper(), "SU")
    level = f"{marks.component}stored" if taken else "U"
    found = [marks.field.join(["MFI", *files[0].fields[1:7]])]
    if ("S" if taken else "U") in wanted:
        found += [_record(one, level, marks.field, now) for one in message.segments("MFE")]
    return found


def _record(told: Segment, level: str, mark: str, now: datetime) -> str:
    parts = (
        "MFA",
        _field(told, 1),
        _field(told, 2),
        f"{now:%Y%m%d%H%M%S%z}",
        level,
        _field(told, 4),
        _field(told, 5),
    )
    return mark.join(parts).rstrip(mark)


def _field(segment: Segment, number: int) -> str:
    return segment.fields[number] if number < len(segment.fields) else ""
