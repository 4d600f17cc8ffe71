"""How faults in maps are told: by the path of the YAML node and the column in its text.

This package knows no files; `engine.site` turns a `SpecFault` into `file:line:col`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import Fault, SutureError

NodePath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SpecFault:
    """One fault. `path`: keys and indexes from the top of the map's YAML, as deep as the long form goes
    (`fields`, `account`, `from`): where the file uses the short form, the deepest existing node is meant.
    `column`: 1-based character in that node's text, 0 when the whole node is meant."""

    path: NodePath
    code: str
    what: str
    mend: str = ""
    column: int = 0


class SpecError(SutureError):
    """A map cannot be compiled. `faults`: all of them."""

    def __init__(self, faults: Iterable[SpecFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            "\n".join(str(Fault(".".join(map(str, f.path)), f.code, f.what, f.mend)) for f in self.faults)
        )
