"""What can go wrong with an expression: as it is compiled, and as it is evaluated. Neither carries values."""

from __future__ import annotations

from engine.errors import Fault, SutureError


class ExpressionError(SutureError):
    """Text that is no expression. `column`: 1-based character in the text."""

    def __init__(self, what: str, column: int, mend: str = "", code: str = "MAP001") -> None:
        self.code, self.what, self.column, self.mend = code, what, column, mend
        super().__init__(str(Fault(f"column {column}", code, what, mend)))


class EvaluationFault(SutureError):
    """A value does not fit where it is used. `where`: the expression's text, after the document's path in a
    write map. `line`: index of the line at fault, where there is one."""

    def __init__(
        self, code: str, what: str, mend: str = "", where: str = "", line: int | None = None
    ) -> None:
        self.code, self.what, self.mend, self.where, self.line = code, what, mend, where, line
        super().__init__(str(Fault(where, code, what, mend)))

    def at(self, where: str, line: int | None = None) -> EvaluationFault:
        """The same fault with its place."""
        return EvaluationFault(self.code, self.what, self.mend, where, line)
