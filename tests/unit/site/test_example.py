"""The example fits together: its tables with the sandbox's masters, its story with `check`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest
from pydantic import BaseModel

from engine.errors import Fault
from engine.reference.table import Table
from engine.sandbox import forms
from engine.sandbox.masters import Masters
from engine.site.compile import check, compile_release
from engine.site.files import Site
from engine.site.validate import models_in

DAYS = (date(2026, 11, 20), date(2027, 1, 4))


@pytest.fixture(scope="module")
def tables(example: Site) -> dict[str, Table]:
    return compile_release(example).tables


@pytest.fixture(scope="module")
def masters(example: Site) -> Masters:
    return Masters.load(example.folder / "engine" / "sandbox" / "masters.json")


def test_every_item_is_known_to_the_sandbox_in_its_stock_unit(
    tables: dict[str, Table], masters: Masters
) -> None:
    known = {item.number: item for item in masters.items}
    rows = [row for row in tables["items"].rows if row["kind"] != "time"]
    assert len(rows) >= 60
    for row in rows:
        item = known[str(row["item"])]
        assert (item.unit, item.stocked) == (row["stock_unit"], row["stocked"]), item.number


def test_every_stocked_item_has_stock_with_a_cost_where_its_feed_takes_it(
    tables: dict[str, Table], masters: Masters
) -> None:
    places = {(row["facility"], str(row["location"])) for row in tables["locations"].rows}
    by = {str(row["item"]): row["issued_by"] for row in tables["items"].rows}
    used_at = {(row["facility"], row["item"]) for row in tables["items"].rows}
    for item in masters.items:
        if not item.stocked:
            continue
        cabinets = by.get(item.number) == "cabinet"
        wanted = {
            place
            for facility, place in places
            if place.startswith("CAB-") is cabinets and (facility, item.number) in used_at
        }
        assert wanted <= item.stock.keys(), item.number
        assert all(opening.unit_cost > 0 for opening in item.stock.values())


def test_every_billable_charge_code_has_a_price_at_billing(
    tables: dict[str, Table], masters: Masters
) -> None:
    known = {charge.code for charge in masters.charges}
    assert {str(row["charge_code"]) for row in tables["charges"].rows if row["billable"]} <= known


def test_cost_centers_suppliers_and_locations_are_known_to_the_sandbox(
    tables: dict[str, Table], masters: Masters
) -> None:
    assert {row["cost_center"] for row in tables["cost-centers"].rows} <= {
        one.code for one in masters.cost_centers
    }
    assert {row["supplier"] for row in tables["items"].rows} - {None} <= {
        one.code for one in masters.suppliers
    }
    assert {row["location"] for row in tables["locations"].rows} <= {one.code for one in masters.locations}


@pytest.mark.parametrize("day", DAYS)
def test_every_item_has_a_unit_and_every_consigned_one_a_contract_price(
    tables: dict[str, Table], day: date
) -> None:
    for row in tables["items"].rows:
        unit = tables["feed-units"].find((str(row["code"]),), day)
        assert unit is not None
        assert (
            tables["units"].find((str(row["item"]), str(unit["unit"]), str(row["stock_unit"])), day)
            is not None
        )
        if row["ownership"] == "consigned":
            assert tables["contract-prices"].find((str(row["item"]),), day) is not None
        if row["kind"] == "time":
            assert tables["activity-rates"].find((str(row["code"]),), day) is not None


FORMS = {
    "/goods-issues": forms.GoodsIssue,
    "/goods-returns": forms.GoodsReturn,
    "/bill-only-orders": forms.BillOnlyOrder,
    "/bill-only-cancellations": forms.BillOnlyCancellation,
    "/requisitions": forms.Requisition,
    "/requisition-cancellations": forms.RequisitionCancellation,
    "/cost-postings": forms.CostPosting,
    "/cost-reversals": forms.CostReversal,
    "/charges": forms.ChargeForm,
    "/credits": forms.CreditForm,
    "/discharges": forms.Discharge,
    "/discharge-cancellations": forms.DischargeCancellation,
    "/account-merges": forms.AccountMerge,
    "/account-moves": forms.AccountMove,
    "/visit-moves": forms.VisitMove,
}


def test_what_the_site_says_that_far_ends_take_is_what_the_sandbox_asks_for(example: Site) -> None:
    ends = compile_release(example).destinations.values()
    takes = {path: parts for end in ends for path, parts in end.takes.items()}
    assert takes.keys() == FORMS.keys()
    for path, form in FORMS.items():
        assert set(_parts(form)) <= {part.removesuffix("?") for part in takes[path]}, path


def _parts(form: type[BaseModel]) -> Iterator[str]:
    """What a document of the form must say."""
    for name, field in form.model_fields.items():
        if not field.is_required():
            continue
        if name != "lines":
            yield name
            continue
        (line,) = models_in(field.annotation)
        yield from (f"lines.{inner}" for inner in _parts(line))


def test_surgery_changes_its_cost_center_with_the_year(tables: dict[str, Table]) -> None:
    found = [
        tables["cost-centers"].find(("NORTH", "OR-NORTH"), day)
        for day in (date(2026, 12, 31), date(2027, 1, 1))
    ]
    assert [row["cost_center"] for row in found if row] == ["71000", "71050"]


def test_what_is_not_mapped_on_purpose_is_mended_by_the_rows_of_the_readme(
    example: Site, tables: dict[str, Table], masters: Masters
) -> None:
    readme = (example.folder / "channels" / "README.md").read_text()
    mended = dict.fromkeys(("items", "charges", "cost-centers"), b"")
    for where, rows in re.findall(r"^\| [^|]*NEW[^|]* \| ([^|]*) \| ([^|]*) \|$", readme, re.MULTILINE):
        for table, row in zip(re.findall("`(.*?)`", where), re.findall("`(.*?)`", rows), strict=True):
            mended[table] += row.encode() + b"\n"
    mended = {name: example.files[f"mappings/tables/{name}.csv"] + more for name, more in mended.items()}
    now = compile_release(example, mended).tables
    for name, key in (
        ("items", ("NORTH", "IMP-NEW-01")),
        ("items", ("NORTH", "SUP-NEW-02")),
        ("charges", ("IMP-NEW-01", "COM")),
        ("charges", ("CHG-NEW-03", "COM")),
        ("cost-centers", ("NORTH", "NEW-DEPT")),
    ):
        assert tables[name].find(key, DAYS[0]) is None
        assert now[name].find(key, DAYS[0]) is not None
    assert {row["item"] for row in now["items"].rows if row["kind"] != "time"} <= {
        one.number for one in masters.items
    }
    assert {row["charge_code"] for row in now["charges"].rows if row["billable"]} <= {
        one.code for one in masters.charges
    }
    assert "79900" in {one.code for one in masters.cost_centers}


def test_copying_a_channel_two_maps_and_a_table_makes_a_new_interface(example: Site) -> None:
    """The story of channels/README.md."""

    def copied(file: str, **words: str) -> bytes:
        text = example.files[file].decode()
        for old, new in words.items():
            old = old.replace("_", "-")
            assert old in text
            text = text.replace(old, new)
        return text.encode()

    usage = example.files["channels/ehr-usage.yaml"].decode().split("\ntests:")[0]
    for old, new in (
        ("channel: ehr-usage", "channel: lab-usage"),
        ("from: [ehr, hl7-http]", "from: lab"),
        ("read: hl7/ehr-dft", "read: hl7/lab-dft"),
        ("map: erp/goods-issue", "map: erp/lab-issue"),
        ("{table: items,", "{table: lab-items,"),
    ):
        assert old in usage
        usage = usage.replace(old, new)
    files = {
        **example.files,
        "channels/lab-usage.yaml": usage.encode(),
        "mappings/hl7/lab-dft.yaml": example.files["mappings/hl7/ehr-dft.yaml"],
        "mappings/erp/lab-issue.yaml": example.files["mappings/erp/goods-issue.yaml"],
        "mappings/tables/lab-items.yaml": copied(
            "mappings/tables/items.yaml", **{"table: items": "table: lab-items"}
        ),
        "mappings/tables/lab-items.csv": example.files["mappings/tables/items.csv"],
        "config/suture.yaml": copied(
            "config/suture.yaml", **{"listeners:": "listeners:\n  lab: {kind: mllp}"}
        ),
        "config/env/demo.yaml": copied(
            "config/env/demo.yaml", **{"listeners:": "listeners:\n  lab: {port: 2577}"}
        ),
    }
    faults: list[Fault] = check(Site(example.folder, files, "demo"))
    assert faults == []
    release = compile_release(Site(example.folder, files, "demo"))
    assert [channel.name for channel in release.channels_for("lab", "DFT^P03")] == ["lab-usage"]
