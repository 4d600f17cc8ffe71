"""Channels that keep tables: what `check` says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Fault, SiteError
from engine.reference.table import Table
from engine.site.compile import check, compile_release, load_site
from engine.site.files import Site
from engine.site.subset import subset

EXAMPLE = load_site(Path(__file__).parents[3] / "engine" / "cli" / "examples" / "item-master", "demo")
ITEMS = "channels/item-master.yaml"
READ = "mappings/hl7/item-master.yaml"
FILE = "mappings/files/cost-centers.yaml"


def faults(file: str, old: str, new: str) -> list[Fault]:
    text = EXAMPLE.files[file].decode()
    assert old in text
    site = Site(EXAMPLE.folder, {**EXAMPLE.files, file: text.replace(old, new, 1).encode()}, "demo")
    return [fault for fault in check(site) if fault.severity == "error"]


def test_the_example_is_clean():
    assert check(EXAMPLE) == []


SLIPS = [
    (ITEMS, "  items:\n    row:", "  itmes:\n    row:", "SIT023", "7:3", "did you mean 'items'"),
    (ITEMS, "      code: item\n", "", "SIT100", "8:5", "add code: to row"),
    (ITEMS, "      stock_unit: stock_unit\n", "", "SIT100", "8:5", "or in new_rows"),
    (
        ITEMS,
        "      supplier: supplier",
        "      suplier: supplier",
        "SIT028",
        "15:7",
        "did you mean 'supplier'",
    ),
    (ITEMS, "within: [facility]", "within: [item]", "SIT028", "17:14", "its keys are facility, code"),
    (ITEMS, "      item: item", "      item: itme", "SIT027", "11:13", "did you mean 'item'"),
    (ITEMS, "tables:\n", "lane: account\ntables:\n", "SIT099", "6:1", "take lane out"),
    (ITEMS, "      items:\n        -", "      itmes:\n        -", "SIT023", "25:7", "did you mean 'items'"),
    (READ, "each: MFE", "each: PKG in MEF", "MAP043", "6:1", "did you mean 'MFE'"),
    (READ, "  item: ITM-1.1", "  item: ITM-99.1", "MAP049", "8:9", ""),
    (FILE, "  separator", "  together: [facility]\n  separator", "MAP060", "8:3", "take `together` out"),
]


@pytest.mark.parametrize(("file", "old", "new", "code", "place", "mend"), SLIPS)
def test_a_slip_is_told_where_it_stands(file, old, new, code, place, mend):
    found = [one for one in faults(file, old, new) if one.code == code]
    assert any(one.where == f"{file}:{place}" and mend in one.mend for one in found), faults(file, old, new)


def test_a_site_cut_down_to_a_master_has_the_tables_that_it_keeps():
    small = subset(EXAMPLE, ["item-master"])
    assert {"mappings/tables/items.csv", READ, "channels/samples/mfn-m16-update.hl7"} <= small.files.keys()
    assert "mappings/tables/charges.csv" not in small.files
    assert check(small) == []


def test_a_table_that_was_compiled_serves_again_where_nothing_of_it_differs():
    first = compile_release(EXAMPLE)
    other = first.tables["items"].csv + b"NORTH,X,X,New,yes,EA,,,\n"
    again = compile_release(EXAMPLE, {"items": other}, first.tables)
    assert again.tables["charges"] is first.tables["charges"]
    assert len(again.tables["items"].rows) == len(first.tables["items"].rows) + 1
    with pytest.raises(SiteError):
        compile_release(EXAMPLE, {"items": b"x"}, first.tables)
    assert isinstance(again.tables["items"], Table)
