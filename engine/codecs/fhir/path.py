"""FHIRPath, compiled once and evaluated often: a tree of closures over the JSON of a resource.

    identifier.where(system = 'http://north.example/charges').value
    suppliedItem.item.ofType(CodeableConcept).coding.first().code
    context.resolve().account.first().identifier.value

Values are what JSON has, numbers exact. An element of a choice is found by its own name, `occurrence`, in any of its
types. `resolve()` finds what stands in the same Bundle, or is contained; what does not is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from engine.codecs.fhir import elements
from engine.codecs.fhir.document import Document
from engine.codecs.fhir.path_functions import FUNCTIONS, FhirValueError, text_of, truth
from engine.codecs.fhir.path_grammar import (
    Binary,
    Call,
    Constant,
    Environment,
    FhirPathError,
    Index,
    Member,
    Negative,
    Node,
    This,
    Typed,
    parse,
)

Values = list[Any]


class Focus(NamedTuple):
    """Where a path begins. `node`: what `each` chose, or the resource itself."""

    document: Document
    resource: dict[str, Any]
    node: Any


Evaluate = Callable[[Focus, Values], Values]


class FhirPath:
    """A compiled path."""

    __slots__ = ("_evaluate", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = parse(text)
        self._evaluate = _compiled(self.tree)

    def values(self, focus: Focus) -> Values:
        """Raises `FhirValueError` where FHIRPath has no answer."""
        return self._evaluate(focus, [focus.node])

    def value(self, focus: Focus) -> str | None:
        """Its one value as text, None without any. Several different ones are a `FhirValueError`."""
        found = self._evaluate(focus, [focus.node])
        if not found:
            return None
        texts = dict.fromkeys(text_of(value) for value in found)
        if len(texts) > 1:
            raise FhirValueError("names several values", "say which: where(...), first()")
        return next(iter(texts))


def _compiled(node: Node) -> Evaluate:
    match node:
        case Constant(value):
            constant = [] if value is None else [value]
            return lambda focus, at: constant
        case This():
            return lambda focus, at: at
        case Environment(name):
            if name not in ("resource", "rootResource", "context"):
                raise FhirPathError(f"there is no %{name} here", 1, "%resource is the resource of the line")
            return lambda focus, at: [focus.resource]
        case Member():
            return _member(node)
        case Index(of, at):
            return _index(_compiled(of), _compiled(at))
        case Typed():
            return _typed(node)
        case Call():
            return _call(node)
        case Negative(of):
            inner = _compiled(of)
            return lambda focus, at: [-value for value in inner(focus, at)]
        case Binary():
            return _binary(node)


def _member(node: Member) -> Evaluate:
    name = node.name
    choices = elements.choices(name)

    def below(values: Values) -> Values:
        found: Values = []
        for value in values:
            if value.__class__ is not dict:
                continue
            inner = value.get(name)
            if inner is None:
                if value.get("resourceType") == name:
                    inner = value
                else:
                    inner = next((value[key] for key in choices if key in value), None)
            if inner.__class__ is list:
                found += [one for one in inner if one is not None]
            elif inner is not None:
                found.append(inner)
        return found

    if isinstance(node.of, This):
        return lambda focus, at: below(at)
    of = _compiled(node.of)
    return lambda focus, at: below(of(focus, at))


def _index(of: Evaluate, at: Evaluate) -> Evaluate:
    def indexed(focus: Focus, here: Values) -> Values:
        values, places = of(focus, here), at(focus, here)
        if not places or not isinstance(places[0], int) or not 0 <= places[0] < len(values):
            return []
        return [values[places[0]]]

    return indexed


def _typed(node: Typed) -> Evaluate:
    """Of a choice by the name of its element, of a resource by what it says it is."""
    kind = node.type
    if isinstance(node.of, Member):
        suffixed = _compiled(Member(node.of.of, f"{node.of.name}{kind[0].upper()}{kind[1:]}", node.of.column))
    else:
        suffixed = None
    of = _compiled(node.of)

    def chosen(focus: Focus, at: Values) -> Values:
        found = [
            value for value in of(focus, at) if isinstance(value, dict) and value.get("resourceType") == kind
        ]
        return found or (suffixed(focus, at) if suffixed is not None else [])

    if node.test:
        return lambda focus, at: [bool(chosen(focus, at))] if of(focus, at) else []
    return chosen


def _call(node: Call) -> Evaluate:
    function = FUNCTIONS.get(node.name)
    if node.name == "resolve" and not node.arguments:
        return _resolve(_compiled(node.of))
    if function is None:
        raise FhirPathError(
            "there is no such function here", node.column, f"there are {', '.join(sorted(FUNCTIONS))}"
        )
    if not function.least <= len(node.arguments) <= function.most:
        raise FhirPathError(f"{node.name}() takes other arguments", node.column)
    of = _compiled(node.of)
    arguments = tuple(_compiled(argument) for argument in node.arguments)
    call = function.call
    return lambda focus, at: call(of(focus, at), tuple(_bound(one, focus) for one in arguments), at)


def _bound(argument: Evaluate, focus: Focus) -> Callable[[Values], Values]:
    return lambda at: argument(focus, at)


def _resolve(of: Evaluate) -> Evaluate:
    def resolved(focus: Focus, at: Values) -> Values:
        found = []
        for value in of(focus, at):
            reference = value.get("reference") if isinstance(value, dict) else value
            tree = focus.document.find(reference, focus.resource) if isinstance(reference, str) else None
            if tree is not None:
                found.append(tree)
        return found

    return resolved


def _binary(node: Binary) -> Evaluate:
    left, right, operator = _compiled(node.left), _compiled(node.right), node.operator
    match operator:
        case "|":
            return lambda focus, at: _distinct([*left(focus, at), *right(focus, at)])
        case "and" | "or" | "xor" | "implies":
            return lambda focus, at: _logic(operator, truth(left(focus, at)), truth(right(focus, at)))
        case "in":
            return lambda focus, at: _among(left(focus, at), right(focus, at))
        case "contains":
            return lambda focus, at: _among(right(focus, at), left(focus, at))
        case "=" | "!=":
            return lambda focus, at: _equal(left(focus, at), right(focus, at), operator == "!=")
        case "&":
            return lambda focus, at: [
                "".join(text_of(value) for value in (*left(focus, at)[:1], *right(focus, at)[:1]))
            ]
        case "+" | "-":
            return lambda focus, at: _sum(operator, left(focus, at), right(focus, at))
        case _:
            return lambda focus, at: _ordered(operator, left(focus, at), right(focus, at))


def _distinct(values: Values) -> Values:
    found: Values = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _logic(operator: str, left: bool | None, right: bool | None) -> Values:
    """Of three values; None is the empty one."""
    match operator:
        case "and":
            known = (
                False if left is False or right is False else None if left is None or right is None else True
            )
        case "or":
            known = True if left or right else None if left is None or right is None else False
        case "xor":
            known = None if left is None or right is None else left is not right
        case _:
            known = True if left is False or right else (None if left is None or right is None else False)
    return [] if known is None else [known]


def _among(one: Values, many: Values) -> Values:
    return [any(one[0] == value for value in many)] if one else []


def _equal(left: Values, right: Values, negated: bool) -> Values:
    return [(left == right) is not negated] if left and right else []


def _sum(operator: str, left: Values, right: Values) -> Values:
    if not left or not right:
        return []
    one, other = left[0], right[0]
    if operator == "+" and isinstance(one, str) and isinstance(other, str):
        return [one + other]
    if _is_number(one) and _is_number(other):
        return [one + other if operator == "+" else one - other]
    raise FhirValueError("adds what is no number", "map where the number stands")


def _ordered(operator: str, left: Values, right: Values) -> Values:
    if not left or not right:
        return []
    one, other = left[0], right[0]
    if not (_is_number(one) and _is_number(other)) and not (isinstance(one, str) and isinstance(other, str)):
        raise FhirValueError("compares values of two kinds", "compare numbers with numbers, texts with texts")
    return [{"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[operator]]


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
