"""Whether a path can find anything in a type of resource: every element it names is one, in R4 or R5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from engine.codecs.fhir import elements
from engine.codecs.fhir.path_grammar import (
    Binary,
    Call,
    Constant,
    Environment,
    Index,
    Member,
    Negative,
    Node,
    This,
    Typed,
)

Types = frozenset[str]
UNKNOWN: Types = frozenset()
"""Nothing is known of the type: anything goes."""

_SAME = frozenset({"where", "first", "last", "single"})


class Unknown(NamedTuple):
    """An element that no type has there."""

    name: str
    types: Types
    column: int
    mend: str


def faults_of(tree: Node, resource: str, release: str | None, start: Types | None = None) -> list[Unknown]:
    """Elements that are not there. `start`: types of what `each` chose."""
    checker = _Checker(resource, release)
    checker.types(tree, start or frozenset({resource}))
    return list(dict.fromkeys(checker.faults))


def types_of(tree: Node, resource: str, release: str | None) -> Types:
    """Of the values that a path finds; `UNKNOWN` when that cannot be told."""
    return _Checker(resource, release).types(tree, frozenset({resource}))


class _Checker:
    def __init__(self, resource: str, release: str | None) -> None:
        self.faults: list[Unknown] = []
        self._resource = frozenset({resource})
        self._release = release

    def types(self, node: Node, here: Types) -> Types:
        match node:
            case This():
                return here
            case Environment():
                return self._resource
            case Member():
                return self._member(node, here)
            case Index(of, at):
                self.types(at, here)
                return self.types(of, here)
            case Typed():
                return self._typed(node, here)
            case Call():
                return self._call(node, here)
            case Binary(operator, left, right, _):
                both = self.types(left, here), self.types(right, here)
                return both[0] | both[1] if operator == "|" and all(both) else UNKNOWN
            case Negative(of):
                return self.types(of, here)
            case Constant():
                return UNKNOWN

    def _member(self, node: Member, here: Types) -> Types:
        of = self.types(node.of, here)
        if isinstance(node.of, This) and node.name in self._resource:
            return self._resource
        if not of:
            return UNKNOWN
        if all(map(elements.is_primitive, of)):
            return self._fault(node, of)
        found = elements.below(of, node.name, self._release)
        return self._fault(node, of) if found is None else found

    def _typed(self, node: Typed, here: Types) -> Types:
        self.types(node.of, here)
        return UNKNOWN if node.test else frozenset({node.type})

    def _call(self, node: Call, here: Types) -> Types:
        of = self.types(node.of, here)
        within = of if node.name in ("where", "exists", "all", "select") else here
        given = [self.types(argument, within) for argument in node.arguments]
        if node.name == "select":
            return given[0] if given else UNKNOWN
        if node.name == "extension":
            return frozenset({"Extension"})
        return of if node.name in _SAME else UNKNOWN

    def _fault(self, node: Member, types: Types) -> Types:
        near = get_close_matches(node.name, elements.names_below(types, self._release), 1)
        mend = f"did you mean '{near[0]}'?" if near else "see the element list of the resource"
        self.faults.append(Unknown(node.name, types, node.column, mend))
        return UNKNOWN


def members(tree: Node) -> Iterator[Member]:
    """Every element that is named."""
    stack: list[Node] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Member):
            yield node
        stack.extend(_parts(node))


def _parts(node: Node) -> Iterable[Node]:
    match node:
        case Member() | Typed() | Negative():
            return (node.of,)
        case Index(of, at):
            return (of, at)
        case Call():
            return (node.of, *node.arguments)
        case Binary():
            return (node.left, node.right)
        case _:
            return ()
