"""Puts a schema over a document's tree: every fault with its place, in the analyst's words. Knows no other
file.

Values are never repeated in faults: an environment file may hold a secret in clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from engine.errors import Fault
from engine.site.hints import did_you_mean
from engine.site.yaml import Document, Path, Tree

M = TypeVar("M", bound=BaseModel)

_KINDS = {
    "string_type": ("text", "put it in quotes if it looks like a number, true, false or null"),
    "bool_type": ("true or false", "write true or false"),
    "int_type": ("a whole number", "write a whole number without quotes"),
    "list_type": ("a list", "write a list: [one, other]"),
    "dict_type": ("names with values", "write names with values: {name: value}"),
    "model_type": ("names with values", "write names with values: {name: value}"),
}


def validate(model: type[M], document: Document) -> tuple[M | None, list[Fault]]:
    """The document as a `model`, or all that keeps it from being one."""
    if document.tree is None:
        return None, [Fault(f"{document.file}:1:1", "SIT011", "is empty", "see the reference of this file")]
    try:
        return model.model_validate(document.tree), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        faults = [_fault(model, document, detail) for detail in details]
        misspelt = {fault.mend for fault in faults if fault.code == "SIT010"}
        return None, [fault for fault in faults if not _only_misspelt(fault, misspelt)]


def _fault(model: type[BaseModel], document: Document, detail: Any) -> Fault:
    kind, context = detail["type"], detail.get("ctx", {})
    path, rest = _in_tree(document.tree, detail["loc"])
    match kind:
        case "missing":
            return _missing(model, document, path, str(rest[-1]))
        case "extra_forbidden":
            return _unknown(model, document, path)
        case "literal_error":
            return _no_choice(document, path, str(context["expected"]))
        case "union_tag_invalid":
            tagged = (*path, str(context["discriminator"]).strip("'"))
            return _no_choice(document, tagged, str(context["expected_tags"]))
        case "union_tag_not_found":
            return _missing(model, document, path, str(context["discriminator"]).strip("'"))
        case "mistake":
            return Fault(document.where(path), "SIT014", f"{_last(path)} {context['what']}", context["mend"])
        case _ if kind in _KINDS:
            wanted, mend = _KINDS[kind]
            return Fault(document.where(path), "SIT012", f"{_last(path)} must be {wanted}", mend)
        case "greater_than_equal" | "less_than_equal":
            least, most = context.get("ge"), context.get("le")
            mend = f"write {least} or more" if least is not None else f"write {most} or less"
            return Fault(document.where(path), "SIT014", f"{_last(path)} is out of range", mend)
        case "too_short" | "string_too_short":
            return Fault(document.where(path), "SIT014", f"{_last(path)} is empty", "give at least one")
        case "string_pattern_mismatch" if rest == ("[key]",):
            return Fault(
                document.where(path, key=True), "SIT014", f"{_last(path)} is no name", _pattern(context)
            )
        case "string_pattern_mismatch":
            return Fault(document.where(path), "SIT014", f"{_last(path)} is malformed", _pattern(context))
        case _:
            return Fault(
                document.where(path), "SIT014", f"{_last(path)}: {detail['msg'].lower()}", "see the reference"
            )


def _only_misspelt(fault: Fault, misspelt: set[str]) -> bool:
    """A key is lacking only because it is misspelt, which is told already."""
    return fault.code == "SIT011" and f"did you mean {fault.what.split(' lacks ')[-1]}?" in misspelt


def _in_tree(tree: Tree, location: tuple[str | int, ...]) -> tuple[Path, tuple[str | int, ...]]:
    """The part of pydantic's location that exists in the tree, without its branch names, and what is left
    over."""
    path: list[str | int] = []
    rest: list[str | int] = []
    for part in location:
        if isinstance(tree, dict) and part in tree:
            tree = tree[str(part)]
            path.append(part)
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
            path.append(part)
        else:
            rest.append(part)
    return tuple(path), tuple(rest)


def _missing(model: type[BaseModel], document: Document, path: Path, key: str) -> Fault:
    where = document.where(path, key=True)
    for known in models_at(model, path):
        for name, field in known.model_fields.items():
            if (field.alias or name) == key and field.examples:
                return Fault(
                    where, "SIT011", f"{_last(path)} lacks '{key}'", f"add it: {key}: {field.examples[0]}"
                )
    return Fault(where, "SIT011", f"{_last(path)} lacks '{key}'", "add it")


def _unknown(model: type[BaseModel], document: Document, path: Path) -> Fault:
    known = {
        field.alias or name for at in models_at(model, path[:-1]) for name, field in at.model_fields.items()
    }
    what = f"'{path[-1]}' is no key of {_last(path[:-1])}"
    mend = "another kind has it: take it out" if path[-1] in known else did_you_mean(str(path[-1]), known)
    return Fault(document.where(path, key=True), "SIT010", what, mend)


def _no_choice(document: Document, path: Path, expected: str) -> Fault:
    found: Tree = document.tree
    for part in path:
        found = found[part]
    choices = [choice.strip(" '") for choice in expected.replace(" or ", ",").split(",")]
    mend = "use " + ", ".join(choices)
    if isinstance(found, str) and (close := did_you_mean(found, choices)).startswith("did"):
        mend += f" ({close})"
    return Fault(document.where(path), "SIT013", f"{_last(path)} is none of its choices", mend)


def models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    """The models that may stand at `path` of a `model`: several where a value has several forms."""
    models = [model]
    for part in path:
        inner: list[type[BaseModel]] = []
        named = [
            field.annotation
            for at in models
            for name, field in at.model_fields.items()
            if (field.alias or name) == part
        ]
        if not named:  # a name in a mapping or a place in a list: the models are those of its values already
            continue
        for annotation in named:
            inner += models_in(annotation)
        models = inner
    return models


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def _last(path: Path) -> str:
    """The thing that a fault is about, as its file names it."""
    names = [part for part in path if isinstance(part, str)]
    return f"'{names[-1]}'" if names else "the file"


def _pattern(context: dict[str, Any]) -> str:
    return _SAID.get(str(context.get("pattern", "")), "see the reference for its form")


_SAID = {
    r"^[a-z][a-z0-9-]*$": "begin with a small letter; use small letters, digits and -",
    r"^[a-z][a-z0-9_]*$": "begin with a small letter; use small letters, digits and _",
    r"^/[^\s]*$": "begin with / and leave no blanks",
    r"^[A-Z]{3}\^[A-Z][A-Z0-9]{2}(\^[A-Z]{3}_[A-Z0-9]{3})?$": "write type and event, such as DFT^P03",
    r"^[a-z][a-z0-9-]*\.[a-z][a-z0-9_]*$": "write TABLE.COLUMN, such as items.item",
    r"^(/[^\s]*|[A-Z]{3}\^[A-Z][A-Z0-9]{2})$": "write the path of a document, such as /charges, or a type: DFT^P03",
    r"^[A-Z]{3}$": "three capital letters, such as USD",
    r"^(https?://[^\s/]+(/[^\s]*)?|mllp://[^\s/]+:[0-9]+|file:[^\s].*)$": (
        "write https://HOST/PATH, mllp://HOST:PORT or file:FOLDER"
    ),
    r"^\.[A-Za-z0-9.]{1,20}$": "begin with a point, such as .hl7",
    r"^sqlite:[^\s].*$": "write sqlite: and a file, such as sqlite:var/suture.db",
    r"^[1-5][0-9][0-9]( [A-Za-z0-9_.-]+)?$": "a status, or a status and a code: 409 duplicate_reference",
}
