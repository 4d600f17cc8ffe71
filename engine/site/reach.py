"""Whether conditions of a channel can hold at all: what its skips leave, and what each effect is due for. Pure.

A condition is looked at as a formula over names that are compared with constants. A name may be anything that it is
compared with, something else, or missing; the columns of a look-up may be what the rows of its table say together.
What is not of that form may be either. So a condition is called impossible only when it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import pairwise
from typing import Any

from engine.mapping.emitter import walk
from engine.mapping.grammar import Among, Comparison, Literal, Logic, Missing, Name, Node, Not

_MOST = 20_000
"""Cases that are looked at before a question is left open."""


class _Sort(Enum):
    """What stands for many values."""

    OTHER = "a value that nothing here is compared with"
    OPEN = "not decided yet"


_OTHER, _OPEN = _Sort.OTHER, _Sort.OPEN

Wanted = tuple[Node, bool]
"""A condition, and whether it is to hold."""
Rows = Mapping[str, Sequence[Mapping[str, object]]]
"""Look-up → the rows that it may find; a look-up that is not here may find anything."""


def possible(wanted: Iterable[Wanted], rows: Rows) -> bool:
    """Whether all of it can be so for one line. True also when there are too many cases to tell."""
    asked = [*wanted]
    variables = _variables([node for node, _ in asked], rows)
    try:
        return _search(asked, [*variables.items()], {}, [0])
    except _TooMany:
        return True


def constants(node: Node) -> Iterator[tuple[str, str]]:
    """(dotted name, the text that it is compared with), of every comparison with a text."""
    for part in walk(node):
        for name, literal in _compared(part):
            if isinstance(literal.value, str):
                yield ".".join(name.parts), literal.value


class _TooMany(Exception):
    pass


def _search(
    asked: list[Wanted], variables: list[tuple[str, list[Any]]], given: dict[str, Any], cases: list[int]
) -> bool:
    cases[0] += 1
    if cases[0] > _MOST:
        raise _TooMany
    answers = [(_truth(_value(node, given)), want) for node, want in asked]
    if any(answer is not _OPEN and answer is not want for answer, want in answers):
        return False
    if not variables or all(answer is not _OPEN for answer, _ in answers):
        return True
    (name, domain), *rest = variables
    return any(_search(asked, rest, {**given, name: value}, cases) for value in domain)


def _variables(nodes: Iterable[Node], rows: Rows) -> dict[str, list[Any]]:
    """Variable → its values. A look-up with rows is one variable, its values are cells of the names used."""
    domains: dict[str, list[Any]] = {}
    for node in nodes:
        for part in _parts(node):
            if not _understood(part):
                domains.setdefault(repr(part), [True, False])
            elif isinstance(part, Name) and part.parts[0] in rows:
                domains.setdefault(part.parts[0], [])
            elif isinstance(part, Name):
                domains.setdefault(_named(part), [_OTHER, None, True, False])
            for name, literal in _compared(part):
                if name.parts[0] not in rows:
                    domains.setdefault(_named(name), [_OTHER, None, True, False]).extend(_near(literal.value))
    names = {part for node in nodes for part in _parts(node) if isinstance(part, Name)}
    return {
        root: _found(rows[root], sorted(_named(name) for name in names if name.parts[0] == root))
        if root in rows
        else _each(domain)
        for root, domain in domains.items()
    }


def _each(domain: list[Any]) -> list[Any]:
    """Each value once, and a number between each two: what orders may tell apart. `true` is not the number one."""
    numbers = sorted({value for value in domain if isinstance(value, Decimal)})
    between = [(one + other) / 2 for one, other in pairwise(numbers)]
    return [*{(type(value), value): value for value in [*domain, *between]}.values()]


def _found(rows: Sequence[Mapping[str, object]], used: list[str]) -> list[Any]:
    """The cells that rows have together, under the names that ask for them; and those of no row."""
    cells = {tuple(_cell(row, name) for name in used) for row in rows}
    return [*(dict(zip(used, one, strict=True)) for one in sorted(cells, key=repr)), dict.fromkeys(used)]


_NUMBERS = (Decimal, Fraction)
_KNOWN = (Literal, Name, Comparison, Among, Missing, Not, Logic)


def _cell(row: Mapping[str, object], name: str) -> Any:
    column = name.partition(".")[2]
    return row.get(column) if column else _OTHER


def _near(value: Any) -> list[Any]:
    """The constant, and for a number those on its sides."""
    return [value, value - 1, value + 1] if isinstance(value, Decimal) else [value]


def _parts(node: Node) -> Iterator[Node]:
    """The node and those in it, as far as they are understood."""
    yield node
    match node:
        case Not(operand):
            yield from _parts(operand)
        case Logic(_, operands):
            for operand in operands:
                yield from _parts(operand)
        case Comparison(_, left, right) if _understood(node):
            yield from (part for part in (left, right) if isinstance(part, Name))
        case Among(operand) | Missing(operand) if _understood(node):
            yield operand


def _understood(node: Node) -> bool:
    match node:
        case Comparison(operator, left, right):
            name, literal = (right, left) if isinstance(left, Literal) else (left, right)
            if not (isinstance(name, Name) and isinstance(literal, Literal)):
                return False
            return operator in ("==", "!=") or isinstance(literal.value, Decimal)
        case Among(operand, options):
            return isinstance(operand, Name) and all(isinstance(option, Literal) for option in options)
        case Missing(operand):
            return isinstance(operand, Name)
        case _:
            return isinstance(node, _KNOWN)


def _compared(node: Node) -> Iterator[tuple[Name, Literal]]:
    match node:
        case Comparison(_, Name() as name, Literal() as literal) | Comparison(
            _, Literal() as literal, Name() as name
        ):
            yield name, literal
        case Among(Name() as name, options):
            yield from ((name, option) for option in options if isinstance(option, Literal))


def _named(name: Name) -> str:
    return ".".join(name.parts)


def _value(node: Node, given: Mapping[str, Any]) -> Any:
    if not _understood(node):
        return given.get(repr(node), _OPEN)
    match node:
        case Literal(value):
            return value
        case Name(parts):
            if parts[0] in given and isinstance(given[parts[0]], dict):
                return given[parts[0]][_named(node)]
            return given.get(_named(node), _OPEN)
        case Not(operand):
            answer = _truth(_value(operand, given))
            return answer if answer is _OPEN else not answer
        case Logic(operator, operands):
            return _logic(operator, [_truth(_value(operand, given)) for operand in operands])
        case Missing(operand, negated):
            value = _value(operand, given)
            return value if value is _OPEN else (value is None) is not negated
        case Among(operand, options, negated):
            value = _value(operand, given)
            if value is _OPEN or value is None:
                return value if value is _OPEN else False
            return (
                any(_same(value, option.value) for option in options if isinstance(option, Literal))
                is not negated
            )
        case Comparison(operator, left, right):
            return _comparison(operator, _value(left, given), _value(right, given))
    return _OPEN


def _comparison(operator: str, left: Any, right: Any) -> Any:
    if left is _OPEN or right is _OPEN:
        return _OPEN
    if left is None or right is None:
        return False
    if operator in ("==", "!="):
        return _same(left, right) is (operator == "==")
    if not (isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)):
        return False
    one, other = Fraction(left), Fraction(right)
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS):
        return Fraction(one) == Fraction(other)
    return one is not _OTHER and type(one) is type(other) and one == other


def _truth(value: Any) -> Any:
    return value if value is _OPEN else value is True


def _logic(operator: str, answers: list[Any]) -> Any:
    decides = operator == "or"
    if decides in answers:
        return decides
    return _OPEN if _OPEN in answers else not decides
