"""A tree as Python source, for expressions, read maps and write maps alike. Never lets text become code.

Of a site's text only names reach the source, and the keys of documents, always quoted and never as anything
else. Texts, numbers, paths and functions are bound to names of our own making. The result is compiled once a
release and runs without builtins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine.mapping import operators
from engine.mapping.grammar import (
    Among,
    Arithmetic,
    Call,
    Comparison,
    Else,
    Literal,
    Logic,
    Missing,
    Name,
    Negative,
    Node,
    Not,
    Path,
)

_ARITHMETIC = {"+": "_add", "-": "_subtract", "*": "_multiply", "/": "_divide"}
_BINDINGS: dict[str, object] = {
    "_add": operators.add,
    "_subtract": operators.subtract,
    "_multiply": operators.multiply,
    "_divide": operators.divide,
    "_negative": operators.negative,
    "_equal": operators.equal,
    "_unequal": operators.unequal,
    "_less": operators.less,
    "_at_most": operators.at_most,
    "_among": operators.among,
    "_not_among": operators.not_among,
    "_part": operators.part,
    "_truth": operators.truth,
    "_settled": operators.settled,
    "str": str,
    "enumerate": enumerate,
}


class Emitted(NamedTuple):
    """Python source of one value. `kind`: flag | text (both perhaps None) | literal | any: what is known of
    it."""

    source: str
    kind: str


class Emitter:
    """Builds one function. `root`: how a first name is read: NAME → source; `path`: arguments of a path's
    reader; `deletes`: HL7's null is an empty text, and not missing."""

    def __init__(self, root: Callable[[str], str], path: str = "", deletes: bool = False) -> None:
        self.root = root
        self._deletes = deletes
        self._path = path
        self._bound: dict[str, object] = dict(_BINDINGS)
        self._count = 0

    def bind(self, value: object) -> str:
        """A name for `value` in the source."""
        name = self.fresh("c")
        self._bound[name] = value
        return name

    def fresh(self, letter: str) -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{letter}{self._count}"

    def function(self, name: str, signature: str, lines: list[str]) -> Any:
        """Compiles `def name(signature)` with these lines."""
        source = f"def {name}({signature}):\n" + "\n".join(f"    {line}" for line in lines)
        namespace: dict[str, object] = {**self._bound, "__builtins__": {}}
        exec(compile(source, f"<{name}>", "exec"), namespace)
        return namespace[name]

    def value(self, node: Node) -> Emitted:
        """`node` as an expression gives it: exact decimals in place of ratios."""
        source, kind = self.emit(node)
        return Emitted(f"_settled({source})" if _may_be_ratio(node) else source, kind)

    def emit(self, node: Node) -> Emitted:
        match node:
            case Literal():
                return self._literal(node)
            case Name():
                return Emitted(self._name(node), "any")
            case Path():
                return Emitted(self._read(node), "text" if node.path.sure else "any")
            case Negative():
                return Emitted(f"_negative({self.emit(node.operand).source})", "any")
            case Arithmetic():
                left, right = self.emit(node.left).source, self.emit(node.right).source
                return Emitted(f"{_ARITHMETIC[node.operator]}({left}, {right})", "any")
            case Comparison():
                return Emitted(self._comparison(node), "flag")
            case Among():
                return Emitted(self._among(node), "flag")
            case Missing():
                test = "is not None" if node.negated else "is None"
                return Emitted(f"({self.emit(node.operand).source} {test})", "flag")
            case Not():
                return Emitted(f"(not {self._condition(node.operand)})", "flag")
            case Logic():
                conditions = (self._condition(operand) for operand in node.operands)
                return Emitted(f"({f' {node.operator} '.join(conditions)})", "flag")
            case Else():
                return self._else(node)
            case Call():
                arguments = ", ".join(self.emit(argument).source for argument in node.arguments)
                return Emitted(f"{self.bind(node.function.call)}({arguments})", "any")

    def _literal(self, node: Literal) -> Emitted:
        value = node.value
        if isinstance(value, str):
            return Emitted(self.bind(value), "literal")
        source = repr(value) if value is None or isinstance(value, bool) else self.bind(value)
        return Emitted(source, "flag" if isinstance(value, bool) else "any")

    def _name(self, node: Name) -> str:
        source = self.root(node.parts[0])
        for part in node.parts[1:]:
            source = f"_part({source}, {part!r})"
        return source

    def _read(self, node: Path) -> str:
        """A path's value without blanks around it; HL7's null and what is not there are falsy, and
        missing."""
        text = self.fresh("t")
        missing = f"(None if {text} is None else '')" if self._deletes else "None"
        return f"(({text}.strip() or None) if ({text} := {self.bind(node.path.read)}({self._path})) else {missing})"

    def _comparison(self, node: Comparison) -> str:
        left, right, operator = node.left, node.right, node.operator
        if operator in (">", ">="):
            left, right, operator = right, left, {">": "<", ">=": "<="}[operator]
        if operator in ("==", "!="):
            for one, other in ((left, right), (right, left)):
                if isinstance(other, Literal) and other.value is None:
                    return f"({self.emit(one).source} {'is' if operator == '==' else 'is not'} None)"
        first, second = self.emit(left), self.emit(right)
        if operator in ("==", "!=") and second.kind == "literal":
            return self._text_comparison(first.source, operator, second.source)
        call = {"==": "_equal", "!=": "_unequal", "<": "_less", "<=": "_at_most"}[operator]
        return f"{call}({first.source}, {second.source})"

    def _text_comparison(self, operand: str, operator: str, literal: str) -> str:
        """Compared at once where the operand is text, as it nearly always is."""
        value = self.fresh("t")
        call = "_equal" if operator == "==" else "_unequal"
        quick = f"{value} {operator} {literal}"
        return f"({quick} if ({value} := {operand}).__class__ is str else {call}({value}, {literal}))"

    def _among(self, node: Among) -> str:
        operand, call = self.emit(node.operand).source, "_not_among" if node.negated else "_among"
        texts = tuple(option.value for option in node.options if isinstance(option, Literal))
        if len(texts) < len(node.options) or not all(isinstance(text, str) for text in texts):
            listed = "".join(f"{self.emit(option).source}, " for option in node.options)
            return f"{call}({operand}, ({listed}))"
        value, listed = self.fresh("t"), self.bind(texts)
        quick = f"{value} {'not in' if node.negated else 'in'} {listed}"
        return f"({quick} if ({value} := {operand}).__class__ is str else {call}({value}, {listed}))"

    def _condition(self, node: Node) -> str:
        source, kind = self.emit(node)
        return source if kind == "flag" else f"_truth({source})"

    def _else(self, node: Else) -> Emitted:
        options = [self.emit(option) for option in node.options]
        source = ""
        for option in options[:-1]:
            value = self.fresh("t")
            source += f"{value} if ({value} := {option.source}) is not None else "
        textual = all(option.kind in ("text", "literal") for option in options)
        return Emitted(f"({source}{options[-1].source})", "text" if textual else "any")


def names_in(node: Node) -> Iterator[tuple[str, ...]]:
    """Every name in the tree, in parts."""
    for one in walk(node):
        if isinstance(one, Name):
            yield one.parts


def walk(node: Node) -> Iterator[Node]:
    """The tree, from the top, left to right."""
    yield node
    for child in _children(node):
        yield from walk(child)


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Negative() | Missing() | Not():
            return (node.operand,)
        case Arithmetic() | Comparison():
            return (node.left, node.right)
        case Among():
            return (node.operand, *node.options)
        case Logic():
            return node.operands
        case Else():
            return node.options
        case Call():
            return node.arguments
        case _:
            return ()


def _may_be_ratio(node: Node) -> bool:
    """Single names are fields, and those are never ratios; columns of rows may be."""
    match node:
        case Name():
            return len(node.parts) > 1
        case Else():
            return any(_may_be_ratio(option) for option in node.options)
        case Arithmetic() | Negative() | Call():
            return True
        case _:
            return False
