from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SiteError, UsageError
from engine.site.files import Site, load_site, unpack_site


def lay_out(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lay_out(
        tmp_path,
        config__suture_dot_yaml="site: x\n",
        config__env__demo_dot_yaml="store: sqlite:x.db\n",
        channels__one_dot_yaml="channel: one\n",
        channels__samples__a_dot_hl7="MSH|",
        channels__README_dot_md="words",
        mappings__tables__items_dot_csv="code\n",
        mappings__tables__items_dot_yaml="table: items\n",
    )


def test_a_site_is_its_yaml_csv_and_samples_and_nothing_else(folder: Path) -> None:
    (folder / "channels" / ".one.yaml.swp").write_text("x")
    (folder / "channels" / "one.yaml~").write_text("x")
    (folder / "mappings" / "__init__.py").write_text("")
    assert sorted(load_site(folder).files) == [
        "channels/one.yaml",
        "channels/samples/a.hl7",
        "config/env/demo.yaml",
        "config/suture.yaml",
        "mappings/tables/items.csv",
        "mappings/tables/items.yaml",
    ]


def test_a_folder_without_a_site_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"SIT005 there is no site here; .*suture init"):
        load_site(tmp_path)


def test_the_hash_is_the_same_in_every_environment(folder: Path) -> None:
    before = load_site(folder, "demo").hash
    lay_out(folder, config__env__demo_dot_yaml="store: sqlite:y.db\n", config__env__prod_dot_yaml="x: 1\n")
    assert load_site(folder, "prod").hash == before


@pytest.mark.parametrize(
    "name", ["config__suture_dot_yaml", "channels__samples__a_dot_hl7", "mappings__new_dot_yaml"]
)
def test_the_hash_changes_with_every_file_of_the_release(folder: Path, name: str) -> None:
    before = load_site(folder).hash
    assert load_site(lay_out(folder, **{name: "other"})).hash != before


def test_the_hash_tells_one_file_from_two_with_the_same_bytes() -> None:
    two = Site(Path(), {"channels/a.yaml": b"1", "channels/b.yaml": b"2"})
    one = Site(Path(), {"channels/a.yaml": b"1channels/b.yaml\x002"})
    assert two.hash != one.hash


def test_a_packed_site_comes_back_the_same_without_its_environment(folder: Path) -> None:
    site = load_site(folder)
    back = unpack_site(site.pack())
    assert back.hash == site.hash
    assert back.files == {
        name: data for name, data in site.files.items() if not name.startswith("config/env/")
    }


def test_packing_twice_gives_the_same_bytes(folder: Path) -> None:
    assert load_site(folder).pack() == load_site(folder).pack()


def test_bytes_that_are_no_packed_site_are_refused() -> None:
    with pytest.raises(UsageError, match="SIT007"):
        unpack_site(b"PK nonsense")
