"""Which names an expression may use where, and what each gives away of a patient. Pure; knows no files.

Fields come from the read map, rows from the channel's translations, the rest from the message and the
document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from engine.domain.event import FIELDS, Kind
from engine.mapping.expression import Expression
from engine.mapping.grammar import Literal, Name
from engine.mapping.sources import PATIENT_FIELDS, names_of
from engine.site.hints import did_you_mean

MESSAGE_NAMES = frozenset(
    {"number", "encounter", "case", "feed", "channel", "currency", "received_at", "posting_date"}
)
"""True of every line, whatever its map reads."""

DOOR_NAMES = (MESSAGE_NAMES - {"encounter", "case"}) | {"lines"}
"""What may be used beside fields before a message is taken: nothing is looked up yet."""

DOCUMENT_NAMES = frozenset({"reference", "quantity", "amount", "lines"})
"""Beside those, what a write map may use."""

_PARTS = {
    "original": frozenset({"reference", "document"}),
    "encounter": frozenset(
        {
            "location",
            "class",
            "payer_class",
            "facility",
            "department",
            "room",
            "event",
            "state",
            "admitted_on",
            "discharged_on",
            "visit",
            "account",
        }
    ),
    "case": frozenset(
        {
            "location",
            "room",
            "procedure",
            "surgeon",
            "scheduled_at",
            "scheduled_on",
            "status",
            "state",
            "event",
            "account",
            "visit",
            "patient",
        }
    ),
}
_WHOLE = {"case": "write case_id for its number, case.room for what is known of it"}
"""Those that mean nothing without a part, and are easily written so."""

ORIGINAL = "original"
"""The document that an undo map takes back."""

CANONICAL = {
    kind: frozenset(one for name, spec in fields.items() for one in names_of(name, spec.type))
    for kind, fields in FIELDS.items()
}
"""Every name that a map of a kind might read."""


class Privacy(IntEnum):
    """What a name gives away of a patient: the least that a destination must allow."""

    REFUSED = 0  # nothing
    LIMITED = 1  # a device's serial number
    ALLOWED = 2  # who it was, or when exactly

    @property
    def word(self) -> str:
        return self.name.lower()


_DEVICE = frozenset({"serial", "udi", "udi_serial"})
_WHO = (PATIENT_FIELDS - _DEVICE) | {
    "account_authority",
    "performer",
    "requester",
    "used_at",
    "used_on",
    "occurred_at",
    "occurred_on",
    "admitted_on",
    "discharged_on",
    "surgeon",
    "scheduled_at",
    "scheduled_on",
}


_CODE = re.compile(r"[\w.]+((?:-[\w.]+)*)")
"""A code that was written like a name: `SCREW-20`."""


def private_fields(names: Iterable[str], extra: frozenset[str]) -> frozenset[str]:
    """Those of a read map's fields that tell of a patient. `extra`: those of its extra fields that do."""
    return frozenset(name for name in names if name in _WHO or name in _DEVICE or name in extra)


@dataclass(frozen=True, slots=True)
class Scope:
    """The names of one place. `rows`: translation → its columns, None where they cannot be told. `private`:
    extra fields that tell of a patient. `flags`: dotted names that are yes or no. `reader`: the read map's
    name, for mends."""

    kind: Kind
    reader: str
    fields: frozenset[str]
    private: frozenset[str]
    rows: Mapping[str, frozenset[str] | None]
    flags: frozenset[str]
    others: frozenset[str] = MESSAGE_NAMES

    def unknown(self, name: str) -> tuple[str, str, str] | None:
        """(code, what, mend) when nothing provides `name`, a dotted name; None when something does."""
        root, _, part = name.partition(".")
        if root in self.rows:
            columns = self.rows[root]
            if part and columns is not None and part not in columns:
                return "SIT028", f"'{root}' has no column '{part}'", did_you_mean(part, columns)
            return None
        if root == "lines" and root in self.others:
            return self.unknown(part) if part else None
        if root in self.others and root in _PARTS:
            parts = _PARTS[root]
            if not part and root in _WHOLE:
                return "SIT028", f"'{root}' has parts", _WHOLE[root]
            return (
                None
                if not part or part in parts
                else ("SIT028", f"'{name}' is not known", did_you_mean(part, parts))
            )
        if root in self.fields or root in self.others:
            return ("SIT028", f"'{root}' has no parts", f"write {root}") if part else None
        if root in CANONICAL[self.kind]:
            return "SIT026", f"'{root}' is not read", f"add it to fields of mappings/{self.reader}.yaml"
        if root == ORIGINAL:
            return "SIT029", "only an undo map has an original", "use reference, or move it to the undo map"
        known = {*self.rows, *self.fields, *self.others}
        if root in MESSAGE_NAMES:
            return "SIT027", f"'{root}' is not known yet where this is asked", did_you_mean(root, known)
        return "SIT027", f"nothing provides '{root}'", did_you_mean(root, known)

    def unknown_in(self, expression: Expression, name: str) -> tuple[str, str, str] | None:
        """As `unknown`; of what looks like a code that was meant as a text, that it wants quotes."""
        told = self.unknown(name)
        if told is None or told[0] != "SIT027" or told[2].startswith("did you mean"):
            return told
        found = _CODE.match(expression.text, offset_of(expression, name))
        if found is None or not (found[1] or name.isupper()):
            return told
        return told[0], told[1], f"if '{found[0]}' is a code, write it in quotes: '{found[0]}'"

    def never_true(self, expression: Expression) -> bool:
        """As a condition it could never hold: a value that is not yes or no stands alone."""
        match expression.tree:
            case Name(parts):
                name = ".".join(parts)
                return self.unknown(name) is None and name not in self.flags and self._typed(parts[0])
            case Literal(value):
                return not isinstance(value, bool)
            case _:
                return False

    def _typed(self, root: str) -> bool:
        return root not in self.rows or self.rows[root] is not None

    def merely_unread(self, name: str) -> bool:
        """The name is canonical, only this map does not read it: always missing, never wrong."""
        root = name.removeprefix("lines.").partition(".")[0]
        return root not in self.fields and root not in self.rows and root in CANONICAL[self.kind]

    def privacy(self, name: str) -> Privacy:
        """What `name` gives away."""
        plain = name.removeprefix("lines.").removeprefix("encounter.").removeprefix("case.")
        root = plain.partition(".")[0]
        if root in self.rows:
            return Privacy.REFUSED
        if root in _WHO or root in self.private:
            return Privacy.ALLOWED
        return Privacy.LIMITED if root in _DEVICE else Privacy.REFUSED


def offset_of(expression: Expression, name: str) -> int:
    """Where in the expression's text `name` stands, from 0."""
    found = re.search(r"(?<![\w.'])" + re.escape(name) + r"(?![\w.])", expression.text)
    return found.start() if found else 0
