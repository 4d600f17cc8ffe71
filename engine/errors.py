"""Every fault of the engine, by what its reader can do about it.

    SutureError
    ├── SiteError         an analyst mends YAML or CSV; carries all faults at once
    ├── MessageError      the sender mends the message; becomes AE/AR with ERR
    ├── UsageError        an operator asked for something that cannot be done
    ├── StoreError        the disk or the store
    │   └── StoreUnavailable   nothing could be made durable: no answer, close
    └── Bug               ours: an impossible move

A fault carries a stable code whose page stands in `engine/faults/`, says what, where and how to mend it, and
never holds message content. What a far end answers is no exception: see `engine.domain.outcome`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing to mend. `where`: `file:line:col`, `FT1[2]-7.1` or a FHIRPath; '' when it has no place."""

    where: str
    code: str
    what: str
    mend: str = ""
    severity: str = "error"  # error | warning

    def __str__(self) -> str:
        place = f"{self.where} " if self.where else ""
        mend = f"; {self.mend}" if self.mend else ""
        return f"{place}{self.code} {self.what}{mend}"


class SutureError(Exception):
    """The root. `str()` is safe to show anywhere: it never carries content."""


class SiteError(SutureError):
    """The site's files cannot be activated. `faults`: all of them, in file order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (_place(fault.where), fault.code)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class MessageError(SutureError):
    """The sender must mend this. `hl7_code`: HL7 table 0357 (100 to 207); `where`: an HL7 path or ''."""

    def __init__(self, code: str, what: str, *, where: str = "", mend: str = "", hl7_code: int = 207) -> None:
        self.fault = Fault(where, code, what, mend)
        self.code, self.what, self.where, self.mend = code, what, where, mend
        self.hl7_code = hl7_code
        super().__init__(str(self.fault))


class UsageError(SutureError):
    """What was asked cannot be done; says why and what can."""

    def __init__(self, code: str, what: str, mend: str = "") -> None:
        self.fault = Fault("", code, what, mend)
        self.code = code
        super().__init__(str(self.fault))


class StoreError(SutureError):
    """The store refused or failed; `code` is ours, never the driver's text with values."""

    def __init__(self, code: str, what: str, mend: str = "") -> None:
        self.fault = Fault("", code, what, mend)
        self.code = code
        super().__init__(str(self.fault))


class StoreUnavailable(StoreError):
    """Nothing could be made durable. Senders get no answer, so that they resend (rules of money, 28)."""


class Bug(SutureError):
    """An impossible move: ours to mend."""


_CELL = re.compile(r"(.+):([A-Z]{1,3})([1-9][0-9]*)")
"""`file:sheet:B7`."""


def _place(where: str) -> tuple[str, int, int]:
    """`file:line:col`, or the cell of a sheet, as something that sorts as people read."""
    if cell := _CELL.fullmatch(where):
        return cell[1], int(cell[3]), int(cell[2], 36)
    parts = where.rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        return parts[0], int(parts[1]), int(parts[2])
    return where, 0, 0
