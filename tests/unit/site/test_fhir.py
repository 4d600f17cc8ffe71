"""A site of FHIR: the example is clean, its tests pass, and slips are told where they stand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import SiteError
from engine.pipeline.trial import run
from engine.site.compile import check, compile_environment, compile_release, compile_tests, load_site
from engine.site.files import Site

EXAMPLE = load_site(Path(__file__).parents[3] / "engine" / "cli" / "examples" / "fhir-resources", "demo")
DEMO = "config/env/demo.yaml"
LOGIN = "user: lab, password: demo"


def seeded(file: str, old: str, new: str) -> Site:
    text = EXAMPLE.files[file].decode()
    assert old in text
    return Site(EXAMPLE.folder, {**EXAMPLE.files, file: text.replace(old, new, 1).encode()}, "demo")


def test_the_example_is_clean_and_its_tests_pass():
    assert check(EXAMPLE) == []
    release = compile_release(EXAMPLE)
    tests = compile_tests(EXAMPLE)
    assert len(tests) >= 4
    assert [trial.differences for trial in (run(release, test, datetime.now(UTC)) for test in tests)] == [
        ()
    ] * len(tests)


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "place", "mend"),
    [
        (
            "config/suture.yaml",
            "kind: fhir",
            "kind: mllp",
            "SIT090",
            "channels/charges.yaml:4:7",
            "kind fhir",
        ),
        (
            "mappings/fhir/charge-item.yaml",
            "priceOverride.value",
            "priceOverride.valeu",
            "FHR011",
            "mappings/fhir/charge-item.yaml:16:25",
            "'value'",
        ),
        (
            "mappings/fhir/charge-item.yaml",
            "read: FHIR ChargeItem",
            "read: FHIR ChargItem",
            "MAP042",
            "mappings/fhir/charge-item.yaml:2:",
            "ChargeItem",
        ),
        (
            "mappings/fhir/encounter.yaml",
            "version: R4",
            "version: R5",
            "FHR011",
            "mappings/fhir/encounter.yaml",
            "",
        ),
        (
            "mappings/fhir/charge-item.yaml",
            "costCenter.identifier.value, else",
            "subject.identifier.value, else",
            "SIT037",
            "mappings/fhir/charge-item.yaml",
            "extra",
        ),
        (
            "config/suture.yaml",
            "FHIR ChargeItem,",
            "FHIR Account,",
            "SIT074",
            "mappings/fhir/charge-item.yaml:2:7",
            "",
        ),
        (DEMO, LOGIN, 'bearer: {audience: "https://x"}', "SIT056", f"{DEMO}:7", "one of them"),
        (
            DEMO,
            LOGIN,
            'bearer: {audience: "https://x", keys: k, secret: s}',
            "SIT056",
            f"{DEMO}:7",
            "one of them",
        ),
    ],
)
def test_a_slip_is_told_where_it_stands(file, old, new, code, place, mend):
    faults = [fault for fault in check(seeded(file, old, new)) if fault.code == code]
    assert faults
    assert faults[0].where.startswith(place)
    assert mend in faults[0].mend


def test_a_secret_of_tokens_comes_from_its_place(monkeypatch):
    site = seeded(DEMO, LOGIN, 'bearer: {audience: "https://x", secret: "${env:LAB_JWT}", scopes: [a, b]}')
    with pytest.raises(SiteError, match="SIT054"):
        compile_environment(site)
    monkeypatch.setenv("LAB_JWT", "s3cret")
    place = compile_environment(site).listeners["lab"]
    assert place.credentials is None
    assert place.bearer is not None
    assert (place.bearer.secret, place.bearer.scopes) == ("s3cret", frozenset({"a", "b"}))
    assert "s3cret" not in repr(place)


def test_a_secret_of_tokens_does_not_stand_in_clear():
    site = seeded(DEMO, LOGIN, 'bearer: {audience: "https://x", secret: s3cret}')
    strict = Site(
        site.folder,
        {**site.files, DEMO: site.files[DEMO].replace(b"secrets_in_clear: allowed\n", b"")},
        "demo",
    )
    assert [fault.code for fault in check(strict)] == ["SIT053"]
