"""The text of an expression as a tree. Knows no values and no Python; raises `ExpressionError` and nothing
else.

    else        = or { [","] "else" or }
    or          = and { "or" and }          and = not { "and" not }          not = "not" not | comparison
    comparison  = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum | ["not"] "in" "[" sum { "," sum } "]"
                      | "is" ("missing" | "present") ]
    sum         = product { ("+" | "-") product }          product = sign { ("*" | "/") sign }
    sign        = "-" sign | primary
    primary     = 'text' | number | true | false | none | dotted.name | PATH | name "(" else { "," else } ")"
                | "(" else ")"

A quote in a text is doubled: `'O''Neil'`. A name before `(` is a function, else a name, so fields may be
called `number` or `date`. HL7 paths (`FT1-7.1`, `PID-3[type=MR].1`) are primaries in read maps only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

from engine.codecs.hl7v2.path import HL7Path, PathError, compile_path
from engine.mapping.faults import ExpressionError
from engine.mapping.functions import FUNCTIONS, Function

LONGEST = 2000
DEEPEST = 30
"""Bounds of one expression: characters, and operators within operators. Both far above what people can
read."""

WORDS = frozenset({"and", "or", "not", "in", "is", "else", "true", "false", "none"})
"""Names that cannot be fields."""


class Literal(NamedTuple):
    value: str | Decimal | bool | None


class Name(NamedTuple):
    parts: tuple[str, ...]


class Path(NamedTuple):
    path: HL7Path


class Negative(NamedTuple):
    operand: Node


class Arithmetic(NamedTuple):
    operator: str  # + - * /
    left: Node
    right: Node


class Comparison(NamedTuple):
    operator: str  # == != < <= > >=
    left: Node
    right: Node


class Among(NamedTuple):
    operand: Node
    options: tuple[Node, ...]
    negated: bool


class Missing(NamedTuple):
    operand: Node
    negated: bool


class Not(NamedTuple):
    operand: Node


class Logic(NamedTuple):
    operator: str  # and or
    operands: tuple[Node, ...]


class Else(NamedTuple):
    options: tuple[Node, ...]


class Call(NamedTuple):
    name: str
    function: Function
    arguments: tuple[Node, ...]


Node = (
    Literal | Name | Path | Negative | Arithmetic | Comparison | Among | Missing | Not | Logic | Else | Call
)  # what an expression is made of


class _Token(NamedTuple):
    kind: str  # path number text name mark end
    text: str
    column: int


_PATH = r"(?P<path>[A-Z][A-Z0-9]{2}(?:\[[0-9]*\])?-[0-9]+(?:\[[^\]]*\])?(?:\.[0-9]+)*)"
_TOKENS = (
    r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)"
    r"|(?P<mark>[=!<>]=|[<>+\-*/()\[\],])"
)
_TOKEN, _TOKEN_OR_PATH, _PATH_ALONE = re.compile(_TOKENS), re.compile(f"{_PATH}|{_TOKENS}"), re.compile(_PATH)
_BLANK = re.compile(r"[ \t\r\n]*")
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_FORM = "write names, 'texts' and numbers with an operator between each two"
_MENDS = {
    "=": "compare with ==",
    '"': "write texts between single quotes: 'CD'",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`, or != to compare",
    "'": "end the text with a quote",
}


def parse(text: str, *, paths: bool) -> Node:
    """The tree of `text`. Raises `ExpressionError`."""
    return _Parser(_tokens(text, paths)).whole()


def _tokens(text: str, paths: bool) -> list[_Token]:
    if len(text) > LONGEST:
        raise ExpressionError(f"longer than {LONGEST} characters", LONGEST, "split it in two", "MAP005")
    pattern = _TOKEN_OR_PATH if paths else _TOKEN
    tokens = []
    at = _end_of_blank(text, 0)
    while at < len(text):
        found = pattern.match(text, at)
        if not paths and _PATH_ALONE.match(text, at):
            what = "HL7 paths stand in read maps only"
            raise ExpressionError(
                what, at + 1, "read it there as a field and write the field's name", "MAP004"
            )
        if found is None:
            mend = _MENDS.get(text[at], _FORM)
            raise ExpressionError("this character does not belong here", at + 1, mend)
        tokens.append(_Token(found.lastgroup or "", found[0], at + 1))
        at = _end_of_blank(text, found.end())
    return [*tokens, _Token("end", "", len(text) + 1)]


def _end_of_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


class _Parser:
    """One token at a time, one method for each line of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nested = 0
        self._depths: dict[int, int] = {}

    def whole(self) -> Node:
        node = self._else()
        if self._token.kind != "end":
            self._refuse("the expression does not end here", self._hint())
        return node

    def _else(self) -> Node:
        options = [self._or()]
        while self._word("else") or (self._token.text == "," and self._tokens[self._at + 1].text == "else"):
            self._skip(",")
            self._advance()
            options.append(self._or())
        return self._made(Else(tuple(options)), *options) if len(options) > 1 else options[0]

    def _or(self) -> Node:
        return self._logic("or", self._and)

    def _and(self) -> Node:
        return self._logic("and", self._not)

    def _logic(self, operator: str, operand: Callable[[], Node]) -> Node:
        operands = [operand()]
        while self._word(operator):
            self._advance()
            operands.append(operand())
        return self._made(Logic(operator, tuple(operands)), *operands) if len(operands) > 1 else operands[0]

    def _not(self) -> Node:
        if not self._word("not"):
            return self._comparison()
        self._advance()
        operand = self._within(self._not)
        return self._made(Not(operand), operand)

    def _comparison(self) -> Node:
        node = self._sum()
        compared = self._compared(node)
        if compared is not node and (self._token.text in _COMPARISONS or self._token.text in ("in", "is")):
            self._refuse("one comparison at a time", "join two with `and`")
        return compared

    def _compared(self, left: Node) -> Node:
        operator = self._token
        if operator.kind == "mark" and operator.text in _COMPARISONS:
            self._advance()
            right = self._sum()
            return self._made(Comparison(operator.text, left, right), left, right)
        if self._word("is"):
            self._advance()
            return self._made(Missing(left, self._missing_or_present()), left)
        negated = self._word("not") and self._tokens[self._at + 1].text == "in"
        if negated:
            self._advance()
        if not self._word("in"):
            return left
        self._advance()
        options = self._list("[", "]", self._sum)
        return self._made(Among(left, options, negated), left, *options)

    def _missing_or_present(self) -> bool:
        word = self._token.text
        if word not in ("missing", "present"):
            self._refuse("`missing` or `present` belongs after `is`", "write `is missing`, or == to compare")
        self._advance()
        return word == "present"

    def _sum(self) -> Node:
        return self._arithmetic("+-", self._product)

    def _product(self) -> Node:
        return self._arithmetic("*/", self._sign)

    def _arithmetic(self, operators: str, operand: Callable[[], Node]) -> Node:
        left = operand()
        while self._token.kind == "mark" and self._token.text in operators:
            operator = self._advance().text
            right = operand()
            left = self._made(Arithmetic(operator, left, right), left, right)
        return left

    def _sign(self) -> Node:
        if self._token.text != "-":
            return self._primary()
        self._advance()
        operand = self._within(self._sign)
        return self._made(Negative(operand), operand)

    def _primary(self) -> Node:
        token = self._token
        if token.text == "(":
            self._advance()
            node = self._within(self._else)
            self._expect(")")
            return node
        if token.kind in ("mark", "end") or token.text in WORDS - {"true", "false", "none"}:
            self._refuse("a name, text, number or `(` belongs here", self._hint())
        self._advance()
        if token.kind == "name" and self._token.text == "(":
            return self._call(token)
        return self._made(_leaf(token))

    def _call(self, token: _Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            close = get_close_matches(token.text, FUNCTIONS, 1)
            mend = f"did you mean {close[0]}()?" if close else f"there are {', '.join(sorted(FUNCTIONS))}"
            raise ExpressionError("there is no such function", token.column, mend, "MAP002")
        arguments = self._list("(", ")", self._else)
        if not function.least <= len(arguments) <= function.most:
            mend = f"write {function.signature}"
            raise ExpressionError(f"{token.text}() takes other arguments", token.column, mend, "MAP003")
        return self._made(Call(token.text, function, arguments), *arguments)

    def _list(self, opening: str, closing: str, item: Callable[[], Node]) -> tuple[Node, ...]:
        self._expect(opening)
        items = [self._within(item)]
        while self._token.text == ",":
            self._advance()
            items.append(self._within(item))
        self._expect(closing)
        return tuple(items)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _advance(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _skip(self, mark: str) -> None:
        if self._token.text == mark:
            self._advance()

    def _word(self, word: str) -> bool:
        return self._token.kind == "name" and self._token.text == word

    def _expect(self, mark: str) -> None:
        if self._token.kind != "mark" or self._token.text != mark:
            self._refuse(f"`{mark}` belongs here", self._hint())
        self._advance()

    def _hint(self) -> str:
        return "write texts between quotes: 'CD'" if self._token.kind == "name" else ""

    def _within(self, parse_part: Callable[[], Node]) -> Node:
        """One level deeper; bounded, for the parser descends with it."""
        self._nested += 1
        self._bound(self._nested)
        node = parse_part()
        self._nested -= 1
        return node

    def _made(self, node: Node, *parts: Node) -> Node:
        own = len(node[0]) if isinstance(node, Else | Name) else 1  # each alternative within the one before
        depth = own + max((self._depths[id(part)] for part in parts), default=0)
        self._bound(depth)
        self._depths[id(node)] = depth
        return node

    def _bound(self, depth: int) -> None:
        if depth > DEEPEST:
            column = self._token.column
            raise ExpressionError(f"more than {DEEPEST} operators deep", column, "split it in two", "MAP005")

    def _refuse(self, what: str, mend: str = "") -> NoReturn:
        raise ExpressionError(what, self._token.column, mend or _FORM)


def _leaf(token: _Token) -> Node:
    match token.kind:
        case "number":
            return Literal(Decimal(token.text))
        case "text":
            return Literal(token.text[1:-1].replace("''", "'"))
        case "path":
            return Path(_path(token))
        case _:
            constants: dict[str, bool | None] = {"true": True, "false": False, "none": None}
            if token.text in constants:
                return Literal(constants[token.text])
            return Name(tuple(token.text.split(".")))


def _path(token: _Token) -> HL7Path:
    try:
        return compile_path(token.text)
    except PathError as error:
        column = token.column + error.column - 1
        raise ExpressionError(f"no HL7 path: {error.what}", column, error.mend, "MAP004") from None
