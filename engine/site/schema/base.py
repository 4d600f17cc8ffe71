"""What all models of a site's files share: the base model, described settings, and the small types.

Knows no file of its own. Validators raise `mistake(...)`: what is wrong, and how to mend it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]+)\s*(KiB|MiB)")
_BYTES = {"KiB": 1024, "MiB": 1024 * 1024}


class Model(BaseModel):
    """Frozen, strict, and deaf to keys it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


def setting(
    description: str, *, example: str, unit: str = "", default: Any = ..., alias: str | None = None
) -> Any:
    """A field of a model. `example`: YAML as it stands after the key."""
    extra: dict[str, Any] = {"unit": unit} if unit else {}
    return Field(default, description=description, examples=[example], json_schema_extra=extra, alias=alias)


def mistake(what: str, mend: str) -> PydanticCustomError:
    """A value of the right kind that cannot be meant."""
    return PydanticCustomError("mistake", "{what}", {"what": what, "mend": mend})


def _seconds(value: object) -> object:
    if isinstance(value, float):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise mistake("is not a length of time", "write a number and its unit: 500ms, 30s, 15m, 2h or 1d")
    return float(found[1]) * _SECONDS[found[2]]


def _bytes(value: object) -> object:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise mistake("is not a size", "write a whole number and its unit: 512 KiB or 16 MiB")
    return int(found[1]) * _BYTES[found[2]]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _comma_list(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _expression_text(value: object) -> object:
    """`when: true` and `quantity: 1` are expressions too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _said(kind: str, **schema: Any) -> WithJsonSchema:
    """How a value with forms of its own is shown: `kind` in the reference, `schema` to editors."""
    return WithJsonSchema({"title": kind, **schema})


_TEXTS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
"""Of a listener, destination, channel, table or effect."""
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
"""What can stand in an expression: a field, a column or a translation."""
Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    _said("length of time", type="string", pattern="^[0-9.]+ *(ms|s|m|h|d)$"),
]
Size = Annotated[int, BeforeValidator(_bytes), _said("size", type="string", pattern="^[0-9]+ *(KiB|MiB)$")]
Texts = Annotated[
    list[Text], BeforeValidator(_as_list), Field(min_length=1), _said("text or list of text", **_TEXTS)
]
CommaList = Annotated[
    list[Text],
    BeforeValidator(_comma_list),
    Field(min_length=1),
    _said("text with commas, or list of text", **_TEXTS),
]
ExpressionText = Annotated[
    str, BeforeValidator(_expression_text), _said("expression", type=["string", "integer", "boolean"])
]
Path = Annotated[str, StringConstraints(pattern=r"^/[^\s]*$")]
"""Of a URL, beginning with a slash."""
