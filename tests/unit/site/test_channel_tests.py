from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from engine.errors import SiteError
from engine.site.compile import compile_tests
from engine.site.files import Site
from engine.site.release import ChannelTest

Seed = Callable[[str, str, str], Site]

USAGE = "channels/ehr-usage.yaml"
VENDS = "channels/cabinet-vends.yaml"


def named(site: Site, beginning: str) -> ChannelTest:
    return next(test for test in compile_tests(site) if test.name.startswith(beginning))


def test_a_test_has_its_message_its_clock_and_its_documents(example: Site) -> None:
    test = named(example, "two knee components")
    assert test.channel == "ehr-usage"
    assert test.given == example.files["channels/samples/dft-knee.hl7"]
    assert test.received == datetime(2026, 11, 20, 16, 15, tzinfo=UTC)
    assert {name: len(documents) for name, documents in test.expect.items()} == {"issue": 1, "charge": 3}
    assert test.state == "routed"
    assert (
        example.files[USAGE]
        .decode()
        .split("\n")[int(test.where.split(":")[1]) - 1]
        .startswith("  - name: two knee")
    )


def test_a_file_may_hold_a_list_of_documents(example: Site) -> None:
    assert len(named(example, "a consigned stem").expect["charge"]) == 3


def test_a_document_may_stand_in_place(seeded: Seed) -> None:
    site = seeded(VENDS, "{issue: samples/goods-issue-vends.json}", '{issue: {reference: "*", lines: []}}')
    assert named(site, "two vends").expect == {"issue": [{"reference": "*", "lines": []}]}


def test_holds_are_effects_with_the_beginning_of_their_cause(example: Site) -> None:
    assert ("charge", "charges: code=IMP-NEW-01") in named(example, "a new implant").holds


def test_a_file_outside_the_channels_folder_is_not_read(seeded: Seed) -> None:
    site = seeded(VENDS, "given: samples/oms-vends.hl7", "given: ../config/suture.yaml")
    with pytest.raises(SiteError, match="SIT005"):
        compile_tests(site)


def test_every_channel_of_the_example_is_tested(example: Site) -> None:
    channels = {
        name.split("/")[1][:-5]
        for name in example.files
        if name.startswith("channels/") and name.endswith(".yaml")
    }
    assert {test.channel for test in compile_tests(example)} == channels


def test_no_repr_shows_the_message(example: Site) -> None:
    assert "ALDER" not in repr(named(example, "two knee components"))
