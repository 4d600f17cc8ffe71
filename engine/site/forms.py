"""Write maps held against the documents that a destination takes: parts they lack, parts nobody knows.

A Tryton has forms of its own; of another far end the site says under `takes` what it knows. One of which nothing is
said takes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from engine.domain.erp import FORMS
from engine.errors import Fault
from engine.site.hints import did_you_mean
from engine.site.schema.destination import FarEndFile, TrytonFile
from engine.site.schema.mapping import WriteFile
from engine.site.sources import Source
from engine.site.yaml import Path

_SHAPE = frozenset({"document", "give", "number", "text"})
"""Nodes of a write map that are no parts of its document."""


def form_faults(source: Source[WriteFile], destination: FarEndFile, to: str) -> Iterator[Fault]:
    """Every key at fault, where it stands. `to`: the destination's name."""
    if isinstance(destination, TrytonFile):
        yield from _tryton_faults(source)
    elif destination.takes:
        yield from _lacks(source, destination, to)


def part_of(node: Path) -> str:
    """`lines.item` of the node of a leaf, as `takes` names it; of an HL7 message the place: `FT1-7.1`."""
    names = [str(name).removesuffix("?") for name in node if name not in _SHAPE]
    *above, last = names or [""]
    return last if above and last.startswith(f"{above[-1]}-") else ".".join(names)


def wanted_parts(model: WriteFile, destination: FarEndFile) -> frozenset[str] | None:
    """The parts that the destination knows of such a document, or None when nothing is said of it."""
    parts = destination.takes.get(_called(model))
    return None if parts is None else frozenset(part.removesuffix("?") for part in parts)


def _lacks(source: Source[WriteFile], destination: FarEndFile, to: str) -> Iterator[Fault]:
    model = source.model
    said = _called(model)
    parts = destination.takes.get(said)
    if not said:
        return  # told by the map's own check
    if parts is None:
        where = ("message",) if model.write == "hl7" else ("to",)
        yield source.fault(
            where, "SIT058", f"'{to}' takes no '{said}'", did_you_mean(said, destination.takes)
        )
        return
    there = {part_of(node): node for node in _nodes(model.document, ("document",))}
    for part in parts:
        if part.endswith("?"):
            continue
        if part not in there:
            above = part.rpartition(".")[0]
            what, mend = f"'{to}' takes no such document without '{part}'", f"add {part.rpartition('.')[2]}:"
            yield source.fault(_deepest(there, above), "SIT059", what, mend, key=True)
        elif str(there[part][-1]).endswith("?"):
            name = str(there[part][-1]).removesuffix("?")
            what, mend = (
                f"'{to}' takes no such document without '{part}'",
                f"write {name}: without the question mark",
            )
            yield source.fault(there[part], "SIT059", what, mend, key=True)


def _called(model: WriteFile) -> str:
    """How `takes` calls what it writes."""
    return (model.message if model.write == "hl7" else model.to) or ""


def _nodes(tree: Any, path: Path) -> Iterator[Path]:
    """Every key of a document, with its path."""
    if not isinstance(tree, dict):
        return
    for key, below in tree.items():
        if key not in _SHAPE and key != "each":
            yield (*path, key)
        yield from _nodes(below, (*path, key))


def _deepest(there: dict[str, Path], above: str) -> Path:
    return there.get(above, ("document",))


def _tryton_faults(source: Source[WriteFile]) -> Iterator[Fault]:
    model = source.model
    form = FORMS.get(model.to or "")
    if form is None:
        where = ("to",) if model.to is not None else ("write",)
        what = "a Tryton destination takes no such document"
        yield source.fault(where, "SIT058", what, did_you_mean(model.to or "", FORMS))
        return
    yield from _keys(source, ("document",), model.document, form)


def _keys(
    source: Source[WriteFile], path: Path, tree: dict[str, Any], form: type[BaseModel]
) -> Iterator[Fault]:
    known = form.model_fields
    there = {key.removesuffix("?"): key for key in tree}
    for name in sorted(there.keys() - known.keys()):
        what = f"'{name}' is no part of such a document"
        yield source.fault((*path, there[name]), "SIT059", what, did_you_mean(name, known), key=True)
    for name, field in known.items():
        if field.is_required() and name not in there:
            yield source.fault(path, "SIT059", f"the document lacks '{name}'", f"add {name}:", key=True)
        elif field.is_required() and there[name] != name:
            what, mend = f"'{name}' may not be missing", f"write {name}: without the question mark"
            yield source.fault((*path, there[name]), "SIT059", what, mend, key=True)
    if (
        "lines" in known
        and isinstance(lines := tree.get("lines"), dict)
        and isinstance(lines.get("give"), dict)
    ):
        (line,) = get_args(known["lines"].annotation)
        yield from _keys(source, (*path, "lines", "give"), lines["give"], line)
