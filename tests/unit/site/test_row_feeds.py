"""Sites whose messages come in files: what `check` says of their folders and rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.site.compile import check
from engine.site.files import Site, load_site

FILES = Path(__file__).parents[2] / "sites" / "files"
SITE, DEMO = "config/suture.yaml", "config/env/demo.yaml"
CATHLAB, PHARMACY = "channels/cathlab.yaml", "channels/pharmacy.yaml"
READ = "mappings/files/cathlab.yaml"


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(FILES, "demo")


def told(site: Site, file: str, old: str, new: str) -> list[tuple[str, str]]:
    text = site.files[file].decode()
    assert old in text
    edited = Site(site.folder, {**site.files, file: text.replace(old, new, 1).encode()}, "demo")
    return [(fault.code, fault.where.split(":")[0]) for fault in check(edited)]


def test_the_site_of_files_has_no_fault_and_no_warning(site: Site):
    assert check(site) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        (DEMO, "{folder: var/in/pharmacy}", "{port: 2575}", "SIT095"),
        (DEMO, "{folder: var/in/pharmacy}", "{folder: var/in/pharmacy, port: 2575}", "SIT095"),
        (DEMO, "var/in/pharmacy", "var/in/cathlab/", "SIT096"),
        (DEMO, "var/in/pharmacy", "./var/in/cathlab", "SIT096"),
        (DEMO, "var/in/pharmacy", "var//in/x/../cathlab/.", "SIT096"),
        (PHARMACY, "from: pharmacy", "from: cathlab", "SIT098"),
        (READ, "row.account", "row.acount", "MAP062"),
        (READ, "[account]", "[acount]", "MAP062"),
        (READ, "each: row", "each: FT1", "MAP060"),
        (READ, "read: CSV usage", "read: CSV", "MAP060"),
        (READ, "DD.MM.YYYY hh:mm", "DD.MM hh:mm", "MAP061"),
        (CATHLAB, "samples/night.csv", "samples/gone.csv", "SIT005"),
    ],
)
def test_a_mistake_is_told_in_its_file(site: Site, file: str, old: str, new: str, code: str):
    assert (code, file) in told(site, file, old, new)


def test_rows_do_not_come_in_by_a_port(site: Site):
    faults = told(site, SITE, "kind: folder", "kind: mllp")
    assert ("SIT097", CATHLAB) in faults


def test_two_environments_do_not_empty_one_folder(site: Site):
    other = site.files[DEMO].replace(b"suture.db", b"other.db").replace(b"var/in/", b"./var/in/")
    both = Site(site.folder, {**site.files, "config/env/other.yaml": other}, "demo")
    assert [fault.code for fault in check(both)] == ["SIT096", "SIT096"]
