"""The page that says what becomes of each sample is what the engine does now."""

from __future__ import annotations

from pathlib import Path

from prove.sample_table import PAGE, page, rows


def test_the_page_of_samples_is_what_the_engine_does_with_them(tmp_path: Path) -> None:
    made = page(rows(tmp_path)).splitlines()
    kept = PAGE.read_text().splitlines()
    differ = [f"now {now}, the page has {then}" for now, then in zip(made, kept, strict=False) if now != then]
    assert differ == [], "`make samples` makes it anew"
    assert len(made) == len(kept), "`make samples` makes it anew"
