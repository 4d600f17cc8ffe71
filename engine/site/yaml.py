"""Strict YAML: text stays text, every value knows its place. Knows no schema and opens no file.

Only `true`, `false`, `null` and whole numbers are anything but text: `NO`, `0123`, `12:30`, `2.10` and
`2026-11-20` stay what the analyst typed. A key that stands twice, tags, anchors, aliases and a second
document are faults. Neighbours: `engine.site.validate` puts a schema over the tree, `engine.site.sources`
says which file is what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from engine.errors import Fault

Tree = Any
"""None, bool, int, str, list of trees or dict of text to trees."""

Path = tuple[str | int, ...]
"""Keys and list positions from the root of a tree."""

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "": None}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DEEPEST = 40
_ESCAPES = {"x": 2, "u": 4, "U": 8}


class _Plain:
    """In place of YAML 1.1's resolver: nothing gets a tag by its looks, so a tag means that one was
    written."""

    def resolve(self, kind: type[Node], value: str | None, implicit: object) -> str:
        return ""

    def descend_resolver(self, current: Node | None, index: object) -> None: ...

    def ascend_resolver(self) -> None: ...

    def check_resolver_prefix(self, depth: int, path: object, kind: object) -> None: ...


class PythonLoader(Reader, Scanner, Parser, Composer, _Plain):
    """PyYAML's own parser, for where it was built without libyaml."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)


def _fastest() -> Any:
    """libyaml's parser, ten times faster, where there is one."""
    if not yaml.__with_libyaml__:
        return PythonLoader
    from yaml import cyaml

    return type("LibraryLoader", (_Plain, vars(cyaml)["CParser"]), {})


LOADER = _fastest()


class Mark(NamedTuple):
    """A place in a file: line and column, both from 1."""

    line: int
    column: int


class _Span(NamedTuple):
    """A scalar as it stands in the text: from `start` up to `end`, quotes included. `style`: '', ', ", | or
    >."""

    start: int
    end: int
    style: str
    value: str


@dataclass(frozen=True, slots=True)
class Document:
    """One file as a tree, with the place of every key and every value."""

    file: str
    text: str = field(repr=False)
    tree: Tree = field(repr=False)
    keys: dict[Path, Mark] = field(repr=False)
    values: dict[Path, Mark] = field(repr=False)
    _spans: dict[Path, _Span] = field(repr=False)

    def where(self, path: Path, *, key: bool = False) -> str:
        """`file:line:col` of the value at `path`, or of its key; of the nearest parent when it is not
        there."""
        marks = self.keys if key and path in self.keys else self.values
        while path and path not in marks:
            path, marks = path[:-1], self.values
        mark = marks.get(path, Mark(1, 1))
        return f"{self.file}:{mark.line}:{mark.column}"

    def within(self, path: Path, offset: int) -> str:
        """`file:line:col` of character `offset` (from 0) of the text at `path`, whatever its quotes and
        folds."""
        span = self._spans.get(path)
        if span is None:
            return self.where(path)
        at = _source_index(self.text, span, offset)
        line_start = self.text.rfind("\n", 0, at) + 1
        return f"{self.file}:{self.text.count(chr(10), 0, at) + 1}:{at - line_start + 1}"


def parse(data: bytes, file: str) -> tuple[Document | None, list[Fault]]:
    """The document of a file's bytes, UTF-8 with or without BOM; None when it cannot be read at all."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [Fault(f"{file}:{line}:1", "SIT001", "is not UTF-8 text", "save the file as UTF-8")]
    try:
        root = _compose(text)
    except yaml.MarkedYAMLError as error:
        return None, [_syntax_fault(error, text, file)]
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = "holds a character that YAML does not allow"
        return None, [Fault(f"{file}:{line}:1", "SIT001", what, "remove control characters")]
    if root is None:
        return Document(file, text, None, {}, {}, {}), []
    walk = _Walk(file)
    tree = walk.tree(root, ())
    return Document(file, text, tree, walk.keys, walk.values, walk.spans), walk.faults


def _compose(text: str) -> Node | None:
    loader = LOADER(text)
    try:
        root: Node | None = loader.get_single_node()
        return root
    finally:
        dispose = getattr(loader, "dispose", None)
        if dispose is not None:
            dispose()


def _syntax_fault(error: yaml.MarkedYAMLError, text: str, file: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else f"{file}:1:1"
    problem = error.problem or "cannot be read"
    if "expected a single document" in (error.context or ""):
        problem = "holds a second document"
    mend = "look at the indentation, the quotes and the colons just before this place"
    if mark and text[mark.index : mark.index + 1] == "\t":
        mend = "write blanks in the place of the tab"
    return Fault(where, "SIT001", f"is not YAML: {problem}", mend)


class _Walk:
    """Turns nodes into a tree, noting places and faults on its way."""

    def __init__(self, file: str) -> None:
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.spans: dict[Path, _Span] = {}
        self.faults: list[Fault] = []
        self._file = file
        self._seen: set[int] = set()

    def tree(self, node: Node, path: Path) -> Tree:
        self.values[path] = _mark(node)
        if id(node) in self._seen:
            where = self.keys.get(path) or self.values.get(path[:-1], Mark(1, 1))
            self._fault(where, "SIT003", "an alias stands for a value", "write the value itself")
            return None
        self._seen.add(id(node))
        if node.tag:
            self._fault(_mark(node), "SIT003", "a tag is put on a value", "leave the tag out; quote text")
        if len(path) > _DEEPEST:
            self._fault(_mark(node), "SIT001", f"is nested deeper than {_DEEPEST} levels", "flatten it")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, SequenceNode):
            return [self.tree(child, (*path, place)) for place, child in enumerate(node.value)]
        return self._mapping(node, path)

    def _scalar(self, node: ScalarNode, path: Path) -> Tree:
        style, value = node.style or "", str(node.value)
        self.spans[path] = _Span(node.start_mark.index, node.end_mark.index, style, value)
        if style:
            return value
        if value in _WORDS:
            return _WORDS[value]
        return int(value) if _WHOLE.fullmatch(value) else value

    def _mapping(self, node: Node, path: Path) -> dict[str, Tree]:
        tree: dict[str, Tree] = {}
        for key, child in _pairs(node):
            if not isinstance(key, ScalarNode):
                self._fault(_mark(key), "SIT003", "a key is not text", "use a word as key")
                continue
            name: str = key.value
            here = (*path, name)
            if name in tree:
                first = self.keys[here]
                what = f"key '{name}' stands twice in one place, first in line {first.line}"
                self._fault(_mark(key), "SIT002", what, "keep one of them")
                continue
            self.keys[here] = _mark(key)
            tree[name] = self.tree(child, here)
        return tree

    def _fault(self, mark: Mark, code: str, what: str, mend: str) -> None:
        self.faults.append(Fault(f"{self._file}:{mark.line}:{mark.column}", code, what, mend))


def _pairs(node: Node) -> Iterator[tuple[Node, Node]]:
    assert isinstance(node, MappingNode)
    return iter(node.value)


def _mark(node: Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _source_index(text: str, span: _Span, offset: int) -> int:
    """Where in `text` character `offset` of a scalar's value stands.

    Value and source are walked side by side. Folding makes one blank, or none, of a line end and its
    indentation, so blanks of the source are passed only when the next character that is none is looked for.
    """
    at = _first_index(text, span)
    for place, char in enumerate(span.value):
        escaped = span.style == '"' and text[at] == "\\"
        if not char.isspace():
            at = _past_blanks(text, at, span.end)
        if place == offset:
            return at
        if escaped or not char.isspace():
            at += _width(text, at, span.style)
    return at


def _first_index(text: str, span: _Span) -> int:
    if span.style in ("'", '"'):
        return span.start + 1
    if span.style in ("|", ">"):
        return _past_blanks(text, text.index("\n", span.start), span.end)
    return span.start


def _past_blanks(text: str, at: int, end: int) -> int:
    while at < end and text[at].isspace():
        at += 1
    return at


def _width(text: str, at: int, style: str) -> int:
    """How many characters of the source make one of the value."""
    if style == "'" and text[at] == "'":
        return 2
    if style == '"' and text[at] == "\\":
        return 2 + _ESCAPES.get(text[at + 1], 0)
    return 1
