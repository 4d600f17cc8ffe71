"""The demo's morning: the same each time, as varied as it says, and its price list that of the sandbox."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from demo.expected import Expected, Place, Use
from demo.goods import CABINET_PACKS, DEPARTMENTS, GOODS, MEDICARE_CHARGES
from demo.morning import Morning

PROJECT = Path(__file__).resolve().parents[3]
DAY, NEXT_YEAR = date(2026, 11, 20), date(2027, 1, 2)


@pytest.fixture(scope="module")
def morning() -> Morning:
    return Morning(DAY)


@pytest.fixture(scope="module")
def masters() -> dict[str, Any]:
    return json.loads((PROJECT / "engine" / "sandbox" / "masters.json").read_text())  # type: ignore[no-any-return]


def frames(morning: Morning, feed: str | None = None) -> list[bytes]:
    talks = (*morning.early, *morning.late)
    return [frame for talk in talks if feed in (None, talk.feed) for frame in talk.frames]


def test_the_same_day_gives_the_same_bytes(morning: Morning) -> None:
    assert frames(Morning(DAY)) == frames(morning)
    assert Morning(DAY).expected.quantities == morning.expected.quantities


def test_what_is_sent_does_not_depend_on_the_day_it_is_posted(morning: Morning) -> None:
    assert frames(Morning(NEXT_YEAR)) == frames(morning)


def test_at_least_five_hundred_messages_come_over_three_feeds(morning: Morning) -> None:
    assert morning.messages >= 500
    for feed, least in (("ehr", 300), ("cabinet", 80), ("hl7-http", 80)):
        assert len(frames(morning, feed)) >= least


def test_every_kind_of_message_and_movement_occurs(morning: Morning) -> None:
    kinds = Counter(frame.split(b"|")[8][:7] for frame in frames(morning))
    assert {b"DFT^P03", b"OMS^O05", b"ADT^A01", b"ADT^A02", b"ADT^A03", b"ADT^A08", b"ADT^A41"} == set(kinds)
    assert kinds[b"ADT^A41"] == 1
    segments = [segment for frame in frames(morning) for segment in frame.split(b"\r")]
    moves = Counter(segment.split(b"|")[1] for segment in segments if segment.startswith(b"ZPM"))
    assert set(moves) == {b"V", b"R", b"L", b"C", b"N"}
    types = Counter(segment.split(b"|")[6] for segment in segments if segment.startswith(b"FT1"))
    assert set(types) == {b"CG", b"CD", b"PY", b"AJ"}


def test_every_credit_names_an_original_that_was_sent_before(morning: Morning) -> None:
    told, credits = set(), 0
    for frame in frames(morning):
        for segment in frame.split(b"\r"):
            fields = segment.split(b"|")
            if fields[0] == b"FT1" and fields[6] == b"CD":
                assert fields[31] in told
                credits += 1
            elif fields[0] == b"FT1":
                told.add(fields[2])
    assert credits >= 15


def test_only_resent_messages_share_a_control_id_and_they_share_all_bytes(morning: Morning) -> None:
    by_control: dict[bytes, list[bytes]] = {}
    for frame in frames(morning):
        by_control.setdefault(frame.split(b"|")[9], []).append(frame)
    resent = [same for same in by_control.values() if len(same) > 1]
    assert resent
    assert all(len(set(same)) == 1 for same in resent)
    assert len(resent) < morning.repeats  # the others came under a new control id


def test_all_that_nobody_mapped_is_sent_and_expected(morning: Morning) -> None:
    text = b"".join(frames(morning))
    for code in (b"IMP-NEW-01", b"SUP-NEW-02", b"CHG-NEW-03", b"NEW-DEPT"):
        assert code in text
    expected = {place.what for place in morning.expected.quantities}
    assert {"1000990", "3000992", "27230903"} <= expected
    assert any(place.center == "79900" for place in morning.expected.quantities)


def test_the_broken_frame_is_the_beginning_of_the_message_that_follows_it(morning: Morning) -> None:
    assert morning.garbled == 1
    for talk in morning.early:
        for place, stump in talk.broken.items():
            assert talk.frames[place].startswith(stump)


def test_what_each_use_becomes_is_worked_out_by_the_price_list() -> None:
    expected = Expected(DAY)
    expected.used(Use("T1", "SUT-VIC-30", Decimal(2), "OR-NORTH"), "ACC1", "COM")
    expected.used(Use("T2", "IMP-PAC-DR1", Decimal(1), "CATH-NORTH"), "ACC1", "MCR")
    expected.used(Use("T3", "DRG-PRO-20", Decimal(1), "ICU-NORTH"), "ACC1", "COM", credit=True)
    expected.vended(Use("", "SOL-LR-1000", Decimal(1), "ICU-NORTH"), "CAB-ICU", "CS")
    assert expected.quantities == {
        Place("goods-issue", "3000330", "OR-CORE", "71000"): 72,
        Place("charge", "27230330", "ACC1", ""): 2,
        Place("bill-only-order", "2001101", "", "72000"): 1,
        Place("charge", "27821101M", "ACC1", ""): 1,
        Place("credit", "63640320", "ACC1", ""): 20,
        Place("goods-issue", "3000702", "CAB-ICU", "73000"): 12,
    }
    assert expected.values["goods-issue"] == 72 * Decimal("3.35") + 12 * Decimal("1.92")
    assert expected.values["credit"] == Decimal("22.00")


def test_the_new_year_changes_cost_centers_and_rates() -> None:
    expected = Expected(NEXT_YEAR)
    expected.used(Use("T1", "ROOM-OR-MIN", Decimal(10), "OR-NORTH"), "ACC1", "COM")
    assert Place("cost-posting", "943100", "", "71050") in expected.quantities
    assert expected.values["cost-posting"] == Decimal("220.50")


def test_the_price_list_is_that_of_the_far_ends(masters: dict[str, Any]) -> None:
    prices = {charge["code"]: Decimal(charge["price"]) for charge in masters["charges"]}
    items = {item["number"]: item for item in masters["items"]}
    for good in GOODS.values():
        if good.charge:
            assert prices[good.charge] == good.price, good.code
        if good.taken_by in ("ehr", "cabinet"):
            costs = {Decimal(bin_["unit_cost"]) for bin_ in items[good.number]["stock"].values()}
            assert (items[good.number]["unit"], costs) == (good.unit, {good.cost}), good.code
    for code, charge in MEDICARE_CHARGES.items():
        assert prices[charge] == GOODS[code].price
    centers = {center["code"] for center in masters["cost_centers"]}
    locations = {place["code"] for place in masters["locations"]}
    for department in DEPARTMENTS.values():
        assert {department.cost_center, department.next_center} <= centers
        assert department.location in locations


def test_contract_prices_and_cabinet_packs_are_those_that_people_agreed() -> None:
    tables = PROJECT / "mappings" / "tables"
    with (tables / "contract-prices.csv").open() as sheet:
        agreed = {(row["item"], Decimal(row["price"])) for row in csv.DictReader(sheet)}
    with (tables / "units.csv").open() as sheet:
        packs = {(row["item"], row["unit"]): Fraction(row["factor"]) for row in csv.DictReader(sheet)}
    for good in GOODS.values():
        if good.taken_by == "consigned":
            assert (good.number, good.cost) in agreed, good.code
    for (code, unit), pack in CABINET_PACKS.items():
        assert packs[GOODS[code].number, unit] == pack
