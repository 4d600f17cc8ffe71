"""Write maps held against the forms that a destination takes: keys it does not know, keys it cannot do without.

A far end that takes any JSON has no form.
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


def form_faults(source: Source[WriteFile], destination: FarEndFile) -> Iterator[Fault]:
    """Every key at fault, where it stands."""
    if not isinstance(destination, TrytonFile):
        return
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
