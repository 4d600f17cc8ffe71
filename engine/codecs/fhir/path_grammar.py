"""The text of a FHIRPath as a tree. Knows no values; raises `FhirPathError` and nothing else.

A subset of FHIRPath 2.0: what names a value of a resource and compares it. No clock, no terminology, no arithmetic of
quantities: `is`, `as` and `ofType` choose one type of a choice, or a type of resource.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, NoReturn

LONGEST = 2000
DEEPEST = 40
"""Bounds of one path: characters, and parentheses within parentheses."""


class FhirPathError(ValueError):
    """Text that is no path that is read here. `column`: 1-based character at which it goes wrong."""

    def __init__(self, what: str, column: int, mend: str = "") -> None:
        self.what, self.column, self.mend = what, column, mend
        super().__init__(f"column {column}: {what}")


class Constant(NamedTuple):
    value: str | int | Decimal | bool | None  # None: {}


class This(NamedTuple):
    pass


class Environment(NamedTuple):
    name: str


class Member(NamedTuple):
    of: Node
    name: str
    column: int


class Index(NamedTuple):
    of: Node
    at: Node


class Call(NamedTuple):
    of: Node
    name: str
    arguments: tuple[Node, ...]
    column: int


class Typed(NamedTuple):
    """`ofType(T)`, `as(T)`, `is T`. `test`: asked, not chosen."""

    of: Node
    type: str
    test: bool
    column: int


class Binary(NamedTuple):
    operator: str
    left: Node
    right: Node
    column: int


class Negative(NamedTuple):
    of: Node


Node = Constant | This | Environment | Member | Index | Call | Typed | Binary | Negative

_TOKEN = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<text>'(?:\\.|[^'\\])*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*|`[A-Za-z_][A-Za-z0-9_]*`)"
    r"|(?P<special>\$this|%[a-z]+)"
    r"|(?P<mark><=|>=|!=|!~|[=~<>+\-*/&|.,()\[\]{}])"
)
_BLANK = re.compile(r"[ \t\r\n]*")
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"implies"}),
    frozenset({"or", "xor"}),
    frozenset({"and"}),
    frozenset({"in", "contains"}),
    frozenset({"=", "!=", "~", "!~"}),
    frozenset({"<", ">", "<=", ">="}),
    frozenset({"|"}),
    frozenset({"is", "as"}),
    frozenset({"+", "-", "&"}),
    frozenset({"*", "/", "div", "mod"}),
)
"""From what binds least."""
_REFUSED = frozenset({"~", "!~", "*", "/", "div", "mod"})
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def parse(text: str) -> Node:
    if len(text) > LONGEST:
        raise FhirPathError(f"longer than {LONGEST} characters", LONGEST, "split it in two")
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], _end_of_blank(text, 0)
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            mend = {
                "@": "dates are compared as texts: '2026-11-20'",
                '"': "write texts between single quotes",
            }
            raise FhirPathError("this character does not belong here", at + 1, mend.get(text[at], ""))
        tokens.append(_Token(found.lastgroup or "", found[0], at + 1))
        at = _end_of_blank(text, found.end())
    return [*tokens, _Token("end", "", len(text) + 1)]


def _end_of_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


class _Parser:
    """One token at a time, operators by how much they bind."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nested = 0

    def whole(self) -> Node:
        node = self._level(0)
        if self._token.kind != "end":
            self._refuse("the path does not end here", "join two values with `|`, two conditions with `and`")
        return node

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._sign()
        node = self._level(level + 1)
        while self._token.text in _LEVELS[level] and self._token.kind in ("mark", "name"):
            operator = self._advance()
            if operator.text in _REFUSED:
                raise FhirPathError(
                    "this operator is not read here", operator.column, "reckon in the channel"
                )
            if operator.text in ("is", "as"):
                node = Typed(node, self._type(), operator.text == "is", operator.column)
            else:
                node = Binary(operator.text, node, self._level(level + 1), operator.column)
        return node

    def _type(self) -> str:
        token = self._advance()
        if token.kind != "name":
            raise FhirPathError("a type belongs here", token.column, "write ofType(dateTime)")
        if token.text in ("FHIR", "System") and self._token.text == ".":
            self._advance()
            return self._advance().text
        return token.text

    def _sign(self) -> Node:
        if self._token.text == "-" and self._token.kind == "mark":
            self._advance()
            return Negative(self._within(self._sign))
        return self._chain(self._term())

    def _chain(self, node: Node) -> Node:
        while self._token.text in (".", "[") and self._token.kind == "mark":
            mark = self._advance()
            if mark.text == "[":
                node = Index(node, self._within(lambda: self._level(0)))
                self._expect("]")
            else:
                node = self._step(node)
        return node

    def _step(self, of: Node) -> Node:
        token = self._advance()
        if token.kind != "name":
            raise FhirPathError("a name belongs here", token.column, "write suppliedItem.quantity.value")
        if self._token.text == "(" and not token.text.startswith("`"):
            return self._call(of, token)
        return Member(of, token.text.strip("`"), token.column)

    def _call(self, of: Node, token: _Token) -> Node:
        self._expect("(")
        if token.text in ("ofType", "as", "is"):
            kind = self._type()
            self._expect(")")
            return Typed(of, kind, token.text == "is", token.column)
        arguments: list[Node] = []
        while self._token.text != ")":
            if arguments:
                self._expect(",")
            arguments.append(self._within(lambda: self._level(0)))
        self._expect(")")
        return Call(of, token.text, tuple(arguments), token.column)

    def _term(self) -> Node:
        token = self._advance()
        match token.kind:
            case "number":
                return Constant(Decimal(token.text) if "." in token.text else int(token.text))
            case "text":
                return Constant(_unescaped(token))
            case "special":
                return This() if token.text == "$this" else Environment(token.text[1:])
            case "name" if token.text in ("true", "false"):
                return Constant(token.text == "true")
            case "name":
                self._at -= 1
                return self._step(This())
        if token.text == "(":
            node = self._within(lambda: self._level(0))
            self._expect(")")
            return node
        if token.text == "{":
            self._expect("}")
            return Constant(None)
        raise FhirPathError("an element, text, number or `(` belongs here", token.column)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _advance(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _expect(self, mark: str) -> None:
        if self._token.kind != "mark" or self._token.text != mark:
            self._refuse(f"`{mark}` belongs here")
        self._advance()

    def _within(self, part: Callable[[], Node]) -> Node:
        self._nested += 1
        if self._nested > DEEPEST:
            self._refuse(f"more than {DEEPEST} levels deep", "split it in two")
        node = part()
        self._nested -= 1
        return node

    def _refuse(self, what: str, mend: str = "") -> NoReturn:
        raise FhirPathError(what, self._token.column, mend)


def _unescaped(token: _Token) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token.text[1:-1])
