from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.site.files import Site
from engine.site.jsonschema import schemas, write_schemas
from engine.site.yaml import parse

KINDS = {
    "config/suture.yaml": "site",
    "config/env/": "environment",
    "channels/": "channel",
    "mappings/hl7/": "read-map",
    "mappings/erp/": "write-map",
    "mappings/billing/": "write-map",
    "mappings/tables/": "table",
}
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "null": type(None)}


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """The part of JSON Schema that these schemas use."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    branches = schema.get("anyOf", schema.get("oneOf"))
    if branches is not None and not any(fits(value, branch, root) for branch in branches):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds and not any(type(value) is TYPES[kind] for kind in kinds):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, list) and "items" in schema:
        return all(fits(item, schema["items"], root) for item in value)
    return not isinstance(value, dict) or fits_names(value, schema, root)


def fits_names(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> bool:
    known, other = schema.get("properties", {}), schema.get("additionalProperties", True)
    for pattern, inner in schema.get("patternProperties", {}).items():
        known = {**known, **{name: inner for name in value if re.search(pattern, name)}}
    if not set(schema.get("required", [])) <= value.keys():
        return False
    for name, inner in value.items():
        if name in known:
            if not fits(inner, known[name], root):
                return False
        elif other is False or (isinstance(other, dict) and not fits(inner, other, root)):
            return False
    return True


def schema_of(file: str) -> dict[str, Any]:
    kind = next(kind for beginning, kind in KINDS.items() if file.startswith(beginning))
    schema: dict[str, Any] = json.loads(schemas()[f"{kind}.json"])
    return schema


def test_every_file_of_the_example_fits_its_schema(example: Site) -> None:
    files = [file for file in example.files if file.endswith(".yaml")]
    assert len(files) > 20
    for file in files:
        document, _ = parse(example.files[file], file)
        assert document is not None
        schema = schema_of(file)
        assert fits(document.tree, schema, schema), file


@pytest.mark.parametrize(
    ("key", "value"),
    [("lane", "acount"), ("chanel", "x"), ("from", 5), ("expect", {"issue": 15}), ("skip", "no")],
)
def test_a_mistake_does_not_fit(example: Site, key: str, value: object) -> None:
    document, _ = parse(example.files["channels/ehr-usage.yaml"], "x")
    assert document is not None
    schema = schema_of("channels/ehr-usage.yaml")
    assert not fits({**document.tree, key: value}, schema, schema)


def test_every_key_is_described_to_the_editor() -> None:
    for text in schemas().values():
        schema = json.loads(text)
        for part in [schema, *schema.get("$defs", {}).values()]:
            for key, field in part.get("properties", {}).items():
                assert field.get("description"), key


def test_the_schemas_in_the_repository_are_those_of_now(example: Site) -> None:
    folder = example.folder / "docs" / "schema"
    assert {file.name: file.read_text() for file in folder.iterdir()} == schemas()


def test_schemas_are_written_into_a_new_folder(tmp_path: Path) -> None:
    written = write_schemas(tmp_path / "new")
    assert sorted(path.name for path in written) == sorted(schemas())
    assert json.loads(written[0].read_text())["$schema"].startswith("https://json-schema.org/")
