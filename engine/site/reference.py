"""The reference pages of a site's files, of expressions and of events, in Markdown. Made, never written by
hand.

docs/reference/site.md  environment.md  channel.md  read-map.md  write-map.md  table.md
docs/reference/expressions.md  events.md
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from engine.domain.event import FIELDS, UDI_PARTS, FieldSpec, FieldType
from engine.mapping.expression import FUNCTIONS
from engine.reference.values import CELLS
from engine.site.names import DOCUMENT_NAMES, MESSAGE_NAMES
from engine.site.schema import FILES
from engine.site.schema.base import Model
from engine.site.validate import models_in

_MADE = "<!-- Made from the schema by engine.site.reference: change it there. -->\n"
_WHERE = {
    "site": "`config/suture.yaml`",
    "environment": "`config/env/NAME.yaml`",
    "channel": "`channels/NAME.yaml`",
    "read-map": "`mappings/…/NAME.yaml` with `read:`",
    "write-map": "`mappings/…/NAME.yaml` with `write:`",
    "table": "`mappings/tables/NAME.yaml`, with its rows in `NAME.csv` beside it",
}
_LEAF_TYPES = {str: "text", int: "whole number", bool: "true or false", Any: "anything"}


def pages() -> dict[str, str]:
    """File name → Markdown, for every page."""
    made = {f"{name}.md": _file_page(name, model) for name, model in FILES.items()}
    for name, (title, rows) in _MORE.items():
        head = [f"\n## {title}\n", "| written | means |", "|---|---|"]
        made[name] += (
            "\n".join([*head, *(f"| {_code(form)} | {_cell(meaning)} |" for form, meaning in rows)]) + "\n"
        )
    return {**made, "expressions.md": _expressions_page(), "events.md": _events_page()}


def write_reference(folder: Path) -> list[Path]:
    """Writes every page into `folder`, which is made when it is not there. Gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")
        written.append(folder / name)
    return written


def _file_page(name: str, model: type[Model]) -> str:
    title = name.replace("-", " ").capitalize()
    parts = [_MADE, f"# {title}\n", f"{_doc(model)} Stands in {_WHERE[name]}.\n"]
    for part in _parts(model):
        if part is not model:
            parts.append(f"## {_title(part)}\n\n{_doc(part)}\n")
        parts.append("\n".join(_table_of(part)) + "\n")
    return "\n".join(parts)


def _parts(model: type[Model]) -> list[type[BaseModel]]:
    """The model and those inside it, each once, outer before inner."""
    found: list[type[BaseModel]] = [model]
    for part in found:
        for field in part.model_fields.values():
            found += [inner for inner in models_in(field.annotation) if inner not in found]
    return found


def _table_of(model: type[BaseModel]) -> Iterator[str]:
    yield "| key | value | default | meaning | example |"
    yield "|---|---|---|---|---|"
    for name, field in model.model_fields.items():
        unit = (
            (field.json_schema_extra or {}).get("unit", "")
            if isinstance(field.json_schema_extra, dict)
            else ""
        )
        value = _value(field) + (f", {unit}" if unit else "")
        meaning, example = _cell(str(field.description)), _code(str((field.examples or [""])[0]))
        yield f"| `{field.alias or name}` | {value} | {_default(field)} | {meaning} | {example} |"


def _value(field: FieldInfo) -> str:
    """The kind of value in the analyst's words."""
    return _cell(_said(field.metadata) or _kind(field.annotation))


def _said(metadata: Iterable[object]) -> str:
    """What a type of the schema says of itself, or ''."""
    shown = (one.json_schema for one in metadata if isinstance(one, WithJsonSchema))
    return next((str(schema["title"]) for schema in shown if schema), "")


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _said(arguments[1:]) or _kind(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_kind(one) for one in arguments if one is not type(None)))
    if origin is list:
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"names with {_kind(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Model):
        title = _title(annotation).lower()
        return f"[{title}](#{title.replace(' ', '-')})"
    return _LEAF_TYPES.get(annotation, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value in ([], {}) or isinstance(value, Model):
        return ""
    return _code("true" if value is True else "false" if value is False else str(value))


def _title(model: type[BaseModel]) -> str:
    """`SameLineFile` → `Same line`."""
    name = model.__name__.removesuffix("File")
    words = "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
    return words.capitalize()


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _expressions_page() -> str:
    lines = [
        _MADE,
        "# Expressions\n",
        "Conditions, keys, quantities, prices and the values of documents are expressions over names.\n",
        "| written | means |",
        "|---|---|",
        *(f"| {_code(form)} | {_cell(meaning)} |" for form, meaning in _FORMS),
        "",
        "A missing value makes arithmetic missing and comparisons false. Numbers are exact.\n",
        "## Names\n",
        "Fields of the read map ([events](events.md)), look-ups of the channel as `NAME.COLUMN`, and in "
        "every line: " + ", ".join(f"`{name}`" for name in sorted(MESSAGE_NAMES)) + ".",
        "Write maps have in addition: "
        + ", ".join(f"`{name}`" for name in sorted(DOCUMENT_NAMES))
        + "; undo maps also `original.reference` and `original.document`.\n",
        "## Functions\n",
        "| function | gives | example |",
        "|---|---|---|",
        *(
            f"| {_code(one.signature)} | {_cell(one.meaning)} | {_code(one.example)} |"
            for one in FUNCTIONS.values()
        ),
    ]
    return "\n".join(lines) + "\n"


_FORMS = (
    ("'text'", "text; a quote inside is doubled"),
    ("12.50", "a number"),
    ("true, false, none", "yes, no, missing"),
    ("code", "a field"),
    ("item.supplier", "a column of a look-up"),
    ("FT1-7.1, PID-3[type=MR].1, FT1[2]-10", "an HL7 path; in read maps only"),
    ("+ - * /", "arithmetic; + also joins text"),
    ("== != < <= > >=", "comparison"),
    ("class in ['I', 'O'], class not in ['P']", "one of a list, or none of it"),
    ("account is missing, account is present", "whether there is a value"),
    ("and or not", "conditions together"),
    ("A else B, or in read maps A, else B", "the first that is present"),
)


_MORE: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "read-map.md": (
        "Paths",
        (
            ("FT1-7.1", "segment, field, component; what is left out is the first"),
            ("FT1-11.1.1", "subcomponent"),
            ("PID-3[2].1", "second repetition"),
            ("PID-3[type=MR].1", "the repetition of this type; also authority=, id=, or 5=MR by component"),
            ("FT1[2]-10", "second FT1"),
            ("FT1-13.1, else FT1-16.1", "the first that is sent"),
        ),
    ),
    "write-map.md": (
        "Documents",
        (
            ("item: item.number", "an expression; money and quantities become text, dates ISO 8601"),
            ("unit: {text: EA}", "the text itself"),
            ("line: {number: number}", "a JSON number"),
            ("lot?: lot", "left out when its value is missing; without ? the line is held"),
            ("lines: {each: lines, give: {…}}", "a list with one entry for each line"),
        ),
    ),
    "table.md": ("Types of columns", tuple((str(name), cell.written) for name, cell in CELLS.items())),
}


def _with_parts(fields: Mapping[str, FieldSpec]) -> Iterator[tuple[str, FieldSpec]]:
    """Each field, a UDI followed by those that it gives."""
    for name, spec in fields.items():
        yield name, spec
        if spec.type is FieldType.UDI:
            yield from ((f"{name}_{part}", told) for part, told in UDI_PARTS.items())


def _events_page() -> str:
    lines = [
        _MADE,
        "# Events\n",
        "What a message means, whatever it came as. A read map fills these fields; a moment `NAME_at` gives "
        "the local date `NAME_on` as well, and `udi` what a barcode says.\n",
    ]
    for kind, fields in FIELDS.items():
        lines += [f"## {kind}\n", "| field | type | meaning | usual source |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | {spec.type} | {_cell(spec.meaning)} | {_code(spec.example)} |"
            for name, spec in _with_parts(fields)
        ]
        lines.append("")
    return "\n".join(lines)
