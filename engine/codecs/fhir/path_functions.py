"""The functions of FHIRPath that are read here. Each takes the values before its dot and its arguments, unevaluated."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

Values = list[Any]
Argument = Callable[[Values], Values]


class FhirValueError(ValueError):
    """A path has no answer for a resource. Says nothing of its content."""

    def __init__(self, what: str, mend: str) -> None:
        self.what, self.mend = what, mend
        super().__init__(what)


class Function(NamedTuple):
    """`call(values, arguments, here)`: `here` is where a path among the arguments begins."""

    call: Callable[[Values, tuple[Argument, ...], Values], Values]
    least: int
    most: int


def text_of(value: Any) -> str:
    """A primitive as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    raise FhirValueError(
        "names a part of the resource that has parts itself", "go on to the value: .value, .code"
    )


def truth(values: Values) -> bool | None:
    """None when there is nothing."""
    if not values:
        return None
    return values[0] if len(values) == 1 and isinstance(values[0], bool) else True


def _where(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    (criterion,) = arguments
    return [value for value in values if truth(criterion([value]))]


def _exists(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    return [bool(_where(values, arguments, here) if arguments else values)]


def _all(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    return [all(truth(arguments[0]([value])) for value in values)]


def _select(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    return [one for value in values for one in arguments[0]([value])]


def _single(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    if len(values) > 1:
        raise FhirValueError("names several values", "say which: where(...), first()")
    return values


def _iif(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    if truth(arguments[0](here)):
        return arguments[1](here)
    return arguments[2](here) if len(arguments) > 2 else []


def _coalesce(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    return next((found for argument in arguments if (found := argument(here))), [])


def _not(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    known = truth(values)
    return [] if known is None else [not known]


def _extension(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
    url = arguments[0](here)
    return [
        one
        for value in values
        if isinstance(value, dict)
        for one in value.get("extension") or ()
        if isinstance(one, dict) and [one.get("url")] == url
    ]


def _of_text(change: Callable[..., Any]) -> Callable[[Values, tuple[Argument, ...], Values], Values]:
    """A function of one text; nothing of nothing."""

    def call(values: Values, arguments: tuple[Argument, ...], here: Values) -> Values:
        given = [argument(here) for argument in arguments]
        if not values or any(not one for one in given):
            return []
        found = change(text_of(_single(values, (), here)[0]), *(one[0] for one in given))
        return [] if found is None else [found]

    return call


def _substring(text: str, start: Any, length: Any = None) -> str | None:
    if not isinstance(start, int) or not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + int(length)]


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _integer(text: str) -> int | None:
    return int(text) if text.lstrip("+-").isdecimal() else None


def _decoded(text: str, form: Any) -> str | None:
    """A barcode in base64, as Device has it."""
    if form != "base64":
        raise FhirValueError("decodes what is not read here", "write decode('base64')")
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise FhirValueError("decodes what is no base64 of a text", "map where the text stands") from None


def _after_last_slash(text: str) -> str:
    return text.partition("/_history/")[0].rpartition("/")[2]


FUNCTIONS: dict[str, Function] = {
    "where": Function(_where, 1, 1),
    "select": Function(_select, 1, 1),
    "exists": Function(_exists, 0, 1),
    "all": Function(_all, 1, 1),
    "empty": Function(lambda values, arguments, here: [not values], 0, 0),
    "not": Function(_not, 0, 0),
    "hasValue": Function(
        lambda values, arguments, here: [len(values) == 1 and not isinstance(values[0], dict)], 0, 0
    ),
    "count": Function(lambda values, arguments, here: [len(values)], 0, 0),
    "first": Function(lambda values, arguments, here: values[:1], 0, 0),
    "last": Function(lambda values, arguments, here: values[-1:], 0, 0),
    "single": Function(_single, 0, 0),
    "iif": Function(_iif, 2, 3),
    "coalesce": Function(_coalesce, 1, 9),
    "extension": Function(_extension, 1, 1),
    "contains": Function(_of_text(lambda text, part: str(part) in text), 1, 1),
    "startsWith": Function(_of_text(lambda text, part: text.startswith(str(part))), 1, 1),
    "endsWith": Function(_of_text(lambda text, part: text.endswith(str(part))), 1, 1),
    "replace": Function(_of_text(lambda text, old, new: text.replace(str(old), str(new))), 2, 2),
    "substring": Function(_of_text(_substring), 1, 2),
    "upper": Function(_of_text(str.upper), 0, 0),
    "lower": Function(_of_text(str.lower), 0, 0),
    "trim": Function(_of_text(str.strip), 0, 0),
    "decode": Function(_of_text(_decoded), 1, 1),
    "length": Function(_of_text(len), 0, 0),
    "toString": Function(_of_text(str), 0, 0),
    "toInteger": Function(_of_text(_integer), 0, 0),
    "toDecimal": Function(_of_text(_decimal), 0, 0),
    "getReferenceKey": Function(
        lambda values, arguments, here: [
            _after_last_slash(value["reference"])
            for value in values
            if isinstance(value, dict) and isinstance(value.get("reference"), str)
        ],
        0,
        0,
    ),
}
"""By name. `getReferenceKey()` is of SQL on FHIR: the id that a reference ends in. `resolve()` stands in `path`."""
