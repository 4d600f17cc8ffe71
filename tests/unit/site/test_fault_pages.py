from __future__ import annotations

import re

from engine.site.files import Site


def test_every_fault_of_a_site_has_a_page_and_every_page_a_fault(example: Site) -> None:
    package = example.folder / "engine" / "site"
    raised = {code for file in package.rglob("*.py") for code in re.findall(r"SIT\d{3}", file.read_text())}
    pages = re.findall(
        r"^## (SIT\d{3}) \S", (example.folder / "engine" / "faults" / "SIT.md").read_text(), re.MULTILINE
    )
    assert sorted(raised) == pages
