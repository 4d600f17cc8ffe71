"""Every fault code has a page, and every page a code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFIXES = sorted(page.stem for page in (ROOT / "engine" / "faults").glob("*.md"))
CODE = re.compile(rf"\b(?:{'|'.join(PREFIXES)})\d{{3}}(?!\d)")


def used() -> set[str]:
    sources = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "listeners").rglob("*.py")]
    return {code for source in sources for code in CODE.findall(source.read_text(encoding="utf-8"))}


def explained() -> set[str]:
    pages = (ROOT / "engine" / "faults").glob("*.md")
    return {
        line.split()[1] for page in pages for line in page.read_text().splitlines() if line.startswith("## ")
    }


def test_every_code_has_its_page():
    assert used() - explained() == set()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_page_belongs_to_a_code(prefix):
    assert {code for code in explained() if code.startswith(prefix)} <= used()
