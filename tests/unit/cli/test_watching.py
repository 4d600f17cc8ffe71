"""What a look at a site says, and which tests it runs again."""

from __future__ import annotations

import pytest

from engine.cli.watching import Rounds
from engine.pipeline import trial
from engine.site.compile import compile_tests, load_site
from engine.site.files import Site


@pytest.fixture
def ran(monkeypatch):
    """Channels whose tests were run, one entry each."""
    names = []
    run = trial.run
    monkeypatch.setattr(
        trial, "run", lambda release, test, now: names.append(test.channel) or run(release, test, now)
    )
    return names


def count_in(site: Site) -> int:
    """How many tests the channels have."""
    return sum(
        text.count(b"\n  - name: ") for file, text in site.files.items() if file.startswith("channels/")
    )


def edited(site: Site, file: str, old: str, new: str) -> Site:
    return Site(site.folder, {**site.files, file: site.files[file].replace(old.encode(), new.encode())})


def file_of(site: Site, channel: str) -> bytes:
    return site.files[f"channels/{channel}.yaml"]


def all_of(site: Site) -> str:
    tests = compile_tests(site)
    return f"{len({one.channel for one in tests})} tested channels, {len(tests)} tests passed"


def test_only_tests_of_what_changed_are_run_again(desk, ran):
    site, rounds = load_site(desk.site), Rounds()
    rounds.lines(site)
    assert ran
    passed = f"{len(set(ran))} tested channels, {len(ran)} tests passed"
    ran.clear()
    assert rounds.lines(site)[-1].startswith(f"all good: {passed}")
    assert ran == []
    site = edited(site, "mappings/hl7/adt.yaml", "location: PV1-3.1", "location: PV1-3.2")
    rounds.lines(site)
    assert sorted(ran) == ["adt", "adt", "case-usage", "discharges", "discharges"]
    ran.clear()
    site = edited(site, "channels/samples/oms-return.hl7", "CAB00003", "CAB00009")
    rounds.lines(site)
    assert ran == ["cabinet-vends"]
    ran.clear()
    site = edited(site, "mappings/tables/charges.csv", "27810107", "27810199")
    rounds.lines(site)
    charging = {
        source.channel
        for source in compile_tests(site)
        if b"table: charges," in file_of(site, source.channel)
    }
    assert set(ran) == charging >= {"case-usage", "ehr-usage"}
    ran.clear()
    told = rounds.lines(edited(site, "mappings/hl7/siu.yaml", "room: AIL-3.2", "room: AIL-3.3"))
    assert set(ran) == {"case-usage", "cases"}, "a map that reads what came before"
    assert "issue" in " ".join(told)


def test_warnings_are_told_and_the_tests_run_all_the_same(desk, ran):
    site = edited(load_site(desk.site), "channels/cabinet-vends.yaml", "    undo: erp/goods-return\n", "")
    lines = Rounds().lines(site)
    assert "SIT040 (warning)" in lines[0]
    assert lines[-1].startswith(f"1 warning; {len(set(ran))} tested channels, {len(ran)} tests passed")
