"""A channel's own tests: what they say when the documents are others than expected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.activation import table_files
from engine.pipeline.trial import run
from engine.site.channel_tests import compile_tests
from engine.site.compile import compile_release, load_site
from engine.site.sources import read_sources

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)


@pytest.fixture(scope="module")
def parts():
    site = load_site(ROOT)
    release = compile_release(site, {name: site.files[path] for name, path in table_files(site).items()})
    compiled = [compile_tests(site, source) for source in read_sources(site).channels.sources.values()]
    assert [fault for _, faults in compiled for fault in faults] == []
    return release, {test.name: test for tests, _ in compiled for test in tests}


def knee(parts):
    release, tests = parts
    return release, tests["two knee components and two cements make one issue and three charges"]


def test_the_examples_own_tests_pass(parts):
    release, tests = parts
    assert [
        trial for trial in (run(release, test, NOW) for test in tests.values()) if trial.differences
    ] == []


def test_another_state_is_said(parts):
    release, test = knee(parts)
    (difference,) = run(release, replace(test, state="held"), NOW).differences
    assert difference.startswith("state: expected held, got routed")


def test_a_document_too_few_is_said(parts):
    release, test = knee(parts)
    fewer = {**test.expect, "charge": test.expect["charge"][:2]}
    assert "charge: expected 2 documents, got 3" in run(release, replace(test, expect=fewer), NOW).differences


def test_each_field_that_differs_is_named(parts):
    release, test = knee(parts)
    issue = {**test.expect["issue"][0], "location": "ELSEWHERE", "more": 1}
    found = run(release, replace(test, expect={**test.expect, "issue": [issue]}), NOW).differences
    assert any(difference.startswith("issue[1].location: expected 'ELSEWHERE'") for difference in found)
    assert "issue[1].more: expected, not written" in found


def test_a_star_stands_for_anything(parts):
    release, test = knee(parts)
    issue = {**test.expect["issue"][0], "location": "*"}
    assert run(release, replace(test, expect={**test.expect, "issue": [issue]}), NOW).differences == ()


def test_an_effect_that_is_not_named_must_write_nothing(parts):
    release, test = knee(parts)
    only = {"issue": test.expect["issue"]}
    assert "charge: expected 0 documents, got 3" in run(release, replace(test, expect=only), NOW).differences


def test_a_message_that_the_channel_does_not_take_is_said(parts):
    release, test = knee(parts)
    other = replace(test, given=test.given.replace(b"DFT^P03", b"SIU^S12"))
    (difference,) = run(release, other, NOW).differences
    assert "does not take this message" in difference
