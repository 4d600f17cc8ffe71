from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from engine.domain.posting import Measure
from engine.errors import SiteError
from engine.site.compile import compile_release, unpack_site
from engine.site.files import Site
from engine.site.release import Channel, EffectRule, Release
from engine.site.schema.destination import HttpFile

Seed = Callable[[str, str, str], Site]

USAGE = "channels/ehr-usage.yaml"


@pytest.fixture(scope="module")
def release(example: Site) -> Release:
    return compile_release(example)


def channel(release: Release, name: str) -> Channel:
    return next(channel for channel in release.channels if channel.name == name)


def effect(release: Release, name: str) -> EffectRule:
    return next(rule for rule in channel(release, "ehr-usage").effects if rule.name == name)


def test_a_message_goes_to_every_channel_that_takes_its_type_from_its_feed(release: Release) -> None:
    def taking(feed: str, trigger: str) -> list[str]:
        return [one.name for one in release.channels_for(feed, trigger)]

    assert taking("ehr", "DFT^P03") == ["ehr-usage"]
    assert taking("hl7-http", "DFT^P11") == ["ehr-usage"]
    assert taking("cabinet", "OMS^O05") == ["cabinet-vends"]
    assert taking("ehr", "ADT^A40") == ["adt-merge-patients"]
    assert taking("ehr", "ADT^A41") == ["adt-merge-accounts"]
    assert taking("ehr", "OMS^O05") == ["requisitions"]


def test_a_channel_says_where_it_stands(release: Release) -> None:
    assert channel(release, "ehr-usage").where == "channels/ehr-usage.yaml:1"


def test_what_an_effect_needs_includes_what_its_look_ups_need(release: Release) -> None:
    assert effect(release, "issue").needs == {"part", "item", "pack", "cost_center", "place"}
    assert effect(release, "bill-only").needs == {"part", "item", "pack", "contract", "cost_center"}
    assert effect(release, "cost").needs == {"part", "item", "activity", "cost_center"}
    assert effect(release, "charge").needs == {"charge"}


def test_an_effect_needs_what_its_look_up_is_looked_up_by(seeded: Seed) -> None:
    release = compile_release(seeded(USAGE, "quantity * activity.rate", "quantity * contract.price"))
    assert effect(release, "cost").needs == {"part", "item", "activity", "cost_center", "contract"}


def test_a_total_over_the_lines_is_no_part_of_the_head_but_needs_what_it_sums(seeded: Seed) -> None:
    site = seeded("mappings/erp/cost-posting.yaml", "  lines:", "  total: sum(lines.activity.rate)\n  lines:")
    rule = effect(compile_release(site), "cost")
    assert rule.head == ()
    assert "activity" in rule.needs


def test_a_write_map_may_use_what_this_feed_does_not_send_if_it_can_do_without(seeded: Seed) -> None:
    assert compile_release(seeded("mappings/erp/goods-issue.yaml", "lot?: lot", "bin?: bin"))
    assert compile_release(seeded("mappings/erp/goods-issue.yaml", "lot?: lot", "bin: bin else 'none'"))


def test_money_is_said_by_the_far_end_by_the_message_or_here(release: Release) -> None:
    measures = {rule.name: rule.measure for rule in channel(release, "ehr-usage").effects}
    assert measures == {
        "issue": Measure.FAR_END,
        "bill-only": Measure.PRICED_HERE,
        "cost": Measure.PRICED_HERE,
        "charge": Measure.STATED,
    }
    price = effect(release, "cost").price
    assert price is not None
    assert price({"quantity": Decimal(95), "activity": {"rate": Decimal("22.05")}}) == Decimal("2094.75")
    assert effect(release, "issue").price is None


def test_what_a_document_says_outside_its_lines_is_its_head(release: Release) -> None:
    assert [head.text for head in effect(release, "issue").head] == ["place.location"]
    assert effect(release, "cost").head == ()
    assert effect(release, "charge").head == (), "one document for each line needs none"


def test_a_translation_takes_from_its_table_what_the_channel_does_not_say(release: Release) -> None:
    found = {one.name: one for one in channel(release, "ehr-usage").translations}
    assert (found["cost_center"].as_of, found["cost_center"].owner) == ("posting", "finance")
    assert (found["item"].as_of, found["item"].missing) == ("service", "hold")
    assert found["place"].missing == "default"
    assert found["place"].default is not None
    assert found["place"].default["location"] == "CENTRAL"


def test_a_channel_overrides_what_its_table_says(seeded: Seed) -> None:
    old = "cost_center: {table: cost-centers, by: [facility, department]}"
    new = old.replace("}", ", as_of: service, missing: skip, owner: me}")
    release = compile_release(seeded(USAGE, old, new))
    found = next(one for one in channel(release, "ehr-usage").translations if one.name == "cost_center")
    assert (found.as_of, found.missing, found.owner) == ("service", "skip", "me")


def test_rows_of_the_store_take_the_place_of_the_file(example: Site) -> None:
    rows = b"facility,department,cost_center,name\nNORTH,NEW-DEPT,79900,Hybrid\n"
    tables = compile_release(example, {"cost-centers": rows}).tables
    row = tables["cost-centers"].find(("NORTH", "NEW-DEPT"), date(2026, 11, 20))
    assert row is not None
    assert row["cost_center"] == "79900"
    assert tables["cost-centers"].find(("NORTH", "OR-NORTH"), date(2026, 11, 20)) is None
    assert len(tables["items"].rows) == example.files["mappings/tables/items.csv"].count(b"\n") - 1


def test_faulty_rows_of_the_store_are_refused(example: Site) -> None:
    with pytest.raises(SiteError, match="TBL005"):
        compile_release(example, {"cost-centers": b"facility,department\nNORTH,X\n"})


def test_a_table_that_the_release_does_not_have_is_no_trouble(example: Site) -> None:
    assert "gone" not in compile_release(example, {"gone": b"a,b\n"}).tables


def test_a_release_with_a_fault_is_not_made_and_says_all_of_them(seeded: Seed) -> None:
    site = seeded(USAGE, "lane: account", "lane: acount")
    with pytest.raises(SiteError) as raised:
        compile_release(site)
    assert [fault.code for fault in raised.value.faults] == ["SIT013"]


def test_a_warning_keeps_no_release_from_being_made(seeded: Seed) -> None:
    assert compile_release(seeded(USAGE, "    undo: erp/goods-return\n", "")).channels


def test_what_was_packed_compiles_to_the_same_release_without_its_environment(example: Site) -> None:
    back = compile_release(unpack_site(example.pack()))
    assert back.hash == compile_release(example).hash == example.hash
    assert [one.name for one in back.channels] == [one.name for one in compile_release(example).channels]


def test_destinations_and_listeners_carry_what_the_site_says(release: Release) -> None:
    erp = release.destinations["erp"]
    assert isinstance(erp, HttpFile)
    assert (erp.settle, erp.timeout, erp.concurrency) == (2.0, 10.0, 8)
    assert erp.probe == "/documents/{reference}"
    assert erp.batch is not None
    assert (erp.batch.path, erp.batch.most) == ("/batch", 50)
    assert (erp.document, erp.amount) == ("document", "value")
    assert erp.already_exists == ["409 duplicate_reference"]
    ehr = release.listeners["ehr"]
    assert (ehr.kind, ehr.acks, ehr.limit_bytes, ehr.when_unable) == (
        "mllp",
        "original",
        16 * 1024 * 1024,
        "close",
    )
    assert release.listeners["hl7-http"].path == "/hl7"
    assert release.listeners["hl7-http"].rate is None
    assert (release.zone.key, release.currency) == ("America/Chicago", "USD")
