from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.event import FIELDS
from engine.mapping.expression import FUNCTIONS
from engine.site.files import Site
from engine.site.reference import pages, write_reference
from engine.site.schema import FILES
from engine.site.validate import models_in


def models() -> list[type]:
    found = list(FILES.values())
    for model in found:
        for field in model.model_fields.values():
            found += [inner for inner in models_in(field.annotation) if inner not in found]
    return found


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_field_of_the_schema_has_a_description_and_an_example(model: type) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert field.examples, name


@pytest.mark.parametrize("name", FILES)
def test_every_field_of_a_file_stands_on_its_page(name: str) -> None:
    page = pages()[f"{name}.md"]
    seen = [FILES[name]]
    for model in seen:
        for key, field in model.model_fields.items():
            assert f"| `{field.alias or key}` | " in page
            assert str(field.examples[0]).replace("|", "\\|") in page
            seen += [inner for inner in models_in(field.annotation) if inner not in seen]


def test_every_function_and_every_canonical_field_stands_on_its_page() -> None:
    assert all(function.signature in pages()["expressions.md"] for function in FUNCTIONS.values())
    for fields in FIELDS.values():
        assert all(f"| `{name}` | " in pages()["events.md"] for name in fields)


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for name, page in pages().items():
        cells = 0
        for line in page.split("\n"):
            now = line.replace("\\|", "").count("|")
            assert not (line.startswith("|") and cells and now != cells), f"{name}: {line}"
            cells = now if line.startswith("|") else 0


def test_the_pages_in_the_repository_are_those_of_now(example: Site) -> None:
    folder = example.folder / "docs" / "reference"
    for name, text in pages().items():
        assert (folder / name).read_text() == text, (
            f"docs/reference/{name} is stale: write_reference makes it anew"
        )


def test_pages_are_written_into_a_new_folder(tmp_path: Path) -> None:
    assert len(write_reference(tmp_path / "new")) == len(pages())
