"""One mistake at a time in a copy of the example: told once, where it stands, with what mends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.errors import Fault
from engine.site.compile import check
from engine.site.files import Site
from tests.mistakes import DEMO, DFT, ITEMS, MISTAKES, USAGE, VENDS, WARNINGS, Mistake

Seed = Callable[[str, str, str], Site]


def text_at(site: Site, where: str) -> str:
    file, line, column = where.rsplit(":", 2)
    lines = site.files[file].decode().split("\n")
    return "\n".join([lines[int(line) - 1][int(column) - 1 :], *lines[int(line) :]])


def only(faults: list[Fault], mistake: Mistake) -> Fault:
    fitting = [fault for fault in faults if fault.code.startswith(mistake.code)]
    assert fitting, f"told instead: {[str(fault) for fault in faults]}"
    return fitting[0]


def test_the_untouched_example_has_no_fault_and_no_warning(example: Site) -> None:
    assert [str(fault) for fault in check(example)] == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.code}-{one.at.strip() or one.new}")
def test_a_mistake_is_told_where_it_stands_with_what_mends_it(seeded: Seed, mistake: Mistake) -> None:
    site = seeded(mistake.file, mistake.old, mistake.new)
    faults = check(site)
    errors = [fault for fault in faults if fault.severity == "error"]
    fault = only(errors, mistake)
    assert fault.where.startswith(f"{mistake.told or mistake.file}:")
    assert text_at(site, fault.where).startswith(mistake.at), text_at(site, fault.where)[:40]
    assert mistake.mend in fault.mend
    assert {error.code for error in errors} <= {fault.code, mistake.also}


@pytest.mark.parametrize("mistake", WARNINGS, ids=lambda one: one.code)
def test_what_may_be_meant_is_a_warning(seeded: Seed, mistake: Mistake) -> None:
    site = seeded(mistake.file, mistake.old, mistake.new)
    faults = check(site)
    fault = only(faults, mistake)
    assert {one.severity for one in faults} == {"warning"}
    assert fault.where.startswith(f"{mistake.told or mistake.file}:")
    assert text_at(site, fault.where).startswith(mistake.at)
    assert mistake.mend in fault.mend


def with_file(example: Site, name: str, text: bytes) -> Site:
    return Site(example.folder, {**example.files, name: text}, "demo")


def without(example: Site, name: str) -> Site:
    return Site(example.folder, {file: data for file, data in example.files.items() if file != name}, "demo")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("mappings/hl7/old.yml", "SIT006"),
        ("channels/old/ehr.yaml", "SIT006"),
        ("mappings/hl7/old-dft.yaml", "SIT044"),
    ],
)
def test_a_file_that_nothing_reads_or_uses_is_a_warning(example: Site, name: str, code: str) -> None:
    faults = check(with_file(example, name, example.files["mappings/hl7/ehr-dft.yaml"]))
    assert [(fault.code, fault.severity, fault.where.split(":")[0]) for fault in faults] == [
        (code, "warning", name)
    ]


def test_a_table_without_its_rows_is_a_fault(example: Site) -> None:
    faults = check(without(example, f"{ITEMS}.csv"))
    assert [(fault.code, fault.where) for fault in faults] == [("SIT005", f"{ITEMS}.yaml:1:8")]


def test_two_channels_that_write_the_same_effect_from_the_same_messages_are_warned_of(example: Site) -> None:
    copied = example.files[USAGE].replace(b"channel: ehr-usage", b"channel: copied")
    faults = check(with_file(example, "channels/copied.yaml", copied))
    assert {fault.code for fault in faults} == {"SIT043"}
    assert len(faults) == 4  # issue, bill-only, cost, charge


def test_every_fault_of_every_file_is_told_at_once(example: Site) -> None:
    site = example
    for file, old, new in (
        (USAGE, b"lane: account", b"lane: acount"),
        (VENDS, b"type == 'N'", b"typ == 'N'"),
        (DEMO, b"port: 2576", b"port: 2575"),
        (f"{ITEMS}.csv", b"implant,yes,owned", b"implant,maybe,owned"),
    ):
        site = with_file(site, file, site.files[file].replace(old, new, 1))
    assert {fault.code for fault in check(site)} == {"SIT013", "SIT027", "SIT052", "TBL006"}


def test_no_fault_of_an_environment_tells_a_secret(seeded: Seed) -> None:
    site = seeded(DEMO, "secrets_in_clear: allowed\n", "")
    assert "demo}" not in "".join(str(fault) for fault in check(site))
    site = seeded(DEMO, "password: demo", "password: [hunter2]")
    assert all("hunter2" not in str(fault) for fault in check(site))


def test_a_broken_map_is_not_told_again_as_an_unknown_one(seeded: Seed) -> None:
    site = seeded(DFT, "makes: supply-usage", "makes: nothing")
    assert {fault.code for fault in check(site)} == {"SIT013"}
