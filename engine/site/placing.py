"""Faults of expressions and maps, put where they stand in their file. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pydantic import BaseModel

from engine.errors import Fault
from engine.mapping.expression import Expression, ExpressionError, compile_expression
from engine.mapping.spec import SpecError
from engine.site.names import Privacy, Scope, offset_of
from engine.site.sources import Source
from engine.site.yaml import Path

_compiled = lru_cache(maxsize=4096)(compile_expression)


def expression_at(source: Source[BaseModel], path: Path, text: str, faults: list[Fault]) -> Expression | None:
    """The expression whose text stands at `path`, or None with its fault."""
    try:
        return _compiled(text)
    except ExpressionError as error:
        where = source.document.within(path, max(error.column - 1, 0))
        faults.append(Fault(where, error.code, error.what, error.mend))
        return None


def unknown_names(source: Source[BaseModel], path: Path, expression: Expression, scope: Scope) -> list[Fault]:
    """A fault for every name of the expression that nothing in `scope` provides."""
    faults = []
    for name in sorted(expression.names):
        unknown = scope.unknown_in(expression, name)
        if unknown is not None:
            code, what, mend = unknown
            faults.append(Fault(place_of(source, path, expression, name), code, what, mend))
    return faults


def condition_faults(
    source: Source[BaseModel], path: Path, expression: Expression, scope: Scope
) -> list[Fault]:
    """A fault when the expression is no condition: it would never hold, and nothing would say so."""
    if not scope.never_true(expression):
        return []
    mend = f"compare it: {expression.text} == '…', or {expression.text} is present"
    return [Fault(source.document.within(path, 0), "SIT016", "this is no condition: it never holds", mend)]


def place_of(source: Source[BaseModel], path: Path, expression: Expression, name: str) -> str:
    """`file:line:col` of a name inside the expression at `path`."""
    return source.document.within(path, offset_of(expression, name))


def spec_faults(source: Source[BaseModel], error: SpecError) -> list[Fault]:
    """The faults of a map, each at the deepest node of its path that the file has."""
    return [
        Fault(
            source.document.within(_existing(source, fault.path), fault.column - 1)
            if fault.column
            else source.where(*fault.path, key=True),
            fault.code,
            fault.what,
            fault.mend,
        )
        for fault in error.faults
    ]


def _existing(source: Source[BaseModel], path: Path) -> Path:
    while path and path not in source.document.values:
        path = path[:-1]
    return path


def patient_faults(
    source: Source[BaseModel], path: Path, expression: Expression, scope: Scope, mend: str
) -> Iterator[Fault]:
    """Names that tell of a patient, where what is said is shown to people and kept beside the books."""
    for name in sorted(expression.names):
        if scope.privacy(name) is not Privacy.REFUSED:
            where = place_of(source, path, expression, name)
            yield Fault(where, "SIT030", f"'{name}' tells of a patient", mend)
