"""The small language of channels, read maps and write maps: compiled once a release, called for every line.

    item.stocked and class in ['I', 'O']        quantity * unit.factor        FT1-10, else 1

Never reaches Python: names are keys of the namespace, functions are those of `engine.mapping.functions`. A
missing value (None) makes arithmetic missing and comparisons false; `A else B` takes the first that is
present. Numbers are exact: a result without exact decimals is a fault, unless it is rounded. `grammar` has
the syntax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.mapping.emitter import Emitter, names_in, walk
from engine.mapping.faults import EvaluationFault, ExpressionError
from engine.mapping.functions import FUNCTIONS, Function
from engine.mapping.grammar import Node, Path, parse

__all__ = [
    "FUNCTIONS",
    "EvaluationFault",
    "Expression",
    "ExpressionError",
    "Function",
    "compile_expression",
]

_Evaluate = Callable[[Mapping[str, object]], object]


class Expression:
    """A compiled expression: call it with a namespace (name → value, row, or None when missing).

    `text`: as written. `names`: full dotted names; `roots`: their first parts; `paths`: HL7 paths, of read
    maps, which alone can evaluate them. `tree`: for those that compile it into a map."""

    __slots__ = ("_evaluate", "names", "paths", "roots", "text", "tree")

    def __init__(self, text: str, tree: Node) -> None:
        self.text = text
        self.tree = tree
        self.names = frozenset(".".join(parts) for parts in names_in(tree))
        self.roots = frozenset(parts[0] for parts in names_in(tree))
        self.paths = tuple(node.path.text for node in walk(tree) if isinstance(node, Path))
        self._evaluate = None if self.paths else _evaluator(tree)

    def __call__(self, namespace: Mapping[str, object]) -> object:
        """Text, Decimal, int, flag, date, moment, row or None. Raises `EvaluationFault` and nothing else."""
        assert self._evaluate is not None, "an expression with HL7 paths is evaluated by its read map"
        try:
            return self._evaluate(namespace)
        except EvaluationFault as fault:
            raise fault.at(self.text) from None

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def compile_expression(text: str, *, paths: bool = False) -> Expression:
    """`paths`: HL7 paths may stand in it (read maps only). Raises `ExpressionError`."""
    return Expression(text, parse(text, paths=paths))


def _evaluator(tree: Node) -> _Evaluate:
    emitter = Emitter(lambda name: f"get({name!r})")
    body = emitter.value(tree).source
    evaluate: _Evaluate = emitter.function("expression", "names", ["get = names.get", f"return {body}"])
    return evaluate
