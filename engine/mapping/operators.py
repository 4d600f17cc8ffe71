"""What the operators of the language do with values. Exact: never a float, never a rounded digit. Pure.

A value is text, a number (Decimal, int or Fraction), a flag, a date, a moment or None, which is missing. A
missing operand makes arithmetic missing and comparisons false. Whatever else does not fit is an
`EvaluationFault`, which names kinds and never values.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from typing import Any

from engine.mapping.faults import EvaluationFault
from engine.reference.spec import Row

Number = Decimal | Fraction

MOST_DIGITS = 60
"""Of one number. Twice what a field may hold; beyond it a calculation is a mistake."""

EXACT = Context(prec=MOST_DIGITS, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
_KINDS: dict[type, str] = {
    str: "text",
    Decimal: "number",
    int: "number",
    Fraction: "number",
    bool: "flag",
    date: "date",
    datetime: "moment",
    Row: "row",
    dict: "row",
    list: "list",
}


def kind_of(value: object) -> str:
    """text | number | flag | date | moment | row | list | other."""
    return _KINDS.get(type(value), "other")


def part(value: object, name: str) -> object:
    """`value.name`: a column of a row; of a list of lines, that of each line."""
    if isinstance(value, dict):
        return value.get(name)
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [part(one, name) for one in value]
    mend = "only rows have parts; write the name without them"
    raise EvaluationFault("MAP013", f"`{name}` is asked of a {kind_of(value)}", mend)


def add(left: object, right: object) -> object:
    if left.__class__ is str and right.__class__ is str:
        return str(left) + str(right)
    return _calculate("+", left, right)


def subtract(left: object, right: object) -> object:
    return _calculate("-", left, right)


def multiply(left: object, right: object) -> object:
    if isinstance(left, Fraction) and isinstance(right, Decimal):
        left, right = right, left
    if isinstance(left, Decimal) and isinstance(right, Fraction):
        with suppress(ArithmeticError):  # a unit's factor: nearly always with exact decimals
            return EXACT.divide(EXACT.multiply(left, Decimal(right.numerator)), Decimal(right.denominator))
    return _calculate("*", left, right)


def divide(left: object, right: object) -> object:
    """A Fraction where the decimals do not end: `round` may come before `settled` refuses it."""
    if left is None or right is None:
        return None
    dividend, divisor = number_of(left, "/"), number_of(right, "/")
    if divisor == 0:
        raise EvaluationFault("MAP011", "division by zero", "check the divisor with `when` or `skip`")
    if isinstance(dividend, Decimal) and isinstance(divisor, Decimal):
        with suppress(ArithmeticError):
            return EXACT.divide(dividend, divisor)
    return Fraction(dividend) / Fraction(divisor)


def negative(operand: object) -> object:
    if operand is None:
        return None
    number = number_of(operand, "-")
    return -number if isinstance(number, Fraction) else _exactly(EXACT.minus, number)


def equal(left: object, right: object) -> bool:
    return left is not None and right is not None and _alike("==", left, right) and left == right


def unequal(left: object, right: object) -> bool:
    return left is not None and right is not None and _alike("!=", left, right) and left != right


def less(left: Any, right: Any) -> bool:
    return left is not None and right is not None and _ordered("<", left, right) and left < right


def at_most(left: Any, right: Any) -> bool:
    return left is not None and right is not None and _ordered("<=", left, right) and left <= right


def among(operand: object, options: tuple[object, ...]) -> bool:
    return any(equal(operand, option) for option in options)


def not_among(operand: object, options: tuple[object, ...]) -> bool:
    return operand is not None and not among(operand, options)


def truth(value: object) -> bool:
    """A flag where `and`, `or` and `not` want one; missing counts as false."""
    if value is None or value is False:
        return False
    if value is True:
        return True
    mend = "compare it with something, or write `is present`"
    raise EvaluationFault("MAP010", f"{kind_of(value)} stands where a condition is wanted", mend)


def settled(value: object) -> object:
    """What an expression gives: a Fraction as the Decimal that it equals."""
    return decimal_of(value) if value.__class__ is Fraction and isinstance(value, Fraction) else value


def decimal_of(ratio: Fraction) -> Decimal:
    """Raises `EvaluationFault` when the decimals do not end, or not soon enough."""
    places, rest = 0, ratio.denominator
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        places = max(places, count)
    digits = (
        ratio.numerator * 10**places // ratio.denominator if rest == 1 and places <= MOST_DIGITS else None
    )
    if digits is None or abs(digits) >= 10**MOST_DIGITS:
        raise EvaluationFault("MAP012", "the result has no exact decimals", "write round(…, 2) around it")
    return Decimal(digits).scaleb(-places, EXACT)


def number_of(value: object, operator: str) -> Number:
    """The operand of arithmetic or of a function on numbers."""
    if isinstance(value, Decimal | Fraction):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    mend = "write number(…) around text" if isinstance(value, str) else ""
    raise EvaluationFault("MAP010", f"`{operator}` wants numbers, not {kind_of(value)}", mend)


def _calculate(operator: str, left: object, right: object) -> object:
    if left is None or right is None:
        return None
    first, second = number_of(left, operator), number_of(right, operator)
    exact, fractional = _CALCULATIONS[operator]
    if isinstance(first, Decimal) and isinstance(second, Decimal):
        return _exactly(exact, first, second)
    return fractional(Fraction(first), Fraction(second))


def _exactly(operation: Callable[..., Decimal], *operands: Decimal) -> Decimal:
    try:
        return operation(*operands)
    except ArithmeticError:
        what, mend = f"the result has more than {MOST_DIGITS} digits", "check the numbers that go in"
    raise EvaluationFault("MAP012", what, mend)


_CALCULATIONS: dict[str, tuple[Callable[..., Decimal], Callable[[Fraction, Fraction], Fraction]]] = {
    "+": (EXACT.add, lambda left, right: left + right),
    "-": (EXACT.subtract, lambda left, right: left - right),
    "*": (EXACT.multiply, lambda left, right: left * right),
}


def _alike(operator: str, left: object, right: object) -> bool:
    kind, other = kind_of(left), kind_of(right)
    if kind != other or kind in ("row", "list", "other"):
        mend = "write number(…) around text" if {kind, other} == {"text", "number"} else ""
        raise EvaluationFault("MAP010", f"`{operator}` between {kind} and {other}", mend)
    return True


def _ordered(operator: str, left: object, right: object) -> bool:
    if kind_of(left) == "flag":
        raise EvaluationFault("MAP010", f"`{operator}` between flags", "compare flags with ==")
    return _alike(operator, left, right)
