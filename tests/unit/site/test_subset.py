"""Some channels of a site with all that they need, and no more."""

from __future__ import annotations

import pytest

from engine.errors import UsageError
from engine.site.compile import check, compile_release
from engine.site.files import Site
from engine.site.subset import subset


@pytest.mark.parametrize(
    "channels", [["ehr-usage"], ["cabinet-vends"], ["adt"], ["adt-merge-accounts", "adt", "ehr-usage"]]
)
def test_what_is_left_is_clean(example: Site, channels: list[str]) -> None:
    small = subset(example, channels)
    assert [str(fault) for fault in check(small)] == []
    assert [channel.name for channel in compile_release(small).channels] == channels


def test_all_channels_are_the_whole_site(example: Site) -> None:
    names = [channel.name for channel in compile_release(example).channels]
    assert subset(example, names).files == example.files


def test_what_the_channels_do_not_need_is_gone(example: Site) -> None:
    small = subset(example, ["cabinet-vends"])
    assert {file.rsplit("/", 1)[1] for file in small.files if file.startswith("mappings/erp")} == {
        "goods-issue.yaml", "goods-return.yaml",
    }  # fmt: skip
    assert "mappings/tables/units.csv" in small.files
    assert "mappings/tables/charges.csv" not in small.files
    release = compile_release(small)
    assert set(release.listeners) == {"cabinet"}
    assert set(release.destinations) == {"erp"}
    assert release.destinations["erp"].patient_data == "refused"
    assert b"hl7-http" not in small.files["config/env/demo.yaml"]


def test_a_table_that_another_refers_to_comes_along(example: Site) -> None:
    channel = (
        b"channel: adt\nabout: x\nfrom: ehr\nread: hl7/adt\n"
        b"translate: {pack: {table: units, by: [class, class, class]}}\n"
    )
    small = subset(Site(example.folder, {**example.files, "channels/adt.yaml": channel}), ["adt"])
    assert "mappings/tables/items.csv" in small.files


def test_a_channel_that_is_not_there_is_told(example: Site) -> None:
    with pytest.raises(UsageError, match=r"no channel 'ehr-usege'; did you mean 'ehr-usage'\?"):
        subset(example, ["ehr-usege"])
