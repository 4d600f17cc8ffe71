"""JSON Schemas of a site's files, for editors that complete and check while one types. Made from
`engine.site.schema`.

Editors find them by the comment `# yaml-language-server: $schema=…` or by their own settings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.site.schema import FILES
from engine.site.schema.base import Model

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(model: type[Model]) -> dict[str, Any]:
    """The schema of one kind of file, as plain JSON values."""
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **schema}


def schemas() -> dict[str, str]:
    """File name → JSON text, for every kind of file."""
    return {f"{name}.json": json.dumps(json_schema(model), indent=2) + "\n" for name, model in FILES.items()}


def write_schemas(folder: Path) -> list[Path]:
    """Writes every schema into `folder`, which is made when it is not there. Gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in schemas().items():
        (folder / name).write_text(text, "utf-8")
        written.append(folder / name)
    return written
