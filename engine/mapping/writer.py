"""Write maps: a payload for a destination, as JSON or HL7 (`hl7_document`). A far end gets what its map names.

A map is a YAML tree. Text leaves are expressions; numbers, true, false and null are themselves. Decimals
are written as text (`"12.50"`), dates and moments in ISO 8601. Four things are special:

    {text: EA}                       the text itself
    {number: quantity}               a JSON number, exact
    {each: lines, give: {…}}         a list with one entry for each line
    unit?: unit                      left out when it is missing (or when the tree below it is empty)

A value missing anywhere else is a `MissingField`. The tree is compiled to one Python function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from engine.errors import Fault, SutureError
from engine.mapping.emitter import Emitter
from engine.mapping.expression import EvaluationFault, Expression, ExpressionError, compile_expression
from engine.mapping.grammar import Name
from engine.mapping.hl7_document import dump, place_faults
from engine.mapping.operators import kind_of
from engine.mapping.spec import NodePath, SpecError, SpecFault
from engine.reference.spec import Row

DOCUMENT_NAMES = frozenset({"reference", "posting_date", "received_at", "channel", "currency", "original"})
"""Names that a line without them takes from its document; all others are the line's own."""

_DEEPEST = 20
_EVERY = "[*]"
_TREES = frozenset({Row, dict, list, tuple})
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS


class MissingField(SutureError):
    """A payload needs a value that is missing. `path`: in the document (`lines[2].item`, from 1);
    `expression`: its text; `line`: index of the line that lacks it, None where it belongs to no line."""

    code = "MAP020"

    def __init__(self, path: str, expression: str, line: int | None = None) -> None:
        self.path, self.expression, self.line = path, expression, line
        mend = "give it a value, or let its key end in ? to leave it out"
        super().__init__(str(Fault(path, self.code, f"`{expression}` is missing", mend)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSpec:
    """A write map as its YAML says it. `path`: below the destination's url. `document`: see the module. `message`:
    type of the HL7 message that it writes (`DFT^P03`); None: JSON."""

    name: str
    path: str
    document: Any
    message: str | None = None


class Leaf(NamedTuple):
    """One expression of a write map, for lint and explain. `node`: in the YAML, from `document` on;
    `place`: in the document; `in_lines`: evaluated for each line."""

    node: NodePath
    place: str
    expression: Expression
    in_lines: bool


class WriteMap:
    """A compiled write map. `roots`: first names used anywhere. `line_roots`: those used inside `each:
    lines`, and behind `lines.`. `leaves`: every expression with its place."""

    __slots__ = ("_build", "leaves", "line_roots", "message", "name", "path", "roots")

    def __init__(self, spec: WriteSpec, compiler: _Compiler, build: Any) -> None:
        self.name = spec.name
        self.path = spec.path
        self.message = spec.message
        self.leaves = tuple(compiler.leaves)
        of_lines = {leaf.expression for leaf in self.leaves if leaf.in_lines}
        behind = {
            name.split(".")[1]
            for leaf in self.leaves
            for name in leaf.expression.names
            if name.startswith("lines.")
        }
        self.line_roots = frozenset().union(behind, *(expression.roots for expression in of_lines))
        self.roots = self.line_roots.union(*(leaf.expression.roots for leaf in self.leaves))
        self._build = build

    @classmethod
    def compile(cls, spec: WriteSpec) -> WriteMap:
        """Raises `SpecError` with all faults; their paths begin with `document`."""
        compiler = _Compiler()
        build = compiler.whole(spec.document)
        faults = compiler.faults + (place_faults(spec.document) if spec.message else [])
        if faults:
            raise SpecError(faults)
        return cls(spec, compiler, build)

    def render(self, document: Mapping[str, object], lines: Sequence[Mapping[str, object]]) -> bytes:
        """JSON, or an HL7 message. Names inside `each: lines` are the line's; `DOCUMENT_NAMES` it lacks are the
        document's.

        Raises `MissingField` or `EvaluationFault`, both with the place in the document and the line.
        """
        tree = self._build(document, lines)
        if self.message is not None:
            return dump(
                {"MSH-7": document.get("received_at"), **tree}, self.message, str(document["reference"])
            )
        try:
            return orjson.dumps(tree, default=_jsonable, option=_OPTIONS)
        except orjson.JSONEncodeError:
            what, mend = "a value cannot be written as JSON", "look for text with broken characters"
        raise EvaluationFault("MAP021", what, mend)

    def __repr__(self) -> str:
        return f"WriteMap({self.name}, {len(self.leaves)} expressions)"


class _Place(NamedTuple):
    """Where in the tree the compiler is: `node` in the YAML, `shown` in the document."""

    node: NodePath
    shown: str

    def key(self, key: str) -> _Place:
        name = key.removesuffix("?")
        return _Place((*self.node, key), f"{self.shown}.{name}" if self.shown else name)

    def item(self, index: int) -> _Place:
        return _Place((*self.node, index), f"{self.shown}[{index + 1}]")

    def special(self, key: str) -> _Place:
        return _Place((*self.node, key), self.shown)


class _Compiler:
    """Turns a tree into the lines of a Python function, collecting faults and expressions on the way."""

    def __init__(self) -> None:
        self.faults: list[SpecFault] = []
        self.leaves: list[Leaf] = []
        self._emitter = Emitter(self._root)
        self._in_lines = False
        self._lines: list[str] = []
        self._indent = 0
        self._trees = self._emitter.bind(_TREES)
        self._number = self._emitter.bind(_number)
        self._missing = self._emitter.bind(self._raise_missing)
        self._refuse = self._emitter.bind(self._raise_tree)
        self._located = self._emitter.bind(self._locate)

    def whole(self, tree: Any) -> Any:
        """The compiled function (document, lines) → tree of values."""
        if not isinstance(tree, dict):
            self._fault(("document",), "MAP050", "a document is a tree of names", "write document: {name: …}")
            return None
        self._write("at, index = 0, None")
        self._write("try:")
        self._indent += 1
        result = self._tree(tree, _Place(("document",), ""))
        self._write(f"return {result}")
        self._indent -= 1
        fault = self._emitter.bind(EvaluationFault)
        self._write(f"except {fault} as fault:")
        self._write(f"    raise {self._located}(fault, at, index) from None")
        return None if self.faults else self._emitter.function("document", "document, lines", self._lines)

    def _tree(self, tree: Any, place: _Place) -> str:
        """Writes the lines that build `tree`; gives the source of the built value."""
        if len(place.node) > _DEEPEST:
            return self._fault(place.node, "MAP053", f"more than {_DEEPEST} levels deep", "make it flatter")
        match tree:
            case None | bool() | int():
                return repr(tree)
            case str():
                return self._required(tree, place)
            case {"text": str(text) | int(text), **rest} if not rest and not isinstance(text, bool):
                return repr(str(text))
            case {"number": str(), **rest} if not rest:
                return self._required(tree, place)
            case dict() if "each" in tree or "give" in tree:
                return self._each(tree, place)
            case dict():
                return self._keys(tree, place)
            case list():
                return self._items(tree, place)
            case _:
                return self._fault(place.node, "MAP050", "this is no part of a document", "write it as text")

    def _keys(self, tree: dict[Any, Any], place: _Place) -> str:
        built = self._emitter.fresh("d")
        self._write(f"{built} = {{}}")
        for key, below in tree.items():
            if not isinstance(key, str):
                self._fault(place.node, "MAP050", "a key is no text", "quote it")
            elif not key.endswith("?"):
                self._write(f"{built}[{key!r}] = {self._tree(below, place.key(key))}")
            elif key[:-1] in tree:
                self._fault(place.key(key).node, "MAP052", f"'{key[:-1]}' stands here twice", "keep one")
            else:
                self._optional(f"{built}[{key[:-1]!r}]", below, place.key(key))
        return built

    def _optional(self, target: str, below: Any, place: _Place) -> None:
        """A key that is left out when its value is missing, or the tree or list below it is empty."""
        if not _is_leaf(below):
            tree = isinstance(below, list) or (isinstance(below, dict) and below.keys() != {"text"})
            source = self._tree(below, place)
            self._write(f"if {source}: {target} = {source}" if tree else f"{target} = {source}")
            return
        value, number = self._leaf(below, place)
        self._write(f"if {value} is not None:")
        self._write(f"    if {value}.__class__ in {self._trees}: {self._refuse}({number}, index)")
        self._write(f"    {target} = {value}")

    def _items(self, tree: list[Any], place: _Place) -> str:
        items = [self._tree(below, place.item(index)) for index, below in enumerate(tree)]
        return f"[{', '.join(items)}]"

    def _each(self, tree: dict[str, Any], place: _Place) -> str:
        if set(tree) != {"each", "give"} or tree["each"] != "lines" or self._in_lines:
            what, mend = "`each` goes over lines, and not within itself", "write {each: lines, give: {…}}"
            return self._fault(place.node, "MAP051", what, mend)
        built = self._emitter.fresh("l")
        self._write(f"{built} = []")
        self._write("for index, line in enumerate(lines):")
        self._indent += 1
        self._in_lines = True
        below = _Place((*place.node, "give"), f"{place.shown}{_EVERY}")
        self._write(f"{built}.append({self._tree(tree['give'], below)})")
        self._in_lines = False
        self._indent -= 1
        self._write("index = None")
        return built

    def _required(self, below: Any, place: _Place) -> str:
        value, number = self._leaf(below, place)
        self._write(f"if {value} is None: {self._missing}({number}, index)")
        self._write(f"if {value}.__class__ in {self._trees}: {self._refuse}({number}, index)")
        return value

    def _leaf(self, below: Any, place: _Place) -> tuple[str, int]:
        """Writes the line that evaluates one expression; gives the name of its value and the leaf's
        number."""
        number = isinstance(below, dict)
        place = place.special("number") if number else place
        value = self._emitter.fresh("v")
        try:
            expression = compile_expression(below["number"] if number else below)
        except ExpressionError as error:
            self.faults.append(SpecFault(place.node, error.code, error.what, error.mend, error.column))
            return value, 0
        self.leaves.append(Leaf(place.node, place.shown, expression, self._in_lines))
        source = self._emitter.value(expression.tree).source
        if number or not _is_plain(expression):
            self._write(f"at = {len(self.leaves) - 1}")
        self._write(f"{value} = {self._number}({source})" if number else f"{value} = {source}")
        return value, len(self.leaves) - 1

    def _root(self, name: str) -> str:
        if name == "lines":
            return "lines"
        if not self._in_lines:
            return f"document.get({name!r})"
        if name not in DOCUMENT_NAMES:
            return f"line.get({name!r})"
        value = self._emitter.fresh("t")
        return f"({value} if ({value} := line.get({name!r})) is not None else document.get({name!r}))"

    def _raise_missing(self, leaf: int, line: int | None) -> None:
        raise MissingField(self._shown(leaf, line), self.leaves[leaf].expression.text, line)

    def _locate(self, fault: EvaluationFault, leaf: int, line: int | None) -> EvaluationFault:
        if fault.where:  # it was told with its place already
            return fault
        return fault.at(f"{self._shown(leaf, line)} `{self.leaves[leaf].expression.text}`", line)

    def _raise_tree(self, leaf: int, line: int | None) -> None:
        what, mend = "a whole row or list stands where one value is wanted", "name one of its columns"
        raise self._locate(EvaluationFault("MAP013", what, mend), leaf, line)

    def _shown(self, leaf: int, line: int | None) -> str:
        place = self.leaves[leaf].place
        return place if line is None else place.replace(_EVERY, f"[{line + 1}]", 1)

    def _write(self, line: str) -> None:
        self._lines.append("    " * self._indent + line)

    def _fault(self, node: NodePath, code: str, what: str, mend: str) -> str:
        self.faults.append(SpecFault(node, code, what, mend))
        return "None"


def _is_leaf(below: Any) -> bool:
    match below:
        case str():
            return True
        case {"number": str(), **rest}:
            return not rest
        case _:
            return False


def _is_plain(expression: Expression) -> bool:
    """One name without parts: it cannot be at fault when it is evaluated."""
    return isinstance(expression.tree, Name) and len(expression.tree.parts) == 1


def _number(value: object) -> object:
    """A JSON number with the very digits of the Decimal."""
    if value is None or value.__class__ is int:
        return value
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise EvaluationFault(
        "MAP010", f"{kind_of(value)} stands where a number is wanted", "leave {number: …} out"
    )


def _jsonable(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError
