"""YAML in the docs is what the engine reads: each block fits a file of a site, or a part of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from engine.site.schema.channel import ChannelFile
from engine.site.schema.environment import EnvironmentFile
from engine.site.schema.mapping import ReadFile, TableFile, WriteFile
from engine.site.schema.site import SiteFile
from engine.site.validate import validate
from engine.site.yaml import Document, parse

ROOT = Path(__file__).parents[2]
PAGES = [
    *(page for page in (ROOT / "docs").rglob("*.md") if "reference" not in page.parts),
    ROOT / "README.md",
    *(ROOT / folder / "README.md" for folder in ("channels", "config", "mappings")),
]
MODELS: tuple[type[BaseModel], ...] = (SiteFile, EnvironmentFile, ChannelFile, ReadFile, WriteFile, TableFile)
SECTIONS = ("destinations", "listeners", "deliver", "translate")
BLOCKS = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}:{page.read_text()[:at].count(chr(10)) + 1}")
    for page in PAGES
    for at, text in (
        (block.start(), block[1])
        for block in re.finditer(r"```yaml[^\n]*\n(.*?)```", page.read_text(), re.DOTALL)
    )
]


def faults(text: str) -> list[list[str]]:
    """What keeps the block from being a file, or a part of one, for each kind of file."""
    found = []
    for wrapped in (
        text,
        *(f"{section}:\n" + re.sub("^", "  ", text, flags=re.MULTILINE) for section in SECTIONS),
    ):
        document, wrong = parse(wrapped.encode(), "docs")
        if document is None or wrong:
            found.append([str(fault) for fault in wrong])
            continue
        found += [[*_partly(model, document)] for model in MODELS]
    return found


def _partly(model: type[BaseModel], document: Document) -> list[str]:
    """Faults, but for keys of the file that a part of it may leave out."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    if not isinstance(document.tree, dict) or not known & document.tree.keys():
        return ["it has no key of that file"]
    wrong = validate(model, document)[1]
    return [str(fault) for fault in wrong if "the file lacks" not in fault.what]


def test_there_are_blocks_to_look_at() -> None:
    assert len(BLOCKS) > 10


@pytest.mark.parametrize("text", BLOCKS)
def test_a_block_of_yaml_is_what_the_engine_reads(text: str) -> None:
    told = faults(text)
    assert [] in told, "\n".join(min(told, key=len))


def test_a_block_with_a_key_that_nothing_knows_is_told() -> None:
    assert [] not in faults("erp: {kind: http, setle: 30s}\n")
    assert [] not in faults("channel: x\nfrom: ehr\nreads: y\n")
