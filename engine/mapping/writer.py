"""SKELETON, being filled in: signatures are final.

Write maps: how a payload is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.errors import SutureError
from engine.mapping.expression import Expression
from engine.mapping.spec import NodePath

Tree = dict[str, "Tree"] | list["Tree"] | str | int | bool | None


class MissingField(SutureError):
    """A payload needs a value that is missing. `path`: in the document (`lines[2].item`, lines from 1);
    `expression`: its text. Code MAP020."""

    code = "MAP020"

    def __init__(self, path: str, expression: str) -> None:
        self.path, self.expression = path, expression
        super().__init__(f"{path} MAP020 `{expression}` is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSpec:
    """A write map as its YAML says it. `path`: below the destination's url. `document`: a tree whose text leaves
    are expressions; `{text: …}`, `{number: EXPR}`, `{each: lines, give: …}` and keys ending in `?` are special."""

    name: str
    path: str
    document: Tree


class Leaf(NamedTuple):
    """One expression of a write map, for lint and explain. `node`: in the YAML (`document`, …)."""

    node: NodePath
    expression: Expression
    in_lines: bool


class WriteMap:
    """A compiled write map. `roots`: first names used anywhere. `line_roots`: those used inside `each: lines` (and
    after `lines.`). `leaves`: every expression with its place. Raises `SpecError` when compiled."""

    __slots__ = ("leaves", "line_roots", "name", "path", "roots")
    name: str
    path: str
    roots: frozenset[str]
    line_roots: frozenset[str]
    leaves: tuple[Leaf, ...]

    @classmethod
    def compile(cls, spec: WriteSpec) -> WriteMap:
        """Raises `SpecError` with all faults."""
        raise NotImplementedError

    def render(self, document: Mapping[str, object], lines: Sequence[Mapping[str, object]]) -> bytes:
        """JSON bytes. Names inside `each: lines` are looked up in the line, then in `document`.
        Raises `MissingField` or `EvaluationFault` (`where`: the document path and expression)."""
        raise NotImplementedError
