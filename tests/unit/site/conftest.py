"""The repository's own example site, and copies of it with one mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.site.files import Site, load_site

ROOT = Path(__file__).parents[3]

Seed = Callable[[str, str, str], Site]


@pytest.fixture(scope="session")
def example() -> Site:
    return load_site(ROOT, "demo")


@pytest.fixture
def seeded(example: Site) -> Seed:
    """A copy of the example in which one text of one file stands otherwise."""

    def seed(file: str, old: str, new: str) -> Site:
        text = example.files[file].decode()
        assert text.count(old) >= 1, f"{file} has no {old!r}"
        return Site(example.folder, {**example.files, file: text.replace(old, new, 1).encode()}, "demo")

    return seed
